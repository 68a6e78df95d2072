"""Vectors of 16 and 32 bytes are separate code, which this machine may not choose by itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from widths import NARROW

import kapre_ref as kr

SCRIPT = Path(__file__).with_name("narrow.py")


@pytest.mark.slow
@pytest.mark.parametrize("n_bytes", NARROW)
def test_narrow_vectors_compute_what_the_oracles_do(n_bytes):
    result = subprocess.run(
        [sys.executable, str(SCRIPT)],
        env=os.environ | NARROW[n_bytes] | {"PYTHONPATH": str(Path(kr.__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=1200,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == str(n_bytes)
