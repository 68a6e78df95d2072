"""What a process pays before its first result, in fresh processes."""

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
    """Return code of a first call of which nothing is compiled yet.

    Kernels are looked up in several folders, beside the package's source too: so the source is
    copied, and numba told to keep what it compiles with the copy.
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
    """Return code of a first call of which all is compiled."""
    package = str(Path(kapre_ref.__file__).parent.parent)
    return f"import sys\nsys.path.insert(0, {package!r})\n{_FIRST_CALL}"


class Startup:
    """Import and first call."""

    version = 1
    number = 1  # only the first call in a process is the first
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
        # Each sample needs a folder that none has used; they are small, and the system's to delete.
        return with_empty_cache(tempfile.mkdtemp(prefix="kapre_ref-cold-"))
