"""Sound that is still arriving, chunk by chunk, and batches of unequal lengths."""

from functools import partial

import numpy as np

import kapre_ref
from benchmarks import peers
from benchmarks.common import RATIO_SECONDS, Backend, errors_between, noise
from benchmarks.timing import interleaved

_NAME = "kaldi-fbank-80"  # of a front end that kaldi-native-fbank streams too
_SAMPLE_RATE = 16000  # Hz
_DURATIONS = (10, 32, 160)  # ms of a chunk: a hop, a frame of most detectors of speech, a block
_PEER = "kaldi-native-fbank"
_SAME = 2e-5  # relative L2 error, as where tools are compared on whole signals
_LENGTHS = np.linspace(2, 10, 8)  # s


class Stream:
    """Computes the frames that one more chunk of an endless signal completes."""

    params = (("cpu", "gpu"), _DURATIONS)
    param_names = ("backend", "ms")
    version = 1
    repeat = (3, 30, 0.5)
    warmup_time = 0
    _ready = None

    def setup(self, backend, ms):
        """Begin a stream, only the first time for each set of parameters."""
        if self._ready == (backend, ms):
            return
        self._backend = Backend(backend)
        self._chunk = self._backend.array(_chunk(ms))
        self._stream = kapre_ref.front_end(_NAME).stream()
        for _ in range(10):
            self.call()
        self._ready = (backend, ms)

    def call(self):
        """Push a chunk."""
        result = self._stream.push(self._chunk)
        self._backend.synchronize()
        return result

    def time_push(self, backend, ms):
        """Measure."""
        self.call()


class StreamBesidePeer:
    """Compares a stream with the one of kaldi-native-fbank, which gets the same chunks."""

    params = _DURATIONS
    param_names = ("ms",)
    version = 1

    def setup(self, ms):
        """Begin both streams, and compare their frames."""
        if not peers.is_installed(_PEER):
            raise NotImplementedError(f"{_PEER} is not installed")
        chunk = _chunk(ms)
        self._ours = partial(kapre_ref.front_end(_NAME).stream().push, chunk)
        work = peers.Work("stream", {"name": _NAME}, (chunk,))
        self._peer = peers.contender(_PEER, work).call
        ours, theirs = ([call() for _ in range(10)] for call in (self._ours, self._peer))
        _require_same(np.concatenate(theirs), np.concatenate(ours))

    def track_ratio_to_peer(self, ms):
        """Return how many times as long the peer takes for a chunk."""
        minima = interleaved({"ours": self._ours, "peer": self._peer}, RATIO_SECONDS)
        return minima["peer"]["min"] / minima["ours"]["min"]

    track_ratio_to_peer.unit = "times faster"


class Ragged:
    """Computes a batch of recordings of 2 to 10 s in one call."""

    params = (("cpu", "gpu"),)
    param_names = ("backend",)
    version = 1
    repeat = (3, 30, 0.5)
    warmup_time = 0
    _ready = None

    def setup(self, backend):
        """Make a batch, only the first time for each backend."""
        if self._ready == backend:
            return
        self._backend = Backend(backend)
        self._front_end = kapre_ref.front_end(_NAME)
        self._lengths = [int(seconds * _SAMPLE_RATE) for seconds in _LENGTHS]
        self._x = self._backend.array(noise((len(self._lengths), max(self._lengths))))
        for _ in range(2):
            self.with_lengths()
            self.padded_by_hand()
        self._ready = backend

    def with_lengths(self):
        """Give the lengths to the front end, which writes zeros behind each item."""
        result = self._front_end(self._x, lengths=self._lengths)
        self._backend.synchronize()
        return result

    def padded_by_hand(self):
        """Compute the whole batch, then write zeros behind each item by hand."""
        result = self._front_end(self._x)
        for features, n_samples in zip(result, self._lengths, strict=True):
            features[self._front_end.n_frames(n_samples) :] = 0
        self._backend.synchronize()
        return result

    def time_lengths(self, backend):
        """Measure."""
        self.with_lengths()

    def track_ratio_to_padding(self, backend):
        """Return how many times as long padding by hand takes, though its edges are wrong."""
        minima = interleaved(
            {"ours": self.with_lengths, "by hand": self.padded_by_hand}, RATIO_SECONDS
        )
        return minima["by hand"]["min"] / minima["ours"]["min"]

    track_ratio_to_padding.unit = "times faster"


def _chunk(ms):
    return noise((ms * _SAMPLE_RATE // 1000,))


def _require_same(got, expected):
    if got.shape != expected.shape or errors_between(got, expected)[1] > _SAME:
        raise AssertionError(f"{_PEER} does not do the same work")
