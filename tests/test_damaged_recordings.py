"""Recordings that are cut off or have bad samples fail alike, whatever their format."""

import subprocess
import sys

import numpy as np
import pytest
from closeness import assert_close
from command import features, write_sound

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")

FORMATS = [
    ("wav", "WAV", "PCM_16"),
    ("wav", "WAV", "FLOAT"),
    ("wav", "WAV", "IMA_ADPCM"),
    ("wav", "WAVEX", "PCM_24"),
    ("aiff", "AIFF", "PCM_16"),
    ("au", "AU", "PCM_16"),
    ("w64", "W64", "PCM_16"),
    ("rf64", "RF64", "PCM_16"),
    ("flac", "FLAC", "PCM_16"),
    ("ogg", "OGG", "VORBIS"),
    ("opus", "OGG", "OPUS"),
    ("mp3", "MP3", "MPEG_LAYER_III"),
    ("voc", "VOC", "PCM_16"),
    ("sph", "NIST", "PCM_16"),
    ("8svx", "SVX", "PCM_16"),
    ("avr", "AVR", "PCM_16"),
    ("sds", "SDS", "PCM_16"),
    ("wve", "WVE", "ALAW"),
]
IDS = [f"{suffix}-{subtype}" for suffix, _, subtype in FORMATS]
OPTIONS = ("--n-fft", "256", "--n-mels", "10", "--quiet")


def write(path, form, subtype, seconds=4):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 8000 * seconds)
    soundfile.write(path, noise, 8000, format=form, subtype=subtype)


class TestCutOff:
    @pytest.mark.parametrize(("suffix", "form", "subtype"), FORMATS, ids=IDS)
    def test_fails_unless_the_part_is_asked_for(self, tmp_path, capfd, suffix, form, subtype):
        path, out = tmp_path / f"a.{suffix}", tmp_path / "a.npy"
        write(path, form, subtype)
        assert features(path, "--out", out, *OPTIONS) == 0, "the whole file is right"
        n_frames = len(np.load(out))
        out.unlink()
        whole = path.read_bytes()
        path.write_bytes(whole[: int(0.6 * len(whole))])
        assert features(path, "--out", out, *OPTIONS) == 1
        assert "; --keep-partial takes what is there" in capfd.readouterr().err
        assert not out.exists()
        assert features(path, "--out", out, "--keep-partial", *OPTIONS) == 0
        assert f"warning: {path}: only " in capfd.readouterr().err
        assert 0.2 * n_frames < len(np.load(out)) < 0.75 * n_frames

    @pytest.mark.parametrize("chunk_size", [4096, 1 << 22])
    def test_the_part_is_what_can_be_decoded(self, tmp_path, monkeypatch, chunk_size):
        from kapre_ref.command import recordings

        write(tmp_path / "a.flac", "FLAC", "PCM_16")
        assert features(tmp_path / "a.flac", "--out", tmp_path / "a.npy", *OPTIONS) == 0
        whole = (tmp_path / "a.flac").read_bytes()
        (tmp_path / "b.flac").write_bytes(whole[: len(whole) // 2])
        monkeypatch.setattr(recordings, "CHUNK_SIZE", chunk_size)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", chunk_size)
        options = ("--out", tmp_path / "b.npy", "--keep-partial", "--no-decibel", *OPTIONS)
        assert features(tmp_path / "b.flac", *options) == 0
        options = ("--out", tmp_path / "a.npy", "--no-decibel", "--overwrite", *OPTIONS)
        assert features(tmp_path / "a.flac", *options) == 0
        part = np.load(tmp_path / "b.npy")
        assert len(part) > 100
        np.testing.assert_array_equal(part, np.load(tmp_path / "a.npy")[: len(part)])


class TestSamples:
    def failure(self, folder, capsys, sound, subtype, *options):
        soundfile.write(folder / "a.wav", sound, 8000, subtype=subtype)
        assert features(folder / "a.wav", "--out", folder / "a.npy", *options) == 1
        return capsys.readouterr().err

    @pytest.mark.parametrize("whole_size", [0, 1 << 22])
    def test_the_first_bad_one_has_its_time(self, tmp_path, capsys, monkeypatch, whole_size):
        from kapre_ref.command import recordings

        monkeypatch.setattr(recordings, "CHUNK_SIZE", 10000)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", whole_size)
        sound = np.zeros((40000, 2))
        sound[20000, 1] = sound[30000, 0] = np.nan
        error = self.failure(tmp_path, capsys, sound, "FLOAT")
        assert "NaN or infinite, the first at 2.500 s\n" in error

    def test_what_float32_cannot_hold_is_not_called_infinite(self, tmp_path, capsys):
        sound = np.zeros(40000)
        sound[8000] = 1e300
        error = self.failure(tmp_path, capsys, sound, "DOUBLE")
        assert "a sample at 1.000 s is beyond the range of float32\n" in error
        sound[8000] = np.inf
        error = self.failure(tmp_path, capsys, sound, "DOUBLE")
        assert "NaN or infinite, the first at 1.000 s\n" in error

    def test_raw_samples_need_a_header(self, tmp_path, capsys):
        (tmp_path / "a.raw").write_bytes(bytes(1000))
        assert features(tmp_path / "a.raw", "--out", tmp_path / "a.npy") == 1
        assert "a.raw: raw samples have no header with their rate" in capsys.readouterr().err

    @pytest.mark.parametrize("n_channels", [2, 3, 4, 7, 8, 20])
    @pytest.mark.parametrize("subtype", ["PCM_16", "FLOAT"])
    def test_mono_has_the_bits_of_the_mean(self, tmp_path, n_channels, subtype):
        from kapre_ref.command.recordings import Recording

        write_sound(tmp_path / "a.wav", n_channels=n_channels, subtype=subtype)
        stored = soundfile.read(tmp_path / "a.wav", dtype="float32")[0]
        with Recording(str(tmp_path / "a.wav"), mono=True) as recording:
            (chunk,) = recording.chunks()
            np.testing.assert_array_equal(chunk, stored.mean(axis=1)[None])


class TestPipes:
    """Sound from a pipe gives what a file gives."""

    @pytest.mark.slow
    @pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
    @pytest.mark.parametrize("name", ["-", "/dev/stdin"])
    def test_standard_input(self, tmp_path, suffix, name):
        write_sound(tmp_path / f"a.{suffix}", seconds=1)
        assert features(tmp_path / f"a.{suffix}", "--out", tmp_path / "a.npy") == 0
        command = [sys.executable, "-m", "kapre_ref", "features", name]
        done = subprocess.run(
            [*command, "--out", tmp_path / "b.npy"],
            input=(tmp_path / f"a.{suffix}").read_bytes(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert_close(np.load(tmp_path / "b.npy"), np.load(tmp_path / "a.npy"), 0)
