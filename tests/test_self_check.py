"""The command `kapre-ref check`: it covers everything, and nothing wrong gets past it."""

import json
import sys
import types
from dataclasses import replace

import numpy as np
import pytest

import kapre_ref
from kapre_ref import Bands, FrontEnd, Normalisation
from kapre_ref.command import cli, self_check
from kapre_ref.command.front_end_errors import front_end_error
from kapre_ref.kernels import cpu

OPERATIONS = {name.removesuffix("_reference") for name in kapre_ref.__all__ if "_ref" in name}
KERNELS = sorted(set(cpu.__all__) - {"asarray", "empty"})  # These two make room for results.
FUSED = {
    "features": ("stft_magnitude", "melspectrogram", "log_frequency_spectrogram"),
    "magnitude_to_decibel": ("magnitude_to_decibel", "power_to_db", "amplitude_to_db"),
    "decibel_to_magnitude": ("db_to_power", "db_to_amplitude"),
}
RECIPES = ("whisper-80", "nemo-80", "kaldi-mfcc-13", "librosa-1.0-logmel-db", "vits-linear")


def checks_of(kernel):
    """Return the checks of a kernel in one dtype, float32 where there is a choice."""
    names = FUSED.get(kernel, (kernel,))
    found = [check for check in self_check.CHECKS if check.operation in names]
    return [replace(check, dtypes=(check.dtypes[len(check.dtypes) // 2],)) for check in found]


def checks_of_recipes():
    return [check for check in self_check.CHECKS if check.variant in RECIPES]


def largest(x):
    return np.unravel_index(np.argmax(np.abs(x)), x.shape)


def one_value_off(out):
    at = largest(out)
    out[at] = out[at] + 2 if out.dtype.kind == "i" else out[at] * 1.01


def one_value_missing(out):
    out[largest(out)] = 0


def all_zero(out):
    out[...] = 0


def one_nan(out):
    out[largest(out)] = np.iinfo(out.dtype).min if out.dtype.kind == "i" else np.nan


def raising(out):
    raise ZeroDivisionError("of all things")


@pytest.fixture
def quick(monkeypatch):
    monkeypatch.setattr(self_check, "N_REPETITIONS", 1)


@pytest.mark.usefixtures("quick")
class TestVerdict:
    """A kernel that returns nonsense fails, however little of it there is."""

    def test_covers_every_operation_that_has_an_oracle(self):
        got = {check.operation for check in self_check.CHECKS}
        assert got == OPERATIONS | {"front_end"}

    def test_covers_every_recipe(self):
        checks = [check for check in self_check.CHECKS if check.operation == "front_end"]
        got = [(check.variant, check.front_end) for check in checks]
        assert got == [(recipe.name, recipe.front_end) for recipe in kapre_ref.recipes()]

    @pytest.mark.parametrize("kernel", KERNELS)
    def test_right_kernel_is_in(self, kernel, capsys):
        status = self_check.run_self_check(checks=checks_of(kernel), seed=1)
        assert status == 0
        assert "are within tolerance" in capsys.readouterr().out

    @pytest.mark.parametrize(
        "spoil", [one_value_off, one_value_missing, all_zero, one_nan, raising]
    )
    @pytest.mark.parametrize("kernel", KERNELS)
    def test_wrong_kernel_is_out(self, monkeypatch, capsys, kernel, spoil):
        original = getattr(cpu, kernel)

        def wrong(*arguments):
            original(*arguments)
            spoil(arguments[-1])

        monkeypatch.setattr(cpu, kernel, wrong)
        checks = checks_of(kernel)
        status = self_check.run_self_check(checks=checks, seed=1)
        printed = capsys.readouterr().out
        assert status == 1
        assert printed.count(" OUT") == len(checks)
        assert f"{len(checks)} of {len(checks)} are out of tolerance" in printed

    @pytest.mark.parametrize(
        "spoil", [one_value_off, one_value_missing, all_zero, one_nan, raising]
    )
    @pytest.mark.parametrize("check", checks_of_recipes(), ids=lambda check: check.variant)
    def test_wrong_recipe_is_out(self, monkeypatch, check, spoil):
        original = cpu.features

        def wrong(*arguments):
            original(*arguments)
            spoil(arguments[-1])

        assert self_check.run_self_check(checks=[check], seed=1) == 0
        monkeypatch.setattr(cpu, "features", wrong)
        assert self_check.run_self_check(checks=[check], seed=1) == 1

    @pytest.mark.parametrize(
        "changes",
        [
            {"pad_left": 199},
            {"pad_mode": "mirror"},
            {"window": "hann_symmetric"},
            {"power": 1},
            {"bands": Bands(80, 0, 8000, "htk", norm="slaney")},
            {"bands": Bands(80, 0, 7999, "slaney", norm="slaney")},
            {"dynamic_range": 8.001},
            {"range_over": "channel"},
            {"gain": 0.25001},
            {"offset": 1.00002},
        ],
        ids=str,
    )
    def test_front_end_with_another_field_is_out(self, monkeypatch, changes):
        check = next(c for c in checks_of_recipes() if c.variant == "whisper-80")
        original = cpu.features

        def other(signals, front_end, out):
            original(signals, front_end.replace(**changes), out)

        monkeypatch.setattr(cpu, "features", other)
        assert self_check.run_self_check(checks=[check], seed=1) == 1

    def test_floor_of_decibels_counts(self, monkeypatch):
        original = cpu.features

        def without_limit(signals, front_end, out):
            if front_end.dynamic_range is not None:
                front_end = front_end.replace(dynamic_range=200.0)
            original(signals, front_end, out)

        monkeypatch.setattr(cpu, "features", without_limit)
        plain, decibel = checks_of("stft_magnitude")
        assert self_check.run_self_check(checks=[plain], seed=1) == 0
        assert self_check.run_self_check(checks=[decibel], seed=1) == 1

    def test_wrong_dtype_and_shape_are_out(self, monkeypatch, capsys):
        monkeypatch.setattr(kapre_ref, "phase", lambda x: np.zeros(3))
        assert self_check.run_self_check(checks=checks_of("phase"), seed=1) == 1
        assert "float64 (3,) instead of float64 (2, 2, 80, 1025)" in capsys.readouterr().out

    def test_no_check_at_all_is_no_success(self):
        assert self_check.run_self_check(checks=[]) == 1

    @pytest.mark.parametrize(("beside", "expected"), [(0.49, 1), (0, 0)])
    def test_a_code_beside_its_boundary_is_no_error(self, beside, expected):
        mu, code = 255, 140
        value = 2 * (code - 0.5 + beside) / mu - 1  # truncated to `code`, `beside` above its edge
        signal = np.array([np.sign(value) * np.expm1(abs(value) * np.log1p(mu)) / mu])
        truth = np.array([code], np.int32)
        check = next(c for c in self_check.CHECKS if c.operation == "mu_law_encoding")
        assert self_check.measure(check, truth - 1, truth, [signal]) == expected


# These are tolerances in eps of the result, for float16, float32 and float64. They stand here as
# well as in the package, since users may rely on them.
TOLERANCES = {
    self_check.EXACT: (0, 0, 0),
    self_check.PEAK: (1, 8, 24),
    self_check.POLAR: (5, 16, 32),
    self_check.RADIANS: (4, 8, 24),
    self_check.DECIBEL: (32, 200, 216),
    self_check.SPECTRUM_DECIBEL: (32, 1700, 1716),
    self_check.POWER: (2, 16, 32),
    self_check.POWER_DECIBEL: (64, 3400, 3416),
}


@pytest.mark.usefixtures("quick")
class TestTolerance:
    """An error of half the tolerance passes, and an error of one and a half tolerances fails."""

    @pytest.mark.parametrize(
        ("check", "dtype"),
        [
            pytest.param(check, dtype, id=f"{check.operation}{check.variant}-{dtype}")
            for check in self_check.CHECKS
            for dtype in check.dtypes
            if check.kind is not self_check.CODES and check.front_end is None
        ],
    )
    @pytest.mark.parametrize(("n_tolerances", "passes"), [(0, True), (0.5, True), (1.5, False)])
    def test_decides(self, monkeypatch, check, dtype, n_tolerances, passes):
        dtype = np.dtype(dtype)
        result = np.empty(0, "float32" if dtype.kind == "i" else dtype).real.dtype
        n_eps = TOLERANCES[check.kind][result.itemsize // 4]
        truth = np.random.default_rng(1).uniform(-1, 0.9, (3, 2, 5, 7))
        # The error is put into the largest value: 0 dB, or a peak of 1.
        truth[0, 0, 0, 0] = 1
        if check.kind in (self_check.DECIBEL, self_check.SPECTRUM_DECIBEL):
            truth = 30 * (truth - 1)
        truth = truth.astype(result)
        got = truth.copy()
        got[0, 0, 0, 0] -= n_tolerances * n_eps * np.finfo(result).eps
        if not n_eps and n_tolerances > 1:
            got[0, 0, 0, 0] = np.nextafter(got[0, 0, 0, 0], result.type(0))
        monkeypatch.setattr(kapre_ref, check.operation, lambda *_, **__: got)
        monkeypatch.setattr(kapre_ref, f"{check.operation}_reference", lambda *_, **__: truth)
        backend = self_check.Backend("cpu", lambda x: x, lambda x: x, lambda: None)
        row = self_check.check_one(check, dtype, backend, seed=1)
        assert row.passed == passes, row

    @pytest.mark.parametrize("check", checks_of_recipes(), ids=lambda check: check.variant)
    def test_of_recipes(self, check):
        n_eps = TOLERANCES[check.kind][1]
        got = self_check.tolerance_of(check.kind, np.dtype("float32"))
        assert got == n_eps * np.finfo("float32").eps
        assert check.kind.unit == ("of the peak" if check.front_end.log == "none" else "dB")
        is_power = check.kind in (self_check.POWER, self_check.POWER_DECIBEL)
        assert is_power == (check.front_end.power == 2)

    def test_covers_every_kind(self):
        assert {check.kind for check in self_check.CHECKS} == {*TOLERANCES, self_check.CODES}


FRAMES = {"sample_rate": 8000, "n_fft": 8, "hop_length": 8, "window": "hann"}
LOGS = {"ln": np.log(10) / 10, "log10": 0.1, "10log10": 1}


class TestFrontEndError:
    """Errors count as those of the spectrum, whatever follows it."""

    def signals(self):
        """Return frames of a loud tone, of one 60 dB fainter, and of silence."""
        tone = np.cos(2 * np.pi * np.arange(8) * 2 / 8)
        return np.concatenate([tone, 1e-3 * tone, 0 * tone, 0.5 * tone])[None, None]

    def error(self, front_end, frame, band, off):
        """Return the error that is found where a number of the result is off."""
        x = self.signals()
        truth = front_end.reference(x)
        got = truth.copy()
        at = (frame, band) if front_end.time_first else (band, frame)
        got[0, 0, *at] += off
        return front_end_error(front_end, x, got, truth)

    @pytest.mark.parametrize("log", LOGS)
    @pytest.mark.parametrize("gain", [1, -0.25, np.full(5, 3.0)], ids=str)
    @pytest.mark.parametrize("power", [1, 2])
    @pytest.mark.parametrize("time_first", [True, False])
    def test_counts_in_decibels(self, log, gain, power, time_first):
        how = {"power": power, "log": log, "floor": 1e-20, "gain": gain, "time_first": time_first}
        front_end = FrontEnd(**FRAMES, **how)
        off = 0.5 * LOGS[log] * np.max(np.abs(gain))
        assert self.error(front_end, 0, 2, off) == pytest.approx(0.5)
        assert self.error(front_end, 1, 2, off) == pytest.approx(0.5 * 1e-3 / 0.01)
        assert self.error(front_end, 2, 2, off) == pytest.approx(0.5)  # silence

    @pytest.mark.parametrize("power", [1, 2])
    def test_counts_from_the_peak(self, power):
        front_end = FrontEnd(**FRAMES, power=power, gain=7, offset=5)
        peak = 7 * 2.0**power  # It is half the sum of a window whose mean is a half.
        for frame in range(3):
            assert self.error(front_end, frame, 2, 0.5 * peak) == pytest.approx(0.5)

    @pytest.mark.parametrize("divide", [True, False])
    @pytest.mark.parametrize("eps_in", ["deviation", "variance"])
    @pytest.mark.parametrize("drop_last", [True, False])
    def test_counts_before_normalisation(self, divide, eps_in, drop_last):
        normalisation = Normalisation(divide, 1, 3, eps_in, drop_last)
        front_end = FrontEnd(**FRAMES, log="10log10", floor=1e-20, normalisation=normalisation)
        values = front_end.replace(normalisation=None).reference(self.signals())[0, 0, :, 2]
        deviation = (values[:-1] if drop_last else values).std(ddof=1)
        deviation = deviation + 3 if eps_in == "deviation" else np.sqrt(deviation**2 + 3)
        off = 0.5 / deviation if divide else 0.5
        assert self.error(front_end, 0, 2, off) == pytest.approx(0.5)

    def test_counts_before_cepstra(self):
        how = {"log": "10log10", "floor": 1e-20, "bands": np.eye(5), "n_cepstra": 3}
        front_end = FrontEnd(**FRAMES, **how)
        # Each band may be off by one decibel, or by more where it is faint.
        least = np.abs(front_end.cepstral_matrix()[:, 1]).sum()
        assert 0.5 / 30 < self.error(front_end, 0, 1, 0.5 * least) <= 0.5


class TestCommand:
    @pytest.mark.thorough
    def test_this_installation_is_right(self, tmp_path, capsys, monkeypatch):
        monkeypatch.setattr(self_check, "N_REPETITIONS", 1)
        status = cli.main(["check", "--json", str(tmp_path / "check.json"), "--seed", "5"])
        printed = capsys.readouterr().out
        assert status == 0, printed
        report = json.loads((tmp_path / "check.json").read_text())
        assert report["passed"]
        assert report["seed"] == 5
        assert {"python", "numpy", "scipy", "numba", "cupy", "cpu", "gpu"} <= set(
            report["versions"]
        )
        rows = [row for row in report["rows"] if row["backend"] == "cpu"]
        assert len(rows) == sum(len(check.dtypes) for check in self_check.CHECKS)
        for row in rows:
            assert row["error"] <= row["tolerance"]
            assert row["speed"] > 0
            assert row["dtype"] in printed

    def test_json_of_a_failure_is_strict(self, tmp_path, monkeypatch):
        monkeypatch.setattr(cpu, "phase", lambda x, out: out.fill(np.nan))
        path = tmp_path / "check.json"
        assert self_check.run_self_check(str(path), checks=checks_of("phase")) == 1
        report = json.loads(path.read_text(), parse_constant=pytest.fail)
        assert not report["passed"]
        assert report["rows"][0]["error"] is None
        assert report["rows"][0]["message"] == "the result has values that are not finite"

    def test_refuses_a_file_in_no_folder(self, tmp_path, capsys):
        assert cli.main(["check", "--json", str(tmp_path / "none" / "check.json")]) == 2
        assert "--json must name a file in a folder that exists" in capsys.readouterr().err


class TestGpu:
    def test_without_cupy(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cupy", None)
        assert self_check.find_gpu() == (None, "not present: CuPy is not installed")

    def test_without_a_device(self, monkeypatch):
        def fail():
            raise RuntimeError("cudaErrorNoDevice: no CUDA-capable device\nis detected")

        runtime = types.SimpleNamespace(getDeviceCount=fail)
        cupy = types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime))
        monkeypatch.setitem(sys.modules, "cupy", cupy)
        backend, text = self_check.find_gpu()
        assert backend is None
        assert text == "not present: cudaErrorNoDevice: no CUDA-capable device is detected"

    def test_rows_of_a_second_backend(self):
        sent = []
        gpu = self_check.Backend("gpu", lambda x: sent.append(1) or x, np.copy, lambda: None)
        cpu_backend = self_check.Backend("cpu", lambda x: x, lambda x: x, lambda: None)
        checks = checks_of("delta")
        rows = list(self_check.all_rows(checks, [cpu_backend, gpu], seed=1))
        assert [row.backend for row in rows] == ["cpu", "gpu"]
        assert sent == [1]
