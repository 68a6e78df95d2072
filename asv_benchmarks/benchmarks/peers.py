"""Other libraries that do the same work: which there are, and how each is asked to do it.

A peer takes and returns its own kind of array: nothing is converted while the clock runs. Its
result is then compared with ours, which proves that it does the same work.

The folder `libraries` has no `__init__.py`, so that asv, which imports every module of a package,
does not import libraries that are not installed.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

REUSED = ", result reused"  # follows the name of a peer that writes into the same array each time


class Work(NamedTuple):
    """A piece of work that a peer is asked to do."""

    operation: str
    parameters: dict
    inputs: tuple
    n_threads: int = 1


class Contender(NamedTuple):
    """A call to measure, and how to bring what it returns into our layout."""

    call: Callable[..., Any]  # takes `out`, an array for the result, where the peer can use one
    to_ours: Callable[[Any], np.ndarray] = np.asarray
    margin: int = 0  # samples at both ends of the last axis that differ by definition
    same_work: bool = True  # False: it does only a part of the work, so its result is another one
    reuses: bool = False  # True: its result goes into the same array each time


# Each label has a module of `libraries`, what must be there to import, and the distributions whose
# versions are recorded.
_PEERS = {
    "NumPy, SciPy": ("plain", "scipy", ("numpy", "scipy")),
    "NumPy, SciPy, blocked": ("plain", "scipy", ("numpy", "scipy")),
    "a copy": ("plain", "numpy", ("numpy",)),
    "writing the result": ("plain", "numpy", ("numpy",)),
    "ducc0 FFT": ("fft_alone", "ducc0", ("ducc0",)),
    "SciPy FFT": ("fft_alone", "scipy", ("scipy",)),
    "pyFFTW FFT": ("fft_alone", "pyfftw", ("pyFFTW",)),
    "MKL FFT": ("fft_alone", "mkl_fft", ("mkl_fft", "mkl")),
    "librosa": ("with_librosa", "librosa", ("librosa",)),
    "torch": ("with_torch", "torch", ("torch",)),
    "tf.signal, XLA": ("with_tensorflow", "tensorflow", ("tensorflow",)),
    "tf.signal": ("with_tensorflow", "tensorflow", ("tensorflow",)),
    "Kapre": ("with_tensorflow", "kapre", ("kapre", "tensorflow")),
    "Kapre, XLA": ("with_tensorflow", "kapre", ("kapre", "tensorflow")),
    "openai-whisper": ("front_ends", "whisper torch", ("openai-whisper", "torch")),
    "transformers, torch": ("front_ends", "transformers torch", ("transformers", "torch")),
    "transformers, NumPy": ("front_ends", "transformers", ("transformers",)),
    "torchaudio": ("front_ends", "torchaudio", ("torchaudio", "torch")),
    "kaldi-native-fbank": ("front_ends", "kaldi_native_fbank", ("kaldi-native-fbank",)),
}


def is_installed(label):
    """Tell whether all that a peer imports can be found, without importing it."""
    names = _PEERS[label.removesuffix(REUSED)][1].split()
    return all(find_spec(name) is not None for name in names)


def versions(label):
    """Return `{distribution: version}` of a peer."""
    found = {}
    for name in _PEERS[label][2]:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def installed():
    """List the peers that can be imported."""
    return [label for label in _PEERS if is_installed(label)]


def contender(label, work):
    """Return what a peer does for a piece of work, ready to be called."""
    name = label.removesuffix(REUSED)
    module = import_module(f"benchmarks.libraries.{_PEERS[name][0]}")
    found = module.CONTENDERS[name, work.operation](work)
    if name == label:
        return found
    out = np.empty_like(found.call())
    return found._replace(call=partial(found.call, out=out), reuses=True)


def does(label, operation):
    """Tell whether an installed peer has this operation."""
    module = import_module(f"benchmarks.libraries.{_PEERS[label][0]}")
    return (label, operation) in module.CONTENDERS
