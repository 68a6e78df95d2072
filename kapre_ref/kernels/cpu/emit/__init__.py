"""Functions of this wing run while numba compiles, and write down the inner loops in vectors.

Three kinds of code meet in `kernels/cpu`. Functions marked `kernel` or `inlined` are Python that
numba compiles. All other functions outside this wing run at the call. Functions in this wing run
once, when a kernel that uses them is compiled: they write down, step by step, what the machine code
does. A Python `for` over a `range` writes its body down many times, so that the code is unrolled. A
`for` over `emitter.loop(n)` writes its body down once, and the machine code loops.

Step 1: one multiplication
--------------------------
Multiply an array in place, a vector at a time:

>>> def scale(emitter, x, factor, n_vectors):
...     factors = emitter.broadcast(factor)
...     for i in emitter.loop(n_vectors):
...         place = x + i * emitter.bytes
...         emitter.store(emitter.load(place) * factors, place)

`x` and `factor` are addresses. `LaneEmitter` carries the function out at once, here with vectors of
32 bytes, which are 8 numbers of float32. You can print anything on the way.

>>> import numpy as np
>>> from kapre_ref.kernels.cpu.emit.lanes import LaneEmitter
>>> x, factor = np.arange(16, dtype=np.float32), np.array([10], np.float32)
>>> emitter = LaneEmitter(np.float32, 32)
>>> scale(emitter, *map(emitter.integer, (x.ctypes.data, factor.ctypes.data, 2)))
>>> x
array([  0.,  10.,  20.,  30.,  40.,  50.,  60.,  70.,  80.,  90., 100.,
       110., 120., 130., 140., 150.], dtype=float32)

`LlvmEmitter` writes the same steps down. This code of LLVM becomes machine code, in which the loop
marked with `!llvm.loop` is not unrolled:

>>> from llvmlite import ir
>>> from kapre_ref.kernels.cpu.emit.llvm import written
>>> print(written(ir.Module(), "scale", scale, 3, ir.FloatType(), 32))  # doctest: +ELLIPSIS
define internal i64 @"scale"(i64 %".1", i64 %".2", i64 %".3") noinline nounwind
{
entry:
  %".5" = inttoptr i64 %".2" to ptr
  %".6" = load float, ptr %".5", align 4
...
head:
  %".10" = phi  i64 [0, %"entry"], [%".20", %"body"]
  %".11" = icmp slt i64 %".10", %".3"
  br i1 %".11", label %"body", label %"end"
body:
  %".13" = mul i64 %".10", 32
  %".14" = add i64 %".1", %".13"
  %".15" = inttoptr i64 %".14" to ptr
  %".16" = load <8 x float>, ptr %".15", align 4
  %".17" = fmul contract nsz <8 x float> %".16", %".8"
  %".18" = inttoptr i64 %".14" to ptr
  store <8 x float> %".17", ptr %".18", align 4
  %".20" = add nsw i64 %".10", 1
  br label %"head", !llvm.loop !0
end:
  ret i64 0
}
<BLANKLINE>

Step 2: a function that kernels call
------------------------------------
`vector_function` makes `scale` callable from a kernel. The first argument is a number whose type
says the precision:

>>> import numba
>>> from kapre_ref.kernels.cpu.emit.intrinsics import n_lanes, vector_function
>>> vector_scale = vector_function(scale)
>>> @numba.njit
... def multiply(array, factor, n_vectors):
...     vector_scale(factor[0], array.ctypes.data, factor.ctypes.data, n_vectors)
>>> x = np.ones(n_lanes(np.float32), np.float32)
>>> multiply(x, factor, 1)
>>> bool((x == 10).all())
True

Integers that belong together come as a group, so that none is taken for another. For a parameter
such as `parts: Parts`, the kernel makes a NamedTuple of integers, and the function here gets the
NamedTuple of their values.

Step 3: a small transform
-------------------------
Butterflies take and return values, and touch no memory. Each lane is a frame of its own:

>>> from kapre_ref.kernels.cpu.emit.butterflies import dft_of_real
>>> samples = [emitter.constant(x) for x in (1, 2, 3, 4)]
>>> bins = dft_of_real(samples)
>>> bins[0].raw[0], bins[1].re.raw[0], bins[1].im.raw[0], bins[2].raw[0]
(np.float32(10.0), np.float32(-2.0), np.float32(2.0), np.float32(-2.0))
>>> np.fft.rfft([1, 2, 3, 4])
array([10.+0.j, -2.+2.j, -2.+0.j])

Step 4: one pass
----------------
A pass loads rows, calls a butterfly, and stores bins. A row is a vector: sample n, or a part of bin
k, of all frames of a block. `passes` says which row holds what. Two transforms of 2 samples become
one of 4:

>>> from kapre_ref.kernels.cpu.emit.passes import Parts, inner_pass
>>> rows = np.empty((4, 8), np.float32)
>>> even, odd = np.array([1, 3]), np.array([2, 4])  # the samples 1, 2, 3, 4 of every frame
>>> rows[:] = np.concatenate([np.fft.rfft(even).real, np.fft.rfft(odd).real])[:, None]
>>> twiddles = np.empty(0, np.float32)  # only bins between the first and the middle one are turned
>>> parts = Parts(rows.ctypes.data, n=2, twiddles=twiddles.ctypes.data)
>>> _ = inner_pass.on_lanes(np.float32(1), 2, parts, 1, emitter=LaneEmitter(np.float32, 32))
>>> rows[:, 0]  # Re X0, Re X1, Re X2, Im X1
array([10., -2., -2.,  2.], dtype=float32)

To add a radix
--------------
1. In `butterflies`, `dft`, `dft_of_real`, `dft_half_a_bin_up`, `idft_to_real` and
   `idft_half_a_bin_up` serve every odd radix already. Another even radix needs its own formulas.
2. Add it to `passes.RADICES` for all passes, or to `passes.FIRST_RADICES` for the first pass alone,
   whose samples are real and need fewer registers. If usual sizes have it, add it to the common
   ones, too. Nothing else lists radices.
3. `transform.radices.factorize` chooses when to use it.
4. ``pytest -m "" tests/test_vector_fft.py -k "lanes and 9-"`` runs all passes of radix 9 without a
   compiler, within a minute; ``-k TestPlan`` checks `factorize`. Then run the whole file.
5. Keep it if sizes that have it become faster: add one to `TransformSize` in
   `asv_benchmarks/benchmarks/scaling.py`, and time it before and after.
   The README of `kernels/cpu` counts what each pass does.
"""
