"""Each output has a path of its own, and no recording is computed twice or lost."""

import os
import sys

import numpy as np
import pytest
from command import features, files_below, write_sound

from kapre_ref.command import feature_files, search

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")


class TestOutputs:
    def test_keeps_sub_folders(self, tmp_path):
        write_sound(tmp_path / "in" / "x" / "a.wav")
        write_sound(tmp_path / "in" / "b.flac")
        write_sound(tmp_path / "in" / ".hidden.wav")
        (tmp_path / "in" / "notes.txt").write_text("no recording")
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        assert files_below(tmp_path / "out") == ["b.npy", "x/a.npy"]

    def test_finds_every_suffix_and_nothing_hidden(self, tmp_path):
        suffixes = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff")
        names = [f"x/a{suffix}" for suffix in suffixes] + ["A.WAV", "b.Mp3", "x/y.z/c.AIFF"]
        others = [".a.wav", ".git/a.wav", "x/.cache/deep/a.wav", "a.txt", "wav", "a.wav.bak"]
        for name in names + others:
            path = tmp_path / "in" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        (tmp_path / "in" / "folder.wav").mkdir()
        found, failures = search.find_recordings([str(tmp_path / "in")])
        assert sorted(recording.relative for recording in found) == sorted(names)
        assert failures == []

    def test_takes_a_file_that_is_named_whatever_its_name(self, tmp_path):
        for name in (".hidden.wav", "sound", "sound.w64"):
            (tmp_path / name).touch()
            found, failures = search.find_recordings([str(tmp_path / name)])
            assert [recording.relative for recording in found] == [name]
            assert failures == []

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
        found = [search.Found(str(tmp_path / name), name.split("/", 1)[1]) for name in names]
        found.append(search.Found(str(tmp_path / "p/a.wav"), "a.wav"))
        outputs = feature_files.place_outputs(found, "out", "npy")
        assert len(set(outputs)) == len(outputs) == 4

    def test_refuses_what_would_still_meet(self):
        found = [
            search.Found("/s/x/a.wav", "a.wav"),
            search.Found("/s/y/a.wav", "a.wav"),
            search.Found("/t/x/a.wav.wav", "x/a.wav.wav"),
        ]
        with pytest.raises(ValueError, match=r"/s/x/a.wav and /t/x/a.wav.wav would both be out"):
            feature_files.place_outputs(found, "out", "npy")

    def test_a_recording_given_twice_is_done_once(self, tmp_path, capsys):
        write_sound(tmp_path / "in" / "a.wav")
        inputs = (tmp_path / "in", tmp_path / "in" / "a.wav")
        assert features(*inputs, "--out", tmp_path / "out") == 0
        assert capsys.readouterr().out.count("wrote") == 1

    @pytest.mark.parametrize("plot", [[], ["--plot"]], ids=["features", "picture"])
    def test_keeps_what_is_done(self, tmp_path, capsys, plot):
        def outputs():
            return {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}

        sound = write_sound(tmp_path / "a.wav", seconds=1)
        options = ("--out", tmp_path / "out", *plot)
        for expected in ("1 written, 0 kept", "0 written, 1 kept"):
            assert features(tmp_path / "a.wav", *options) == 0
            assert expected in capsys.readouterr().out
        before = outputs()
        assert len(before) == 1 + len(plot)
        soundfile.write(tmp_path / "a.wav", sound[::-1] / 2, 22050)
        assert features(tmp_path / "a.wav", *options) == 0
        assert outputs() == before
        assert features(tmp_path / "a.wav", *options, "--overwrite") == 0
        assert "1 written, 0 kept" in capsys.readouterr().out
        after = outputs()
        assert after.keys() == before.keys()
        assert all(after[name] != before[name] for name in before)

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

    @pytest.mark.slow
    def test_any_file_name(self, tmp_path, capsys):
        names = ["$x_1$.wav", "\u97f3\u697d.wav", "a b\n.wav", "x" * 250 + ".wav", "a.b.c.wav"]
        if sys.platform == "linux":
            names.append(os.fsdecode(b"\xff.wav"))
        for name in names:
            write_sound(tmp_path / "in" / name, seconds=0.1)
        assert features(tmp_path / "in", "--out", tmp_path / "out", "--plot") == 0
        assert len(files_below(tmp_path / "out")) == 2 * len(names)
        assert len(capsys.readouterr().out.splitlines()) == len(names) + 1
