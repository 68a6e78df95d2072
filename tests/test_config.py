"""Options in a file give the same features as options on the command line."""

import json

import numpy as np
import pytest
from command import RECORDING, features, run, write_sound

soundfile = pytest.importorskip("soundfile", reason="needs soundfile: the extra cli")


def made_by(folder, *options, recording=RECORDING):
    assert features(recording, "--out", folder / "x.npz", "--overwrite", "--quiet", *options) == 0
    with np.load(folder / "x.npz") as made:
        return dict(made)


def assert_same(got, expected):
    assert got["front_end"] == expected["front_end"]
    np.testing.assert_array_equal(got["features"], expected["features"])


class TestConfig:
    @pytest.mark.parametrize(
        ("text", "options"),
        [
            (
                'n-fft = 512\nhop_length = 160\nn-mels = 40\nmel-norm = "none"\nmel-htk = true',
                "--n-fft 512 --hop-length 160 --n-mels 40 --mel-norm none --mel-htk",
            ),
            ("decibel = false\npad-end = false", "--no-decibel"),
            ('front-end = "whisper-80"\nmono = true', "--front-end whisper-80 --mono"),
            ("mel-f-min = 20.5\nsample-rate = 16000", "--mel-f-min 20.5 --sample-rate 16000"),
        ],
    )
    def test_is_the_command_line(self, tmp_path, text, options):
        (tmp_path / "my.toml").write_text(text)
        expected = made_by(tmp_path, *options.split())
        assert_same(made_by(tmp_path, "--config", tmp_path / "my.toml"), expected)

    def test_the_command_line_has_the_last_word(self, tmp_path):
        (tmp_path / "my.toml").write_text("n-mels = 40\nn-fft = 1024")
        got = made_by(tmp_path, "--n-mels", "20", f"--config={tmp_path / 'my.toml'}")
        assert_same(got, made_by(tmp_path, "--n-mels", "20", "--n-fft", "1024"))

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("n-mel = 40", "my.toml must have names of options, got n-mel; did you mean n-mels?"),
            ("config = 'a'", "my.toml must have names of options, got config"),
            ("n-mels = [40]", "my.toml: n-mels must be a number or a text, got [40]"),
            ("mono = 1", "my.toml: mono must be true or false, got 1"),
            ("n-mels = ", "my.toml must be TOML: Invalid value"),
        ],
    )
    def test_names_what_is_wrong(self, tmp_path, capsys, text, message):
        (tmp_path / "my.toml").write_text(text)
        options = ("--out", tmp_path / "x.npy", "--config", tmp_path / "my.toml")
        assert features(RECORDING, *options) == 2
        assert message in capsys.readouterr().err

    def test_files_that_are_not_there(self, tmp_path, capsys):
        for option in ("--config", "--config-from", "--files-from"):
            assert features(RECORDING, "--out", tmp_path / "x", option, tmp_path / "none") == 2
            assert f"{option}: {tmp_path / 'none'}: No such file" in capsys.readouterr().err


class TestConfigFrom:
    @pytest.mark.parametrize(
        "options",
        [
            "--n-fft 600 --n-mels 30 --mel-norm none --pad-begin --hop-length 100 --mono",
            "--feature mfcc --n-mfccs 13 --sample-rate 16000",
            "--feature stft --no-decibel --n-fft 256",
            "--front-end nemo-80",
        ],
    )
    def test_makes_the_same(self, tmp_path, options):
        expected = made_by(tmp_path, *options.split())
        (tmp_path / "x.npz").rename(tmp_path / "before.npz")
        got = made_by(tmp_path, "--config-from", tmp_path / "before.npz")
        assert_same(got, expected)
        assert got["sample_rate"] == expected["sample_rate"]

    def test_brings_other_rates_to_its_own(self, tmp_path):
        made_by(tmp_path)
        (tmp_path / "x.npz").rename(tmp_path / "before.npz")
        write_sound(tmp_path / "a.wav", sample_rate=48000)
        options = ("--config-from", tmp_path / "before.npz")
        got = made_by(tmp_path, *options, recording=tmp_path / "a.wav")
        assert got["sample_rate"] == 22050

    @pytest.mark.parametrize(
        ("options", "kind", "result"),
        [
            ("--n-mels 30 --mono", "npy", "x.wav.npy"),
            ("--n-mels 30", "tar", "part-000000.tar"),
            ("--feature mfcc --n-mfccs 13 --sample-rate 16000", "npz", ""),
            ("--front-end whisper-80", "npy", ""),
        ],
    )
    def test_takes_what_lies_beside_a_plan(self, tmp_path, options, kind, result):
        made_of = tmp_path / "in" / "x.wav"
        write_sound(made_of, n_channels=2)
        options = options.split()
        how = (*options, "--format", kind, "--quiet")
        assert features(tmp_path / "in", "--out", tmp_path / "out", *how) == 0
        expected = made_by(tmp_path, *options, recording=made_of)
        (tmp_path / "x.npz").unlink()
        again = ("--config-from", tmp_path / "out" / result)
        assert_same(made_by(tmp_path, *again, recording=made_of), expected)

    def test_leaves_several_rates_as_they_are(self, tmp_path, capsys):
        for rate in (8000, 16000):
            write_sound(tmp_path / "in" / f"{rate}.wav", sample_rate=rate)
        assert features(tmp_path / "in", "--out", tmp_path / "out", "--n-mels", "20") == 0
        for name, rates in (("", [8000, 16000]), ("8000.wav.npy", [8000, 8000])):
            again = ("--config-from", tmp_path / "out" / name, "--json", "--overwrite")
            capsys.readouterr()
            assert features(tmp_path / "in", "--out", tmp_path / "again", *again) == 0
            rows = map(json.loads, capsys.readouterr().out.splitlines()[:2])
            assert sorted(row["sample_rate"] for row in rows) == rates

    def test_refuses_other_files(self, tmp_path, capsys):
        np.savez(tmp_path / "a.npz", x=1)
        np.save(tmp_path / "a.npy", 1)
        write_sound(tmp_path / "in" / "x.wav")
        assert features(tmp_path / "in", "--out", tmp_path / "out") == 0
        (tmp_path / "a.npy").rename(tmp_path / "out" / "a.npy")
        for name in ("a.npz", "in", "in/x.wav", "out/a.npy"):
            assert features(RECORDING, "--out", "x", "--config-from", tmp_path / name) == 2
            assert "must name what `kapre-ref features` wrote" in capsys.readouterr().err


