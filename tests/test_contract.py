"""The package keeps its promises: names, parameters, docstrings, and which module imports which."""

import ast
import importlib
import inspect
import pkgutil
import re
from pathlib import Path

import numpy as np
import pytest

import kapre_ref as kr
from kapre_ref import backend

PACKAGE = Path(kr.__file__).parent

_STFT = (
    "n_fft=2048, win_length=None, hop_length=None, *, window_name=None, pad_begin=False, "
    "pad_end=False, input_data_format='default', output_data_format='default'"
)
_SCALE = "db_amin=1e-05, db_ref_value=1.0, db_dynamic_range=80.0"
_DECIBEL = f"return_decibel=False, {_SCALE}"

# The public interface; parameters after `*` are keyword-only.
WINDOWS = {
    "hann_window": "window_length, periodic=True, dtype=float32, *, like=None",
    "hamming_window": "window_length, periodic=True, dtype=float32, *, like=None",
    "kaiser_window": "window_length, beta=12.0, dtype=float32, *, like=None",
    "kaiser_bessel_derived_window": "window_length, beta=12.0, dtype=float32, *, like=None",
    "vorbis_window": "window_length, dtype=float32, *, like=None",
}
FILTERBANKS = {
    "filterbank_mel": (
        "sample_rate, n_freq, n_mels=128, f_min=0.0, f_max=None, htk=False, norm='slaney', *, "
        "dtype=float32, like=None"
    ),
    "filterbank_log": (
        "sample_rate, n_freq, n_bins=84, bins_per_octave=12, f_min=None, spread=0.125, *, "
        "dtype=float32, like=None"
    ),
}
ARRAY_OPERATIONS = {
    "magnitude_to_decibel": "x, ref_value=1.0, amin=1e-05, dynamic_range=80.0, *, out=None",
    "mu_law_encoding": "signal, quantization_channels, *, out=None",
    "mu_law_decoding": "signal_mu, quantization_channels, *, out=None",
    "frame": (
        "x, frame_length, hop_length, pad_end=False, pad_value=0, data_format='default', *, "
        "out=None"
    ),
    "energy": (
        "x, sample_rate=22050, ref_duration=0.1, frame_length=2205, hop_length=1102, "
        "pad_end=False, pad_value=0, data_format='default', *, out=None"
    ),
    "stft": f"x, {_STFT}, out=None",
    "inverse_stft": (
        "stfts, n_fft=2048, win_length=None, hop_length=None, *, forward_window_name=None, "
        "input_data_format='default', output_data_format='default', out=None"
    ),
    "magnitude": "x, *, out=None",
    "phase": "x, *, out=None",
    "apply_filterbank": "x, filterbank, data_format='default', *, out=None",
    "delta": "x, win_length=5, mode='symmetric', data_format='default', *, out=None",
    "logmel_to_mfcc": (
        "log_melgrams, n_mfccs=20, data_format='default', *, dct_type=2, norm='htk', lifter=0.0, "
        "out=None"
    ),
    "mfcc": (
        f"x, {_STFT}, sample_rate=22050, n_mfccs=20, n_mels=128, mel_f_min=0.0, mel_f_max=None, "
        f"mel_htk=False, mel_norm='slaney', {_SCALE}, out=None"
    ),
    "concatenate_frequency_map": "x, data_format='default', *, out=None",
    "spec_augment": (
        "x, freq_mask_param, time_mask_param, n_freq_masks=1, n_time_masks=1, mask_value=0.0, "
        "data_format='default', *, rng, out=None"
    ),
    "channel_swap": "x, data_format='default', *, rng, out=None",
    "stft_magnitude": f"x, {_STFT}, {_DECIBEL}, out=None",
    "melspectrogram": (
        f"x, {_STFT}, sample_rate=22050, n_mels=128, mel_f_min=0.0, mel_f_max=None, "
        f"mel_htk=False, mel_norm='slaney', {_DECIBEL}, out=None"
    ),
    "log_frequency_spectrogram": (
        f"x, {_STFT}, sample_rate=22050, log_n_bins=84, log_f_min=None, log_bins_per_octave=12, "
        f"log_spread=0.125, {_DECIBEL}, out=None"
    ),
    "stft_mag_phase": f"x, {_STFT}, {_DECIBEL}, out=None",
}
# Models that were not made with Kapre need these.
BEYOND_KAPRE = {
    "amplitude_to_db": "x, ref=1.0, amin=1e-05, top_db=80.0, *, peak_over='call', out=None",
    "db_to_amplitude": "x, ref=1.0, *, out=None",
    "db_to_power": "x, ref=1.0, *, out=None",
    "fix_length": "x, size, axis=-1, mode='constant', value=0.0, *, out=None",
    "patches": "x, length, hop, *, out=None",
    "power_to_db": "x, ref=1.0, amin=1e-10, top_db=80.0, *, peak_over='call', out=None",
    "stack_frames": "x, n, step=None, edge='drop', *, out=None",
    "standardize": "x, eps=1e-07, axis=-1, *, out=None",
}
# These compute nothing, or in NumPy and float64, so there is nothing for an oracle to say.
WITHOUT_ORACLE = {
    "hz_to_mel": "frequencies, htk=False",
    "mel_to_hz": "mels, htk=False",
    "get_window_fn": "window_name=None",
    "validate_data_format_str": "data_format",
    "perfectly_reconstructing_stft_istft": (
        "n_fft=2048, hop_length=None, waveform_data_format='default', stft_data_format='default'"
    ),
    "set_num_threads": "n",
    "get_num_threads": "",
    "set_keep_bytes": "n",
    "get_keep_bytes": "",
    "release_memory": "",
    "front_end": "name",
    "recipes": "",
}
CONSTANTS = {"CH_FIRST_STR": "channels_first", "CH_LAST_STR": "channels_last"} | {
    "CH_DEFAULT_STR": "default",
    "__version__": kr.__version__,
}
# Values; `FrontEnd` has its oracle as a method.
CLASSES = {"Bands", "FrontEnd", "LogBands", "Normalisation"}
WITH_ORACLE = WINDOWS | FILTERBANKS | ARRAY_OPERATIONS | BEYOND_KAPRE
FUNCTIONS = WITH_ORACLE | WITHOUT_ORACLE

