"""Arrays of other libraries are seen as NumPy's or CuPy's: with a stand-in for such a library."""

import inspect
import pickle
import subprocess
import sys
from types import FunctionType

import numpy as np
import other_library
import pytest
from good_calls import GOOD
from harness import fake_cupy
from other_library import Tensor
from test_dispatch import CONSTRUCTORS

import kapre_ref as kr
from kapre_ref import _libraries

FLOATS = np.random.default_rng(0).uniform(-1, 1, 800).astype(np.float32)
MEL = kr.FrontEnd(
    sample_rate=16000, n_fft=64, hop_length=32, bands=kr.Bands(8), log="ln", floor=1e-6
)
TAKES_NO_ARRAY = {
    "front_end", "get_keep_bytes", "get_num_threads", "get_window_fn",
    "perfectly_reconstructing_stft_istft", "recipes", "release_memory", "set_keep_bytes",
    "set_num_threads", "validate_data_format_str",
}  # fmt: skip
SCALES = {"hz_to_mel", "mel_to_hz"}  # They take numbers, in arrays or not.


@pytest.fixture
def cupy():
    other_library.waits.clear()
    with fake_cupy.installed() as stand_in:
        yield stand_in


def call_of(name, convert):
    """Return the function of a name and its arguments, arrays converted."""
    args, kwargs = GOOD[name.removesuffix("_reference")]
    args = [convert(arg) if isinstance(arg, np.ndarray) else arg for arg in args]
    if "rng" in kwargs:
        kwargs = kwargs | {"rng": np.random.default_rng(0)}
    return getattr(kr, name), args, kwargs


def result_of(name, convert, **more):
    function, args, kwargs = call_of(name, convert)
    return function(*args, **kwargs, **more)


def on_device(x):
    return Tensor(x, "cuda:0")


def assert_same(got, expected):
    assert type(got) is Tensor
    assert got.memory.dtype == expected.dtype
    np.testing.assert_array_equal(got.memory, expected, strict=True)


ORACLES = sorted(f"{name}_reference" for name in GOOD)


class TestHost:
    def test_every_public_function_is_here(self):
        functions = {name for name in kr.__all__ if type(getattr(kr, name)) is FunctionType}
        parameters = {name: inspect.signature(getattr(kr, name)).parameters for name in functions}
        constructors = {name for name in functions if "like" in parameters[name]}
        assert constructors == set(CONSTRUCTORS)
        oracles = {f"{name}_reference" for name in constructors}  # These take numbers only.
        others = constructors | oracles | SCALES | TAKES_NO_ARRAY
        assert functions == {*GOOD, *ORACLES} | others
        for name in TAKES_NO_ARRAY | oracles:
            annotations = [str(one.annotation) for one in parameters[name].values()]
            assert not [text for text in annotations if "NDArray" in text], name

    @pytest.mark.parametrize("name", [*sorted(GOOD), *ORACLES])
    def test_result_is_a_tensor_of_the_same_bits(self, name):
        assert_same(result_of(name, Tensor), result_of(name, lambda x: x))

    @pytest.mark.parametrize("name", sorted(GOOD))
    def test_out_is_filled_and_returned(self, name):
        expected = result_of(name, lambda x: x)
        out = Tensor(np.full_like(expected, 7))
        memory = out.memory
        assert result_of(name, Tensor, out=out) is out
        np.testing.assert_array_equal(memory, expected)

    @pytest.mark.parametrize("name", sorted(GOOD))
    def test_arguments_by_name(self, name):
        function, args, kwargs = call_of(name, Tensor)
        named = dict(zip(inspect.signature(function).parameters, args, strict=False))
        assert_same(function(**named, **kwargs), result_of(name, lambda x: x))

    @pytest.mark.parametrize("name", [*sorted(GOOD), *ORACLES])
    def test_gradients_are_refused(self, name):
        message = r"\w+ must not require gradients, .*requires_grad=True; pass \w+\.detach\(\)"
        with pytest.raises(TypeError, match=message):
            result_of(name, lambda x: Tensor(x, requires_grad=True))

    @pytest.mark.parametrize("name", [*sorted(GOOD), *ORACLES])
    def test_result_is_no_part_of_the_input(self, name):
        # A library may have its own reasons never to change the memory of the input.
        given = []
        result = result_of(name, lambda x: given.append(Tensor(x.copy())) or given[-1])
        assert not any(np.shares_memory(tensor.memory, result.memory) for tensor in given)

    @pytest.mark.parametrize("name", sorted(CONSTRUCTORS))
    def test_like(self, name):
        expected = getattr(kr, name)(*CONSTRUCTORS[name])
        like = Tensor(FLOATS, requires_grad=True)  # nothing of it is read
        assert_same(getattr(kr, name)(*CONSTRUCTORS[name], like=like), expected)

    def test_memory_is_shared(self, monkeypatch):
        from kapre_ref.kernels import cpu

        seen = []
        kernel = cpu.magnitude
        monkeypatch.setattr(
            cpu, "magnitude", lambda x, out: seen.append((x, out)) or kernel(x, out)
        )
        x = Tensor(FLOATS.copy())
        got = kr.magnitude(x)
        ((read, written),) = seen
        assert read.ctypes.data == x.memory.ctypes.data
        assert written.ctypes.data == got.memory.ctypes.data

    def test_numpy_arrays_are_not_looked_at_twice(self, monkeypatch):
        def looked_at(x):
            assert not isinstance(x, np.ndarray)

        monkeypatch.setattr(_libraries, "module_of_tensor", looked_at)
        for name in GOOD:
            result_of(name, lambda x: x)
        MEL(FLOATS)

    def test_a_call_costs_one_call_more(self):
        called = []
        x = FLOATS[:16]
        kr.magnitude(x)  # This compiles the kernel.
        sys.setprofile(lambda frame, event, _: event == "call" and called.append(frame.f_code))
        try:
            kr.magnitude(x)
        finally:
            sys.setprofile(None)
        named = [
            code.co_name for code in called if "other_librar" in code.co_filename + code.co_name
        ]
        assert named == ["of_another_library"]
        assert "magnitude" in [code.co_name for code in called]


