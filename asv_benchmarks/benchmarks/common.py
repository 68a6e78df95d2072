"""What the benchmarks share: backends, sizes, inputs, and their base class."""

import numpy as np

import kapre_ref
from benchmarks import peers
from benchmarks.timing import interleaved
from kapre_ref._kept import set_keep_bytes

BACKENDS = ("reference", "cpu", "gpu")
SAMPLE_RATE = 22050  # Hz
SIZES = {"small": (1, SAMPLE_RATE), "large": (8, 30 * SAMPLE_RATE)}  # (batch, time)
STFT = {"n_fft": 2048, "hop_length": 512}
RATIO_SECONDS = 0.3  # how long one ratio is measured


class Backend:
    """One way to compute: the reference, or the kernels for one kind of array."""

    def __init__(self, name):
        self.name = name
        self._library = np
        if name == "gpu":
            try:
                import cupy

                cupy.cuda.runtime.getDeviceCount()
            except Exception as error:  # not installed, no driver, no device: asv shows n/a
                raise NotImplementedError("there is no GPU for CuPy here") from error
            self._library = cupy

    def function(self, operation):
        """Return the operation, or its reference."""
        return function_of(operation, self.name == "reference")

    def array(self, x):
        """Return a NumPy array in this backend's library."""
        return self._library.asarray(x)

    def numpy(self, x):
        """Return a result as a NumPy array."""
        return x if self._library is np else self._library.asnumpy(x)

    def synchronize(self):
        """Wait until the device has done all that it was asked to."""
        if self._library is not np:
            self._library.cuda.get_current_stream().synchronize()


def function_of(operation, is_reference=False):
    """Return an operation, or its reference; some are methods of a front end."""
    if operation == "front_end":
        return _features_reference if is_reference else _features
    if operation == "centred_inverse":
        return _inverse_reference if is_reference else _inverse
    return getattr(kapre_ref, operation + "_reference" * is_reference)


def _features(x, name, out=None):
    return kapre_ref.front_end(name)(x, out=out)


def _features_reference(x, name):
    return kapre_ref.front_end(name).reference(x)


def _centred(n_fft, hop_length):
    half = n_fft // 2
    sizes = {"n_fft": n_fft, "hop_length": hop_length, "pad_left": half, "pad_right": half}
    return kapre_ref.FrontEnd(sample_rate=SAMPLE_RATE, **sizes)


def _inverse(spectra, n_fft, hop_length, out=None):
    return _centred(n_fft, hop_length).inverse_stft(spectra, out=out)


def _inverse_reference(spectra, n_fft, hop_length):
    return _centred(n_fft, hop_length).inverse_stft_reference(spectra)


def noise(shape, dtype="float32"):
    """Return samples from -1 to 1, none of which is zero: the same for the same shape."""
    samples = np.random.default_rng(20240229).uniform(0.001, 1, shape)
    samples *= np.where(np.arange(samples.size).reshape(shape) % 3, 1, -1)
    return samples.astype(dtype)


