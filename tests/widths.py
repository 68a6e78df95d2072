"""Environments in which numba, and so our kernels, take vectors of a given number of bytes."""

# An old processor has no AVX; features told to numba replace those of this machine.
NARROW = {
    16: {"NUMBA_CPU_NAME": "generic"},
    32: {
        "NUMBA_CPU_NAME": "haswell",
        "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+f16c,+bmi,+bmi2",
    },
}
