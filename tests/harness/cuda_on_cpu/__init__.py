"""Runs the CUDA C++ of `kapre_ref.kernels.gpu` on the CPU, through g++, and watches it.

Each thread of a block is a fiber; blocks run one after another. `module.Module` builds a source
and launches its kernels on NumPy arrays; `raw_module.raw_module_class` makes of it the RawModule of
the stand-in for CuPy, so that launch code runs as it is.

A module built with `checked=True` reports: access out of bounds, misaligned, past the end of a
shared array or to a read-only buffer; races within a block (a missing `__syncthreads` or
`__syncwarp`) and between blocks, which only `__threadfence` and an atomic access order; reads of
what another block wrote that the L1 may serve; reads of shared memory that nothing was written to;
threads that have left or wait elsewhere when others reach a barrier; wrong masks of warp
collectives. Scalars of a wrong size or kind are refused always. It can count, for each line of the
source, wavefronts of shared memory (bank conflicts) and 32-byte sectors of global memory.

As in what CuPy compiles, subnormal float32 are zero (float64 too, unlike there), and products are
joined with sums where the machine has an instruction for it.

It does not model: caches, time, divergence, tensor cores, asynchronous copies, inline PTX, and how
CUDA's mathematical functions round.
"""
