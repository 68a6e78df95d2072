"""A stand-in for CuPy on machines without a GPU: CuPy's rules about arrays, NumPy's arithmetic.

`installed()` puts this module into `sys.modules` as 'cupy'. It is stricter than CuPy where that
shows a silent transfer: arrays of the host are taken by `asarray` and `array` alone, and only
`get` (counted in `transfers`) brings anything back. It has two devices: an array may be viewed
from anywhere, but used on its own device alone, and a copy from the host by other streams only
after a wait. Kernels of their own source run through g++,
see `cuda_on_cpu`, which the `settings` of `installed` go to; other kinds are refused.
"""

from __future__ import annotations

import sys
import time
from collections import Counter
from contextlib import contextmanager
from itertools import count
from types import ModuleType, SimpleNamespace

import numpy as np

from harness.cuda_on_cpu.raw_module import raw_module_class
from kapre_ref import kernels

__version__ = "stand-in"
transfers = Counter()  # 'get': copies to the host, 'set': copies from it
waited_for = []  # devices, one for each wait
# Pairs of streams in exports by DLPack: the current one, and the one that must wait for it.
exports = []

_CUDA = 2  # DLPack's number of a CUDA device
_LEGACY_STREAM = 1  # DLPack's number of the default stream
_PER_THREAD = 2  # CUDA's number of the stream that each thread has one of
_handles = count(0x1000)  # of all other streams

_UFUNC_OPTIONS = {"out", "dtype", "casting"}  # CuPy's ufuncs know no others, `where` included


def _words(*lines):
    return [word for line in lines for word in line.split()]


_COMPILED = _words("ElementwiseKernel RawKernel ReductionKernel fuse")
_NOT_IN_CUPY = _words(  # names of NumPy that CuPy 14 does not have
    "asmatrix block bmat char datetime64 einsum_path emath errstate frompyfunc geomspace insert ma",
    "matrix matvec memmap nanpercentile nanquantile ndenumerate nditer rec recarray spacing",
    "strings unstack vecdot vecmat",
)
_NOT_IN_NDARRAY = _words("ctypes flat getfield resize setfield setflags to_device")
# These give views or facts of an array, whatever the current device is.
_VIEWS = _words(
    "T broadcast_to diagonal expand_dims flip imag moveaxis ravel real reshape squeeze swapaxes",
    "transpose view iscomplexobj isrealobj ndim result_type shape shares_memory size",
)
_OPERATORS = _words(
    "neg pos abs invert lt le eq ne gt ge",
    "add sub mul truediv floordiv mod divmod pow matmul lshift rshift and or xor",
    "radd rsub rmul rtruediv rfloordiv rmod rdivmod rpow rmatmul rand ror rxor",
    "iadd isub imul itruediv ifloordiv imod ipow ilshift irshift iand ior ixor",
)


