"""The front ends of other tools, by name, against what the tools themselves gave."""

import json
import pickle
import subprocess
import sys

import numpy as np
import pytest
from closeness import assert_close, error_between
from recorded_recipes import CASES, COMPARED, OUTSIDE, reference, scale_of

import kapre_ref as kr

RECIPES = kr.recipes()
NAMES = [recipe.name for recipe in RECIPES]
# The tolerance of float64 is relative to the scale of the values. A rounding error of 1e-16 of a
# frame's strongest bin is much larger relative to a band that is 120 dB below it.
DOUBLE = 1e-9
PUBLIC = {name: getattr(kr, name) for name in ("Bands", "FrontEnd", "LogBands", "Normalisation")}


def of(recipe, signal):
    """Return the case of a recipe and a signal."""
    return next(case for case in CASES if (case.recipe, case.signal) == (recipe, signal))


def assert_as_the_tool(got, case):
    """Hold both tolerances: of all values, and the tighter one of bands that are not faint."""
    assert_close(got, case.output, case.tolerance)
    if case.tolerance_loud is not None:
        loud = case.is_loud()
        assert_close(got[loud], case.output[loud], case.tolerance_loud)


@pytest.fixture
def run(backend):
    """Return the operation, from NumPy arrays to NumPy arrays."""
    return lambda front_end, x: backend.numpy(front_end(backend.array(x)))


@pytest.mark.parametrize("case", COMPARED, ids=str)
class TestRecordedResults:
    def test_oracle(self, case):
        got = case.features(reference, np.float64)
        assert_as_the_tool(got, case)
        # Recorded with three digits, from another implementation of the same rule in float64.
        error = error_between(got, case.output)
        rounding = DOUBLE * scale_of(case.front_end, got)
        assert error == pytest.approx(case.tool_error, rel=6e-3, abs=rounding)

    def test_loud_bands_are_those_of_the_tolerance(self, case):
        if case.tolerance_loud is not None:
            assert case.is_loud().mean() == pytest.approx(case.loud_share, abs=6e-4)

    def test_float32(self, case, run):
        got = case.features(run, np.float32)
        assert got.dtype == np.float32
        error, allowance = np.abs(got - case.output), case.allowance()
        assert np.all(error <= np.maximum(case.tolerance, allowance))
        # The allowance is of faint bands alone, and few values need it.
        assert np.mean(error > case.tolerance) < 1e-3
        assert_as_the_tool(np.where(error > case.tolerance, case.output, got), case)

    def test_float64(self, case, run):
        expected = case.features(reference, np.float64)
        got = case.features(run, np.float64)
        assert got.dtype == np.float64
        assert_close(got, expected, DOUBLE * scale_of(case.front_end, expected))


class TestOtherResults:
    """Signals that a tool refuses, that overflow in it, or that give no values."""

    def test_every_such_case_is_below(self):
        others = {str(case) for case in CASES if case not in COMPARED}
        assert others == {"kaldi-fbank-80-short", "musicnn-speech", "vggish-short"}

    def test_short_signal_has_no_frames(self, run):
        # torchaudio raises an AssertionError. A signal without a frame is a warning here, and no
        # frames come out of it, as they do from Kaldi itself and from VGGish.
        case = of("kaldi-fbank-80", "short")
        assert case.raises.startswith("AssertionError")
        with pytest.warns(UserWarning, match="x has no frame"):
            got = case.features(run, np.float32)
        assert got.shape == case.features(reference, np.float32).shape == (0, 80)

    def test_short_signal_has_no_frames_in_the_tool_either(self, run):
        case = of("vggish", "short")
        with pytest.warns(UserWarning, match="x has no frame"):
            got = case.features(run, np.float32)
        assert got.shape == case.features(reference, np.float32).shape == case.output.shape

    @pytest.mark.parametrize("way", ["oracle", "operation"])
    @pytest.mark.parametrize("name", ["nemo-80", "parakeet-hf"])
    def test_one_valid_frame_is_zero(self, name, way, run):
        # NeMo takes the deviation of one frame for 0, as we do; transformers gives nan.
        x = of("nemo-80", "speech").samples[:300]
        got = (reference if way == "oracle" else run)(kr.front_end(name), x)
        np.testing.assert_array_equal(got, np.zeros((80, 2) if name == "nemo-80" else (2, 80)))

    @pytest.mark.parametrize("way", ["oracle", "operation"])
    def test_loud_signal_does_not_overflow(self, way, run):
        # The tool rounds bands to float16 before it multiplies them by 10000, and says inf from
        # 6.55 on. Ours has no such limit, and is equal wherever the tool's numbers are finite.
        case = of("musicnn", "speech")
        got = case.features(reference if way == "oracle" else run, np.float32)
        finite = np.isfinite(case.output)
        assert 0 < finite.mean() < 1
        assert np.isfinite(got).all()
        assert np.all(got[~finite] > np.log10(65504))
        assert_close(got[finite], case.output[finite], of("musicnn", "noise").tolerance)


