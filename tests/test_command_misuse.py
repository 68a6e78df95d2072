"""Nothing that a user can cause ends in a traceback, and messages name what is wrong."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from command import RECORDING, features, files_below, run, write_sound

ROOT = Path(__file__).parents[1]


class TestMessages:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("--n_mels 40", "unrecognized arguments: --n_mels 40; did you mean --n-mels?"),
            ("--nmels=40", "unrecognized arguments: --nmels=40; did you mean --n-mels?"),
            ("--overwite", "unrecognized arguments: --overwite; did you mean --overwrite?"),
            ("--xyzzy", "unrecognized arguments: --xyzzy\n"),
        ],
    )
    def test_unknown_options_are_refused_by_their_command(self, capsys, options, message):
        with pytest.raises(SystemExit, match="2"):
            features("a.wav", "--out", "out", *options.split())
        error = capsys.readouterr().err
        assert error.startswith("usage: kapre-ref features RECORDING... --out PATH [options]\n")
        assert f"kapre-ref features: error: {message}" in error

    def test_help_begins_with_examples(self, capsys):
        with pytest.raises(SystemExit, match="0"):
            features("--help")
        first_screen = capsys.readouterr().out.splitlines()[:24]
        assert sum("  kapre-ref features " in line for line in first_screen) >= 5

    @pytest.mark.parametrize("out", ["x.csv", "x.H5", "x.wav", "x.parquet", "-", ""])
    def test_outputs_that_look_like_other_files(self, tmp_path, capsys, monkeypatch, out):
        monkeypatch.chdir(tmp_path)
        assert features(RECORDING, "--out", out) == 2
        assert "--out must be a folder, or end in .npy or .npz for" in capsys.readouterr().err
        assert files_below(tmp_path) == []

    def test_a_seed_below_0(self, capsys):
        assert run("check", "--seed", "-1") == 2
        assert "--seed must be 0 or more, got -1" in capsys.readouterr().err

    def test_more_memory_than_there_is(self, tmp_path, capsys, monkeypatch):
        from kapre_ref.command import options

        def fail(*_):
            raise MemoryError("Unable to allocate 47.7 GiB")

        monkeypatch.setattr(options, "_made_front_end", fail)
        assert features(RECORDING, "--out", tmp_path / "out", "--n-fft", "100000000") == 2
        expected = "--n-fft 100000000 needs more memory than there is: Unable to allocate 47.7"
        assert expected in capsys.readouterr().err

    def test_a_number_of_threads_that_is_none(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setenv("KAPRE_REF_NUM_THREADS", "foo")
        assert features(RECORDING, "--out", tmp_path / "out") == 2
        assert "KAPRE_REF_NUM_THREADS must be an integer" in capsys.readouterr().err

    def test_no_rate_is_invented(self, tmp_path, capsys):
        options = ("--feature", "log-frequency", "--log-n-bins", "200")
        assert features(RECORDING, "--out", tmp_path / "out", *options) == 2
        assert "500000" not in capsys.readouterr().err


# Sends Ctrl-C while the command loads its own modules and their libraries.
INTERRUPTING = """
import os, signal, sys
class Finder:
    def find_spec(name, *_):
        if name == "kapre_ref.command.decoders":
            os.kill(os.getpid(), signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Finder)
"""
INTERRUPTED_LATE = """
import atexit, os, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
atexit.register(os.kill, os.getpid(), signal.SIGINT)
"""


def start(*arguments, before="", **options):
    code = f"{before}\nimport sys; from kapre_ref.command.start import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, **options)


@pytest.mark.slow
class TestStreams:
    @pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
    @pytest.mark.parametrize("command", ["features", "front-ends", "show"])
    def test_a_full_disk_behind_standard_output(self, tmp_path, command):
        write_sound(tmp_path / "a.wav")
        arguments = {
            "features": ["features", tmp_path / "a.wav", "--out", tmp_path / "out"],
            "front-ends": ["front-ends"],
            "show": ["features", "--front-end", "whisper-80", "--show"],
        }[command]
        with open("/dev/full", "w") as full:
            process = start(*arguments, stdout=full)
            error = process.communicate()[1]
        assert process.returncode == 1
        assert error == "kapre-ref: error: the output cannot be written: No space left on device\n"

    @pytest.mark.parametrize("when", [INTERRUPTING, INTERRUPTED_LATE], ids=["loading", "done"])
    def test_an_interrupt_before_and_after_the_work(self, when):
        process = start("--version", before=when, stdout=subprocess.DEVNULL)
        error = process.communicate()[1]
        assert process.returncode == -signal.SIGINT
        assert error == ""