class ndarray:  # noqa: N801
    """An array "on the device": it wraps a NumPy array, and never turns into one by itself."""

    # NumPy leaves an expression with such an array to the operators of this class.
    __array_ufunc__ = None

    def __init__(self, shape, dtype=float):
        self._host = _poisoned(np.empty(shape, dtype))
        self._device, self._copied = _devices[-1], None

    @property
    def usable(self):
        """Memory of the array, for work on the current device in the current stream."""
        if self._device != _devices[-1]:
            raise RuntimeError(f"an array of device {self._device} used on device {_devices[-1]}")
        if self._copied is not None:
            stream, n_waits = self._copied
            if stream is not _current[-1] and stream.n_waits == n_waits:
                raise RuntimeError("a copy from the host used in a stream that did not wait for it")
        return self._host

    def __array__(self, *args, **kwargs):
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. Please use `.get()` to construct "
            "a NumPy array explicitly."
        )

    def __dlpack__(self, *, stream=None, max_version=None, dl_device=None, copy=None):
        if self._device != _devices[-1]:
            raise RuntimeError(f"an array of device {self._device} exported on {_devices[-1]}")
        exports.append((_current[-1], stream))
        return self._host

    def get(self):
        transfers["get"] += 1
        return self._host.copy()

    def __getitem__(self, index):
        return _wrap(self._host[_unwrap(index)], self)

    def __setitem__(self, index, value):
        with np.errstate(all="ignore"):  # A device gives no warnings.
            self.usable[_unwrap(index)] = _unwrap(value)

    def __iter__(self):
        return (_wrap(part, self) for part in self._host)

    def __len__(self):
        return len(self._host)

    def __repr__(self):
        return f"fake_{self._host!r}"

    def __getattr__(self, name):
        if name.startswith("_") or name in _NOT_IN_NDARRAY:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")
        thing = getattr(self._host, name)
        if callable(thing) and name not in _VIEWS:
            thing = getattr(self.usable, name)
        return _wrapped(thing, name, self)

    def __setattr__(self, name, value):
        if name in ("_host", "_device", "_copied"):
            object.__setattr__(self, name, value)
        elif name in ("shape", "real", "imag"):
            setattr(self._host, name, _unwrap(value))
        else:
            raise AttributeError(f"'cupy.ndarray' object has no attribute {name!r}")

    # CuPy's flags do not tell whether an array may be written to: all of them may.
    flags = property(lambda self: _Flags(self._host.flags))
    __dlpack_device__ = lambda self: (_CUDA, self._device)  # noqa: E731
    data = property(lambda self: SimpleNamespace(ptr=self._host.ctypes.data))
    device = property(lambda self: cuda.Device(self._device))
    base = property(lambda self: self._base())

    def _base(self):
        return None if self._host.base is None else _wrap(self._host.base, self)

    def item(self, *args):
        return self.get().item(*args)

    def tolist(self):
        return self.get().tolist()

    def __bool__(self):
        return bool(self.get())

    def __float__(self):
        return float(self.get())

    def __int__(self):
        return int(self.get())

    def __complex__(self):
        return complex(self.get())

    __hash__ = None


class _Flags:
    def __init__(self, flags):
        self.c_contiguous, self.f_contiguous = flags.c_contiguous, flags.f_contiguous
        self.owndata, self.forc, self.fnc = flags.owndata, flags.forc, flags.fnc


def _operator(name):
    def method(self, *others):
        with np.errstate(all="ignore"):
            result = getattr(self.usable, name)(*_unwrap(others))
        return self if result is self._host else _wrap(result)

    method.__name__ = name
    return method


for _stem in _OPERATORS:
    setattr(ndarray, f"__{_stem}__", _operator(f"__{_stem}__"))


def _unwrap(value, viewed=False):
    """Return the NumPy array inside; refuse an array of the host."""
    if type(value) is ndarray:
        return value._host if viewed else value.usable
    if isinstance(value, np.ndarray):
        if value.ndim == 0:
            return value
        raise TypeError(f"Unsupported type {type(value)}: this array lies on the host")
    if type(value) in (list, tuple):
        return type(value)(_unwrap(part, viewed) for part in value)
    if isinstance(value, dict):
        return {key: _unwrap(part, viewed) for key, part in value.items()}
    return value


def _wrap(value, viewed=None):
    """Return a result as one of CuPy, where a scalar is an array without dimensions.

    It lies where the array `viewed` does, else on the current device.
    """
    if isinstance(value, np.ndarray | np.generic):
        array = object.__new__(ndarray)
        array._host = np.asarray(value)
        array._device = _devices[-1] if viewed is None else viewed._device
        array._copied = None if viewed is None else viewed._copied
        return array
    if type(value) in (list, tuple):
        return type(value)(_wrap(part, viewed) for part in value)
    return value


def _wrapped(thing, name, owner=None):
    """Wrap a function or an array of NumPy. Constants and types are those of NumPy, as in CuPy."""
    if not callable(thing) or isinstance(thing, type):
        return _wrap(thing, owner) if isinstance(thing, np.ndarray) else thing
    views = name in _VIEWS

    def function(*args, **kwargs):
        if isinstance(thing, np.ufunc) and not kwargs.keys() <= _UFUNC_OPTIONS:
            raise TypeError(f"Wrong arguments {sorted(kwargs.keys() - _UFUNC_OPTIONS)}")
        if name == "take" and "mode" in kwargs:
            raise TypeError("take() got an unexpected keyword argument 'mode'")
        out = kwargs.get("out")
        if out is not None and type(out) is not ndarray:
            raise TypeError(f"Output arguments type must be cupy.ndarray, got {type(out)}")
        with np.errstate(all="ignore"):
            result = thing(*_unwrap(args, views), **_unwrap(kwargs, views))
        if name.startswith("empty"):
            _poisoned(result)
        viewed = next((a for a in (owner, *args) if type(a) is ndarray), None) if views else None
        return out if out is not None else _wrap(result, viewed)

    function.__name__ = name
    return function


