"""Accelerated code; importing this package loads neither numba nor CuPy."""
