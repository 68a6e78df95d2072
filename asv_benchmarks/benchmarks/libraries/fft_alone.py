"""The FFT alone of other libraries: the frames are cut, windowed and padded before the clock runs.

If a library can write into a given array, its result goes into the same one each time, which saves
it the page faults of a fresh array. So these libraries are asked to do less than an STFT.
"""

from functools import partial

import numpy as np

from benchmarks.libraries.plain import frames_of, window_of
from benchmarks.peers import Contender

_IN_COMPLEX = {"float32": np.complex64, "float64": np.complex128}


def _prepared(work):
    (x,), n_fft = work.inputs, work.parameters["n_fft"]
    views = frames_of(x, work.parameters)
    frames = np.zeros((*views.shape[:2], n_fft), x.dtype)
    np.multiply(views, window_of(work.parameters, x.dtype), out=frames[..., : views.shape[2]])
    return frames, np.empty((*views.shape[:2], n_fft // 2 + 1), _IN_COMPLEX[x.dtype.name])


def _contender(work, call, reuses=True):
    to_ours = np.abs if work.operation == "stft_magnitude" else np.asarray
    return Contender(call, to_ours, reuses=reuses)


def _ducc0(work):
    import ducc0

    frames, out = _prepared(work)
    return _contender(
        work, lambda: ducc0.fft.r2c(frames, axes=(2,), nthreads=work.n_threads, out=out)
    )


def _scipy(work):
    from scipy import fft

    frames, _ = _prepared(work)
    call = partial(fft.rfft, frames, workers=work.n_threads)
    return _contender(work, call, reuses=False)


def _pyfftw(work):
    import pyfftw

    frames, _ = _prepared(work)
    aligned = pyfftw.empty_aligned(frames.shape, frames.dtype)
    out = pyfftw.empty_aligned(
        (*frames.shape[:2], work.parameters["n_fft"] // 2 + 1), _IN_COMPLEX[frames.dtype.name]
    )
    plan = pyfftw.FFTW(aligned, out, (2,), flags=("FFTW_MEASURE",), threads=work.n_threads)
    aligned[:] = frames  # planning overwrites it
    return _contender(work, plan.execute)._replace(to_ours=lambda _: _as_asked(work, out))


def _mkl_fft(work):
    import mkl_fft

    frames, out = _prepared(work)  # MKL's threads are set by the environment
    return _contender(work, lambda: mkl_fft.rfft(frames, axis=2, out=out))


def _as_asked(work, spectra):
    return np.abs(spectra) if work.operation == "stft_magnitude" else spectra


CONTENDERS = {
    (label, operation): builder
    for label, builder in {
        "ducc0 FFT": _ducc0,
        "SciPy FFT": _scipy,
        "pyFFTW FFT": _pyfftw,
        "MKL FFT": _mkl_fft,
    }.items()
    for operation in ("stft", "stft_magnitude")
}
