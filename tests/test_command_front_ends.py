"""The command computes, shows and lists front ends, and refuses options that contradict them."""

import dataclasses
import re

import numpy as np
import pytest
from command import RECORDING, features, files_below, run, write_sound

import kapre_ref
from kapre_ref import FrontEnd


class TestRefusals:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            (
                "--front-end whisper-18",
                "--front-end must be that of a recipe, got 'whisper-18'; .*",
            ),
            ("--front-end whisper-18", ".* close to it are 'whisper-"),
            ("--front-end 0815", ".* got '0815'; `kapre-ref front-ends` lists all"),
            (
                "--front-end ast --n-fft 400",
                "--n-fft must not be given with --front-end ast, which",
            ),
            ("--front-end ast --feature mel", "--feature must not be given with --front-end ast"),
            ("--front-end ast --decibel", "--decibel must not be given with --front-end ast"),
            ("--front-end ast --no-decibel", "--no-decibel must not be given with --front-end ast"),
            ("--front-end ast --pad-end", "--pad-end must not be given with --front-end ast"),
            (
                "--front-end-file my.json --n-mels 4",
                "--n-mels .* given with --front-end-file my.json",
            ),
            (
                "--front-end ast --front-end-file my.json",
                "--front-end-file must not be given with --front-end ast, got my.json",
            ),
            (
                "--front-end ast --sample-rate 8000",
                "--sample-rate must be 16000 with --front-end ast, .* got 8000",
            ),
            (
                "--front-end-file none.json",
                "--front-end-file: none.json: No such file or directory",
            ),
            (
                "--front-end-file .",
                r"--front-end-file: \.: neither it nor a folder around it has a plan",
            ),
        ],
    )
    def test_options(self, tmp_path, monkeypatch, capsys, options, message):
        monkeypatch.chdir(tmp_path)
        write_sound(tmp_path / "a.wav")
        assert features("a.wav", "--out", "out", *options.split()) == 2
        error = capsys.readouterr().err
        assert re.match(f"kapre-ref: error: {message}", error), error
        assert files_below(tmp_path) == ["a.wav"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (b"{", "my.json: the file must be JSON: Expecting property name .*: line 1 column 2"),
            (b"\xff", "my.json must be JSON: .* can't decode byte 0xff"),
            (b"[" * 100_000, "my.json: the file must be JSON: maximum recursion depth"),
            (b"[]", "my.json: the file must be a JSON object, got list"),
            (b"{}", "my.json: the file must have sample_rate and n_fft, got nothing"),
            (b'{"n_fft": 16}', "my.json: the file must have sample_rate, got n_fft"),
            (
                b'{"sample_rate": 1, "n_fft": 0}',
                "my.json: n_fft must be an integer at least 1, got 0",
            ),
            (
                b'{"sample_rate": 1, "n_fft": 4, "hop": 1}',
                "my.json: the file must have no .* got 'hop'",
            ),
            (
                b'{"sample_rate": 1, "n_fft": 4, "bands": {}}',
                "my.json: bands must have n, got nothing",
            ),
            (
                b'{"sample_rate": 1, "n_fft": 4, "gain": 1e39}',
                "my.json: gain must be in the range of",
            ),
            (
                b'{"sample_rate": 1, "n_fft": 4, "log": "ln", "power_offset": 1}',
                "my.json: power_offset",
            ),
        ],
    )
    def test_files(self, tmp_path, monkeypatch, capsys, text, message):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "my.json").write_bytes(text)
        write_sound(tmp_path / "a.wav")
        assert features("a.wav", "--out", "out", "--front-end-file", "my.json") == 2
        error = capsys.readouterr().err
        assert re.match(f"kapre-ref: error: --front-end-file: {message}", error), error
        assert len(error.splitlines()) == 1
        assert files_below(tmp_path) == ["a.wav", "my.json"]


