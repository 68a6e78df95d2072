"""What stays in memory between calls is bounded, and can be given back."""

import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import kapre_ref as kr
from kapre_ref import _kept
from kapre_ref._chunks import chunks_of
from kapre_ref.kernels.cpu.runtime.jit import Addresses, address_kernel
from kapre_ref.kernels.cpu.runtime.memory import empty

MIB = 1 << 20


@pytest.fixture(autouse=True)
def nothing_kept():
    # SciPy may still keep a large plan of another test, which takes a part of the limit.
    # monkeypatch would restore a test's environment only after the last line
    # here has read it, so this is set by hand.
    _kept._reserved_bytes = 0
    gc.collect()
    _kept.release_memory()
    yield
    _kept.set_keep_bytes(None)


def result(n_mib):
    return empty((n_mib, MIB // 4), np.dtype(np.float32), None)


def kept_bytes():
    return sum(loan.memory.nbytes for loan in _kept._loans.values())


def arrays_in(value):
    """List the arrays of a table, however deep they are in it."""
    if isinstance(value, np.ndarray):
        return [value]
    cells = getattr(value, "__closure__", None) or ()
    parts = value if isinstance(value, tuple | list) else [cell.cell_contents for cell in cells]
    return [array for part in parts for array in arrays_in(part)]


class TestResults:
    def test_memory_serves_again(self):
        x = result(2)
        address = x.ctypes.data
        del x
        assert result(2).ctypes.data == address

    def test_is_not_spare_while_a_view_lives(self):
        x = result(2)
        address, view = x.ctypes.data, x[1:, ::2].T
        view[...] = 1
        del x
        other = result(2)
        other[...] = 2
        assert other.ctypes.data != address
        assert (view == 1).all()
        del view
        assert result(2).ctypes.data == address

    def test_two_that_live_share_nothing(self):
        first, second = result(2), result(2)
        del first
        third, fourth = result(2), result(2)
        assert not np.shares_memory(third, fourth)
        assert not np.shares_memory(second, fourth)

    def test_another_size_is_not_served(self):
        x = result(8)
        address = x.ctypes.data
        del x
        assert result(7).ctypes.data != address  # It may be an eighth longer.
        assert result(9).ctypes.data != address

    def test_all_sizes_behave_alike(self):
        for x in (result(0), empty((3,), np.dtype("f4"), None), result(1), result(65)):
            assert not x.flags.owndata
            assert x.flags.writeable
            assert x.flags.c_contiguous

    def test_limit(self):
        several = [result(20) for _ in range(6)]
        assert kept_bytes() <= 64 * MIB
        del several
        assert kept_bytes() <= 64 * MIB
        _kept.set_keep_bytes(25 * MIB)
        assert kept_bytes() == 20 * MIB
        _kept.set_keep_bytes(0)
        assert kept_bytes() == 0
        del [result(2)][:]
        assert kept_bytes() == 0

    def test_release(self):
        alive = result(2)
        alive[...] = 3
        kr.melspectrogram(np.ones(5000, np.float32))
        _kept.release_memory()
        assert _kept._table_bytes == 0
        assert not _kept._tables
        assert not _kept._spare
        assert (alive == 3).all()

    def test_environment(self, monkeypatch):
        monkeypatch.setenv("KAPRE_REF_KEEP_BYTES", "123")
        assert _kept.get_keep_bytes() == 123
        monkeypatch.setenv("KAPRE_REF_KEEP_BYTES", "-1")
        with pytest.raises(ValueError, match="KAPRE_REF_KEEP_BYTES must be an integer of at least"):
            _kept.get_keep_bytes()
        with pytest.raises(ValueError, match=r"n must be an integer from 0 to .*, got -1"):
            _kept.set_keep_bytes(-1)


class TestTables:
    def test_oldest_go_first(self):
        made = []

        @_kept.kept
        def table(number):
            made.append(number)
            return np.zeros(20 * MIB, np.uint8)

        for number in (1, 2, 3, 1, 2, 4, 3, 2, 1):
            table(number)
        assert made == [1, 2, 3, 4, 1]
        assert _kept._table_bytes <= 64 * MIB

    def test_too_large_ones_are_not_kept(self):
        table = _kept.kept(lambda n: np.zeros(n, np.uint8))
        assert table(65 * MIB) is not table(65 * MIB)
        assert _kept._table_bytes == 0

    def test_what_another_library_keeps_counts(self):
        table = _kept.kept(lambda n: np.zeros(n, np.uint8))
        try:
            table(20 * MIB), table(30 * MIB)
            _kept.reserve(20 * MIB)  # The oldest one is dropped.
            assert 30 * MIB <= _kept._table_bytes < 31 * MIB
            _kept.reserve(1000 * MIB)  # A quarter of them is kept.
            first = table(15 * MIB)
            assert table(15 * MIB) is first
            assert table(17 * MIB) is not table(17 * MIB)
            assert table(15 * MIB) is first
        finally:
            _kept.reserve(0)

    def test_what_is_dropped_is_told_before(self):
        told = []
        table = _kept.kept_until(lambda: told.append(1))(lambda n: np.zeros(n, np.uint8))
        table(1)
        _kept.release_memory()
        assert told == [1]

    def test_cannot_be_written(self):
        x = np.random.default_rng(0).uniform(-1, 1, 4000).astype(np.float32)
        for n_fft in (128, 127, 509):  # our own transform, of both kinds, and SciPy's
            kr.inverse_stft(kr.stft(x, n_fft=n_fft), n_fft=n_fft)
            kr.melspectrogram(x, n_fft=n_fft, n_mels=8, return_decibel=True)
        kr.logmel_to_mfcc(x.reshape(100, 40))
        kr.mu_law_decoding(kr.mu_law_encoding(x, 256), 256)
        kept = [array for values, key, *_ in _kept._tables for array in arrays_in(values[key])]
        assert len(kept) >= 6
        assert not [array.shape for array in kept if array.flags.writeable]

    def test_size_is_that_of_all_arrays(self):
        arrays = np.zeros(1000), [np.zeros(10, np.float32)], Addresses()
        arrays[2].of(np.zeros(5000, np.uint8))
        assert 13040 <= _kept.bytes_of(arrays) < 13040 + 2048
        assert _kept.bytes_of(lambda: arrays) >= 13040


def test_a_front_end_holds_no_arrays():
    front_end = kr._band_spectrograms.mel_front_end(
        1 << 26, None, None, "hann_window", False, False, 16000, 40, 0.0, None, False, "slaney"
    )
    assert not any(isinstance(value, np.ndarray) for value in vars(front_end).values())
    assert _kept.bytes_of(front_end) < 10_000


def test_addresses_come_with_their_owners():
    with pytest.raises(AssertionError, match="whoever passes addresses passes their owners"):
        address_kernel(_nothing)((), 1)
    addresses = Addresses()
    array = np.zeros(3)
    references = sys.getrefcount(array)
    assert addresses.of(array) == array.ctypes.data
    assert sys.getrefcount(array) > references


def _nothing(x):
    return x


@pytest.mark.parametrize("shape", [(), (0,), (3, 5), (1 << 20, 70), (3, 1 << 25), (2, 3, 1 << 24)])
def test_chunks_cover_an_array_once(shape):
    chunks = list(chunks_of(shape, 1))
    sizes = [np.prod([each.stop - (each.start or 0) for each in index]) for index in chunks]
    assert sum(sizes) == np.prod(shape)
    assert max(sizes) <= 1 << 25
    assert len(set(map(str, chunks))) == len(chunks)


PEAK = """
    import resource, sys
    import numpy as np, kapre_ref as kr

    def peak():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

    kr.set_num_threads(1)
    rng = np.random.default_rng(0)
    kr.melspectrogram(rng.standard_normal(4000).astype("f4"), n_fft=1000, n_mels=4)
    kr.melspectrogram(rng.standard_normal(4000).astype("f4"), n_fft=1009, n_mels=4)
    kr.log_frequency_spectrogram(rng.standard_normal(4000).astype("f4"))
"""
SWEEPS = {
    "plans": """
    x = rng.standard_normal(40000).astype("f4")
    before = peak()
    for i in range(300):
        kr.melspectrogram(x, n_fft=32768, hop_length=8192, sample_rate=8000 + 10 * i)
    print(peak() - before)
    """,
    "sizes": """
    x = rng.standard_normal(220_000).astype("f4")
    before = peak()
    for i in range(60):
        kr.melspectrogram(x, n_fft=200_000 + i, n_mels=64)
    print(peak() - before)
    """,
    "single frames": """
    x = rng.standard_normal(1_310_000).astype("f4")
    before = peak()
    for i in range(60):
        n = 1_300_000 + (100 if i % 2 else 1) * i  # some with large prime factors
        kr.melspectrogram(x[:n], n_fft=n, n_mels=64)
        if i % 20 == 0:
            kr.log_frequency_spectrogram(x[:n], n_fft=n)
    print(peak() - before)
    """,
    "no frames": """
    import warnings
    warnings.simplefilter("ignore")
    before = peak()
    assert kr.melspectrogram(np.ones(4000, "f4"), n_fft=1 << 26).shape == (0, 128)
    print(peak() - before)
    """,
}


@pytest.mark.thorough
@pytest.mark.parametrize("name", SWEEPS)
def test_peak_of_a_sweep(name):
    pytest.importorskip("resource", reason="this system does not tell peak memory")
    package = str(Path(kr.__file__).parent.parent)
    program = textwrap.dedent(PEAK) + textwrap.dedent(SWEEPS[name])
    printed = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": package},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    ).stdout
    assert float(printed) < (20 if name == "no frames" else 200)  # MiB
