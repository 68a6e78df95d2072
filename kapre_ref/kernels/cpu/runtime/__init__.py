"""Code that runs at the call, around the kernels: compilation, threads, memory, chunks."""