class TestFrontEnd:
    def test_call_and_oracle(self):
        assert_same(MEL(Tensor(FLOATS)), MEL(FLOATS))
        assert_same(MEL(x=Tensor(FLOATS)), MEL(FLOATS))
        assert_same(MEL.reference(Tensor(FLOATS)), MEL.reference(FLOATS))
        out = Tensor(np.empty_like(MEL(FLOATS)))
        assert MEL(Tensor(FLOATS), out) is out
        np.testing.assert_array_equal(out.memory, MEL(FLOATS))

    @pytest.mark.parametrize("convert", [np.asarray, lambda x: x], ids=["numpy", "tensor"])
    def test_lengths_may_be_of_any_library(self, convert):
        batch, lengths = FLOATS.reshape(2, 400), np.array([300, 90])
        expected = MEL(batch, lengths=[300, 90])
        assert_same(MEL(Tensor(batch), lengths=convert(lengths)), expected)
        np.testing.assert_array_equal(MEL(batch, lengths=Tensor(lengths)), expected)
        by_rule = MEL.reference(batch, lengths)
        assert_same(MEL.reference(Tensor(batch), Tensor(lengths)), by_rule)
        with pytest.raises(ValueError, match=r"lengths\[1\] must be .* to 400, got 401"):
            MEL(Tensor(batch), lengths=Tensor(np.array([300, 401])))

    def test_fields(self):
        numbers = {
            "window": np.linspace(0.1, 1, 64),
            "bands": np.ones((33, 2)),
            "gain": np.array([1.0, 2.0]),
            "offset": np.array([0.5, 0.25]),
        }
        tensors = {name: Tensor(value) for name, value in numbers.items()}
        assert MEL.replace(**tensors) == MEL.replace(**numbers)
        with pytest.raises(TypeError, match=r"window must be in the memory of the host.*\.cpu\(\)"):
            MEL.replace(window=Tensor(numbers["window"], "cuda:0"))

    def test_stream(self):
        stream = MEL.stream()
        parts = [stream.push(Tensor(FLOATS[i : i + 70])) for i in range(0, 800, 70)]
        stream = pickle.loads(pickle.dumps(stream))
        parts.append(stream.finish())
        assert {type(part) for part in parts} == {Tensor}
        whole = np.concatenate([part.memory for part in parts])
        np.testing.assert_array_equal(whole, MEL(FLOATS))

    def test_stream_answers_in_the_library_of_the_last_chunk(self):
        stream = MEL.stream()
        assert type(stream.push(Tensor(FLOATS[:400]))) is Tensor
        assert type(stream.push(FLOATS[400:])) is np.ndarray
        assert type(stream.finish()) is np.ndarray

    @pytest.mark.parametrize("name", sorted(SCALES))
    def test_scales(self, name):
        function, x = getattr(kr, name), np.array([100.0, 1500.0])
        assert_same(function(Tensor(x)), function(x))


