"""Each output has a path of its own, and no recording is computed twice or lost."""

import os
import sys
from pathlib import Path

import pytest
from command import features, files_below, write_sound

from kapre_ref.command import feature_files, search
from kapre_ref.job import _recording

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")


class TestOutputs:
    def test_keeps_sub_folders(self, tmp_path):
        write_sound(tmp_path / "in" / "x" / "a.wav")
        write_sound(tmp_path / "in" / "b.flac")
        write_sound(tmp_path / "in" / ".hidden.wav")
        (tmp_path / "in" / "notes.txt").write_text("no recording")
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        assert files_below(tmp_path / "out") == ["b.flac.npy", "x/a.wav.npy"]

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

    def test_a_name_follows_from_the_recording_alone(self, tmp_path):
        for name, expected in (
            ("a.wav", ["a.wav.npy"]),
            ("a.flac", ["a.flac.npy", "a.wav.npy"]),
        ):
            write_sound(tmp_path / "in" / name)
            assert features(tmp_path / "in", "--out", tmp_path / "out", "--extend") == 0
            assert files_below(tmp_path / "out") == expected

    def test_refuses_two_recordings_of_one_name(self, tmp_path, capsys):
        for folder in "xy":
            write_sound(tmp_path / folder / "a.wav")
        inputs = (tmp_path / "x", tmp_path / "y" / "a.wav")
        assert features(*inputs, "--out", tmp_path / "out") == 2
        error = capsys.readouterr().err
        assert f"got {inputs[0] / 'a.wav'} and {inputs[1]}, which are both a.wav below" in error
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("name", ["x" * 251 + ".wav", "\u97f3" * 83 + "é.wav"])
    def test_a_name_with_no_room_for_a_suffix_ends_in_a_hash(self, name):
        one, other = (_recording.output_name(f"y/{n}", ".npy") for n in (name, f"a{name[1:]}"))
        assert one != other
        assert len(os.fsencode(one.removeprefix("y/"))) <= 255
        assert one.endswith(".npy")
        assert name.startswith(one.removeprefix("y/")[:-21])

    def test_a_recording_given_twice_is_done_once(self, tmp_path, capsys):
        write_sound(tmp_path / "in" / "a.wav")
        inputs = (tmp_path / "in", tmp_path / "in" / "a.wav")
        assert features(*inputs, "--out", tmp_path / "out") == 0
        assert capsys.readouterr().out.count("wrote") == 1

    @pytest.mark.parametrize("plot", [[], ["--plot"]], ids=["features", "picture"])
    def test_keeps_what_is_done(self, tmp_path, capsys, plot):
        def outputs():
            out = tmp_path / "out"
            return {name: (out / name).read_bytes() for name in files_below(out)}

        sound = write_sound(tmp_path / "a.wav", seconds=1)
        options = ("--out", tmp_path / "out", *plot)
        for expected in ("1 written, 0 kept", "0 written, 1 kept"):
            assert features(tmp_path / "a.wav", *options) == 0
            assert expected in capsys.readouterr().out
        before = outputs()
        assert len(before) == 1 + len(plot)
        assert features(tmp_path / "a.wav", *options, "--overwrite") == 0
        assert "1 written, 0 kept" in capsys.readouterr().out
        assert outputs() == before
        soundfile.write(tmp_path / "a.wav", sound[::-1] / 2, 22050)  # another recording
        assert features(tmp_path / "a.wav", *options) == 0
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
        assert files_below(tmp_path / "out") == ["a.wav.npy", "a.wav.png"]

    def test_spares_a_picture_that_is_not_its_own(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav")
        (tmp_path / "a.png").write_bytes(b"cover")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "a.npy", "--plot") == 2
        assert "a.png exists without" in capsys.readouterr().err
        assert (tmp_path / "a.png").read_bytes() == b"cover"

    def test_what_a_dead_process_left_goes(self, tmp_path):
        write_sound(tmp_path / "a.wav")
        with feature_files.atomic_file(str(tmp_path / "o.npy")) as file:
            unfinished = Path(file.name)
        for path in (unfinished, tmp_path / ".kapre_ref-00000000-ab.part"):
            path.write_bytes(b"half")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "o.npy") == 0
        assert files_below(tmp_path) == [".kapre_ref-00000000-ab.part", "a.wav", "o.npy"]

    def test_a_folder_that_another_run_removes_comes_back(self, tmp_path, monkeypatch):
        unfinished, makedirs, removed = tmp_path / "left" / "a.part", os.makedirs, []

        def removing_once(path, **options):
            makedirs(path, **options)
            if not removed:
                removed.append(os.rmdir(path))

        monkeypatch.setattr(os, "makedirs", removing_once)
        with feature_files.atomic_file(str(tmp_path / "x" / "o.npy"), str(unfinished)) as file:
            file.write(b"whole")
        assert (tmp_path / "x" / "o.npy").read_bytes() == b"whole"
        assert removed

    def test_what_dead_workers_left_goes(self, tmp_path):
        write_sound(tmp_path / "a.wav")
        left = tmp_path / "out" / "_job" / "unfinished"
        left.mkdir(parents=True)
        (left / "000000-ab.part").write_bytes(b"half")
        (left / "000007-ab.part").write_bytes(b"of another run that is at work")
        assert features(tmp_path / "a.wav", "--out", tmp_path / "out") == 0
        assert [path.name for path in left.iterdir()] == ["000007-ab.part"]

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
