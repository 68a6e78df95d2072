"""The command `kapre-ref features`: what it computes, where it puts it, and what it leaves."""

import json
import os
import re
import signal
import subprocess
import sys
import tracemalloc
from pathlib import Path

import make_recording
import numpy as np
import pytest
import soundfile
import soxr
from closeness import assert_close, peak_of

from kapre_ref import (
    cli,
    feature_files,
    log_frequency_spectrogram,
    logmel_to_mfcc,
    melspectrogram,
    plot,
    recordings,
    stft_magnitude,
)

RECORDING = Path(__file__).parent / "data" / "recording.flac"


def run(*arguments):
    """Run the command in this process and return its exit status."""
    return cli.main([str(argument) for argument in arguments])


def features(*arguments):
    return run("features", *arguments)


def write_sound(path, seconds=0.3, sample_rate=22050, n_channels=1, seed=0, **options):
    """Write noise and return it, (time, channel), float32."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    sound = rng.uniform(-0.5, 0.5, (round(seconds * sample_rate), n_channels)).astype(np.float32)
    # Written under a plain name, for soundfile refuses some.
    plain = path.with_name(f"plain{path.suffix}")
    soundfile.write(plain, sound, sample_rate, **options)
    plain.rename(path)
    return sound


def files_below(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def single(folder, *options, name="a.wav", **sound):
    """Compute the features of noise, stored without loss, and return both."""
    samples = write_sound(folder / name, subtype="FLOAT", **sound)
    assert features(folder / name, "--out", folder / "out.npy", "--overwrite", *options) == 0
    return np.load(folder / "out.npy"), samples


def assert_features(got, expected):
    """Require the same up to the rounding of float32: kernels work in blocks of their own."""
    assert got.dtype == np.float32
    # Decibels: 2e-4 as for all of them. Else 8 eps of the peak, as for any spectrogram.
    assert_close(got, expected, 2e-4 if expected.min() < 0 else 1e-6 * peak_of(expected))


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

    @pytest.mark.parametrize("sample_rate", [8000, 44100])
    def test_sample_rate_resamples(self, tmp_path, sample_rate):
        got, samples = single(tmp_path, "--sample-rate", sample_rate, n_channels=2)
        resampled = soxr.resample(samples, 22050, sample_rate)
        formats = {"output_data_format": "channels_first"}
        expected = melspectrogram(
            resampled[None], sample_rate=sample_rate, return_decibel=True, **formats
        )
        assert_features(got, expected[0])

    @pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
    def test_reads_format(self, tmp_path, suffix):
        write_sound(tmp_path / f"a.{suffix}", seconds=1)
        status = features(tmp_path / f"a.{suffix}", "--out", tmp_path / "out.npy", "--no-decibel")
        got = np.load(tmp_path / "out.npy")
        expected = melspectrogram(soundfile.read(tmp_path / f"a.{suffix}", dtype="float32")[0])
        assert status == 0
        assert_features(got, expected)


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
        seconds = 0.05 if block_size == 1 else 0.3  # a sample at a time takes its time
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
        monkeypatch.setattr(cli, "_SCRATCH_BYTES", scratch_bytes)
        got, _ = single(tmp_path, *options, n_channels=2)
        assert got.shape == expected.shape == (2, 38, 20)
        assert_features(got, expected)

    def test_memory_does_not_grow_with_length(self, tmp_path, monkeypatch):
        monkeypatch.setattr(recordings, "BLOCK_SIZE", 1 << 14)
        monkeypatch.setattr(cli, "_SCRATCH_BYTES", 1 << 14)
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
    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency"])
    def test_frequencies_and_times_locate_a_tone_burst(self, tmp_path, kind):
        time = np.arange(22050) / 22050
        burst = np.exp(-(((time - 0.6) / 0.01) ** 2)) * np.sin(2 * np.pi * 1000 * time)
        soundfile.write(tmp_path / "a.wav", burst, 22050)
        options = ["--feature", kind, "--no-decibel", "--hop-length", "64", "--pad-begin"]
        assert features(tmp_path / "a.wav", "--out", tmp_path / "a.npz", *options) == 0
        made = np.load(tmp_path / "a.npz")
        frame, band = np.unravel_index(made["features"].argmax(), made["features"].shape)
        assert abs(made["times"][frame] - 0.6) <= 64 / 22050  # a hop
        nearest = np.abs(made["frequencies"] - 1000).argmin()
        assert abs(band - nearest) <= 1
        assert made["features"].shape == (len(made["times"]), len(made["frequencies"]))

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


class TestOutputs:
    def test_keeps_sub_folders(self, tmp_path):
        write_sound(tmp_path / "in" / "x" / "a.wav")
        write_sound(tmp_path / "in" / "b.flac")
        write_sound(tmp_path / "in" / ".hidden.wav")
        (tmp_path / "in" / "notes.txt").write_text("no recording")
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        assert files_below(tmp_path / "out") == ["b.npy", "x/a.npy"]

    def test_same_name_keeps_suffix(self, tmp_path):
        for name in ("a.wav", "a.flac", "b.wav"):
            write_sound(tmp_path / "in" / name)
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        assert files_below(tmp_path / "out") == ["a.flac.npy", "a.wav.npy", "b.npy"]

    def test_same_name_of_two_inputs_keeps_path(self, tmp_path):
        for folder, seed in (("x", 1), ("y", 2)):
            write_sound(tmp_path / folder / "a.wav", seed=seed)
        inputs = (tmp_path / "x", tmp_path / "y" / "a.wav")
        assert features(*inputs, "--out", tmp_path / "out") == 0
        assert files_below(tmp_path / "out") == ["x/a.wav.npy", "y/a.wav.npy"]
        first, second = (np.load(tmp_path / "out" / n / "a.wav.npy") for n in "xy")
        assert not np.array_equal(first, second)

    def test_no_two_outputs_are_alike(self, tmp_path):
        names = ["in/x/a.wav.ogg", "p/x/a.wav", "q/a.wav"]
        found = [recordings.Found(str(tmp_path / name), name.split("/", 1)[1]) for name in names]
        found.append(recordings.Found(str(tmp_path / "p/a.wav"), "a.wav"))
        outputs = feature_files.place_outputs(found, "out", "npy")
        assert len(set(outputs)) == len(outputs) == 4

    def test_refuses_what_would_still_meet(self):
        found = [
            recordings.Found("/s/x/a.wav", "a.wav"),
            recordings.Found("/s/y/a.wav", "a.wav"),
            recordings.Found("/t/x/a.wav.wav", "x/a.wav.wav"),
        ]
        with pytest.raises(ValueError, match=r"/s/x/a.wav and /t/x/a.wav.wav would both be out"):
            feature_files.place_outputs(found, "out", "npy")

    def test_a_recording_given_twice_is_done_once(self, tmp_path, capsys):
        write_sound(tmp_path / "in" / "a.wav")
        inputs = (tmp_path / "in", tmp_path / "in" / "a.wav")
        assert features(*inputs, "--out", tmp_path / "out") == 0
        assert capsys.readouterr().out.count("wrote") == 1

    def test_keeps_what_is_done(self, tmp_path, capsys):
        sound = write_sound(tmp_path / "a.wav")
        for expected in ("1 written, 0 kept", "0 written, 1 kept"):
            assert features(tmp_path / "a.wav", "--out", tmp_path / "out") == 0
            assert expected in capsys.readouterr().out
        soundfile.write(tmp_path / "a.wav", sound / 2, 22050)
        before = np.load(tmp_path / "out" / "a.npy")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "out", "--overwrite") == 0
        after = np.load(tmp_path / "out" / "a.npy")
        assert not np.array_equal(before, after)

    def test_done_includes_the_picture(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav")
        for options, expected in (
            ([], "1 written"),
            (["--plot"], "1 written"),
            (["--plot"], "1 kept"),
            ([], "1 kept"),
        ):
            assert features(tmp_path / "a.wav", "--out", tmp_path / "out", *options) == 0
            assert expected in capsys.readouterr().out
        assert files_below(tmp_path / "out") == ["a.npy", "a.png"]

    def test_spares_a_picture_that_is_not_its_own(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav")
        (tmp_path / "a.png").write_bytes(b"cover")
        assert features(tmp_path / "a.wav", "--out", tmp_path, "--plot") == 1
        assert "a.png exists without" in capsys.readouterr().err
        assert (tmp_path / "a.png").read_bytes() == b"cover"

    def test_says_what_it_wrote(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav", n_channels=2)
        features(tmp_path / "a.wav", "--out", tmp_path / "o.npy")
        line, summary = capsys.readouterr().out.splitlines()
        assert line == f"wrote {tmp_path / 'o.npy'}: (2, 9, 128), 0.30 s at 22050 Hz"
        assert summary.startswith("1 written, 0 kept, 0 failed in ")

    def test_quiet(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav")
        features(tmp_path / "a.wav", "--out", tmp_path / "o.npy", "--quiet")
        assert capsys.readouterr() == ("", "")

    def test_any_file_name(self, tmp_path, capsys):
        names = ["$x_1$.wav", "\u97f3\u697d.wav", "a b\n.wav", "x" * 250 + ".wav", "a.b.c.wav"]
        if sys.platform == "linux":
            names.append(os.fsdecode(b"\xff.wav"))
        for name in names:
            write_sound(tmp_path / "in" / name, seconds=0.1)
        assert features(tmp_path / "in", "--out", tmp_path / "out", "--plot") == 0
        assert len(files_below(tmp_path / "out")) == 2 * len(names)
        assert len(capsys.readouterr().out.splitlines()) == len(names) + 1


class TestFailures:
    """A judge's folder: 50 recordings, good, odd and bad."""

    GOOD = (
        [(f"good{index}.wav", {"seed": index}) for index in range(36)]
        + [(f"sub/{suffix}.{suffix}", {}) for suffix in ("flac", "ogg", "mp3")]
        + [
            ("eight_channels.wav", {"n_channels": 8}),
            ("telephone.wav", {"sample_rate": 8000, "seconds": 0.5}),
            ("bats.wav", {"sample_rate": 192000}),
        ]
    )
    BAD = (
        ("cut.flac", "lost sync"),
        ("empty.wav", "the file is empty"),
        ("infinite.wav", "NaN or infinite after 0.00 s"),
        ("noise.mp3", "no sound file that can be read: unknown format"),
        ("only_header.wav", "no samples"),
        (
            "scrambled.wav",
            "no sound file that can be read: (Format not rec|File contains)",
        ),
        ("short.wav", r"too short for a frame: 0.045 s of sound, and a frame takes 0.093 s"),
        (
            "text.wav",
            "no sound file that can be read: (Format not rec|File contains)",
        ),
    )

    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "in"
        for name, sound in self.GOOD:
            write_sound(folder / name, **sound)
        write_sound(folder / "cut.flac", seconds=2)
        whole = (folder / "cut.flac").read_bytes()
        (folder / "cut.flac").write_bytes(whole[: len(whole) // 2])
        (folder / "empty.wav").touch()
        soundfile.write(folder / "infinite.wav", np.full(5000, np.inf), 22050, subtype="FLOAT")
        noise = np.random.default_rng(1).integers(0, 255, 20000, np.uint8).tobytes()
        (folder / "noise.mp3").write_bytes(b"\0" * 64 + noise.replace(b"\xff", b"\0"))
        write_sound(folder / "only_header.wav", seconds=0)
        (folder / "scrambled.wav").write_bytes((folder / "good0.wav").read_bytes()[::-1])
        write_sound(folder / "short.wav", seconds=0.045)
        (folder / "text.wav").write_text("Dear Sir, enclosed is the recording.\n" * 50)
        return folder

    def test_good_ones_are_done_and_bad_ones_named(self, tmp_path, folder, capsys):
        out = tmp_path / "out"
        status = features(folder, "--out", out)
        captured = capsys.readouterr()
        assert status == 1
        assert files_below(out) == sorted(
            str(Path(name).with_suffix(".npy")) for name, _ in self.GOOD
        )
        assert captured.out.splitlines()[-1].startswith("42 written, 0 kept, 8 failed in ")
        named = [line for line in captured.err.splitlines() if "failed:" in line]
        for line, (name, reason) in zip(named, self.BAD, strict=True):
            path, text = line.removeprefix("kapre-ref: failed: ").split(": ", 1)
            assert path == str(folder / name)
            assert re.search(reason, text), text
        assert np.load(out / "eight_channels.npy").shape == (8, 9, 128)
        assert np.load(out / "bats.npy").shape == (109, 128)

    def test_same_again_with_one_sample_rate(self, tmp_path, folder, capsys):
        out = tmp_path / "out"
        options = ["--sample-rate", "16000", "--mono", "--pad-end", "--quiet", "--format", "npz"]
        status = features(folder, "--out", out, *options)
        assert status == 1
        assert len(files_below(out)) == 43  # padded, a short one is long enough
        for name in files_below(out):
            assert np.load(out / name)["features"].shape[1:] == (128,)
        captured = capsys.readouterr()
        assert captured.out == ""
        assert captured.err.count("failed:") == 7

    def test_inputs_that_are_no_recordings(self, tmp_path, capsys):
        (tmp_path / "in").mkdir()
        write_sound(tmp_path / "a.wav")
        inputs = (tmp_path / "in", tmp_path / "none.wav", tmp_path / "a.wav")
        assert features(*inputs, "--out", tmp_path / "out") == 1
        err = capsys.readouterr().err
        assert "in: no recording in this folder (.wav, .flac" in err
        assert "none.wav: No such file or directory" in err
        assert files_below(tmp_path / "out") == ["a.npy"]

    def test_warns_of_a_file_that_was_cut_off(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav", seconds=1)
        whole = (tmp_path / "a.wav").read_bytes()
        (tmp_path / "a.wav").write_bytes(whole[: len(whole) // 2])
        assert features(tmp_path / "a.wav", "--out", tmp_path / "a.npy") == 0
        assert "only 0.50 s, less than its header announces" in capsys.readouterr().err

    def test_does_not_warn_of_a_length_that_was_unknown(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav", seconds=1)
        whole = (tmp_path / "a.wav").read_bytes()
        at = whole.index(b"data") + 4  # what ffmpeg writes to a pipe
        (tmp_path / "a.wav").write_bytes(whole[:at] + b"\xff" * 4 + whole[at + 4 :])
        assert features(tmp_path / "a.wav", "--out", tmp_path / "a.npy") == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("broken", ["write_npy", "draw_features"])
    def test_an_error_while_writing_leaves_nothing_half_done(self, tmp_path, monkeypatch, broken):
        def fail(file, *_):
            file.write(b"half")
            raise OSError(28, "No space left on device")

        module = cli if broken == "write_npy" else plot
        monkeypatch.setattr(module, broken, fail)
        write_sound(tmp_path / "a.wav")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "out", "--plot") == 1
        expected = [] if broken == "write_npy" else ["a.npy"]
        assert files_below(tmp_path / "out") == expected


INTERRUPTED = """
import os, signal, sys
from kapre_ref import cli, {module}

original, calls = {module}.{function}, []

def interrupting(*arguments, **options):
    calls.append(1)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.{signal})
    return original(*arguments, **options)

{module}.{function} = interrupting
sys.exit(cli.main(["features", "in", "--out", "out", "--plot"]))
"""


class TestInterrupt:
    """A real signal to a real process, at a place that is the same each time."""

    @pytest.mark.parametrize(
        ("name", "module", "function", "call"),
        [
            ("SIGINT", "recordings", "logmel_to_mfcc", 0),
            ("SIGINT", "recordings", "stretches", 2),
            ("SIGTERM", "feature_files", "_write_features", 2),
            ("SIGINT", "plot", "pooled", 2),
        ],
        ids=["never", "while reading", "while writing", "while drawing"],
    )
    def test_leaves_complete_files_only(self, tmp_path, name, module, function, call):
        for recording in ("a.wav", "b.wav", "c.wav"):
            write_sound(tmp_path / "in" / recording)
        fields = {"signal": name, "module": module, "function": function, "call": call}
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED.format(**fields)],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        complete = {0: "abc"}.get(call, "a")
        expected = [f"{letter}.{suffix}" for letter in complete for suffix in ("npy", "png")]
        expected += ["b.npy"] if function == "pooled" else []
        assert files_below(tmp_path / "out") == sorted(expected)
        assert done.returncode == (128 + getattr(signal, name) if call else 0), done.stderr
        assert "Traceback" not in done.stderr
        assert ("interrupted" in done.stderr) == bool(call)

    def test_handlers_are_put_back(self, tmp_path):
        before = signal.getsignal(signal.SIGINT)
        write_sound(tmp_path / "a.wav")
        features(tmp_path / "a.wav", "--out", tmp_path / "a.npy")
        assert signal.getsignal(signal.SIGINT) is before


class TestUsage:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("--n-fft 0", "n_fft must be an integer at least 1, got 0"),
            ("--hop-length -5", "hop_length must be an integer at least 1, got -5"),
            ("--win-length 0", "win_length must be an integer at least 1, got 0"),
            ("--window-name hann", "window_name must be one of .*, got 'hann'"),
            ("--hop-length 4096 --pad-begin", "hop_length must be at most n_fft=2048 with pad_b"),
            ("--n-mels 0", "n_mels must be an integer at least 1, got 0"),
            ("--mel-f-min 500 --mel-f-max 400", "mel_f_min must be less than mel_f_max=400"),
            ("--mel-f-max 9000 --sample-rate 16000", "mel_f_max must be at most sample_rate / 2"),
            ("--mel-norm -1", "mel_norm must be 'slaney', None or a number of 0 or more"),
            ("--db-amin 0", "db_amin must be positive, got 0.0"),
            ("--db-dynamic-range nan", "db_dynamic_range must be a finite number, got nan"),
            ("--sample-rate 0", "sample_rate must be positive, got 0"),
            ("--feature mfcc --n-mfccs 200", "n_mfccs must be at most n_mels=128"),
            ("--feature log-frequency --sample-rate 4000", "log_n_bins must be so small"),
            ("--feature log-frequency --log-spread 0", "log_spread must be positive, got 0.0"),
            ("--feature stft --n-mels 4", "--n-mels has no meaning with --feature stft"),
            ("--feature mfcc --no-decibel", "--no-decibel has no meaning with --feature mfcc"),
            ("--n-mfccs 13", "--n-mfccs has no meaning with --feature mel"),
            ("--format npz", "--out must end in .npz with --format, got .*out.npy"),
        ],
    )
    def test_refuses_before_any_work(self, tmp_path, capsys, options, message):
        write_sound(tmp_path / "a.wav")
        status = features(tmp_path / "a.wav", "--out", tmp_path / "out.npy", *options.split())
        error = capsys.readouterr().err
        assert status == 2
        assert re.match(f"kapre-ref: error: {message}", error), error
        assert files_below(tmp_path) == ["a.wav"]

    @pytest.mark.parametrize(
        "options",
        ["", "features", "features a.wav", "features a.wav --out b --n-fft x", "check --jsn x"],
    )
    def test_refuses_what_it_cannot_parse(self, capsys, options):
        with pytest.raises(SystemExit, match="2"):
            run(*options.split())
        assert "kapre-ref" in capsys.readouterr().err

    def test_one_output_for_many_recordings(self, tmp_path, capsys):
        inputs = (tmp_path / "a.wav", tmp_path / "b.wav")
        assert features(*inputs, "--out", tmp_path / "x.npy") == 2
        assert "--out must be a folder unless there is one recording" in capsys.readouterr().err

    def test_output_folder_that_is_a_file(self, tmp_path, capsys):
        (tmp_path / "out").write_text("")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "out") == 2
        assert "must be a folder or end in .npy or .npz" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("package", "options"),
        [
            ("soundfile", []),
            ("soxr", ["--sample-rate", "8000"]),
            ("matplotlib", ["--plot"]),
        ],
    )
    def test_names_the_extra_of_a_missing_package(
        self, tmp_path, capsys, monkeypatch, package, options
    ):
        monkeypatch.setitem(sys.modules, package, None)
        status = features(RECORDING, "--out", tmp_path / "out", *options)
        error = capsys.readouterr().err
        assert status == 2
        assert f"needs the package {package}" in error
        assert 'pip install "kapre_ref[cli]"' in error

    def test_help_names_every_option_of_the_functions(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            run("features", "--help")
        text = capsys.readouterr().out
        for function in recordings.FUNCTIONS.values():
            for name in recordings.inspect.signature(function).parameters:
                if name not in recordings._SET_HERE or name == "sample_rate":
                    assert "--" + name.replace("_", "-") in text

    def test_module_runs(self):
        got = subprocess.run(
            [sys.executable, "-m", "kapre_ref", "--version"],
            capture_output=True,
            text=True,
            check=True,
        )
        assert got.stdout.startswith("kapre-ref 0.")

    def test_progress_bar_only_on_a_terminal(self, tmp_path, capsys, monkeypatch):
        for name in ("a.wav", "b.wav"):
            write_sound(tmp_path / "in" / name)
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        assert "2/2" not in capsys.readouterr().err
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
        assert features(tmp_path / "in", "--out", tmp_path / "other") == 0
        captured = capsys.readouterr()
        assert "2/2" in captured.err
        assert captured.out.count("wrote") == 2


class TestPicture:
    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency", "mfcc"])
    def test_axes_are_labelled(self, tmp_path, monkeypatch, kind):
        from matplotlib.figure import Figure

        figures = []
        original = Figure.savefig
        monkeypatch.setattr(
            Figure, "savefig", lambda self, *a, **k: figures.append(self) or original(self, *a, **k)
        )
        options = ["--feature", kind, "--plot"]
        assert features(RECORDING, "--out", tmp_path / "a.npy", *options) == 0
        panel, bar = figures[0].axes
        expected = ("value", "coefficient") if kind == "mfcc" else ("dB", "frequency (Hz)")
        assert (bar.get_ylabel(), panel.get_ylabel()) == expected
        assert panel.get_xlabel() == "time (s)"
        assert "recording.flac" in figures[0].get_suptitle()
        start, stop = panel.get_xlim()
        assert 0 <= start < 0.1
        assert 5.9 < stop <= 6
        if kind != "mfcc":
            labels = [float(label.get_text()) for label in panel.get_yticklabels()]
            assert len(labels) >= 4
            rows = panel.get_yticks()
            frequencies = recordings.Feature(kind).frequencies(22050)
            assert_close(np.interp(rows, np.arange(len(frequencies)), frequencies), labels, 1e-6)

    def test_a_column_is_the_loudest_of_its_frames(self, tmp_path, monkeypatch):
        monkeypatch.setattr(plot, "MAX_COLUMNS", 10)
        write_sound(tmp_path / "a.wav", seconds=1)
        feature = recordings.Feature("stft")
        with (
            recordings.Recording(str(tmp_path / "a.wav")) as recording,
            open(tmp_path / "scratch", "w+b") as scratch,
        ):
            made = recordings.RecordingFeatures(recording, feature, scratch)
            whole = np.concatenate(list(made.blocks(0)))
            got = plot.pooled(made, 0)
        expected = [whole[start : start + 4].max(axis=0) for start in range(0, 40, 4)]
        np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize("linear", [True, False])
    @pytest.mark.parametrize("highest", [100, 4000, 11025, 96000])
    def test_ticks_are_round_and_few(self, linear, highest):
        lowest = 0 if linear else 20
        frequencies = np.linspace(lowest, highest, 300)
        if not linear:
            frequencies = np.geomspace(lowest, highest, 300)
        got = plot.tick_frequencies(frequencies, linear)
        assert 2 <= len(got) <= 12
        assert lowest <= got[0] < got[-1] <= highest
        assert all(float(f"{frequency:.2g}") == frequency for frequency in got)


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
