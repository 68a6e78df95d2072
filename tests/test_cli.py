"""The command on good and bad recordings, when it is interrupted, and when it is misused."""

import inspect
import re
import signal
import subprocess
import sys

import numpy as np
import pytest
from command import RECORDING, features, files_below, run, write_sound

from kapre_ref.command import plot, recording_features
from kapre_ref.command.options import FUNCTIONS, SET_HERE
from kapre_ref.job import _recording

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")


class TestFailures:
    """A folder of 51 recordings, good, odd and bad, is treated file by file."""

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
        ("infinite.wav", r"NaN or infinite, the first at 0\.181 s"),
        ("nan.wav", r"NaN or infinite, the first at 0\.181 s"),
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
        for name, value in (("infinite", -np.inf), ("nan", np.nan)):
            sound = np.zeros((5000, 2))
            sound[4000, 1] = value  # It has a single sample.
            soundfile.write(folder / f"{name}.wav", sound, 22050, subtype="FLOAT")
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
        assert files_below(out) == sorted(f"{name}.npy" for name, _ in self.GOOD)
        assert captured.out.splitlines()[-1].startswith("42 written, 0 kept, 9 failed in ")
        named = [line for line in captured.err.splitlines() if "failed:" in line]
        for line, (name, reason) in zip(named, self.BAD, strict=True):
            path, text = line.removeprefix("kapre-ref: failed: ").split(": ", 1)
            assert path == str(folder / name)
            assert re.search(reason, text), text
        assert np.load(out / "eight_channels.wav.npy").shape == (8, 9, 128)
        assert np.load(out / "bats.wav.npy").shape == (109, 128)

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
        assert captured.err.count("failed:") == 8

    def test_inputs_that_are_no_recordings(self, tmp_path, capsys):
        (tmp_path / "in").mkdir()
        write_sound(tmp_path / "a.wav")
        inputs = (tmp_path / "in", tmp_path / "none.wav", tmp_path / "a.wav")
        assert features(*inputs, "--out", tmp_path / "out") == 1
        err = capsys.readouterr().err
        assert "in: no recording in this folder\n" in err
        assert "none.wav: No such file or directory\n" in err
        assert files_below(tmp_path / "out") == ["a.wav.npy"]

    @pytest.mark.parametrize("kind", [KeyError, MemoryError, RuntimeError, AssertionError])
    def test_any_error_of_a_recording_leaves_the_others_alone(
        self, tmp_path, monkeypatch, capsys, kind
    ):
        calls, original = [], _recording.RecordingFeatures

        def fail_for_the_second(*arguments):
            calls.append(arguments)
            if len(calls) == 2:
                raise kind("of all things")
            return original(*arguments)

        for name in ("a.wav", "b.wav", "c.wav"):
            write_sound(tmp_path / "in" / name)
        monkeypatch.setattr(_recording, "RecordingFeatures", fail_for_the_second)
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 1
        assert files_below(tmp_path / "out") == ["a.wav.npy", "c.wav.npy"]
        captured = capsys.readouterr()
        assert "2 written, 0 kept, 1 failed" in captured.out
        assert re.search(r"failed: .*b\.wav: .*of all things", captured.err)

    def test_names_the_output_that_cannot_be_written(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav")
        (tmp_path / "out" / "a.wav.npy").mkdir(parents=True)  # This is a folder.
        options = ("--out", tmp_path / "out", "--overwrite")
        assert features(tmp_path / "a.wav", *options) == 1
        error = capsys.readouterr().err
        assert error.startswith(f"kapre-ref: failed: {tmp_path / 'a.wav'}: ")
        assert str(tmp_path / "out") in error.partition(": ")[2].partition("a.wav: ")[2]
        assert files_below(tmp_path / "out") == []

    def test_does_not_warn_of_a_length_that_was_unknown(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav", seconds=1)
        whole = (tmp_path / "a.wav").read_bytes()
        at = whole.index(b"data") + 4  # ffmpeg writes such a length to a pipe.
        (tmp_path / "a.wav").write_bytes(whole[:at] + b"\xff" * 4 + whole[at + 4 :])
        assert features(tmp_path / "a.wav", "--out", tmp_path / "a.npy") == 0
        assert capsys.readouterr().err == ""

    @pytest.mark.parametrize("broken", ["write_npy", "draw_features"])
    def test_an_error_while_writing_leaves_nothing_half_done(self, tmp_path, monkeypatch, broken):
        def fail(file, *_):
            file.write(b"half")
            raise OSError(28, "No space left on device")

        module = _recording if broken == "write_npy" else plot
        monkeypatch.setattr(module, broken, fail)
        write_sound(tmp_path / "a.wav")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "out", "--plot") == 1
        expected = [] if broken == "write_npy" else ["a.wav.npy"]
        assert files_below(tmp_path / "out") == expected


# Children ignore all signals that the process of the tests ignores, so each takes all again.
INTERRUPTED = """
import os, signal, sys
from kapre_ref.command import cli, feature_files, {module}

for name in ("SIGINT", "SIGTERM", "SIGHUP"):
    signal.signal(getattr(signal, name), signal.{disposition})
if signal.{disposition} is signal.SIG_DFL:
    signal.signal(signal.SIGINT, signal.default_int_handler)

original, calls = {module}.{function}, []
unlink = os.unlink

def interrupting(*arguments, **options):
    calls.append(1)
    if len(calls) == {call}:
        os.kill(os.getpid(), signal.{signal})
    return original(*arguments, **options)

def interrupted_too(*arguments, **options):
    if len(calls) >= {call}:
        os.kill(os.getpid(), signal.{signal})
    return unlink(*arguments, **options)

{module}.{function} = interrupting
if {again}:
    feature_files.os.unlink = interrupted_too
sys.exit(cli.main(["features", "in", "--out", "out", "--plot", "--workers", "1"]))
"""


@pytest.mark.slow
class TestInterrupt:
    """A real process gets a real signal, always at the same point of its work."""

    def interrupted(self, folder, name, function, call, again=False, disposition="SIG_DFL"):
        """Send a signal while three recordings are at work; return the process when it is done."""
        module, function = function.split(".")
        for recording in ("a.wav", "b.wav", "c.wav"):
            write_sound(folder / "in" / recording)
        fields = {"signal": name, "module": module, "function": function, "call": call}
        code = INTERRUPTED.format(**fields, again=again, disposition=disposition)
        return subprocess.run(
            [sys.executable, "-c", code],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    @pytest.mark.parametrize("again", [False, True], ids=["once", "again while cleaning"])
    @pytest.mark.parametrize(
        ("name", "function"),
        [
            ("SIGINT", "recording_features.sections"),
            ("SIGTERM", "feature_files._write_features"),
            ("SIGHUP", "feature_files._write_features"),
            ("SIGINT", "plot.pooled"),
        ],
    )
    def test_leaves_complete_files_only(self, tmp_path, name, function, again):
        done = self.interrupted(tmp_path, name, function, 2, again)
        expected = ["a.wav.npy", "a.wav.png"] + ["b.wav.npy"] * (function == "plot.pooled")
        assert files_below(tmp_path / "out") == expected
        assert done.returncode == 128 + getattr(signal, name), done.stderr
        assert "Traceback" not in done.stderr
        assert "interrupted" in done.stderr

    @pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
    def test_heeds_what_was_ignored_before(self, tmp_path, name):
        done = self.interrupted(
            tmp_path, name, "feature_files._write_features", 2, disposition="SIG_IGN"
        )
        assert done.returncode == 0, done.stderr
        assert "interrupted" not in done.stderr
        self.assert_all_done(tmp_path)

    def test_is_not_imagined(self, tmp_path):
        done = self.interrupted(tmp_path, "SIGINT", "recording_features.logmel_to_mfcc", 0)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        self.assert_all_done(tmp_path)

    def assert_all_done(self, folder):
        expected = [f"{letter}.wav.{suffix}" for letter in "abc" for suffix in ("npy", "png")]
        assert files_below(folder / "out") == expected

    @pytest.fixture
    def heeded(self):
        """Handle all signals, even those that the test process ignores."""
        earlier = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
        for each in earlier:
            signal.signal(each, signal.default_int_handler)
        yield
        for each, handler in earlier.items():
            signal.signal(each, handler)

    @pytest.mark.usefixtures("heeded")
    def test_is_not_lost_in_a_destructor(self, tmp_path, monkeypatch, capsys):
        class Freed:
            def __del__(self):
                signal.raise_signal(signal.SIGTERM)

        for name in ("a.wav", "b.wav"):
            write_sound(tmp_path / "in" / name)
        original = recording_features.sections
        monkeypatch.setattr(recording_features, "sections", lambda *a: Freed() and original(*a))
        dropped = []
        monkeypatch.setattr(sys, "unraisablehook", dropped.append)
        status = features(tmp_path / "in", "--out", tmp_path / "out", "--workers", "1")
        assert status == 128 + signal.SIGTERM
        assert files_below(tmp_path / "out") == ["a.wav.npy"]
        assert "interrupted" in capsys.readouterr().err
        assert dropped == []

    @pytest.mark.usefixtures("heeded")
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
            ("--window-name han", "window_name must be one of .*, got 'han'"),
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
            ("PIL", ["--plot"]),
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
        for function in FUNCTIONS.values():
            for name in inspect.signature(function).parameters:
                if name not in SET_HERE or name == "sample_rate":
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
