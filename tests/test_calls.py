"""What a call costs beside its kernel, and what keeps the arrays alive that the kernel uses."""

import gc
import pickle
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import kapre_ref as kr
from kapre_ref import _kept
from kapre_ref.kernels.cpu.runtime.jit import Addresses
from kapre_ref.kernels.cpu.transform import calls
from kapre_ref.kernels.cpu.transform.plan import tables_of

LOG_MEL = kr.FrontEnd(
    sample_rate=16000, n_fft=512, win_length=400, hop_length=160, bands=kr.Bands(80), log="ln",
    floor=1e-10,
)  # fmt: skip
KAPRE = {"n_fft": 512, "win_length": 400, "hop_length": 160}
MEL = {**KAPRE, "sample_rate": 16000, "n_mels": 40}
TENTH = np.random.default_rng(0).uniform(-1, 1, 1600).astype(np.float32)
CHUNK = TENTH[:160]


def stream_of(front_end):
    """Return a stream that is past the start of its signal."""
    stream = front_end.stream()
    for _ in range(5):
        stream.push(CHUNK)
    return stream


# Functions that may be called, in Python and in C together: about a tenth more than there are.
MOST_CALLS = {
    "front end": (lambda: LOG_MEL, lambda f: f(TENTH), 48),
    "limited": (lambda: kr.front_end("whisper-128"), lambda f: f(TENTH), 65),
    "stream": (lambda: stream_of(LOG_MEL), lambda stream: stream.push(CHUNK), 82),
    "melspectrogram": (
        lambda: None,
        lambda _: kr.melspectrogram(TENTH, return_decibel=True, **MEL),
        80,
    ),
    "stft_magnitude": (lambda: None, lambda _: kr.stft_magnitude(TENTH, **KAPRE), 70),
    "mfcc": (lambda: None, lambda _: kr.mfcc(TENTH, **MEL), 140),
    "magnitude_to_decibel": (lambda: None, lambda _: kr.magnitude_to_decibel(CHUNK), 48),
}


@pytest.mark.parametrize("name", MOST_CALLS)
def test_few_steps_around_a_kernel(name):
    """Time cannot be measured on a busy machine, but function calls can be counted."""
    prepare, call, most = MOST_CALLS[name]
    argument = prepare()
    for _ in range(3):
        call(argument)
    events = []
    sys.setprofile(lambda frame, event, _: events.append(event))
    try:
        call(argument)
    finally:
        sys.setprofile(None)
    assert events.count("call") + events.count("c_call") <= most


class TestAddresses:
    def test_owners_live_until_the_kernel_returns(self, monkeypatch):
        expected = LOG_MEL(TENTH)
        write_spectra = calls.write_spectra

        def write_after_all_is_dropped(*arguments):
            tables_of(LOG_MEL, TENTH.dtype).calls.clear()
            _kept.release_memory()
            gc.collect()
            rubbish = [np.full(n, -1, np.int64) for n in range(8, 4000, 8)]
            write_spectra(*arguments)
            del rubbish

        monkeypatch.setattr(calls, "write_spectra", write_after_all_is_dropped)
        np.testing.assert_array_equal(LOG_MEL(TENTH), expected)

    @pytest.mark.parametrize(
        "array",
        [
            np.zeros((3, 4), np.float32),
            np.zeros((3, 4), np.complex128).T,
            np.zeros(10, np.float16)[::-2],
            np.zeros(0),
            np.frombuffer(bytes(16), np.float64),
            np.zeros(17, np.uint8)[1:].view(np.float64),
        ],
    )
    def test_of_any_array(self, array):
        assert Addresses().of(array) == array.__array_interface__["data"][0]


class TestLayouts:
    def test_more_than_are_kept(self, rng):
        front_end = kr.front_end("whisper-128")
        x = rng.uniform(-1, 1, (3, 2, 3000)).astype(np.float32)
        for _ in range(2):
            for n in range(100, 3000, 130):
                whole = front_end(np.ascontiguousarray(x[..., :n]))
                for given in (x[..., :n], np.asfortranarray(x[..., :n])):
                    np.testing.assert_array_equal(front_end(given), whole)
        assert len(tables_of(front_end, x.dtype).calls) <= 16
        assert len(front_end.layouts) <= 16

    def test_each_dtype_is_checked(self):
        front_end = LOG_MEL.replace(gain=1e39)
        front_end(TENTH.astype(np.float64))
        with pytest.raises(ValueError, match="gain must be in the range of float32"):
            front_end(TENTH)

    def test_kept_are_counted(self):
        tables = tables_of(LOG_MEL, TENTH.dtype)
        assert tables.calls.nbytes >= 16 * 1000
        assert _kept.bytes_of(tables) > tables.addresses.nbytes + tables.calls.nbytes


def test_equal_front_ends_share_a_plan():
    copy = pickle.loads(pickle.dumps(LOG_MEL))
    assert copy == LOG_MEL
    assert copy != "LOG_MEL"
    assert tables_of(copy, TENTH.dtype) is tables_of(LOG_MEL, TENTH.dtype)


def test_streams_of_many_threads(rng):
    x = rng.uniform(-1, 1, (64, 4000)).astype(np.float32)
    whole = LOG_MEL(x)

    def run(signals):
        streams = [LOG_MEL.stream() for _ in signals]
        parts = [[] for _ in signals]
        for at in range(0, x.shape[1], 160):
            for stream, frames, signal in zip(streams, parts, signals, strict=True):
                frames.append(stream.push(signal[at : at + 160]))
        return [np.concatenate([*p, s.finish()]) for p, s in zip(parts, streams, strict=True)]

    with ThreadPoolExecutor(8) as pool:
        found = [frames for group in pool.map(run, np.split(x, 8)) for frames in group]
    np.testing.assert_array_equal(np.stack(found), whole)
