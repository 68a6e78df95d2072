"""The memory accesses of the GPU's kernels: bank conflicts and sectors, line by line."""

import shutil

import numpy as np
import pytest
from harness import fake_cupy

import kapre_ref as kr

pytestmark = pytest.mark.skipif(
    shutil.which("g++") is None, reason="needs g++, which compiles the CUDA sources for the CPU"
)
FUSED = (256, 512, 1024, 2048, 4096)
SECTOR = 32  # bytes
ALL = 1 << 30  # blocks


def traffic_of(kernel, operation, *arrays, counted_blocks=1):
    """Return the traffic of the one kernel of this name that an operation launches."""
    with fake_cupy.installed(checked=True, counted_blocks=counted_blocks) as cupy:
        operation(*(_on_device(cupy, array) for array in arrays))
        (found,) = (t for name, t in cupy.RawModule.traffic.items() if f"{kernel}<" in name)
    return found


def _on_device(cupy, array):
    """Return a view as a view on the device, since it matters where it begins."""
    owner = array if array.base is None else array.base
    start = (array.ctypes.data - owner.ctypes.data) // array.itemsize
    return cupy.asarray(owner)[start : start + array.size].reshape(array.shape)


def of_kind(traffic, memory, kind=None):
    return {k: v for k, v in traffic.items() if k.memory == memory and kind in (None, k.kind)}


def total(traffic, what="cost"):
    return sum(getattr(v, what) for v in traffic.values())


