"""The kernels of each array library are what `kernels/contract.py` asks for, and are typed."""

import ast
import inspect
import re

import pytest
from test_contract import ARRAY_OPERATIONS, BEYOND_KAPRE, PACKAGE, imported_by, modules_in

import kapre_ref as kr
from kapre_ref.kernels import contract, cpu

PUBLIC = set(ARRAY_OPERATIONS) | set(BEYOND_KAPRE)
# Front ends, and what is one of them, share one kernel: gather, transform, filterbank, logarithm.
# Patches are copied as stacked frames are.
FRONT_ENDS = {"stft_magnitude", "melspectrogram", "log_frequency_spectrogram", "mfcc"}
# Decibels of powers and of amplitudes are made as those of magnitudes, and so are the ways back.
DECIBELS = {"amplitude_to_db", "power_to_db", "db_to_amplitude", "db_to_power"}
SHARING = FRONT_ENDS | DECIBELS | {"patches"}
OPERATIONS = (PUBLIC - SHARING) | {"features", "decibel_to_magnitude"}
KERNEL_NAMES = OPERATIONS | {"asarray", "empty"}


def _definition_of(folder, name):
    """Read a kernel in the file that its package takes it from; importing it may need CuPy."""
    init = ast.parse((PACKAGE / "kernels" / folder / "__init__.py").read_text())
    (module,) = {
        node.module
        for node in init.body
        if isinstance(node, ast.ImportFrom) and name in {alias.name for alias in node.names}
    }
    path = PACKAGE.parent / f"{module.replace('.', '/')}.py"
    (function,) = (
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    return function


def _decorators_of(function):
    names = [ast.unparse(decorator).partition("(")[0] for decorator in function.decorator_list]
    return set(names)


def _parameters_of(folder, name):
    function = _definition_of(folder, name)
    assert function.args.posonlyargs == function.args.kwonlyargs == function.args.defaults == []
    assert function.args.vararg is function.args.kwarg is None
    return [argument.arg for argument in function.args.args]


# The contract asks a backend for {kernel: its parameters}.
PROTOCOL = {
    name: list(inspect.signature(method).parameters)[1:]
    for name, method in vars(contract.Kernels).items()
    if inspect.isfunction(method) and not name.startswith("_")
}


def _exported(folder):
    tree = ast.parse((PACKAGE / "kernels" / folder / "__init__.py").read_text())
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == "__all__":
            return ast.literal_eval(node.value)
    raise AssertionError(f"kernels/{folder} has no __all__")


# This function passes on to CuPy all arguments of a launch.
_MANY_ARGUMENTS = {("fused.py", "_launch")}


class TestKernels:
    @pytest.mark.parametrize(
        "path", sorted((PACKAGE / "kernels").rglob("*.py")), ids=lambda path: path.stem
    )
    def test_functions_are_short_and_take_few_arguments(self, path):
        functions = ast.walk(ast.parse(path.read_text()))
        for function in (node for node in functions if isinstance(node, ast.FunctionDef)):
            parts = function.args
            n_arguments = len(parts.posonlyargs + parts.args + parts.kwonlyargs)
            if (path.name, function.name) not in _MANY_ARGUMENTS:
                assert n_arguments <= 7, function.name
            has_docstring = ast.get_docstring(function) is not None
            first = function.body[0]
            n_of_docstring = (first.end_lineno - first.lineno + 1) * has_docstring
            n_lines = function.end_lineno - function.lineno + 1 - n_of_docstring
            assert n_lines <= 50, function.name

    def test_contract_has_a_kernel_for_each_operation(self):
        assert list(PROTOCOL) == sorted(KERNEL_NAMES)

    @pytest.mark.parametrize("folder", ["cpu", "gpu"])
    def test_names(self, folder):
        assert _exported(folder) == list(PROTOCOL)

    @pytest.mark.parametrize("name", sorted(KERNEL_NAMES))
    @pytest.mark.parametrize("folder", ["cpu", "gpu"])
    def test_parameters_are_those_of_the_contract(self, folder, name):
        assert _parameters_of(folder, name) == PROTOCOL[name]

    @pytest.mark.parametrize("name", sorted(KERNEL_NAMES))
    def test_cpu_kernel_has_them_when_it_is_called(self, name):
        assert list(inspect.signature(getattr(cpu, name)).parameters) == PROTOCOL[name]

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    def test_result_comes_last(self, name):
        assert PROTOCOL[name][-1] == "out"

    @pytest.mark.parametrize("name", sorted(OPERATIONS))
    @pytest.mark.parametrize(("folder", "decorator"), [("cpu", "operation"), ("gpu", "on_device")])
    def test_decorated(self, folder, name, decorator):
        # The end of the process waits for a CPU kernel; a GPU kernel runs where its arrays are.
        assert decorator in _decorators_of(_definition_of(folder, name))

    @pytest.mark.parametrize(
        "path",
        [path for path in modules_in("kernels/cpu") if path.parts[-2:] != ("cpu", "__init__.py")],
        ids=lambda path: path.name,
    )
    def test_operations_do_not_call_each_other(self, path):
        # Two of them have one name with their file, which is imported from the package itself.
        inside = {name for name in imported_by(path) if name.count(".") > 3}
        assert {name.rpartition(".")[2] for name in inside} & OPERATIONS == set()

    @pytest.mark.parametrize("name", sorted(KERNEL_NAMES))
    def test_contract_describes_every_array(self, name):
        method = getattr(contract.Kernels, name)
        assert inspect.getdoc(method).split("\n")[0].endswith(".")
        arrays = ("Array", "Real", "Complex", "NDArray")
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            if parameter.annotation.startswith(arrays) and parameter.name != "like":
                assert re.search(rf"\b{parameter.name}\b", method.__doc__), parameter.name

    def test_topics_have_their_stem_in_both(self):
        front = {path.stem.removeprefix("_") for path in PACKAGE.glob("_*.py")}
        cpu, gpu = (
            front & {path.stem for path in (PACKAGE / "kernels" / folder).glob("*.py")}
            for folder in ("cpu", "gpu")
        )
        assert cpu == gpu
        modules = {getattr(kr, name).__module__.split("._")[1] for name in PUBLIC}
        # Mel and log-frequency spectrograms share the kernel that stands with filterbanks, all
        # decibels that which stands with those of magnitudes.
        assert modules - {"band_spectrograms", "power_decibel"} <= cpu


COMPILED = {"kernel", "summing_kernel", "address_kernel", "inner_kernel", "inlined", "overload"}
# Counts run the emitted code; launches on a GPU fill in arguments of CUDA C++.
WITHOUT_TYPES = {"cpu/transform/counts"} | {
    f"gpu/{stem}"
    for stem in ("decibel", "framing", "fused", "inverse", "launch", "radices", "stft")
}
PATHS = [path.relative_to(PACKAGE / "kernels").with_suffix("") for path in modules_in("kernels")]
NAMES = {path.as_posix() for path in PATHS if path.parent.name != "emit"}
TYPED = sorted(NAMES - WITHOUT_TYPES)


def _python_functions(tree):
    """List the functions of a module, nested ones too, that numba does not compile."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    compiled = [each for each in functions if _decorators_of(each) & COMPILED]
    # An overload stands for a function of Python, and returns what is compiled in its place.
    overloads = [each for each in compiled if "overload" in _decorators_of(each)]
    nodes = [node for each in overloads for node in ast.walk(each) if isinstance(node, ast.Name)]
    names = {node.id for node in nodes}
    return [each for each in functions if each not in compiled and each.name not in names]


def _is_annotated(function):
    arguments = function.args
    each = [*arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    names = [one.arg for one in each if one is not None and one.annotation is None]
    return function.returns is not None and set(names) <= {"self"}


class TestTypes:
    """All of the kernels' Python has types, but for what numba compiles."""

    @pytest.mark.parametrize("name", TYPED)
    def test_functions_are_annotated(self, name):
        tree = ast.parse((PACKAGE / "kernels" / f"{name}.py").read_text())
        functions = _python_functions(tree)
        assert [each.name for each in functions if not _is_annotated(each)] == []

    @pytest.mark.parametrize("name", sorted(KERNEL_NAMES))
    @pytest.mark.parametrize("folder", ["cpu", "gpu"])
    def test_kernels_are_annotated(self, folder, name):
        # A type checker would accept an untyped function as any kernel of the contract.
        assert _is_annotated(_definition_of(folder, name))
