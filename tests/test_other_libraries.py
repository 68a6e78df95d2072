"""Arrays of torch and JAX themselves: the same bits, the same memory, and what is refused."""

import gc
import pickle
import warnings

import numpy as np
import pytest
from good_calls import GOOD
from test_dispatch import CONSTRUCTORS
from test_dlpack import FLOATS, MEL, ORACLES, result_of

import kapre_ref as kr

REASON = "needs torch and JAX: the extra libraries"
torch = pytest.importorskip("torch", reason=REASON)
jax = pytest.importorskip("jax", reason=REASON)

LIBRARIES = {"torch": (torch.Tensor, torch.from_numpy), "jax": (jax.Array, jax.numpy.asarray)}
LARGE = np.random.default_rng(1).uniform(-1, 1, (2, 1 << 18)).astype(np.float32)


@pytest.fixture(params=LIBRARIES)
def library(request):
    return request.param


def array_of(library, x):
    return LIBRARIES[library][1](x.copy())


def address_of(array):
    return array.data_ptr() if isinstance(array, torch.Tensor) else array.unsafe_buffer_pointer()


def assert_same(library, got, expected):
    assert isinstance(got, LIBRARIES[library][0])
    np.testing.assert_array_equal(np.from_dlpack(got), expected, strict=True)


class TestResults:
    @pytest.mark.parametrize("name", [*sorted(GOOD), *ORACLES])
    def test_same_bits(self, library, name):
        got = result_of(name, lambda x: array_of(library, x))
        assert_same(library, got, result_of(name, lambda x: x))

    @pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "complex128"])
    def test_dtype_stays(self, library, dtype):
        x = FLOATS.astype(dtype)
        with jax.enable_x64(True):
            assert_same(library, kr.magnitude(array_of(library, x)), kr.magnitude(x))
            if x.dtype.kind == "f":
                assert_same(library, kr.stft(array_of(library, x), 16), kr.stft(x, 16))
            else:
                s = x[: 9 * 88].reshape(88, 9)
                expected = kr.inverse_stft(s, 16)
                assert_same(library, kr.inverse_stft(array_of(library, s), 16), expected)

    @pytest.mark.parametrize("name", sorted(CONSTRUCTORS))
    def test_like(self, library, name):
        like = array_of(library, FLOATS)
        expected = getattr(kr, name)(*CONSTRUCTORS[name])
        assert_same(library, getattr(kr, name)(*CONSTRUCTORS[name], like=like), expected)

    def test_front_end(self, library):
        x = FLOATS.reshape(2, 400)
        array, lengths = array_of(library, x), array_of(library, np.array([400, 90], np.int32))
        assert_same(library, MEL(array), MEL(x))
        assert_same(library, MEL.reference(array), MEL.reference(x))
        assert_same(library, MEL(array, lengths=lengths), MEL(x, lengths=[400, 90]))
        window = array_of(library, np.linspace(0.5, 1, 64, dtype=np.float32))
        assert MEL.replace(window=window) == MEL.replace(window=np.asarray(window))

    def test_stream(self, library):
        stream, array = MEL.stream(), array_of(library, FLOATS)
        parts = [stream.push(array[i : i + 90]) for i in range(0, 800, 90)]
        stream = pickle.loads(pickle.dumps(stream))
        parts.append(stream.finish())
        assert all(isinstance(part, LIBRARIES[library][0]) for part in parts)
        np.testing.assert_array_equal(np.concatenate(parts), MEL(FLOATS))

    @pytest.mark.parametrize("shape", [(0,), (0, 50), (3, 0)])
    def test_empty(self, library, shape):
        x = np.zeros(shape, np.float32)
        assert_same(library, kr.magnitude(array_of(library, x)), x)

    def test_no_dimensions(self, library):
        x = np.array(-2, np.float32)
        assert_same(library, kr.magnitude(array_of(library, x)), np.array(2, np.float32))
        with pytest.raises(ValueError, match=r"x must have shape .*, got shape \(\)"):
            kr.stft(array_of(library, x))

    def test_any_strides(self, library):
        x = FLOATS.reshape(20, 40)
        array = array_of(library, x)
        assert_same(library, kr.frame(array.T, 4, 2), kr.frame(x.T, 4, 2))
        assert_same(library, kr.frame(array[::2, 1::3], 4, 2), kr.frame(x[::2, 1::3], 4, 2))
        once = torch.from_numpy(x)[:1].expand(5, 40)
        assert_same("torch", kr.frame(once, 4, 2), kr.frame(x[[0] * 5], 4, 2))

    def test_reconstruction(self, library):
        forward, inverse = kr.perfectly_reconstructing_stft_istft(n_fft=16)
        expected = inverse(forward(FLOATS))
        assert_same(library, inverse(forward(array_of(library, FLOATS))), expected)