class TestRefused:
    def test_a_mixture(self):
        x, out = FLOATS, np.empty_like(FLOATS)
        with pytest.raises(
            TypeError, match=r"x and out .* same library, got other_library and nump"
        ):
            kr.magnitude(Tensor(x), out=out)
        with pytest.raises(
            TypeError, match=r"out must be .* got other_library.Tensor; all arrays of"
        ):
            kr.magnitude(x, out=Tensor(out))
        s, bands = np.ones((4, 5), np.float32), np.ones((5, 2), np.float32)
        with pytest.raises(TypeError, match=r"x and filterbank .* got other_library and numpy"):
            kr.apply_filterbank(Tensor(s), bands)
        with pytest.raises(
            TypeError, match=r"filterbank must be .* got other_library.Tensor; all ar"
        ):
            kr.apply_filterbank(s, Tensor(bands))

    def test_another_device(self):
        with pytest.raises(
            TypeError, match=r"x must be in .* one CUDA device, got .*Tensor on mps"
        ):
            kr.magnitude(Tensor(FLOATS, "mps"))
        with pytest.raises(TypeError, match=r"like must be in .* one CUDA device, got .* on mps"):
            kr.hann_window(4, like=Tensor(FLOATS, "mps"))

    def test_a_subclass(self):
        with pytest.raises(TypeError, match=r"x must be no array of a subclass.*got .*Unlike"):
            kr.magnitude(other_library.Unlike(FLOATS))

    def test_a_dtype_that_numpy_lacks(self):
        class Brief(Tensor):
            def __dlpack__(self, **options):
                raise BufferError("no such dtype")

            dtype = "bfloat16"

            def __init__(self):
                self.device, self.requires_grad = "cpu", False

        Brief.__module__ = "other_library"
        with pytest.raises(
            TypeError, match=r"x must be .* got .* of bfloat16 \(no such dtype\); con"
        ):
            kr.magnitude(Brief())

    def test_a_result_that_would_be_rounded(self, monkeypatch):
        rounding = lambda array: Tensor(np.from_dlpack(array).astype(np.float32))  # noqa: E731
        monkeypatch.setattr(other_library, "from_dlpack", rounding)
        with pytest.raises(
            TypeError, match=r"a result of float64 must stay one, .* made other.float32"
        ):
            kr.magnitude(Tensor(FLOATS.astype(np.float64)))
        assert_same(kr.magnitude(Tensor(FLOATS)), kr.magnitude(FLOATS))

    def test_a_library_without_a_way_back(self, monkeypatch):
        monkeypatch.delattr(other_library, "from_dlpack")
        with pytest.raises(TypeError, match=r"x must be .*got .*Tensor; pass numpy\.asarray\(x"):
            kr.magnitude(Tensor(FLOATS))

    @pytest.mark.parametrize("name", sorted(GOOD))
    def test_nothing_is_written_before(self, name):
        expected = result_of(name, lambda x: x)
        out = np.full_like(expected, 7)
        given = [Tensor(out, requires_grad=True), Tensor(out, "mps"), Tensor(out, "cuda:0"), out]
        for bad in given:
            with pytest.raises((TypeError, ValueError), match=r"^(x and )?\w+ .*must .* got"):
                result_of(name, Tensor, out=bad)
        np.testing.assert_array_equal(out, 7)