def _poisoned(array):
    """Fill fresh memory with NaN or large numbers, so that unwritten elements are seen."""
    if array.dtype.kind in "iu":
        # As bits of a float, too, these are large: 3.4e38 in 32 bits.
        array.fill(np.frombuffer(b"\x7f" * array.itemsize, array.dtype)[0])
    else:
        array.fill(0 if array.dtype.kind == "b" else np.nan)
    return array


def asarray(a, dtype=None, order=None):
    if type(a) is ndarray:
        here = a._device == _devices[-1]
        host = np.asarray(a._host, dtype, order)
        return _wrap(host, a) if here else _wrap(host.copy())
    return array(a, dtype, order=order or "K")


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0):
    if type(obj) is not ndarray:
        if _current[-1]._is_capturing:  # CuPy's buffer is given back before the graph runs
            raise RuntimeError("a copy from the host while a graph is captured")
        transfers["set"] += 1
        obj = np.asarray(obj)
        if obj.dtype.kind not in "biufc" or not obj.dtype.isnative:
            raise ValueError(f"Unsupported dtype {obj.dtype}")
    on_device = type(obj) is ndarray
    host = obj._host if on_device else obj
    made = _wrap(np.array(host, dtype, copy=copy or None, order=order, ndmin=ndmin))
    made._copied = None if on_device else (_current[-1], _current[-1].n_waits)
    return made


def from_dlpack(array, *, device=None, copy=None):
    """Take an array whose library hands out its NumPy array in place of DLPack's capsule."""
    kind, number = array.__dlpack_device__()
    if kind != _CUDA:
        raise TypeError(f"Unsupported array type: {kind}")
    with _Device(number):
        made = _wrap(array.__dlpack__(stream=_LEGACY_STREAM, max_version=(1, 0), copy=copy))
    return made


def asnumpy(a):
    return a.get() if type(a) is ndarray else np.asarray(a)


def get_default_memory_pool():
    return SimpleNamespace(free_all_blocks=lambda stream=None: None)


def may_share_memory(a, b, max_work=None):
    """Answer as CuPy does for arrays that another library made of one piece of memory."""
    return False


@np.errstate(all="ignore")  # A device gives no warnings.
def _rfft(a, n=None, axis=-1, norm=None):
    if a.dtype == np.float16:
        raise TypeError("cupy.fft.rfft does not support float16")
    return _wrap(np.fft.rfft(_unwrap(a), n, axis, norm))


@np.errstate(all="ignore")
def _irfft(a, n=None, axis=-1, norm=None):
    return _wrap(np.fft.irfft(_unwrap(a), n, axis, norm))


def _as_strided(x, shape=None, strides=None):
    return _wrap(np.lib.stride_tricks.as_strided(_unwrap(x), shape, strides))


def _sliding_window_view(x, window_shape, axis=None, *, subok=False, writeable=False):
    view = np.lib.stride_tricks.sliding_window_view(_unwrap(x), window_shape, axis)
    return _wrap(view)


class _Device:
    def __init__(self, device=None):
        self.id = _devices[-1] if device is None else int(device)

    def __enter__(self):
        _devices.append(self.id)
        return self

    def __exit__(self, *exception):
        _devices.pop()

    def __eq__(self, other):
        return isinstance(other, _Device) and self.id == other.id

    def __hash__(self):
        return hash(self.id)

    def use(self):
        _devices[-1] = self.id
        return self

    def synchronize(self):
        waited_for.append(self.id)


def _module(name, **contents):
    module = ModuleType(name)
    vars(module).update(contents)
    return module


class _Stream:
    """A stream whose work is done at once, and the graph that is captured from it."""

    def __init__(self, null=False, non_blocking=False, ptds=False):
        self.ptr = 0 if null else _PER_THREAD if ptds else next(_handles)
        self._is_capturing = False
        self.n_waits = 0  # how often somebody waited for all of its work

    def __enter__(self):
        _current.append(self)
        return self

    def __exit__(self, *exception):
        _current.pop()

    def synchronize(self):
        if self._is_capturing:
            raise RuntimeError("operation not permitted when stream is capturing")
        self.n_waits += 1

    def is_capturing(self):
        return self._is_capturing

    def begin_capture(self, mode=None):
        self._is_capturing = True

    def end_capture(self):
        if not self._is_capturing:
            raise RuntimeError("stream is not capturing")
        self._is_capturing = False
        return SimpleNamespace(launch=lambda stream=None: None)


