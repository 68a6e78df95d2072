"""A search of folders loses no sound without a word."""

import os
import sys

import numpy as np
import pytest
from command import features, files_below, write_sound

from kapre_ref.command import decoders, search
from kapre_ref.command.search import PassedOver, find_recordings

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")


@pytest.fixture
def no_ffmpeg(monkeypatch):
    monkeypatch.setattr(search, "has_ffmpeg", lambda: False)
    monkeypatch.setattr(decoders, "has_ffmpeg", lambda: False)


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()


def found_in(folder):
    """Return what a search finds, its failures below the folder, and what it passes over."""
    passed_over = PassedOver()
    found, failures = find_recordings([str(folder)], passed_over)
    failures = [(os.path.relpath(path, folder), why) for path, why in failures]
    return [each.relative for each in found], failures, passed_over


def test_names_that_nothing_is_meant_by():
    found, failures = find_recordings(["", "none/*.wav", "none.wav"])
    assert found == [("none.wav", "none.wav")]
    assert failures == [
        ("''", "an empty name"),
        (
            "none/*.wav",
            "No such file or directory; the shell alone knows patterns, outside of quotes",
        ),
    ]


@pytest.mark.usefixtures("no_ffmpeg")
class TestSearch:
    def test_takes_every_format_of_soundfile(self, tmp_path):
        for name in soundfile.available_formats():
            known = decoders._SUFFIXES_OF.get(name)
            assert known or name in {"MAT4", "MAT5", "MPC2K", "RAW", "SD2", "WAVEX"}, name
        names = [f"a{suffix}" for suffix in decoders.soundfile_suffixes()]
        touch(tmp_path, *names)
        assert found_in(tmp_path) == (sorted(names), [], {})

    @pytest.mark.parametrize(
        ("suffix", "form", "subtype"),
        [
            ("w64", "W64", "PCM_16"),
            ("rf64", "RF64", "PCM_24"),
            ("caf", "CAF", "ALAC_16"),
            ("au", "AU", "FLOAT"),
            ("sph", "NIST", "PCM_16"),
            ("voc", "VOC", "PCM_16"),
            ("8svx", "SVX", "PCM_16"),
            ("opus", "OGG", "OPUS"),
        ],
    )
    def test_reads_what_it_takes(self, tmp_path, suffix, form, subtype):
        sound = np.zeros(9600)
        soundfile.write(tmp_path / f"a.{suffix}", sound, 48000, format=form, subtype=subtype)
        assert features(tmp_path, "--out", tmp_path / "out") == 0
        assert len(files_below(tmp_path / "out")) == 1

    def test_counts_sound_that_it_cannot_read(self, tmp_path, capsys):
        write_sound(tmp_path / "in" / "a.wav")
        touch(tmp_path / "in", "x/b.m4a", "c.M4A", "d.wma", "e.raw", "f.txt", ".g.m4a")
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        error = capsys.readouterr().err
        assert "warning: passed over: 2 .m4a, 1 .raw, 1 .wma; ffmpeg reads such files" in error

    def test_follows_links(self, tmp_path):
        touch(tmp_path, "disk/corpus/b.wav", "disk/c.wav", "in/a.wav")
        (tmp_path / "in" / "corpus").symlink_to(tmp_path / "disk" / "corpus")
        (tmp_path / "in" / "d.wav").symlink_to(tmp_path / "disk" / "c.wav")
        assert found_in(tmp_path / "in") == (["a.wav", "d.wav", "corpus/b.wav"], [], {})

    def test_leaves_links_that_lead_back(self, tmp_path):
        touch(tmp_path, "in/x/y/a.wav")
        (tmp_path / "in" / "x" / "y" / "back").symlink_to(tmp_path / "in")
        (tmp_path / "in" / "x" / "again").symlink_to(tmp_path / "in" / "x")
        expected = (["x/y/a.wav"], [], {"link to a folder around it": 2})
        assert found_in(tmp_path / "in") == expected

    def test_a_link_to_nothing_is_a_failure(self, tmp_path):
        touch(tmp_path, "in/a.wav")
        for name in ("b.wav", "corpus", "notes.txt"):
            (tmp_path / "in" / name).symlink_to(tmp_path / "none")
        (tmp_path / "in" / "c.wav").symlink_to("c.wav")
        found, failures, _ = found_in(tmp_path / "in")
        assert found == ["a.wav"]
        assert failures == [
            ("b.wav", "a link to nothing"),
            ("c.wav", "Too many levels of symbolic links"),
            ("corpus", "a link to nothing"),
        ]

    def test_counts_pipes(self, tmp_path):
        touch(tmp_path, "in/a.wav")
        os.mkfifo(tmp_path / "in" / "b.wav")
        assert found_in(tmp_path / "in") == (["a.wav"], [], {"pipe or device": 1})

    def test_a_folder_that_may_not_be_read_is_a_failure(self, tmp_path, monkeypatch, capsys):
        write_sound(tmp_path / "in" / "a.wav")
        touch(tmp_path, "in/sub/b.wav")
        original = os.scandir

        def scandir(path):  # whoever runs the tests may be allowed to read everything
            if str(path).endswith("sub"):
                raise PermissionError(13, "Permission denied", path)
            return original(path)

        monkeypatch.setattr(os, "scandir", scandir)
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 1
        captured = capsys.readouterr()
        assert f"failed: {tmp_path / 'in' / 'sub'}: Permission denied\n" in captured.err
        assert files_below(tmp_path / "out") == ["a.wav.npy"]