class TestCuda:
    @pytest.mark.parametrize("name", sorted(GOOD))
    def test_stays_on_its_device(self, cupy, name):
        got = result_of(name, on_device)
        assert type(got) is Tensor
        assert got.device == "cuda:0"
        assert cupy.transfers["get"] == 0
        np.testing.assert_array_equal(got.memory, result_of(name, cupy.asarray).get())

    @pytest.mark.parametrize("name", sorted(GOOD))
    def test_out(self, cupy, name):
        expected = result_of(name, cupy.asarray).get()
        out = on_device(np.full_like(expected, 7))
        assert result_of(name, on_device, out=out) is out
        np.testing.assert_array_equal(out.memory, expected)

    def test_streams_wait_for_each_other(self, cupy):
        x, out = on_device(FLOATS), on_device(np.empty_like(FLOATS))
        kr.magnitude(x)
        assert other_library.waits == [1]  # CuPy's stream waited for the input
        assert [stream for _, stream in cupy.exports] == [other_library.STREAM]
        kr.magnitude(x, out=out)
        assert len(other_library.waits) == 3
        assert [stream for _, stream in cupy.exports] == [other_library.STREAM] * 2

    def test_another_device(self, cupy):
        x = Tensor(FLOATS, "cuda:1")
        got = kr.magnitude(x)
        assert got.device == "cuda:1"
        assert kr.hann_window(16, like=x).device == "cuda:1"
        out = on_device(np.empty_like(FLOATS))
        message = "x and out must be arrays of the same device, got cuda:1 and cuda:0; copy"
        with pytest.raises(ValueError, match=message):
            kr.magnitude(x, out=out)

    @pytest.mark.parametrize("name", sorted(CONSTRUCTORS))
    def test_like(self, cupy, name):
        got = getattr(kr, name)(*CONSTRUCTORS[name], like=on_device(FLOATS))
        assert got.device == "cuda:0"
        np.testing.assert_array_equal(got.memory, getattr(kr, name)(*CONSTRUCTORS[name]))

    def test_front_end(self, cupy):
        got = MEL(on_device(FLOATS))
        np.testing.assert_array_equal(got.memory, MEL(cupy.asarray(FLOATS)).get())
        batch = FLOATS.reshape(2, 400)
        got = MEL(on_device(batch), lengths=Tensor(np.array([300, 90])))
        expected = MEL(cupy.asarray(batch), lengths=[300, 90])
        np.testing.assert_array_equal(got.memory, expected.get())
        with pytest.raises(TypeError, match=r"lengths must be in the memory of the host, got"):
            MEL(on_device(batch), lengths=on_device(np.array([300, 90])))

    @pytest.mark.parametrize("name", ORACLES)
    def test_oracles_stay_on_the_host(self, cupy, name):
        message = r"\w+ must be in the memory of the host, got .* on cuda:0; copy it .*\.cpu\(\)"
        with pytest.raises(TypeError, match=message):
            result_of(name, on_device)

    def test_without_cupy(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "cupy", None)
        message = (
            r"x must be in the memory of the host unless CuPy is installed, .*'kapre_ref\[cuda"
        )
        with pytest.raises(TypeError, match=message):
            kr.magnitude(on_device(FLOATS))
        with pytest.raises(
            TypeError, match=r"like must be .* unless CuPy is installed, .*pip inst"
        ):
            kr.hann_window(16, like=on_device(FLOATS))


class TestMemory:
    def test_is_not_used_again_while_a_tensor_lives(self):
        x = np.ones((1 << 20) // 4, np.float32)  # results of 1 MiB are kept
        kr.release_memory()
        tensor = kr.magnitude(Tensor(x))
        address, part = tensor.memory.ctypes.data, Tensor(tensor.memory[5:])
        del tensor
        other = kr.magnitude(Tensor(2 * x))
        assert other.memory.ctypes.data != address
        assert (part.memory == 1).all()
        del part
        assert kr.magnitude(Tensor(x)).memory.ctypes.data == address

    @pytest.mark.parametrize("keep", [None, 0])
    def test_large_results_begin_at_a_line_of_the_cache(self, keep):
        try:
            kr.set_keep_bytes(keep)
            results = [kr.magnitude(np.ones(n, np.float32)) for n in (300_000, 300_001, 400_000)]
        finally:
            kr.set_keep_bytes(None)
        assert [result.ctypes.data % 64 for result in results] == [0, 0, 0]


@pytest.mark.slow
def test_no_other_library_is_imported():
    code = """
import sys
import numpy as np
class Trap:
    def find_spec(self, name, *args):
        assert name.partition(".")[0] not in ("torch", "jax", "jaxlib", "tensorflow", "cupy"), name
sys.meta_path.insert(0, Trap())
import other_library
import kapre_ref as kr
x = np.ones(5000, np.float32)
kr.melspectrogram(x)
assert type(kr.magnitude(other_library.Tensor(x))) is other_library.Tensor
for wrong in ([1.0], other_library.Tensor(x, requires_grad=True)):
    try:
        kr.magnitude(wrong)
    except TypeError:
        pass
"""
    folder = other_library.__file__.rpartition("/")[0]
    code = f"import sys; sys.path.insert(0, {folder!r})\n{code}"
    subprocess.run([sys.executable, "-c", code], check=True)