class _Event:
    def __init__(self, block=True, disable_timing=False, interprocess=False):
        self._recorded_at = None

    def record(self, stream=None):
        self._recorded_at = time.perf_counter()

    def synchronize(self):
        assert self._recorded_at is not None, "this event was not recorded"


def _elapsed_time(start_event, end_event):
    return 1e3 * (end_event._recorded_at - start_event._recorded_at)


def _properties(device):
    numbers = {"major": 9, "minor": 0, "multiProcessorCount": 132, "l2CacheSize": 50 << 20}
    numbers["sharedMemPerBlockOptin"] = _raw_modules[-1].permitted
    return {"name": b"Stand-in", "totalGlobalMem": 80 << 30, **numbers}


class _CNumpyArray:
    """A scalar made ready for launches."""

    def __init__(self, array):
        self.scalar = array[()]


fft = _module("cupy.fft", rfft=_rfft, irfft=_irfft)
_current = [_Stream(null=True)]
_devices = [0]
cuda = _module(
    "cupy.cuda",
    Device=_Device,
    Event=_Event,
    Stream=_Stream,
    function=SimpleNamespace(CNumpyArray=_CNumpyArray),
    get_current_stream=lambda: _current[-1],
    get_elapsed_time=_elapsed_time,
    set_allocator=lambda allocator=None: None,
    runtime=SimpleNamespace(
        streamPerThread=_PER_THREAD,
        getDeviceCount=lambda: 2,
        getDeviceProperties=_properties,
        memGetInfo=lambda: (70 << 30, 80 << 30),
        driverGetVersion=lambda: 13000,
        runtimeGetVersion=lambda: 13000,
    ),
)
lib = _module("cupy.lib")
lib.stride_tricks = _module(
    "cupy.lib.stride_tricks", as_strided=_as_strided, sliding_window_view=_sliding_window_view
)


def __getattr__(name):
    if name in _COMPILED:
        raise NotImplementedError(f"the stand-in has no cupy.{name}: it runs array expressions")
    thing = None if name.startswith("__") or name in _NOT_IN_CUPY else getattr(np, name, None)
    if name != "newaxis" and (thing is None or isinstance(thing, ModuleType)):
        raise AttributeError(f"module 'cupy' has no attribute {name!r} here")
    return _wrapped(thing, name)


_raw_modules = []  # of each `installed` that has not ended
_before_all = {}  # the modules that the first of them took out


@contextmanager
def installed(**settings):
    """Be 'cupy' for a while, with the GPU kernels bound to this module and to nothing else.

    pytest may end such a while before another that has begun within it.
    """
    taken_out = _take_out()
    if not _raw_modules:
        _before_all.update(taken_out)
    _raw_modules.append(raw_module_class(**settings))
    mine = _raw_modules[-1]
    stand_in = _put_in(mine)
    transfers.clear()
    waited_for.clear()
    exports.clear()
    try:
        yield stand_in
    finally:
        _raw_modules.remove(mine)
        _take_out()
        if _raw_modules:
            _put_in(_raw_modules[-1])
        else:
            sys.modules.update(_before_all)
            if "kapre_ref.kernels.gpu" in _before_all:
                kernels.gpu = _before_all["kapre_ref.kernels.gpu"]
            _before_all.clear()


def _put_in(raw_module):
    stand_in = sys.modules[__name__]
    stand_in.RawModule = raw_module
    raw_module.current_device = staticmethod(lambda: _devices[-1])
    for module in (stand_in, fft, cuda, lib, lib.stride_tricks):
        sys.modules["cupy" if module is stand_in else module.__name__] = module
    return stand_in


def _take_out():
    """Forget CuPy, real or not, and all that has imported it; return the modules."""
    stems = ("cupy", "cupyx", "kapre_ref.kernels.gpu")
    beneath = tuple(f"{stem}." for stem in stems)
    names = [name for name in sys.modules if name in stems or name.startswith(beneath)]
    vars(kernels).pop("gpu", None)
    return {name: sys.modules.pop(name) for name in names}