# Kapre's names and the command are public. The kernels are private; their folder says so.
PLAIN_NAMES = {"backend", "command", "job", "kernels"}


def signature_of(function):
    """Write a signature as the tables above do, without annotations."""
    parameters = inspect.signature(function).parameters.values()
    bare = [
        parameter.replace(
            annotation=inspect.Parameter.empty,
            default=_Bare(parameter.default.__name__)
            if isinstance(parameter.default, type) and parameter.default is np.float32
            else parameter.default,
        )
        for parameter in parameters
    ]
    return str(inspect.Signature(bare))[1:-1]


class _Bare(str):
    __slots__ = ()

    __repr__ = str.__str__


@pytest.mark.parametrize("name", sorted(WINDOWS | FILTERBANKS))
@pytest.mark.parametrize("dtype", [np.float16, "f4", "<f8", ">f4", np.dtype("f8").newbyteorder()])
def test_constructors_make_numpys_own_dtypes(name, dtype):
    got = getattr(kr, name)(*((8,) if name in WINDOWS else (22050, 1025)), dtype=dtype).dtype
    assert got is np.dtype(np.dtype(dtype).type)


class TestNames:
    def test_all(self):
        expected = set(FUNCTIONS) | {f"{name}_reference" for name in WITH_ORACLE}
        expected |= set(CONSTANTS) | CLASSES
        assert sorted(kr.__all__) == sorted(expected)

    def test_all_is_defined_and_sorted_once(self):
        assert [name for name in kr.__all__ if not hasattr(kr, name)] == []
        assert len(set(kr.__all__)) == len(kr.__all__)

    def test_nothing_else_is_public(self):
        # A topic's file is private, so that completion shows functions, and no module hides one.
        public = {name for name in vars(kr) if not name.startswith("_")}
        assert public - set(kr.__all__) <= PLAIN_NAMES

    def test_files_of_private_modules_have_private_names(self):
        # No call can add a public name, since no module has a public name.
        names = {module.name for module in pkgutil.iter_modules(kr.__path__)}
        assert {name for name in names if not name.startswith("_")} == PLAIN_NAMES

    @pytest.mark.parametrize("name", sorted(CONSTANTS))
    def test_constants(self, name):
        assert getattr(kr, name) == CONSTANTS[name]

    def test_version(self):
        assert re.fullmatch(r"\d+\.\d+\.\d+", kr.__version__)

    def test_backend_is_kapres(self):
        kapres = {
            "CH_DEFAULT_STR", "CH_FIRST_STR", "CH_LAST_STR", "filterbank_log", "filterbank_mel",
            "get_window_fn", "magnitude_to_decibel", "mu_law_decoding", "mu_law_encoding",
            "validate_data_format_str",
        }  # fmt: skip
        assert set(backend.__all__) == kapres
        found = {name for name in vars(backend) if not name.startswith("__")}
        assert found == kapres | {"_CH_DEFAULT_STR", "_CH_FIRST_STR", "_CH_LAST_STR"}
        for name in kapres:
            assert getattr(backend, name) is getattr(kr, name)
        for name in ("CH_DEFAULT_STR", "CH_FIRST_STR", "CH_LAST_STR"):
            assert getattr(backend, f"_{name}") == getattr(kr, name)


