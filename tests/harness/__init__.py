"""A GPU without a GPU, on which the tests and the benchmarks' predictions run GPU code.

- `fake_cupy`: a stand-in for CuPy, so that the launch code runs as it is
- `cuda_on_cpu`: the CUDA sources, compiled by g++, with every access watched
- `ptx`: the PTX that NVRTC makes of the same sources, in NumPy

pytest finds the package because it stands beside the tests; other programs need the folder `tests`
in PYTHONPATH.
"""
