"""Runs the PTX that NVRTC makes of the GPU kernels, in NumPy: what a GPU would be given.

`module.installed` puts it beneath the stand-in for CuPy, so that the launch code runs as it is.
The threads of many blocks go side by side, the one that is furthest behind first. An access out of
bounds or misaligned, a scalar of a wrong size, a wrong mask of a warp and threads that wait for
ever end in a `PtxError`. It shares nothing with `cuda_on_cpu` but the arguments of a launch.

It does not model time, races, or how the approximations of CUDA's mathematics round.
"""