class TestMemory:
    def test_is_shared(self, library, monkeypatch):
        from kapre_ref.kernels import cpu

        seen, kernel = [], cpu.magnitude
        monkeypatch.setattr(cpu, "magnitude", lambda *both: seen.append(both) or kernel(*both))
        array = array_of(library, LARGE)
        got = kr.magnitude(array)
        assert [one.ctypes.data for one in seen[0]] == [address_of(array), address_of(got)]

    def test_is_not_used_again_while_it_is_seen(self, library):
        kr.release_memory()
        array = kr.magnitude(array_of(library, LARGE))
        address, kept = address_of(array), array[0] if library == "torch" else np.from_dlpack(array)
        del array
        gc.collect()
        other = kr.magnitude(array_of(library, 3 * LARGE))
        assert address_of(other) != address
        np.testing.assert_array_equal(kept, abs(LARGE[0] if library == "torch" else LARGE))
        del kept
        gc.collect()
        assert address_of(kr.magnitude(array_of(library, LARGE))) == address

    def test_out_is_seen_by_both_sides(self):
        x, memory = torch.from_numpy(FLOATS), np.zeros_like(FLOATS)
        out = torch.from_numpy(memory)
        assert kr.magnitude(x, out=out) is out
        np.testing.assert_array_equal(memory, abs(FLOATS))

    @pytest.mark.parametrize("name", sorted(GOOD))
    def test_out(self, name):
        expected = result_of(name, torch.from_numpy)
        out = torch.zeros(expected.shape, dtype=expected.dtype)
        assert result_of(name, torch.from_numpy, out=out) is out
        assert torch.equal(out, expected)

    def test_autograd_knows_that_out_has_changed(self):
        out, weights = torch.ones(800), torch.ones(800, requires_grad=True)
        loss = (weights * out).sum()
        kr.magnitude(torch.from_numpy(FLOATS), out=out)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()
        with torch.inference_mode():
            kr.magnitude(torch.from_numpy(FLOATS), out=torch.zeros(800))

    def test_jax_waits_for_its_own_work(self):
        slow = jax.jit(lambda x: jax.lax.fori_loop(0, 30, lambda _, y: y @ x, x))
        x = np.eye(400, dtype=np.float32)
        np.testing.assert_array_equal(np.from_dlpack(kr.magnitude(slow(x))), x)


class Own(torch.Tensor):
    """A subclass of the tensors of torch."""


T = torch.from_numpy(FLOATS.copy())
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # torch gives these up
    QUANTISED = torch.quantize_per_tensor(T, 0.01, 0, torch.quint8)
PHASES = torch.exp(1j * T)
TORCH = {
    "leaf": (T.clone().requires_grad_(), r"require gradients, .* pass x\.detach\(\)"),
    "computed": (T.clone().requires_grad_() * 2, r"require gradients, .* pass x\.detach\(\)"),
    "parameter": (torch.nn.Parameter(T), r"gradients, .*Parameter with .*; pass x\.detach\(\)"),
    "conjugate": (PHASES.conj(), r"values in memory, .* is_conj\(\) .* pass x\.resolve_conj\(\)"),
    "negative": (PHASES.conj().imag, r"values in .* is_neg\(\) .* pass x\.resolve_neg\(\)"),
    "bfloat16": (T.bfloat16(), r"torch\.bfloat16 \(.*\); convert it first, e\.g\. to .* float32"),
    "float8": (T.to(torch.float8_e5m2), r"torch\.float8_e5m2 \(.*\); convert it first"),
    "sparse": (T.to_sparse(), r"layout other than torch\.strided\); convert it first, .* dense"),
    "quantised": (QUANTISED, r"torch\.quint8 \(.*\); convert it first"),
    "meta": (T.to("meta"), r"in the memory of the host or of one CUDA .* on meta"),
    "zeros": (torch._efficientzerotensor(800), r"memory, got a torch\.Tensor without any"),
    "subclass": (T.as_subclass(Own), r"no array of a subclass, .* x\.as_subclass\(torch\.Tensor\)"),
    "integers": (T.short(), r"dtype .* got int16"),
    "booleans": (T > 0, r"dtype .* got bool"),
}
J = jax.numpy.asarray(FLOATS)
JAX = {
    "bfloat16": (J.astype("bfloat16"), r"of bfloat16 \(.*\); convert it first"),
    "key": (jax.random.key(0), r"a numpy\.ndarray or an array of CuPy, torch or JAX, got jax"),
    "integers": (J.astype("int32"), r"dtype .* got int32"),
}