class TestMixture:
    def test_warns_of_several_rates(self, tmp_path, capsys):
        for index in range(3):
            write_sound(tmp_path / "in" / f"{index}.wav", sample_rate=(8000, 16000)[index // 2])
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        error = capsys.readouterr().err
        assert "recordings of 2 sample rates (2 at 8000, 1 at 16000 Hz): their bands" in error
        assert "--sample-rate makes them one" in error

    def test_warns_of_mono_beside_stereo(self, tmp_path, capsys):
        for n_channels in (1, 2):
            write_sound(tmp_path / "in" / f"{n_channels}.wav", n_channels=n_channels)
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        assert "several numbers of channels (1 with 1, 1 with 2): " in capsys.readouterr().err
        options = ("--mono", "--sample-rate", "16000", "--overwrite")
        assert features(tmp_path / "in", "--out", tmp_path / "out", *options) == 0
        assert capsys.readouterr().err == ""

    def test_empty_bands_are_named_with_their_rate_once(self, tmp_path, capsys):
        for name in "ab":
            write_sound(tmp_path / "in" / f"{name}.wav", sample_rate=8000)
        assert features(tmp_path / "in", "--out", tmp_path / "out", "--n-fft", "128") == 0
        error = capsys.readouterr().err
        assert error.count("at 8000 Hz, ") == error.count("mel bands are empty") == 1


# A stand-in for ffmpeg: it gives half a second of a ramp as an AU file, or fails as ffmpeg does.
FFMPEG = """#!{python}
import os, struct, sys
path = sys.argv[sys.argv.index("-i") + 1].removeprefix("file:")
if b"bad" in open(path, "rb").read():
    sys.exit("[in#0 @ 0x55] moov atom not found")
write = os.fdopen(1, "wb").write
write(b".snd" + struct.pack(">5I", 32, 0xFFFFFFFF, 6, 8000, 2) + bytes(8))
write(struct.pack(">8000f", *(i / 10000 for i in range(8000))))
if b"cut" in open(path, "rb").read():
    print("[in#0/mov @ 0x55] stream 0, offset 0x46: partial file", file=sys.stderr)
    print("[aac @ 0x56] the last frame is short", file=sys.stderr)
"""


class TestFfmpeg:
    @pytest.fixture(autouse=True)
    def ffmpeg(self, tmp_path, monkeypatch):
        program = tmp_path / "bin" / "ffmpeg"
        program.parent.mkdir()
        program.write_text(FFMPEG.format(python=sys.executable))
        program.chmod(0o755)
        monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)

    def test_decodes_what_soundfile_does_not(self, tmp_path):
        (tmp_path / "in").mkdir()
        (tmp_path / "in" / "a.m4a").write_bytes(b"sound")
        expected = np.arange(8000, dtype=np.float32).reshape(4000, 2) / np.float32(10000)
        soundfile.write(tmp_path / "in" / "b.wav", expected, 8000, subtype="FLOAT")
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        a, b = (np.load(tmp_path / "out" / name) for name in files_below(tmp_path / "out"))
        np.testing.assert_array_equal(a, b)

    @pytest.mark.parametrize("content", ["bad", "cut"])
    def test_names_what_it_cannot_decode(self, tmp_path, capsys, content):
        (tmp_path / "a.m4a").write_text(content)
        assert features(tmp_path / "a.m4a", "--out", tmp_path / "a.npy") == 1
        expected = {"bad": "no sound that ffmpeg can read: moov", "cut": "only 0.50 s can be dec"}
        assert f"a.m4a: {expected[content]}" in capsys.readouterr().err
        options = ("--out", tmp_path / "a.npy", "--keep-partial")
        assert features(tmp_path / "a.m4a", *options) == (content == "bad")

    def test_says_when_it_is_not_there(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setenv("PATH", str(tmp_path))
        (tmp_path / "a.m4a").write_text("sound")
        assert features(tmp_path / "a.m4a", "--out", tmp_path / "a.npy") == 1
        assert "M4A is read by ffmpeg only, which is not on the path; " in capsys.readouterr().err
