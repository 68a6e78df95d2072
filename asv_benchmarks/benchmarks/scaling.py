"""How time grows with length, batch, n_fft and threads, to notice if it grows in another way."""

import os

import kapre_ref
from benchmarks.common import SAMPLE_RATE, Backend, noise

_N_CPUS = os.cpu_count() or 1
_THREADS = sorted({1, 2, 4, 8, 16, 32, _N_CPUS})


class _Scaling:
    """Computes a log-mel spectrogram of 80 bands; a subclass says what varies."""

    version = 1
    timeout = 300
    repeat = (3, 20, 0.5)
    warmup_time = 0
    _ready = None

    def prepare(self, backend, shape, n_fft=1024):
        """Make the input and call twice, but only the first time for each set of parameters."""
        if self._ready == (backend, shape, n_fft):
            return
        self._backend = Backend(backend)
        self._x = self._backend.array(noise(shape))
        self._parameters = {"n_fft": n_fft, "sample_rate": SAMPLE_RATE, "n_mels": 80}
        for _ in range(2):
            self.call()
        self._ready = (backend, shape, n_fft)

    def call(self):
        """Compute the spectrogram."""
        kapre_ref.melspectrogram(self._x, **self._parameters, return_decibel=True)
        self._backend.synchronize()


class Length(_Scaling):
    """The length of one signal varies."""

    params = (("cpu", "gpu"), (1, 4, 16, 64, 256))
    param_names = ("backend", "seconds")

    def setup(self, backend, seconds):
        """Make a signal."""
        self.prepare(backend, (1, seconds * SAMPLE_RATE))

    def time_melspectrogram(self, backend, seconds):
        """Measure."""
        self.call()


class Batch(_Scaling):
    """The number of signals of 2 s varies."""

    params = (("cpu", "gpu"), (1, 4, 16, 64))
    param_names = ("backend", "batch")

    def setup(self, backend, batch):
        """Make signals."""
        self.prepare(backend, (batch, 2 * SAMPLE_RATE))

    def time_melspectrogram(self, backend, batch):
        """Measure."""
        self.call()


class TransformSize(_Scaling):
    """The size varies: powers of two, products of small primes, and a prime."""

    params = (("cpu", "gpu"), (256, 400, 512, 1009, 1024, 1200, 2048, 4096))
    param_names = ("backend", "n_fft")

    def setup(self, backend, n_fft):
        """Make signals."""
        self.prepare(backend, (4, 10 * SAMPLE_RATE), n_fft)

    def time_melspectrogram(self, backend, n_fft):
        """Measure."""
        self.call()


class Threads(_Scaling):
    """The number of threads varies, up to the number of processors."""

    params = (("cpu",), _THREADS)
    param_names = ("backend", "n_threads")

    def setup(self, backend, n_threads):
        """Make signals and set the number of threads."""
        if n_threads > _N_CPUS:
            raise NotImplementedError("there are fewer processors")
        kapre_ref.set_num_threads(n_threads)
        self.prepare(backend, (8, 30 * SAMPLE_RATE))

    def time_melspectrogram(self, backend, n_threads):
        """Measure."""
        self.call()
