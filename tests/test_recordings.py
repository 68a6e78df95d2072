"""The features of a recording: whole or section by section, they are those of the library."""

import json
import tracemalloc

import make_recording
import numpy as np
import pytest
from closeness import assert_close, peak_of
from command import RECORDING, features, write_sound

from kapre_ref import (
    Bands,
    FrontEnd,
    Normalisation,
    log_frequency_spectrogram,
    logmel_to_mfcc,
    melspectrogram,
    recipes,
    stft_magnitude,
)
from kapre_ref._sections import sections
from kapre_ref.command import decoders, recording_features, recordings
from kapre_ref.command.options import FUNCTIONS

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")
soxr = pytest.importorskip("soxr", reason="needs soxr: the extra cli")


def single(folder, *options, name="a.wav", **sound):
    """Compute the features of noise, stored without loss, and return both."""
    samples = write_sound(folder / name, subtype="FLOAT", **sound)
    assert features(folder / name, "--out", folder / "out.npy", "--overwrite", *options) == 0
    return np.load(folder / "out.npy"), samples


def assert_features(got, expected):
    """Require the bits that the library gives, since the library computes all results."""
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)


def assert_resampled(got, expected):
    """Require equality up to rounding: a stream of chunks is resampled by other sums."""
    assert_close(got, expected, 2e-4)


class TestFeatures:
    @pytest.mark.parametrize(
        ("options", "expected"),
        [
            ([], lambda x: melspectrogram(x, return_decibel=True)),
            (["--no-decibel"], melspectrogram),
            (["--feature", "stft", "--no-decibel"], stft_magnitude),
            (
                ["--feature", "log-frequency", "--log-n-bins", "60"],
                lambda x: log_frequency_spectrogram(x, log_n_bins=60, return_decibel=True),
            ),
            (
                ["--feature", "mfcc", "--n-mfccs", "13", "--n-mels", "40"],
                lambda x: logmel_to_mfcc(melspectrogram(x, n_mels=40, return_decibel=True), 13),
            ),
        ],
        ids=["mel", "mel magnitude", "stft", "log-frequency", "mfcc"],
    )
    def test_equals_composed_function(self, tmp_path, options, expected):
        status = features(RECORDING, "--out", tmp_path / "out.npy", *options)
        got = np.load(tmp_path / "out.npy")
        assert status == 0
        assert_features(got, expected(soundfile.read(RECORDING, dtype="float32")[0]))

    def test_every_option_arrives(self, tmp_path):
        flags = "--n-fft 512 --win-length 400 --hop-length 160 --window-name hamming_window "
        flags += "--pad-begin --pad-end --n-mels 32 --mel-f-min 50 --mel-f-max 7000 --mel-htk "
        flags += "--mel-norm 1 --db-ref-value 0.5 --db-amin 1e-6 --db-dynamic-range 20"
        got, samples = single(tmp_path, *flags.split(), seconds=1)
        stft_options = {"window_name": "hamming_window", "pad_begin": True, "pad_end": True}
        mel_options = {"n_mels": 32, "mel_f_min": 50, "mel_f_max": 7000}
        mel_options |= {"mel_htk": True, "mel_norm": 1}
        db_options = {"db_ref_value": 0.5, "db_amin": 1e-6, "db_dynamic_range": 20}
        options = stft_options | mel_options | db_options
        expected = melspectrogram(samples[:, 0], 512, 400, 160, return_decibel=True, **options)
        assert_features(got, expected)

    @pytest.mark.parametrize(("n_channels", "shape"), [(1, (9, 128)), (3, (3, 9, 128))])
    def test_channels_come_first(self, tmp_path, n_channels, shape):
        got, samples = single(tmp_path, n_channels=n_channels)
        expected = melspectrogram(
            samples.T[None].copy(),
            return_decibel=True,
            input_data_format="channels_first",
            output_data_format="channels_first",
        )
        assert got.shape == shape
        assert_features(got, expected.reshape(shape))

    def test_mono_is_the_mean(self, tmp_path):
        got, samples = single(tmp_path, "--mono", n_channels=3)
        expected = melspectrogram(samples.mean(axis=1), return_decibel=True)
        assert_features(got, expected)

    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency", "mfcc"])
    @pytest.mark.parametrize("loudest", [0, 1, 2])
    def test_decibels_count_from_the_loudest_channel(self, tmp_path, kind, loudest):
        samples = 0.002 * np.random.default_rng(1).uniform(-1, 1, (6000, 3)).astype(np.float32)
        samples[:, loudest] *= 400
        soundfile.write(tmp_path / "a.wav", samples, 22050, subtype="FLOAT")
        options = ["--feature", kind, "--db-dynamic-range", "20"]
        assert features(tmp_path / "a.wav", "--out", tmp_path / "out.npy", *options) == 0
        formats = dict.fromkeys(("input_data_format", "output_data_format"), "channels_first")
        expected = FUNCTIONS[kind](
            samples.T[None].copy(), return_decibel=True, db_dynamic_range=20, **formats
        )
        if kind == "mfcc":
            expected = logmel_to_mfcc(expected, data_format="channels_first")
        assert_features(np.load(tmp_path / "out.npy"), expected[0])

    @pytest.mark.parametrize("sample_rate", [8000, 44100])
    def test_sample_rate_resamples(self, tmp_path, sample_rate):
        got, samples = single(tmp_path, "--sample-rate", sample_rate, n_channels=2)
        resampled = soxr.resample(samples, 22050, sample_rate)
        formats = {"output_data_format": "channels_first"}
        expected = melspectrogram(
            resampled[None], sample_rate=sample_rate, return_decibel=True, **formats
        )
        assert_resampled(got, expected[0])

    @pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
    def test_reads_format(self, tmp_path, suffix):
        write_sound(tmp_path / f"a.{suffix}", seconds=1)
        status = features(tmp_path / f"a.{suffix}", "--out", tmp_path / "out.npy", "--no-decibel")
        got = np.load(tmp_path / "out.npy")
        expected = melspectrogram(soundfile.read(tmp_path / f"a.{suffix}", dtype="float32")[0])
        assert status == 0
        # Decoders are asked for other numbers of samples at a time, which may move a last digit.
        assert_close(got, expected, 1e-6 * peak_of(expected))