class TestFilesFrom:
    @pytest.mark.parametrize("separator", ["\n", "\0"])
    def test_adds_recordings(self, tmp_path, capsys, separator):
        paths = [tmp_path / name for name in ("a.wav", "b c.wav")]
        for path in paths:
            write_sound(path)
        (tmp_path / "list").write_text(separator.join([*map(str, paths), ""]))
        options = ("--files-from", tmp_path / "list", "--dry-run")
        assert features(RECORDING, *options) == 0
        assert capsys.readouterr().out.splitlines()[-1].startswith("3 recordings, 0.00 h, ")


class TestDryRun:
    def test_says_what_there_is_and_writes_nothing(self, tmp_path, capsys):
        write_sound(tmp_path / "in" / "a.wav", n_channels=2)
        write_sound(tmp_path / "in" / "b.wav", sample_rate=8000)
        (tmp_path / "in" / "c.wav").write_text("no sound")
        assert features(tmp_path / "in", "--out", tmp_path / "out", "--dry-run") == 1
        captured = capsys.readouterr()
        assert "a.wav: 0.30 s at 22050 Hz, 2 channels\n" in captured.out
        assert "b.wav: 0.30 s at 8000 Hz, 1 channel\n" in captured.out
        assert "3 recordings, 0.00 h, 0.0 MB, 1 failed; nothing was written" in captured.out
        assert "c.wav: no sound file that can be read" in captured.err
        assert "recordings of 2 sample rates" in captured.err
        assert not (tmp_path / "out").exists()