class TestShow:
    @pytest.mark.parametrize("name", ["whisper-128", "kaldi-mfcc-13", "nemo-80"])
    def test_prints_what_a_file_may_have(self, tmp_path, capsys, name):
        assert features("--front-end", name, "--show") == 0
        captured = capsys.readouterr()
        assert FrontEnd.from_json(captured.out) == kapre_ref.front_end(name)
        assert captured.err == ""
        (tmp_path / "my.json").write_text(captured.out)
        assert features("--front-end-file", tmp_path / "my.json", "--show") == 0
        assert capsys.readouterr().out == captured.out

    def test_has_a_field_a_line(self, capsys):
        features("--front-end", "ast", "--show")
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) == 2 + len(dataclasses.fields(FrontEnd))

    def test_of_options(self, capsys):
        options = ["--n-fft", "512", "--mel-f-max", "7000", "--pad-end", "--db-dynamic-range", "60"]
        assert features("--show", "--sample-rate", "16000", "--n-mels", "40", *options) == 0
        front_end = FrontEnd.from_json(capsys.readouterr().out)
        x = np.random.default_rng(1).uniform(-1, 1, 9000).astype(np.float32)
        names = {"n_fft": 512, "mel_f_max": 7000, "pad_end": True, "db_dynamic_range": 60}
        expected = kapre_ref.melspectrogram(
            x, sample_rate=16000, n_mels=40, return_decibel=True, **names
        )
        np.testing.assert_array_equal(front_end(x), expected)

    def test_takes_the_rate_of_a_recording(self, tmp_path, capsys):
        assert features("--show", RECORDING) == 0
        assert FrontEnd.from_json(capsys.readouterr().out).sample_rate == 22050
        write_sound(tmp_path / "in" / "a.wav", sample_rate=8000)
        assert features("--show", RECORDING, tmp_path / "in") == 2
        assert "got recordings of 8000 and 22050 Hz" in capsys.readouterr().err

    @pytest.mark.parametrize("recording", [None, "none.wav", "text.wav"])
    def test_needs_a_rate(self, tmp_path, capsys, recording):
        (tmp_path / "text.wav").write_text("Dear Sir")
        inputs = [tmp_path / recording] if recording else []
        assert features("--show", *inputs) == 2
        error = capsys.readouterr().err
        assert error.startswith("kapre-ref: error: ")
        assert (recording or "--sample-rate must be given with --show") in error

    def test_says_what_is_no_part_of_it(self, capsys):
        assert features("--show", "--feature", "mfcc", "--sample-rate", "8000") == 0
        captured = capsys.readouterr()
        assert FrontEnd.from_json(captured.out).n_cepstra == 0
        assert "20 coefficients by logmel_to_mfcc" in captured.err

    def test_bands_that_json_has_no_word_for(self, capsys):
        assert features("--show", "--n-fft", "601", "--n-mels", "9", "--sample-rate", "8000") == 0
        front_end = FrontEnd.from_json(capsys.readouterr().out)
        expected = kapre_ref.filterbank_mel_reference(8000, 301, 9, dtype=np.float64)
        np.testing.assert_allclose(front_end.bands.matrix, expected, atol=1e-15)


class TestNotes:
    """Further steps of a recipe's tool are printed once, and not computed."""

    def test_are_said_once(self, tmp_path, capsys):
        for name in ("a.wav", "b.wav"):
            write_sound(tmp_path / "in" / name)
        options = ("--front-end", "granite-speech", "--out", tmp_path / "out")
        assert features(tmp_path / "in", *options) == 0
        error = capsys.readouterr().err
        assert error == (
            "kapre-ref: note: transformers does more after: pairs of frames: stack_frames(y, 2)\n"
        )

    def test_are_not_said_if_quiet(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav")
        options = ("--front-end", "granite-speech", "--out", tmp_path / "out", "--quiet")
        assert features(tmp_path / "a.wav", *options) == 0
        assert capsys.readouterr() == ("", "")

    def test_too_short_for_a_front_end(self, tmp_path, capsys):
        write_sound(tmp_path / "a.wav", seconds=0.01, sample_rate=16000)
        options = ("--front-end", "kaldi-fbank-80", "--out", tmp_path / "out")
        assert features(tmp_path / "a.wav", *options) == 1
        error = capsys.readouterr().err
        assert error.endswith("0.010 s of sound, and a frame takes 0.025 s\n")


class TestList:
    def test_has_every_recipe(self, capsys):
        assert run("front-ends") == 0
        lines = capsys.readouterr().out.splitlines()
        for recipe in kapre_ref.recipes():
            (line,) = (line for line in lines if line.startswith(f"{recipe.name} "))
            f = recipe.front_end
            sizes = [f"{f.sample_rate:g}", *map(str, (f.win_length, f.hop_length, f.n_values))]
            assert line.split()[1:5] == sizes
            assert line.endswith(f"  {recipe.tool} {recipe.version}")
            at = lines.index(line)
            texts = {title: getattr(recipe, title) for title in ("source", "before", "after")}
            expected = [f"    {title}: {text}" for title, text in texts.items() if text]
            assert lines[at + 1 : at + 1 + len(expected)] == expected

    @pytest.mark.parametrize("word", ["canary", "NeMo", "nemo-128-none"])
    def test_of_a_word(self, capsys, word):
        assert run("front-ends", word) == 0
        listed = capsys.readouterr().out
        assert "nemo-128" in listed
        assert "whisper" not in listed

    def test_of_a_word_that_is_nowhere(self, capsys):
        assert run("front-ends", "xyz") == 2
        assert "WORD must occur in the name, tool or source" in capsys.readouterr().err