class TestSignatures:
    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_as_agreed(self, name):
        assert signature_of(getattr(kr, name)) == FUNCTIONS[name]

    @pytest.mark.parametrize("name", sorted(WITH_ORACLE))
    def test_oracle_has_the_same(self, name):
        expected = re.sub(r"(, \*)?, (like|out)=None$", "", FUNCTIONS[name])
        assert signature_of(getattr(kr, f"{name}_reference")) == expected

    @pytest.mark.parametrize("name", sorted(WITH_ORACLE))
    def test_oracle_stands_beside_its_operation(self, name):
        oracle = getattr(kr, f"{name}_reference")
        assert oracle.__module__ == getattr(kr, name).__module__

    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_annotated(self, name):
        signature = inspect.signature(getattr(kr, name))
        assert signature.return_annotation is not inspect.Signature.empty
        for parameter in signature.parameters.values():
            assert parameter.annotation is not inspect.Parameter.empty, parameter.name


SECTIONS = ("Parameters", "Returns", "Raises", "Warns", "Notes", "References", "Examples")


def _sections(docstring):
    """Split a docstring into {section: text}; the summary stands under ''."""
    lines = inspect.cleandoc(docstring).splitlines()
    sections, current = {"": []}, ""
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if line and re.fullmatch("-+", following) and len(following) == len(line):
            current = line
            sections[current] = []
        elif not (re.fullmatch("-+", line) and sections[current] == []):
            sections[current].append(line)
    return {name: "\n".join(text).strip() for name, text in sections.items()}


def _raises_something(function):
    return "check_" in inspect.getsource(function) or "raise " in inspect.getsource(function)


