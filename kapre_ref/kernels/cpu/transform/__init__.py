"""The Fourier transform of frames, there and back: plans, compiled kernels, their calls."""