class TestTurns:
    """Frames whose squares leave the range of their type are done again; silence never is."""

    def turns(self, n_fft, x):
        """Return how often warps write to the first exchange: equally often in each turn."""
        kernel = "stft" if n_fft in FUSED and x.dtype == np.float32 else "mixed"
        traffic = traffic_of(kernel, lambda x: kr.stft_magnitude(x, n_fft), x, counted_blocks=ALL)
        exchange = "slot[t * S::ROW + "
        return sum(v.requests for k, v in traffic.items() if exchange in k.text)

    @pytest.mark.parametrize("dtype", ["f4", "f8"])
    @pytest.mark.parametrize("n_fft", [256, 400, 441, 512, 1001, 1200, 2048])
    @pytest.mark.parametrize("n_frames", [5, 33])  # some frames of the last block do not exist
    def test_silence_takes_one(self, n_fft, n_frames, dtype):
        n = n_fft + (n_frames - 1) * (n_fft // 4)
        noise = np.random.default_rng(0).uniform(-1, 1, n).astype(dtype)
        half = np.where(np.arange(n) < n // 2, noise, noise.dtype.type(0))
        expected = self.turns(n_fft, noise)
        assert expected > 0
        assert self.turns(n_fft, half) == self.turns(n_fft, 0 * noise) == expected
        faint = noise * (1e-30 if dtype == "f4" else 1e-200)
        assert self.turns(n_fft, faint.astype(dtype)) == 2 * expected

    @pytest.mark.parametrize("n_fft", [400, 441, 512])
    def test_frames_that_do_not_exist_take_none(self, n_fft):
        few, many = (np.ones(n_fft + n * n_fft // 4, np.float32) for n in (0, 1))
        assert self.turns(n_fft, few) == self.turns(n_fft, many)


class TestTransforms:
    """Memory accesses of transforms are counted over one block."""

    def traffic(self, operation, n_fft):
        x = np.random.default_rng(0).uniform(-1, 1, 10 * n_fft).astype(np.float32)
        return traffic_of("stft", lambda x: operation(x, n_fft), x)

    @pytest.mark.parametrize("n_fft", FUSED)
    @pytest.mark.parametrize(
        "operation",
        [
            lambda x, n_fft: kr.stft_magnitude(x, n_fft),
            lambda x, n_fft: kr.stft_magnitude(x, n_fft, hop_length=n_fft // 4 + 1),
            lambda x, n_fft: kr.stft_magnitude(x, n_fft, return_decibel=True),
            lambda x, n_fft: kr.stft(x, n_fft),
        ],
        ids=["pairs", "single samples", "decibels", "bins"],
    )
    def test_no_bank_conflict(self, operation, n_fft):
        shared = of_kind(self.traffic(operation, n_fft), "shared")
        conflicts = {k: v for k, v in shared.items() if v.cost > v.ideal}
        assert len(shared) >= 2
        assert not conflicts

    @pytest.mark.parametrize("n_fft", FUSED)
    def test_sectors(self, n_fft):
        traffic = self.traffic(lambda x, n: kr.stft_magnitude(x, n), n_fft)
        # Frames begin at whole sectors here: every byte that is loaded is used.
        for line, counted in of_kind(traffic, "global", "load").items():
            assert counted.cost == counted.ideal, line
        # Rows of n_freq floats do not: a run of as many bins as lanes share a frame, 8 to a sector,
        # may begin and end within one.
        n_lanes = {256: 8, 512: 16, 1024: 16, 2048: 32, 4096: 32}[n_fft]
        stores = of_kind(traffic, "global", "store")
        assert total(stores) <= (1 + 8 / n_lanes) * total(stores, "ideal")

    @pytest.mark.parametrize("n_fft", FUSED)
    def test_halves_take_half(self, n_fft):
        x = np.random.default_rng(0).uniform(-1, 1, 10 * n_fft)

        def bytes_of(dtype):
            traffic = traffic_of("stft", lambda x: kr.stft_magnitude(x, n_fft), x.astype(dtype))
            conflicts = {k: v for k, v in of_kind(traffic, "shared").items() if v.cost > v.ideal}
            assert not conflicts
            lines = of_kind(traffic, "global")
            samples = {k: v for k, v in lines.items() if "pairs[n]" in k.text}
            stores = of_kind(traffic, "global", "store")
            assert samples
            return [sum(v.requests * k.size for k, v in part.items()) for part in (samples, stores)]

        half, single = bytes_of("f2"), bytes_of("f4")
        assert [2 * n for n in half] == single

    @pytest.mark.parametrize(
        ("n_fft", "kernel"), [(512, "stft"), (400, "mixed"), (441, "mixed"), (2048, "stft")]
    )
    def test_turned_bands(self, n_fft, kernel):
        front_end = kr.FrontEnd(
            sample_rate=16000, n_fft=n_fft, hop_length=n_fft // 4, bands=kr.Bands(80)
        )
        x = np.random.default_rng(0).uniform(-1, 1, 10 * n_fft).astype(np.float32)
        n_frames = {512: 8, 400: 12, 441: 8, 2048: 4}[n_fft]  # of a block, at a time
        stores, wavefronts = [], []
        for time_first in (False, True):
            traffic = traffic_of(kernel, front_end.replace(time_first=time_first), x)
            stores.append(total(of_kind(traffic, "global", "store")))
            wavefronts.append(total(of_kind(traffic, "shared")))
        # Runs of so many frames begin anywhere, so that they touch a sector more than they fill.
        # 22 lanes of a warp have two frames of 441 points: they leave some runs to the next warp.
        n_split = 80 * n_frames // 22 if n_fft == 441 else 0
        assert stores[0] <= 80 * (-(-n_frames // 8) + 1) + n_split
        assert stores[0] < 80 * n_frames / 2, "each lane wrote to a sector of its own"
        # Each value is put down and taken up once more.
        assert wavefronts[0] <= wavefronts[1] + 2.5 * 2 * 80 * n_frames / 16

    def test_bands(self):
        traffic = self.traffic(lambda x, n: kr.melspectrogram(x, n, n_mels=128), 2048)
        shared = of_kind(traffic, "shared")
        # Neighbouring bands begin a few bins apart, so that some lanes meet in a bank.
        assert total(shared) <= 1.6 * total(shared, "ideal")


def placed(dtype, n, offset):
    """Return n elements that begin `offset` elements behind the start of an allocation."""
    values = np.random.default_rng(0).uniform(1, 127, n + 8)
    return values.astype(dtype)[offset : offset + n]


N = 1 << 14
LONG = 1 << 17  # so many are raised to a floor by a kernel of its own
# Name: the kernel, the operation on input and out, and their dtypes. All move each element once.
STREAMS = {
    "to_decibels": (
        "to_decibels",
        lambda x, out: kr.magnitude_to_decibel(x, out=out),
        ("float32", "float32"),
    ),
    "raise_to_floor": (
        "raise_to_floor",
        lambda x, out: kr.magnitude_to_decibel(x, dynamic_range=1.0, out=out),
        ("float32", "float32"),
    ),
    "to_decibels, halves": (
        "to_decibels",
        lambda x, out: kr.magnitude_to_decibel(x, out=out),
        ("float16", "float16"),
    ),
    "raise_to_floor, halves": (
        "raise_to_floor",
        lambda x, out: kr.magnitude_to_decibel(x, dynamic_range=1.0, out=out),
        ("float16", "float16"),
    ),
    "encoding halves": (
        "mu_law_encoding",
        lambda x, out: kr.mu_law_encoding(x, 256, out=out),
        ("float16", "int32"),
    ),
    "encoding": (
        "mu_law_encoding",
        lambda x, out: kr.mu_law_encoding(x, 256, out=out),
        ("float32", "int32"),
    ),
    "decoding": (
        "mu_law_decoding",
        lambda x, out: kr.mu_law_decoding(x, 256, out=out),
        ("int32", "float32"),
    ),
    "decoding bytes": (
        "mu_law_decoding",
        lambda x, out: kr.mu_law_decoding(x, 256, out=out),
        ("uint8", "float32"),
    ),
}
SMALL = ("peak->", "peaks", "samples[")  # tables, which stay in the L1, and single words


class TestStreams:
    """All blocks together move every byte once, and no byte that is not needed."""

    def lines(self, name, offset, n=N):
        kernel, operation, dtypes = STREAMS[name]
        n += (LONG - N) * (kernel == "raise_to_floor")
        arrays = [placed(dtype, n, offset).reshape(2, -1) for dtype in dtypes]
        traffic = traffic_of(kernel, operation, *arrays, counted_blocks=ALL)
        shared = of_kind(traffic, "shared")
        assert total(shared) == total(shared, "ideal")
        streams = {
            k: v
            for k, v in of_kind(traffic, "global").items()
            if not any(word in k.text for word in SMALL)
        }
        return streams, arrays

    @pytest.mark.parametrize("name", STREAMS)
    def test_aligned(self, name):
        lines, arrays = self.lines(name, 0)
        for kind, array in zip(("load", "store"), arrays, strict=True):
            ((line, counted),) = of_kind(lines, "global", kind).items()
            assert line.size == 4 * array.itemsize  # packs of four
            assert counted.cost * SECTOR == array.nbytes

    @pytest.mark.parametrize("name", STREAMS)
    def test_unaligned(self, name):
        lines, arrays = self.lines(name, 1)
        for kind, array in zip(("load", "store"), arrays, strict=True):
            ((line, counted),) = of_kind(lines, "global", kind).items()
            assert line.size == array.itemsize
            # A warp's 32 elements begin and end within a sector: one more than they fill.
            n_full = 32 * array.itemsize / SECTOR
            assert counted.cost * SECTOR == array.nbytes * (n_full + 1) / n_full

    @pytest.mark.parametrize("name", STREAMS)
    def test_rest(self, name):
        # Nothing moves in packs, since the second item is unaligned.
        lines, arrays = self.lines(name, 0, n=N + 2)
        for kind, array in zip(("load", "store"), arrays, strict=True):
            ((_, counted),) = of_kind(lines, "global", kind).items()
            n_full = 32 * array.itemsize / SECTOR
            assert counted.cost * SECTOR <= array.nbytes * (n_full + 1) / n_full + 2 * SECTOR

    def test_codes_are_looked_up_in_few_sectors(self):
        codes = placed("int32", N, 0)
        traffic = traffic_of("mu_law_decoding", lambda x: kr.mu_law_decoding(x, 256), codes)
        ((_, counted),) = ((k, v) for k, v in traffic.items() if "samples[" in k.text)
        # 32 lanes take random codes out of 128, in 16 sectors: each sector is read at most once.
        assert counted.cost <= 16 * counted.requests

    def test_peaks_take_one_word_a_block(self):
        x = placed("float32", N, 0).reshape(2, -1)
        traffic = traffic_of("to_decibels", kr.magnitude_to_decibel, x, counted_blocks=ALL)
        ((_, counted),) = ((k, v) for k, v in traffic.items() if "atomicMax" in k.text)
        assert counted.cost == counted.requests == N // 4096


def eight_frames(frame_length, hop_length):
    """Return two signals of as many frames as a block has warps, so that all are counted right."""
    n_samples = frame_length + 7 * hop_length
    return np.random.default_rng(0).uniform(-1, 1, (2, n_samples)).astype(np.float32)


class TestFrames:
    """The requests of all warps are counted, also those that the L1 serves."""

    @pytest.mark.parametrize(
        ("frame_length", "hop_length", "factor"), [(512, 128, 1), (400, 160, 1), (401, 161, 5 / 4)]
    )
    def test_frame(self, frame_length, hop_length, factor):
        traffic = traffic_of(
            "frame",
            lambda x: kr.frame(x, frame_length, hop_length),
            eight_frames(frame_length, hop_length),
            counted_blocks=ALL,
        )
        n_turns = -(-frame_length // 32)
        assert not of_kind(traffic, "shared")
        for kind in ("load", "store"):
            ((_, counted),) = of_kind(traffic, "global", kind).items()
            assert counted.requests == 16 * n_turns
            assert counted.cost <= factor * counted.ideal
            assert counted.ideal == 16 * -(-4 * frame_length // SECTOR)

    @pytest.mark.parametrize(
        ("frame_length", "hop_length", "factor"), [(512, 128, 1), (400, 160, 1), (401, 161, 5 / 4)]
    )
    def test_energy(self, frame_length, hop_length, factor):
        traffic = traffic_of(
            "energy",
            lambda x: kr.energy(x, 1000, 0.1, frame_length, hop_length),
            eight_frames(frame_length, hop_length),
            counted_blocks=ALL,
        )
        loads = of_kind(traffic, "global", "load")  # loads of eight samples a lane, and of the rest
        ((_, stores),) = of_kind(traffic, "global", "store").items()
        assert not of_kind(traffic, "shared")
        assert total(loads) <= factor * total(loads, "ideal")
        assert total(loads, "ideal") == 16 * -(-4 * frame_length // SECTOR)
        assert stores.cost == stores.requests == 16

    @pytest.mark.parametrize(
        ("n_fft", "hop_length", "n_lanes", "factor"),
        # Five runs of lanes make the 147 samples of a hop, in 18.4 sectors, and begin anywhere.
        [(512, 128, 16, 1.01), (2048, 512, 32, 1.01), (400, 100, 10, 1.2), (441, 147, 11, 1.27)],
    )
    def test_inverse(self, n_fft, hop_length, n_lanes, factor):
        spectra = kr.stft(np.random.default_rng(0).uniform(-1, 1, 60 * hop_length), n_fft, None,
                          hop_length).astype(np.complex64)  # fmt: skip
        n_frames = len(spectra)
        traffic = traffic_of(
            "inverse_stft",
            lambda x: kr.inverse_stft(x, n_fft, None, hop_length),
            spectra,
            counted_blocks=ALL,
        )
        bins = [v for k, v in of_kind(traffic, "global").items() if "bins[" in k.text]
        (samples,) = (v for k, v in of_kind(traffic, "global", "store").items())
        # Each sample is written once, in whole sectors if hops begin at such.
        n_samples = (n_frames - 1) * hop_length + n_fft
        assert samples.cost * SECTOR <= factor * 4 * n_samples
        # Each bin is read twice, once from memory. Blocks of 16 hops and more share three frames.
        n_shared = 3 * (-(-n_samples // hop_length) // 16)
        n_read = sum(v.cost for v in bins) * SECTOR / 8 / (n_fft // 2 + 1) / 2
        # Runs of as many bins as lanes share a frame may begin and end within a sector of four.
        assert n_frames <= n_read <= (1 + 4 / n_lanes) * (n_frames + n_shared)
        added = {
            k: v
            for k, v in of_kind(traffic, "shared").items()
            if "carry[" in k.text or "slots[" in k.text
        }
        assert len(added) >= 3
        assert total(added) <= 1.05 * total(added, "ideal")

    @pytest.mark.parametrize(
        ("n_fft", "hop_length", "factor"), [(544, 160, 1), (544, 155, 5 / 3), (60, 16, 3 / 2)]
    )
    def test_overlap_add(self, n_fft, hop_length, factor):
        def inverse(x):
            return kr.inverse_stft(kr.stft(x, n_fft, None, hop_length), n_fft, None, hop_length)

        x = np.random.default_rng(0).uniform(-1, 1, (2, 6144)).astype(np.float32)
        traffic = traffic_of("overlap_add", inverse, x, counted_blocks=ALL)
        loads, stores = (of_kind(traffic, "global", kind) for kind in ("load", "store"))
        assert not of_kind(traffic, "shared")
        # Neighbouring samples lie in the same frames, but where a frame ends within a warp.
        for line, counted in (loads | stores).items():
            assert counted.cost <= factor * counted.ideal, line