class TestDocstrings:
    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_sections_in_order(self, name):
        sections = [section for section in _sections(getattr(kr, name).__doc__) if section]
        assert sections == [section for section in SECTIONS if section in sections]

    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_needed_sections(self, name):
        function = getattr(kr, name)
        needed = {"Raises"} if _raises_something(function) else set()
        if inspect.signature(function).parameters:
            needed |= {"Parameters", "Notes", "Examples"}
        if inspect.signature(function).return_annotation != "None":
            needed |= {"Returns"}
        sections = _sections(function.__doc__)
        assert needed - set(sections) == set()
        assert [section for section in needed if not sections[section]] == []

    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_every_parameter_is_described(self, name):
        text = _sections(getattr(kr, name).__doc__).get("Parameters", "")
        entries = [line for line in text.splitlines() if line and not line.startswith(" ")]
        described = [word for entry in entries for word in entry.split(" : ")[0].split(", ")]
        assert described == list(inspect.signature(getattr(kr, name)).parameters)

    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_example_runs(self, name):
        examples = _sections(getattr(kr, name).__doc__).get("Examples", "")
        assert name in ("get_num_threads", "get_keep_bytes") or f"{name}(" in examples

    @pytest.mark.parametrize("name", sorted(FUNCTIONS))
    def test_first_line_is_one_sentence(self, name):
        summary = _sections(getattr(kr, name).__doc__)[""].split("\n\n")[0]
        assert "\n" not in summary
        assert summary.endswith(".")

    @pytest.mark.parametrize("name", sorted(WITH_ORACLE))
    def test_oracle_says_what_differs_in_one_paragraph(self, name):
        assert _sections(getattr(kr, f"{name}_reference").__doc__).keys() == {""}

    @pytest.mark.parametrize("name", sorted(set(ARRAY_OPERATIONS) | set(FILTERBANKS)))
    def test_notes_name_kapre(self, name):
        notes = " ".join(_sections(getattr(kr, name).__doc__)["Notes"].split())
        assert re.search(r"`kapre\.[\w.]+`", notes)
        assert "Kapre 0.4.1" in notes


def modules_in(folder):
    return sorted((PACKAGE / folder).rglob("*.py"))


def imported_by(path, top_level_only=False):
    """Name the modules that a file imports, and for `from a import b` also a.b.

    What a type checker alone reads, under `if TYPE_CHECKING`, is never imported.
    """
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            assert not node.orelse
            node.body = []
    nodes = tree.body if top_level_only else list(ast.walk(tree))
    names = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names


# A wing may use those before it in this list: operations use `emit` and `runtime`, and `transform`
# also uses the operations' files for bands, decibels and phases.
WINGS = ("numba_private", "emit", "runtime", "operations", "transform")
CALL_TRANSFORMS = ("__init__", "stft", "spectrograms", "front_end")


def _wing_of(name):
    first = name.split(".")[0]
    return first if first in WINGS else "operations"


def _inside(names, package):
    return {name for name in names if name == package or name.startswith(f"{package}.")}


BELOW_KERNELS = ("_band_weights", "_first_use", "_kept", "_chunks", "_roots", "_threads")