class TestRefused:
    @pytest.mark.parametrize("kind", TORCH)
    def test_tensors(self, kind):
        x, message = TORCH[kind]
        with pytest.raises(TypeError, match=f"^x must .*{message}"):
            kr.magnitude(x)
        if kind not in ("integers", "booleans"):
            with pytest.raises(TypeError, match=f"^x must .*{message}"):
                kr.magnitude_reference(x)

    def test_cures(self):
        assert_same("torch", kr.magnitude(T.clone().requires_grad_().detach()), abs(FLOATS))
        frozen = torch.nn.Parameter(T, requires_grad=False)
        assert_same("torch", kr.magnitude(frozen), abs(FLOATS))
        assert_same("torch", kr.phase(PHASES.conj().resolve_conj()), kr.phase(np.exp(-1j * FLOATS)))
        negative = PHASES.conj().imag
        assert_same("torch", kr.phase(negative.resolve_neg()), kr.phase(negative.clone().numpy()))

    @pytest.mark.parametrize("kind", JAX)
    def test_jax(self, kind):
        x, message = JAX[kind]
        with pytest.raises(TypeError, match=f"^x must .*{message}"):
            kr.frame(x, 4, 2)

    @pytest.mark.parametrize("way", ["jit", "vmap", "grad"])
    def test_tracers(self, way):
        with pytest.raises(
            TypeError, match=r"x must have values, got a \w*Tracer of JAX, .*outside"
        ):
            getattr(jax, way)(lambda x: kr.magnitude(x).sum())(J)

    def test_a_callback_is_the_way_out(self):
        result = jax.ShapeDtypeStruct(J.shape, J.dtype)
        called = jax.jit(lambda x: jax.pure_callback(kr.magnitude, result, x))
        np.testing.assert_array_equal(called(J), abs(FLOATS))

    def test_batched_by_torch(self):
        with pytest.raises(TypeError, match=r"x must be in the memory of the host"):
            torch.vmap(kr.magnitude)(T.reshape(8, 100))

    def test_jax_arrays_as_out(self):
        with pytest.raises(
            TypeError, match=r"out must be writeable, which no array of JAX is, got"
        ):
            kr.magnitude(J, out=jax.numpy.zeros_like(J))

    @pytest.mark.parametrize(
        ("out", "kind", "message"),
        [
            (torch.zeros(800, requires_grad=True), TypeError, r"out must not require gradients"),
            (torch.zeros(1600)[::2], ValueError, r"out must be C-contiguous, got strides"),
            (torch.zeros(1).expand(800), ValueError, r"out must be C-contiguous, got strides"),
            (T, ValueError, r"out must not overlap the input"),
            (torch.zeros(800).double(), TypeError, r"out must have dtype float32 .* got float64"),
            (torch.zeros(800).bfloat16(), TypeError, r"out must be .* got .* of torch.bfloat16"),
            (np.zeros(800, "f4"), TypeError, r"x and out .* same library, got torch and numpy"),
            (J, TypeError, r"x and out must be arrays of the same library, got torch and jax"),
        ],
    )
    def test_out(self, out, kind, message):
        before = T.clone()
        with pytest.raises(kind, match=message):
            kr.magnitude(T, out=out)
        assert torch.equal(T, before)

    def test_results_that_jax_would_round(self):
        with jax.enable_x64(True):
            x = jax.numpy.asarray(FLOATS.astype(np.float64))
        message = r"a result of float64 must stay one, .* made float32 .*'jax_enable_x64', True\)"
        for call in (lambda: kr.magnitude(x), lambda: kr.hann_window(9, dtype="f8", like=J)):
            with pytest.raises(TypeError, match=message):
                call()


@pytest.mark.slow
def test_torch_compile_leaves_out_what_it_is_told_to():
    mel = torch.compiler.disable(kr.melspectrogram)
    compiled = torch.compile(lambda x: mel(x + 1, n_fft=64, n_mels=4) * 2, backend="eager")
    expected = kr.melspectrogram(FLOATS + 1, n_fft=64, n_mels=4) * 2
    assert_same("torch", compiled(T), expected)
