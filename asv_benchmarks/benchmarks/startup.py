"""The time that a fresh process takes until its first result."""

import sys
import tempfile
from pathlib import Path
from shutil import copytree, ignore_patterns

import kapre_ref

_FIRST_CALL = """
import numpy as np
import kapre_ref
x = np.linspace(-1, 1, 16000, dtype="float32")
kapre_ref.melspectrogram(x, n_fft=512, sample_rate=16000, n_mels=40, return_decibel=True)
"""


def with_empty_cache(folder):
    """Return code for a first call that must compile all its kernels.

    Kernels are looked up in several folders, beside the package's source too. So the source is
    copied, and numba is told to keep compiled code with the copy.
    """
    source = Path(kapre_ref.__file__).parent
    copytree(source, Path(folder) / "kapre_ref", ignore=ignore_patterns("__pycache__"))
    return f"""
import os, sys
os.environ["NUMBA_CACHE_DIR"] = {str(Path(folder) / "compiled")!r}
sys.path.insert(0, {str(folder)!r})
{_FIRST_CALL}
assert kapre_ref.__file__.startswith({str(folder)!r}), kapre_ref.__file__
"""


def with_full_cache():
    """Return code for a first call that finds all its kernels compiled."""
    package = str(Path(kapre_ref.__file__).parent.parent)
    return f"import sys\nsys.path.insert(0, {package!r})\n{_FIRST_CALL}"


class Startup:
    """Times the import and the first call."""

    version = 1
    number = 1  # a process has only one first call
    rounds = 1
    repeat = (2, 5, 20.0)
    timeout = 300

    def setup(self):
        """Call once, so that all is compiled and on disk."""
        exec(with_full_cache(), {"sys": sys})

    def timeraw_import(self):
        """Import the package, NumPy not counted."""
        return "import kapre_ref", "import numpy"

    def timeraw_first_call_warm(self):
        """Import NumPy and the package and call, with all compiled."""
        return with_full_cache()

    def timeraw_first_call_cold(self):
        """Import NumPy and the package and call, with nothing compiled."""
        # Each sample needs a fresh folder. Folders are small, and the system deletes them.
        return with_empty_cache(tempfile.mkdtemp(prefix="kapre_ref-cold-"))
