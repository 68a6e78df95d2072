"""Runs at the call, around the kernels: compilation, threads, memory, and the order of blocks."""