@pytest.mark.parametrize("name", NAMES)
class TestValues:
    def test_json(self, name):
        front_end = kr.front_end(name)
        again = kr.FrontEnd.from_json(front_end.to_json())
        assert again == front_end
        assert hash(again) == hash(front_end)
        assert again.to_json() == front_end.to_json()

    def test_unknown_fields_are_refused(self, name):
        front_end = kr.front_end(name)
        fields = json.loads(front_end.to_json())
        with pytest.raises(ValueError, match=r"must have no fields but .*, got 'dither'"):
            kr.FrontEnd.from_json(json.dumps(fields | {"dither": 0}))
        for inner in ("bands", "normalisation"):
            if fields[inner] is not None:
                text = json.dumps(fields | {inner: fields[inner] | {"dither": 0}})
                with pytest.raises(ValueError, match=f"{inner} must have no .*, got 'dither'"):
                    kr.FrontEnd.from_json(text)
        with pytest.raises(TypeError, match="dither"):
            front_end.replace(dither=0)

    def test_pickle(self, name):
        front_end = kr.front_end(name)
        again = pickle.loads(pickle.dumps(front_end))
        assert again == front_end
        assert hash(again) == hash(front_end)

    def test_hash(self, name):
        front_end = kr.front_end(name)
        assert {front_end: name}[front_end.replace()] == name
        assert len({front_end, front_end.replace(), front_end.replace(sample_rate=96000)}) == 2

    def test_replace(self, name):
        front_end = kr.front_end(name)
        other = front_end.replace(time_first=not front_end.time_first)
        assert other != front_end
        assert other.replace(time_first=front_end.time_first) == front_end

    def test_repr(self, name):
        front_end = kr.front_end(name)
        assert eval(repr(front_end), PUBLIC) == front_end


class TestNames:
    def test_all_are_recorded(self):
        assert sorted(NAMES) == sorted(OUTSIDE)
        assert len(NAMES) == len(set(NAMES)) == 71

    def test_names_find_front_ends(self):
        for recipe in RECIPES:
            assert kr.front_end(recipe.name) is recipe.front_end

    @pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: recipe.name)
    def test_says_where_it_comes_from(self, recipe):
        for text in (recipe.tool, recipe.version, recipe.source):
            assert text
        for text in recipe[2:]:
            assert text == " ".join(text.split())
            assert len(text) <= 100

    @pytest.mark.parametrize("name", NAMES)
    def test_says_what_else_the_recorded_call_did(self, name):
        recipe = RECIPES[NAMES.index(name)]
        outside = set(OUTSIDE[name])
        of_samples = {"to_samples", "to_multiple", "to_patches", "append", "pad_end_to_whole"}
        assert bool(recipe.before) >= bool(outside & of_samples)
        # The recording was cropped for a smaller file.
        of_features = outside - of_samples - {"crop"}
        assert bool(recipe.after) >= bool(of_features)

    @pytest.mark.parametrize(
        ("wrong", "close"),
        [
            ("wisper-80", "whisper-80"),
            ("Whisper_80", "whisper-80"),
            ("parakeet", "parakeet-hf"),
            ("librosa mfcc", "librosa-1.0-mfcc"),
            ("kaldi", "kaldi-fbank-80"),
        ],
    )
    def test_unknown_name_shows_close_ones(self, wrong, close):
        match = f"name must be that of a recipe, got '{wrong}'; close to it are .*'{close}'"
        with pytest.raises(ValueError, match=match):
            kr.front_end(wrong)

    @pytest.mark.parametrize("wrong", ["", "zzz"])
    def test_unknown_name_like_no_other(self, wrong):
        match = rf"name must be .*, got '{wrong}'; kapre_ref\.recipes\(\) lists all 71"
        with pytest.raises(ValueError, match=match):
            kr.front_end(wrong)

    @pytest.mark.parametrize("wrong", [None, 80, b"whisper-80", ["whisper-80"]])
    def test_name_of_a_wrong_kind(self, wrong):
        with pytest.raises(TypeError, match="name must be a string, got ") as caught:
            kr.front_end(wrong)
        assert str(caught.value).endswith(repr(wrong))

    def test_import_makes_no_recipes(self):
        code = "import kapre_ref, sys; assert 'kapre_ref._recipes' not in sys.modules"
        subprocess.run([sys.executable, "-c", code], check=True)


class TestVersions:
    """Tools differ in one rule, from each other or from an earlier version of their own."""

    def test_librosa(self):
        old, now = kr.front_end("librosa-0.9-melspectrogram"), "librosa-0.11-melspectrogram"
        assert old == kr.front_end(now).replace(pad_mode="reflect")
        assert kr.front_end(now) == kr.front_end("librosa-1.0-melspectrogram")
        for name in ("mfcc", "logmel-db"):
            before = kr.front_end(f"librosa-0.11-{name}")
            assert kr.front_end(f"librosa-1.0-{name}") == before.replace(range_over="channel")

    def test_scope_of_the_peak(self):
        # Most recorded signals are alone in their call, where all scopes are the same.
        found = {"channel": set(), "item": set(), "call": set()}
        for recipe in RECIPES:
            if recipe.front_end.dynamic_range is not None:
                found[recipe.front_end.range_over].add(recipe.name)
        assert found == {
            "channel": {"librosa-1.0-logmel-db", "librosa-1.0-mfcc"},
            "item": {
                "whisper-hf-128", "whisper-hf-80-numpy", "whisper-hf-80-30s", "granite-speech",
                "speechbrain-fbank-80",
            },
            "call": {
                "whisper-80", "whisper-128", "faster-whisper-128", "s3tokenizer-128",
                "librosa-0.11-logmel-db", "librosa-0.11-mfcc", "torchaudio-mfcc",
                "keras-melspectrogram",
            },
        }  # fmt: skip
