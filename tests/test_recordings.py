"""The features of a recording: whole or piece by piece, they are those of the library."""

import json
import tracemalloc

import make_recording
import numpy as np
import pytest
from closeness import assert_close, peak_of
from command import RECORDING, features, write_sound

from kapre_ref import (
    log_frequency_spectrogram,
    logmel_to_mfcc,
    melspectrogram,
    stft_magnitude,
)
from kapre_ref.command import recording_features, recordings
from kapre_ref.command.options import FUNCTIONS

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")
soxr = pytest.importorskip("soxr", reason="needs soxr: the extra cli")


def single(folder, *options, name="a.wav", **sound):
    """Compute the features of noise, stored without loss, and return both."""
    samples = write_sound(folder / name, subtype="FLOAT", **sound)
    assert features(folder / name, "--out", folder / "out.npy", "--overwrite", *options) == 0
    return np.load(folder / "out.npy"), samples


def assert_features(got, expected):
    """Require what the library gives, to the bit: all that the command computes, it computes."""
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, expected)


def assert_resampled(got, expected):
    """Require the same up to rounding: a stream of blocks is resampled in other sums."""
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


class TestBlocks:
    """A recording read piece by piece gives what it gives in one piece."""

    @pytest.mark.parametrize("padding", [[], ["--pad-begin"], ["--pad-end"]], ids=str)
    @pytest.mark.parametrize("hop_length", [1, 100, 256, 300, 1000])
    @pytest.mark.parametrize("block_size", [1, 200, 999])
    def test_equals_one_piece(self, tmp_path, monkeypatch, padding, hop_length, block_size):
        if padding == ["--pad-begin"]:
            hop_length = min(hop_length, 256)
        options = ["--feature", "stft", "--n-fft", "256", "--hop-length", hop_length, *padding]
        options += ["--db-dynamic-range", "15"]
        seconds = 0.05 if 1 in (block_size, hop_length) else 0.3  # a sample at a time takes long
        whole, samples = single(tmp_path, *options, seconds=seconds)
        monkeypatch.setattr(recordings, "BLOCK_SIZE", block_size)
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
        monkeypatch.setattr(recordings, "BLOCK_SIZE", 777)
        monkeypatch.setattr(recording_features, "SCRATCH_BYTES", scratch_bytes)
        got, _ = single(tmp_path, *options, n_channels=2)
        assert got.shape == expected.shape == (2, 38, 20)
        assert_resampled(got, expected)

    def test_memory_does_not_grow_with_length(self, tmp_path, monkeypatch):
        monkeypatch.setattr(recordings, "BLOCK_SIZE", 1 << 14)
        monkeypatch.setattr(recording_features, "SCRATCH_BYTES", 1 << 14)
        write_sound(tmp_path / "a.wav", seconds=60)
        options = ["--feature", "stft", "--hop-length", "512", "--quiet"]
        features(RECORDING, "--out", tmp_path / "b.npy", *options)  # what loads once, is loaded
        tracemalloc.start()
        status = features(tmp_path / "a.wav", "--out", tmp_path / "a.npy", *options)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert status == 0
        assert (tmp_path / "a.npy").stat().st_size > 10_000_000
        assert peak < 2_000_000  # the block, its features, copies of both, and the tables


class TestNpz:
    def test_holds_how_it_was_made(self, tmp_path):
        options = ["--feature", "mfcc", "--sample-rate", "16000", "--n-fft", "400", "--format"]
        assert features(RECORDING, "--out", tmp_path, *options, "npz") == 0
        made = np.load(tmp_path / "recording.npz")
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