class TestSections:
    """A recording read section by section gives what it gives in one section."""

    @pytest.mark.parametrize("padding", [[], ["--pad-begin"], ["--pad-end"]], ids=str)
    @pytest.mark.parametrize("hop_length", [1, 100, 256, 300, 1000])
    @pytest.mark.parametrize("chunk_size", [1, 200, 999])
    def test_equals_one_piece(self, tmp_path, monkeypatch, padding, hop_length, chunk_size):
        if padding == ["--pad-begin"]:
            hop_length = min(hop_length, 256)
        options = ["--feature", "stft", "--n-fft", "256", "--hop-length", hop_length, *padding]
        options += ["--db-dynamic-range", "15"]
        # Reading one sample at a time is slow.
        seconds = 0.05 if 1 in (chunk_size, hop_length) else 0.3
        whole, samples = single(tmp_path, *options, seconds=seconds)
        monkeypatch.setattr(recordings, "CHUNK_SIZE", chunk_size)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        got, _ = single(tmp_path, *options, seconds=seconds)
        flags = {flag[2:].replace("-", "_"): True for flag in padding}
        decibel = {"return_decibel": True, "db_dynamic_range": 15}
        expected = stft_magnitude(samples[:, 0], 256, None, hop_length, **flags, **decibel)
        assert got.shape == expected.shape
        assert_features(got, expected)
        assert_features(whole, expected)

    @pytest.mark.parametrize("scratch_bytes", [100, 16 << 20])
    def test_channels_resampling_and_mfcc(self, tmp_path, monkeypatch, scratch_bytes):
        options = ["--feature", "mfcc", "--n-fft", "512", "--n-mels", "40", "--pad-end"]
        options += ["--sample-rate", "16000", "--db-dynamic-range", "12"]
        expected, _ = single(tmp_path, *options, n_channels=2)
        monkeypatch.setattr(recordings, "CHUNK_SIZE", 777)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        monkeypatch.setattr(recording_features, "SCRATCH_BYTES", scratch_bytes)
        got, _ = single(tmp_path, *options, n_channels=2)
        assert got.shape == expected.shape == (2, 38, 20)
        assert_resampled(got, expected)

    def test_memory_does_not_grow_with_length(self, tmp_path, monkeypatch):
        monkeypatch.setattr(recordings, "CHUNK_SIZE", 1 << 14)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        monkeypatch.setattr(recording_features, "SCRATCH_BYTES", 1 << 14)
        write_sound(tmp_path / "a.wav", seconds=60)
        options = ["--feature", "stft", "--hop-length", "512", "--quiet"]
        # This loads all that is loaded once.
        features(RECORDING, "--out", tmp_path / "b.npy", *options)
        tracemalloc.start()
        status = features(tmp_path / "a.wav", "--out", tmp_path / "a.npy", *options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert status == 0
        assert (tmp_path / "a.npy").stat().st_size > 10_000_000
        assert peak < 2_000_000  # The chunk, its features, copies of both, and the tables fit in.


def random_front_end(rng):
    """Return a random front end. Edges may exceed the signal, and frames may lie apart."""
    n_fft = int(rng.integers(1, 40))
    return FrontEnd(
        sample_rate=8000,
        n_fft=n_fft,
        win_length=int(rng.integers(1, n_fft + 1)),
        hop_length=int(rng.integers(1, 60)),
        pad_left=int(rng.integers(-40, 40)),
        pad_right=int(rng.integers(-40, 40)),
        pad_mode=str(rng.choice(["zeros", "reflect", "mirror", "edge", "odd"])),
        remove_mean=bool(rng.integers(2)),
        preemphasis=float(rng.choice([0, 0.97])),
        preemphasis_first=str(rng.choice(["signal", "drop", "frame"])),
        power=int(rng.integers(1, 3)),
    )


class TestShortRecordings:
    """A recording is read at once, into memory that the next one reuses, and computed at once."""

    FRONT_END = FrontEnd(sample_rate=16000, n_fft=512, hop_length=160, bands=Bands(80))

    @pytest.fixture
    def path(self, tmp_path):
        write_sound(tmp_path / "a.wav", seconds=10, sample_rate=16000, subtype="PCM_16")
        return str(tmp_path / "a.wav")

    def test_are_read_once(self, path, monkeypatch):
        calls, original = [], decoders.SoundFileDecoder.read
        monkeypatch.setattr(
            decoders.SoundFileDecoder, "read", lambda *a: calls.append(a) or original(*a)
        )
        addresses = set()
        for _ in range(3):
            with recordings.Recording(path) as recording:
                (chunk,) = recording.chunks()
                addresses.add(chunk.ctypes.data)
        assert len(calls) == 3
        assert len(addresses) == 1

    def test_of_which_two_are_open_have_memory_of_their_own(self, path):
        with recordings.Recording(path) as one, recordings.Recording(path) as other:
            (first,), (second,) = one.chunks(), other.chunks()
            assert not np.shares_memory(first, second)
            np.testing.assert_array_equal(first, second)

    def test_need_no_scratch_file(self, path, monkeypatch):
        monkeypatch.setattr(recording_features.RecordingFeatures, "_new_scratch", None)
        with recordings.Recording(path) as recording:
            made = recording_features.RecordingFeatures(recording, self.FRONT_END)
            got = np.concatenate(list(made.chunks(0)))
        sound = soundfile.read(path, dtype="float32")[0]
        np.testing.assert_array_equal(got, self.FRONT_END(sound))

    @pytest.mark.parametrize("n_announced", [1, 1000, 159_999])
    def test_may_be_longer_than_announced(self, path, n_announced):
        with recordings.Recording(path) as recording:
            recording._sound.frames = n_announced
            got = np.concatenate([chunk.copy() for chunk in recording.chunks()], axis=1)
        np.testing.assert_array_equal(got[0], soundfile.read(path, dtype="float32")[0])

    def test_take_hardly_any_fresh_memory(self, path, tmp_path):
        resource = pytest.importorskip("resource", reason="counts page faults as Unix does")
        counts = []
        for _ in range(30):
            with recordings.Recording(path) as recording:
                recording_features.RecordingFeatures(recording, self.FRONT_END).close()
            counts.append(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
        assert (counts[-1] - counts[9]) / 20 < 50


class TestLongRecordings:
    def test_say_how_far_they_are(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(recordings, "CHUNK_SIZE", 10000)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        monkeypatch.setattr(recordings, "TELL_SECONDS", 0.0)
        path = tmp_path / "a.wav"
        write_sound(path, seconds=30, sample_rate=1000)
        assert features(path, "--out", tmp_path / "a.npy", "--n-fft", "256") == 0
        lines = capsys.readouterr().err.splitlines()
        assert f"kapre-ref: {path}: 0.2 of 0.5 min read" in lines
        assert len(lines) == 4  # the last chunk is empty

    def test_are_silent_when_asked(self, tmp_path, monkeypatch, capsys):
        monkeypatch.setattr(recordings, "TELL_SECONDS", 0.0)
        monkeypatch.setattr(recordings, "tell", None)
        write_sound(tmp_path / "a.wav")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "a.npy", "--quiet") == 0
        assert capsys.readouterr().err == ""


class TestPieces:
    @pytest.mark.parametrize("seed", range(40))
    def test_have_the_frames_of_the_whole_signal(self, seed):
        rng, n_with_frames = np.random.default_rng(seed), 0
        for _ in range(10):
            front_end = random_front_end(rng)
            x = rng.uniform(-1, 1, (2, int(rng.integers(1, 300)))).astype(np.float32)
            cuts = np.sort(rng.integers(0, x.shape[1], int(rng.integers(0, 30))))
            sizes = int(rng.integers(1, 200)), int(rng.integers(1, 9))
            found = list(sections(np.split(x, cuts, axis=1), front_end, *sizes))
            n_frames = front_end.n_frames(x.shape[1])
            if not n_frames:
                assert not found
                continue
            n_with_frames += 1
            parts = [
                section.front_end(section.signal[None])[0, :, section.frames] for section in found
            ]
            expected = front_end(x[None])[0]
            np.testing.assert_array_equal(np.concatenate(parts, axis=1), expected, str(front_end))
        assert n_with_frames > 3

    def test_a_signal_of_one_block_is_not_copied(self):
        front_end = FrontEnd(sample_rate=8000, n_fft=20, pad_left=10, pad_right=10)
        x = np.zeros((1, 5000), np.float32)
        (section,) = sections([x], front_end, 10**6, 10**6)
        assert section.signal is x
        assert section.is_whole
        assert section.frames == slice(0, front_end.n_frames(5000))

    @pytest.mark.parametrize(("sizes", "n_pieces"), [((1000, 50), 20), ((10**6, 10**6), 1)])
    def test_have_the_size_that_is_asked_for(self, sizes, n_pieces):
        front_end = FrontEnd(sample_rate=8000, n_fft=20, pad_left=10, pad_right=10)
        chunks = np.split(np.zeros((1, 5000), np.float32), 10, axis=1)
        found = list(sections(chunks, front_end, *sizes))
        assert n_pieces <= len(found) <= n_pieces + 2
        assert all(section.frames.stop - section.frames.start <= sizes[1] for section in found)


MEL = {"sample_rate": 16000, "n_fft": 400, "hop_length": 160, "bands": Bands(40)}
LN = {"log": "ln", "floor": 1e-10}
EACH = np.linspace(0.5, -2, 40)
# These fields occur in no recipe.
OTHERS = {
    "a gain a band below the limit": {**LN, "dynamic_range": 9, "gain": EACH, "offset": 2 * EACH},
    "a negative gain": {**LN, "dynamic_range": 9, "gain": -2, "offset": 1},
    "a gain without a logarithm": {"gain": EACH, "offset": 3},
    "cepstra below the limit": {**LN, "dynamic_range": 5, "n_cepstra": 13, "lifter": 22},
    "cepstra first": {**LN, "n_cepstra": 13, "time_first": False},
    "limits of channels": {**LN, "dynamic_range": 5, "range_over": "channel"},
    "no floor": {"log": "log10"},
    "means": {**LN, "normalisation": Normalisation(divide=False, drop_last=True)},
    "eps in the variance": {
        **LN,
        "dynamic_range": 5,
        "gain": EACH,
        "normalisation": Normalisation(ddof=1, eps=0.1, eps_in="variance"),
        "n_cepstra": 20,
    },
    "bands first": {
        **LN,
        "normalisation": Normalisation(eps=1e-5, drop_last=True),
        "time_first": False,
    },
}


class TestFrontEnds:
    """A front end of a file, whole or section by section, gives what it gives when it is called."""

    def of_file(self, folder, x, front_end):
        """Compute (time, channel) by the command."""
        (folder / "my.json").write_text(front_end.to_json())
        rate = int(front_end.sample_rate)
        soundfile.write(folder / "a.wav", x, rate, subtype="FLOAT")
        options = ["--front-end-file", folder / "my.json", "--overwrite", "--quiet"]
        assert features(folder / "a.wav", "--out", folder / "out.npy", *options) == 0
        return np.load(folder / "out.npy")

    def assert_right(self, got, x, front_end):
        expected = front_end(np.ascontiguousarray(x.T)[None])[0]
        expected = expected[0] if x.shape[1] == 1 else expected
        assert (got.shape, got.dtype) == (expected.shape, np.float32)
        if front_end.normalisation is None:
            np.testing.assert_array_equal(got, expected)
        else:  # Its sums are float64; kernels promise four eps of the peak.
            assert_close(got, expected, 4 * 2**-23 * peak_of(expected))

    def noise(self, front_end, seconds=0.6, n_channels=2):
        """Return noise that fades by 50 dB, and is 60 dB fainter in all channels but the first."""
        n = round(seconds * front_end.sample_rate) + 37
        x = np.random.default_rng(1).uniform(-0.5, 0.5, (n, n_channels)).astype(np.float32)
        x *= np.exp(np.linspace(0, -6, n, dtype=np.float32))[:, None]
        x[:, 1:] *= 1e-3
        return x

    @pytest.fixture(params=[2000, 1 << 20], ids=["sections", "one section"])
    def chunk_size(self, request, monkeypatch):
        monkeypatch.setattr(recordings, "CHUNK_SIZE", request.param)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        monkeypatch.setattr(recording_features, "SCRATCH_BYTES", request.param)

    @pytest.mark.usefixtures("chunk_size")
    @pytest.mark.parametrize("recipe", recipes(), ids=lambda recipe: recipe.name)
    def test_recipe(self, tmp_path, recipe):
        x = self.noise(recipe.front_end)
        self.assert_right(self.of_file(tmp_path, x, recipe.front_end), x, recipe.front_end)

    @pytest.mark.usefixtures("chunk_size")
    @pytest.mark.parametrize("n_channels", [1, 3])
    @pytest.mark.parametrize("name", OTHERS)
    def test_others(self, tmp_path, name, n_channels):
        front_end = FrontEnd(**MEL, **OTHERS[name])
        x = self.noise(front_end, n_channels=n_channels)
        self.assert_right(self.of_file(tmp_path, x, front_end), x, front_end)

    @pytest.mark.parametrize("n_samples", [1, 3, 199, 200, 201, 399, 400, 601])
    @pytest.mark.parametrize("pad_mode", ["reflect", "mirror", "zeros", "edge", "odd"])
    def test_signals_shorter_than_what_is_padded(self, tmp_path, monkeypatch, n_samples, pad_mode):
        front_end = FrontEnd(**MEL, **LN, pad_left=200, pad_right=250, pad_mode=pad_mode)
        x = self.noise(front_end)[:n_samples]
        monkeypatch.setattr(recordings, "CHUNK_SIZE", 50)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        self.assert_right(self.of_file(tmp_path, x, front_end), x, front_end)

    @pytest.mark.parametrize("ddof", [0, 1])
    @pytest.mark.parametrize("drop_last", [True, False])
    def test_normalisation_of_one_frame(self, tmp_path, ddof, drop_last):
        how = Normalisation(ddof=ddof, eps=1e-5, drop_last=drop_last)
        front_end = FrontEnd(**MEL, **LN, normalisation=how)
        got = self.of_file(tmp_path, self.noise(front_end, n_channels=1)[:400], front_end)
        expected = np.nan if ddof and not drop_last else 0
        np.testing.assert_array_equal(got, np.full((1, 40), expected, np.float32))

    def test_recordings_are_brought_to_its_rate(self, tmp_path):
        got, samples = single(tmp_path, "--front-end", "whisper-80", n_channels=2)
        resampled = soxr.resample(samples, 22050, 16000)
        (recipe,) = (each for each in recipes() if each.name == "whisper-80")
        assert_resampled(got, recipe.front_end(resampled.T[None].copy())[0])

    def test_memory_does_not_grow_with_length(self, tmp_path, monkeypatch):
        monkeypatch.setattr(recordings, "CHUNK_SIZE", 1 << 14)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        monkeypatch.setattr(recording_features, "SCRATCH_BYTES", 1 << 14)
        write_sound(tmp_path / "a.wav", seconds=120, sample_rate=16000)
        options = ["--front-end", "nemo-128", "--quiet"]
        # This loads all that is loaded once.
        features(RECORDING, "--out", tmp_path / "b.npy", *options)
        tracemalloc.start()
        status = features(tmp_path / "a.wav", "--out", tmp_path / "a.npy", *options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert status == 0
        assert (tmp_path / "a.npy").stat().st_size > 6_000_000
        assert peak < 2_000_000


class TestNpz:
    def test_holds_how_it_was_made(self, tmp_path):
        options = ["--feature", "mfcc", "--sample-rate", "16000", "--n-fft", "400", "--format"]
        assert features(RECORDING, "--out", tmp_path, *options, "npz") == 0
        made = np.load(tmp_path / "recording.flac.npz")
        parameters = json.loads(str(made["parameters"]))
        assert made["sample_rate"] == 16000
        assert parameters["feature"] == "mfcc"
        assert (parameters["n_fft"], parameters["hop_length"], parameters["n_mels"]) == (
            400,
            100,
            128,
        )
        np.testing.assert_array_equal(made["coefficients"], np.arange(20))
        assert made["features"].shape == (len(made["times"]), 20)
        assert "frequencies" not in made

    def test_holds_the_front_end(self, tmp_path):
        options = ["--front-end", "kaldi-mfcc-13", "--format", "npz"]
        assert features(RECORDING, "--out", tmp_path, *options) == 0
        made = np.load(tmp_path / "recording.flac.npz")
        (recipe,) = (each for each in recipes() if each.name == "kaldi-mfcc-13")
        front_end = FrontEnd.from_json(str(made["front_end"]))
        assert front_end == recipe.front_end
        np.testing.assert_array_equal(made["times"], front_end.times(len(made["features"])))
        np.testing.assert_array_equal(made["coefficients"], np.arange(13))
        assert json.loads(str(made["parameters"]))["front_end"] == "kaldi-mfcc-13"
        assert made["sample_rate"] == 16000
        assert made["sample_rate"].dtype.kind == "i"

    @pytest.mark.parametrize("options", ["", "--n-fft 601 --n-mels 30", "--feature log-frequency"])
    def test_front_end_of_options_gives_the_same(self, tmp_path, options):
        options = [*options.split(), "--format", "npz", "--overwrite"]
        assert features(RECORDING, "--out", tmp_path, *options) == 0
        made = np.load(tmp_path / "recording.flac.npz")
        (tmp_path / "my.json").write_text(str(made["front_end"]))
        again = ["--front-end-file", tmp_path / "my.json"]
        assert features(RECORDING, "--out", tmp_path / "again.npz", *again) == 0
        got = np.load(tmp_path / "again.npz")
        # Where bands are written out, their weights are rounded once more.
        assert_close(got["features"], made["features"], 0 if "601" not in options else 2e-5)
        np.testing.assert_array_equal(got["times"], made["times"])
        assert got["frequencies"].shape == made["frequencies"].shape


class TestRecording:
    def test_is_what_its_program_makes(self):
        got, sample_rate = soundfile.read(RECORDING, dtype="int16")
        expected = make_recording.make_recording()
        assert sample_rate == make_recording.SAMPLE_RATE
        # 1: sines of other processors differ by an ulp, which may round to the next integer.
        assert_close(got.astype(int), expected.astype(int), 1)

    @pytest.mark.parametrize(("name", "limit"), [("flac", 200_000), ("png", 250_000)])
    def test_is_small(self, name, limit):
        assert RECORDING.with_suffix(f".{name}").stat().st_size < limit
