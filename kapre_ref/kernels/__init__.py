"""Accelerated code, private to the package; importing this loads neither numba nor CuPy."""
