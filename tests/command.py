"""The command in this process, and sounds for it to work on."""

from pathlib import Path

import numpy as np
import pytest

from kapre_ref.command import cli

# If soundfile is not installed, all test files that import this one are skipped.
soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")

# Its notes on compiling depend on which kernels were compiled before.
cli.tell_of_compiling = lambda: None

RECORDING = Path(__file__).parent / "data" / "recording.flac"


def run(*arguments):
    """Run the command in this process and return its exit status."""
    return cli.main([str(argument) for argument in arguments])


def features(*arguments):
    return run("features", *arguments)


def write_sound(path, seconds=0.3, sample_rate=22050, n_channels=1, seed=0, **options):
    """Write noise and return it, (time, channel), float32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sound = rng.uniform(-0.5, 0.5, (round(seconds * sample_rate), n_channels)).astype(np.float32)
    # The file is written under a plain name first, since soundfile refuses some names.
    plain = path.with_name(f"plain{path.suffix}")
    soundfile.write(plain, sound, sample_rate, **options)
    plain.rename(path)
    return sound


def files_below(folder):
    """Return the files below a folder but for what a job keeps of its plan beside its results."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file()]
    own = ("_job", "_index.jsonl")
    return sorted(str(path) for path in found if not any(name in own for name in path.parts))