def spectrogram(dtype, size, n_freq):
    """Return magnitudes of the shape (batch, n_frames, n_freq) that a signal of a size gives."""
    batch, time = SIZES[size]
    return np.abs(noise((batch, 1 + time // 512, n_freq))).astype(dtype)


class Operation:
    """Measures one operation: speed, memory, accuracy, and the speed of peers.

    A subclass names the `operation` and its `parameters`, and says in `inputs` which arrays it
    takes. It gets `time_<operation>`, `track_max_error_<operation>`,
    `track_relative_l2_<operation>`, `peakmem_<operation>` where it `measures_memory`, and
    `track_ratio_to_peer` where it names `peers`.
    """

    operation = ""
    parameters = {}  # noqa: RUF012
    dtypes = ("float32", "float64")
    sizes = SIZES
    peers = ()
    measures_memory = False

    version = 1  # must be raised when a figure gets another meaning
    timeout = 300
    repeat = (3, 30, 0.5)
    warmup_time = 0  # setup warms up
    _ready = None

    def __init_subclass__(cls):
        names = ["backend", "dtype", "size"]
        everything = [list(BACKENDS), list(cls.dtypes), list(SIZES)]
        half = ["float16"] if cls.dtypes[0] == "float32" else []
        accuracy = [list(BACKENDS[1:]), [*half, *cls.dtypes], ["small"]]
        ratios = [["cpu"], list(cls.dtypes), list(SIZES), list(cls.peers)]
        _add(cls, "time", lambda self, *_: self.call(), everything, names)
        _add(cls, "track_max_error", lambda self, *_: self.errors()[0], accuracy, names)
        _add(cls, "track_relative_l2", lambda self, *_: self.errors()[1], accuracy, names)
        if cls.measures_memory:
            _add(cls, "peakmem", lambda self, *_: self.call(), everything, names)
        if cls.peers:
            ratio = _add(cls, "track_ratio_to_peer", Operation._ratio, ratios, [*names, "peer"])
            ratio.unit, ratio.version = "times faster", 2

    def inputs(self, dtype, size):
        """Return the arrays that the operation takes, in NumPy."""
        return (noise(self.sizes[size], dtype),)

    def options(self):
        """Return the keyword arguments; if one is a generator, it is made anew."""
        return dict(self.parameters)

    def setup(self, backend, dtype, size, peer=None):
        """Make the input and call the operation twice, so that it is compiled and its plans made.

        asv calls this before each timed call: nothing is done the second time.
        """
        if self._ready == (backend, dtype, size, peer):
            return
        if backend == "reference" and size == "large":
            raise NotImplementedError("the reference is measured on small input alone")
        if peer is not None and not peers.is_installed(peer):
            raise NotImplementedError(f"{peer} is not installed")
        self._backend = Backend(backend)
        self._function = self._backend.function(self.operation)
        self._numpy_inputs = self.inputs(dtype, size)
        self._inputs = tuple(map(self._backend.array, self._numpy_inputs))
        self._options = self.options()
        for _ in range(2):
            self.call()
        self._peer = self.contender(peer) if peer else None
        self._ready = (backend, dtype, size, peer)

    def call(self):
        """Run the operation to its end."""
        result = self._function(*self._inputs, **self._options)
        self._backend.synchronize()
        return result

    def truth(self):
        """Return what the reference makes of the same input, in float64."""
        reference = Backend("reference").function(self.operation)
        return reference(*map(_in_double, self._numpy_inputs), **self.options())

    def errors(self):
        """Return the largest error, relative to the largest value, and the relative L2 error."""
        self._options = self.options()
        return errors_between(self._backend.numpy(self.call()), self.truth())

    def contender(self, label, n_threads=1):
        """Return a peer that does the same work."""
        work = peers.Work(self.operation, self.options(), self._numpy_inputs, n_threads)
        return peers.contender(label, work)

    def _ratio(self, *_):
        chosen = kapre_ref.get_num_threads()
        kapre_ref.set_num_threads(1)
        set_keep_bytes(0)  # a peer's result is in fresh memory, so ours must be
        try:
            minima = interleaved({"ours": self.call, "peer": self._peer.call}, RATIO_SECONDS)
        finally:
            kapre_ref.set_num_threads(chosen)
            set_keep_bytes(None)
        return minima["peer"]["min"] / minima["ours"]["min"]


def errors_between(got, truth):
    """Return the largest distance over the largest true value, and the relative L2 error."""
    wide = np.complex128 if np.iscomplexobj(truth) else np.float64
    distance = np.abs(got.astype(wide) - truth.astype(wide))
    magnitude = np.abs(truth.astype(wide))
    relative_l2 = np.linalg.norm(distance.ravel()) / np.linalg.norm(magnitude.ravel())
    return float(distance.max() / magnitude.max()), float(relative_l2)


def _in_double(x):
    return x.astype(np.result_type(x, np.float64)) if x.dtype.kind in "fc" else x


def _add(cls, kind, method, params, param_names):
    name = kind if kind == "track_ratio_to_peer" else f"{kind}_{cls.operation}"

    def benchmark(self, *params):
        return method(self, *params)

    benchmark.__name__ = name
    benchmark.params, benchmark.param_names = params, param_names
    if kind.startswith("track"):
        benchmark.unit = "of the truth"
    setattr(cls, name, benchmark)
    return benchmark