class TestDependencies:
    """tests, command -> topic files -> _checks; _dispatch -> (lazily) kernels -> numba | cupy."""

    @pytest.mark.parametrize("path", modules_in("kernels"), ids=lambda path: path.name)
    def test_kernels_import_no_topic(self, path):
        ours = _inside(imported_by(path), "kapre_ref")
        kernels = _inside(ours, f"kapre_ref.kernels.{path.relative_to(PACKAGE).parts[1]}")
        # The number of threads is no operation's topic, and the kernels must know it.
        allowed = kernels.union(*(_inside(ours, f"kapre_ref.{name}") for name in BELOW_KERNELS))
        assert ours - allowed == set()

    @pytest.mark.parametrize("path", modules_in("kernels/cpu"), ids=lambda path: path.name)
    def test_arrows_between_wings_point_down(self, path):
        if path.stem in CALL_TRANSFORMS:
            return
        cpu = "kapre_ref.kernels.cpu"
        ours = {name.removeprefix(f"{cpu}.") for name in _inside(imported_by(path), cpu) - {cpu}}
        own = _wing_of(".".join(path.relative_to(PACKAGE / "kernels" / "cpu").parts))
        below = WINGS[: WINGS.index(own) + 1]
        assert {name for name in ours if _wing_of(name) not in below} == set()

    def test_no_circle(self):
        """Imports within functions count, too; what a type checker alone reads does not."""
        imports = {}
        for path in modules_in("."):
            name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
            imports[name] = imported_by(path)
        while imports:
            free = [name for name, others in imports.items() if not others & set(imports) - {name}]
            assert free, f"a circle among {sorted(imports)}"
            for name in free:
                del imports[name]

    @pytest.mark.parametrize("path", modules_in("kernels/cpu"), ids=lambda path: path.name)
    def test_cpu_kernels_do_not_know_cupy(self, path):
        assert _inside(imported_by(path), "cupy") == set()

    @pytest.mark.parametrize("path", modules_in("kernels/gpu"), ids=lambda path: path.name)
    def test_gpu_kernels_do_not_know_numba(self, path):
        assert _inside(imported_by(path), "numba") == set()

    @pytest.mark.parametrize("path", sorted(PACKAGE.glob("_[a-z]*.py")), ids=lambda path: path.name)
    def test_topics_do_not_know_the_command(self, path):
        assert _inside(imported_by(path), "kapre_ref.command") == set()

    @pytest.mark.parametrize(
        "path",
        [*sorted(PACKAGE.glob("*.py")), *modules_in("command")],
        ids=lambda path: f"{path.parent.name}/{path.name}",
    )
    def test_front_files_and_command_import_no_kernel(self, path):
        # Only the dispatch imports kernels, when it is given an array; and CuPy is imported for an
        # array that another library has on a CUDA device.
        lazy = path.stem in ("_dispatch", "_other_libraries")
        imported = imported_by(path, top_level_only=lazy)
        found = {
            name
            for package in ("kapre_ref.kernels", "numba", "cupy", "kapre", "tensorflow", "librosa")
            for name in _inside(imported, package)
        }
        assert found == set()

    @pytest.mark.parametrize(
        ("stem", "used"),
        [
            ("_libraries", set()),
            ("_checks", {"_libraries"}),
            ("_dispatch", {"_libraries", "kernels"}),
        ],
    )
    def test_base_imports_no_topic(self, stem, used):
        ours = _inside(imported_by(PACKAGE / f"{stem}.py"), "kapre_ref")
        assert {name.split(".")[1] for name in ours} == used

    @pytest.mark.parametrize("name", sorted(WITH_ORACLE))
    def test_oracle_calls_only_oracles(self, name):
        oracle = getattr(kr, f"{name}_reference")
        tree = ast.parse(inspect.getsource(oracle))
        named = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        namespace = vars(importlib.import_module(oracle.__module__))
        used = [namespace[word] for word in named if word in namespace]
        public = [getattr(kr, function) for function in FUNCTIONS]
        assert [function for function in public if any(function is thing for thing in used)] == []
        assert named & {"kernels_for", "import_module", "result_array"} == set()

    @pytest.mark.parametrize("name", sorted(WITH_ORACLE))
    def test_oracle_fits_a_screen(self, name):
        source = inspect.getsource(getattr(kr, f"{name}_reference"))
        function = ast.parse(source).body[0]
        n_lines = function.end_lineno - function.body[1].lineno + 1
        assert n_lines <= 30


def test_caches_are_bounded():
    """Arrays are kept within a limit in bytes; all other caches are small, and bounded by count."""
    # Compiled GPU kernels stay: one may be running when the next kernel is asked for.
    paths = set(PACKAGE.rglob("*.py")) - {PACKAGE / "kernels" / "gpu" / "launch.py"}
    text = "\n".join(path.read_text() for path in paths)
    uses = re.findall(r"\blru_cache\((?!maxsize=\d).*|@lru_cache\n", text)
    # `cache` has no bound, so only functions with a single value may have it.
    uses += re.findall(r"@cache\ndef \w+\([^)].*", text)
    assert text.count("lru_cache(") > 5
    assert uses == []
