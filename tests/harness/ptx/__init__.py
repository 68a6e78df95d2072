"""Runs the GPU kernels from the PTX that NVRTC makes of them, in NumPy and without a GPU.

**Why.** CuPy hands the CUDA sources to NVRTC, which makes PTX: the instructions of an imagined
processor, which the driver translates for the GPU at hand. The tests of `cuda_on_cpu` run the same
sources as g++ understands them. Here they run as NVRTC understands them, with the options that CuPy
gives, beneath the launch code as it is. The two share nothing but the arguments of a launch, so an
error of one is no error of the other.

**PTX in one example.** `float y = x[i] + 1` for the threads that have an `x[i]` reads

    setp.ge.s32      %p1, %r1, %r2;             // predicate register: i >= n?
    @%p1 bra         $L__BB0_2;                 // threads that have it set go to the label
    mul.wide.s32     %rd3, %r1, 4;              // 64 bits: 4 i
    add.s64          %rd4, %rd1, %rd3;
    ld.global.f32    %f1, [%rd4];
    add.ftz.f32      %f2, %f1, 0f3F800000;      // a literal, by its bits; .ftz: no subnormals

An instruction is an opcode (`add`), modifiers (`ftz`), types (`f32`) and operands, of which the
first takes the result. There are as many registers as wanted; their names tell the type.

**How.** One file for each step, in this order:

- `values`: types of PTX as those of NumPy.
- `reading`: text to `Instruction`s, labels, parameters and shared arrays.
- `operands`: an operand as a function that reads, or writes, a register of many threads.
- `arithmetic`, `memory`, `meeting`: tables from opcodes to small functions that make a step of an
  instruction. What is in no table, and every modifier not told there, is a `PtxError` that names
  the instruction: nothing is guessed.
- `kernel`: a kernel as a list of steps, and its launch.
- `machine`: registers and memory of the threads of up to 64 blocks. A register is an array with an
  element for each thread, so a step is one call of NumPy for thousands of threads. Threads branch
  alone; of those that can go on, the ones furthest behind go first, so that they join the others
  again. Threads that meet (`bar`, `shfl`, `vote`) wait until nobody else can go on.
- `module`: CuPy's `RawModule` of all this for `fake_cupy`; `installed` puts it in place.

**What is found.** Access out of bounds or misaligned; an argument of another size than its
parameter; a mask that names a lane that has ended or is none; threads that wait for ever; a
register read that nothing was written to; shared memory read before it is written, for it is NaN at
first.

**What is not.** Time; races; how a GPU rounds `sqrt.approx` and the like, which are exact here; and
a `fma`, which rounds once on a GPU and here twice, to twice the precision first.
"""