class TestStatistics:
    def rows(self, folder, n_files, n_bands=5):
        """Write results of several shapes and levels, and return all their frames."""
        rng, rows = np.random.default_rng(0), []
        for index in range(n_files):
            values = rng.normal(-40, 10 ** (index - 3), (2, 30 + index, n_bands))
            values = values.astype(np.float32)
            np.save(folder / f"{index}.npy", values[0] if index % 2 else values)
            rows += [values[0]] if index % 2 else [values[0], values[1]]
        return np.concatenate(rows).astype(np.float64)

    def test_are_those_of_all_frames(self, tmp_path):
        (tmp_path / "in").mkdir()
        rows = self.rows(tmp_path / "in", 8)
        assert run("statistics", tmp_path / "in", "--out", tmp_path / "s.npz") == 0
        with np.load(tmp_path / "s.npz") as got:
            assert got["n_frames"] == len(rows)
            np.testing.assert_allclose(got["mean"], rows.mean(axis=0), rtol=1e-14)
            np.testing.assert_allclose(got["deviation"], rows.std(axis=0), rtol=1e-12)

    def test_merge_to_the_bit_in_any_order(self, tmp_path):
        self.rows(tmp_path, 8)
        paths = [tmp_path / f"{index}.npy" for index in range(8)]
        run("statistics", *paths, "--out", tmp_path / "whole.npz")
        run("statistics", *paths[5:], "--out", tmp_path / "last.npz")
        run("statistics", *paths[:2], "--out", tmp_path / "first.npz")
        parts = (tmp_path / "last.npz", *paths[2:5], tmp_path / "first.npz")
        assert run("statistics", *parts, "--out", tmp_path / "merged.npz") == 0
        with np.load(tmp_path / "whole.npz") as whole, np.load(tmp_path / "merged.npz") as merged:
            for name in whole:
                np.testing.assert_array_equal(merged[name], whole[name], name)

    @pytest.mark.parametrize("options", ["--n-mels 20", "--front-end whisper-80"])
    def test_are_equal_for_all_formats(self, tmp_path, options):
        write_sound(tmp_path / "in" / "a.wav", seconds=1, n_channels=2)
        write_sound(tmp_path / "in" / "b.wav", seconds=2, n_channels=2, seed=1)
        for name in ("npy", "npz", "tar"):
            how = (*options.split(), "--format", name, "--quiet")
            assert features(tmp_path / "in", "--out", tmp_path / name, *how) == 0
            assert run("statistics", tmp_path / name, "--out", tmp_path / f"{name}.npz") == 0
        with np.load(tmp_path / "npz.npz") as expected:
            assert len(expected["mean"]) == (20 if "20" in options else 80)
            for name in ("npy", "tar"):
                with np.load(tmp_path / f"{name}.npz") as got:
                    assert got["exact"] == expected["exact"]

    @pytest.mark.parametrize("options", ["", "--front-end whisper-80", "--n-fft 600 --mono"])
    def test_normalised_bands_have_mean_0_and_deviation_1(self, tmp_path, options):
        write_sound(tmp_path / "in" / "a.wav", seconds=1, n_channels=2)
        write_sound(tmp_path / "in" / "b.wav", seconds=2, n_channels=2, seed=1)
        options = (*options.split(), "--format", "npz", "--quiet")
        assert features(tmp_path / "in", "--out", tmp_path / "out", *options) == 0
        assert run("statistics", tmp_path / "out", "--out", tmp_path / "s.npz") == 0
        options = (*options, "--normalise", tmp_path / "s.npz")
        assert features(tmp_path / "in", "--out", tmp_path / "again", *options) == 0
        assert run("statistics", tmp_path / "again", "--out", tmp_path / "t.npz") == 0
        with np.load(tmp_path / "t.npz") as got:
            np.testing.assert_allclose(got["mean"], 0, atol=1e-4)
            np.testing.assert_allclose(got["deviation"], 1, atol=1e-4)
        (result, *_) = sorted((tmp_path / "again").glob("a*.npz"))
        again = ("--config-from", result, "--out", tmp_path / "third.npz", "--quiet")
        assert features(tmp_path / "in" / "a.wav", *again) == 0
        with np.load(result) as before, np.load(tmp_path / "third.npz") as after:
            np.testing.assert_array_equal(after["features"], before["features"])

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (np.array([[1, np.nan]]), "there are values that are NaN or infinite"),
            (np.zeros(3), "it must have two axes, or three with channels, got 1"),
            (np.zeros((3, 7)), "there are 7 bands, and 5 in those before"),
        ],
    )
    def test_names_the_result_that_is_wrong(self, tmp_path, capsys, values, message):
        self.rows(tmp_path, 1)
        np.save(tmp_path / "bad.npy", values)
        inputs = (tmp_path / "0.npy", tmp_path / "bad.npy")
        assert run("statistics", *inputs, "--out", tmp_path / "s.npz") == 2
        assert f"{tmp_path / 'bad.npy'}: {message}" in capsys.readouterr().err
        assert not (tmp_path / "s.npz").exists()

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("", "must name statistics of 128 bands, got 5"),
            ("--feature mfcc", "must not be given with --feature mfcc: a front end ends with"),
            ("--front-end nemo-80", "no meaning with bands that are normalised over time"),
            ("--front-end kaldi-mfcc-13", "must not be given with cepstra: a front end ends"),
        ],
    )
    def test_refuses_what_does_not_fit(self, tmp_path, capsys, options, message):
        self.rows(tmp_path, 1)
        run("statistics", tmp_path / "0.npy", "--out", tmp_path / "s.npz")
        options = ("--normalise", tmp_path / "s.npz", *options.split())
        assert features(RECORDING, "--out", tmp_path / "x.npy", *options) == 2
        assert message in capsys.readouterr().err

    def test_refuses_sound(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav")
        assert run("statistics", tmp_path / "a.wav", "--out", tmp_path / "s.npz") == 2
        assert "a.wav: it must be a result, which ends in .npy, .npz" in capsys.readouterr().err

    def test_what_is_exact_is_written_as_text(self, tmp_path):
        np.save(tmp_path / "a.npy", np.full((2, 1), 0.5, np.float32))
        run("statistics", tmp_path / "a.npy", "--out", tmp_path / "s.npz")
        with np.load(tmp_path / "s.npz") as got:
            exact = json.loads(str(got["exact"]))
        assert int(exact["sums"][0], 16) == 1 << 1074


class TestJson:
    def test_stands_alone_on_standard_output(self, tmp_path, capsys):
        write_sound(tmp_path / "in" / "a.wav", n_channels=2)
        (tmp_path / "in" / "b.wav").write_text("no sound")
        options = ("--n-mels", "40", "--json")
        assert features(tmp_path / "in", "--out", tmp_path / "out", *options) == 1
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        good, bad = sorted(rows, key=lambda row: row["outcome"], reverse=True)
        assert good["outcome"] == "written"
        assert (good["shape"], good["sample_rate"], good["seconds"]) == ([2, 9, 40], 22050, 0.3)
        assert np.load(tmp_path / "out" / good["output"]).shape == (2, 9, 40)
        assert bad["outcome"] == "failed"
        assert bad["error"].startswith("no sound file that can be read")
