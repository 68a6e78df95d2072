"""What our GPU kernels are compared with on the same card: plain CuPy, torch, torchaudio."""

FLOOR, RANGE = 1e-5, 80  # our defaults for decibels: amin, and the dynamic range in dB


def find(report, x, n_fft, hop_length, window, bands):
    """Return calls that make magnitudes and calls that make log-mels of x, both by name.

    x is (batch, time), `window` (n_fft,) and `bands` (n_freq, n_mels), of one dtype; frames are not
    padded. Whatever is not installed is noted and left out.
    """
    magnitudes, log_mels = {}, {}
    for name, make in (
        ("CuPy unfused", _cupy),
        ("torch", _torch),
        ("torchaudio", _torchaudio),
    ):
        try:
            magnitude, log_mel = make(report, x, n_fft, hop_length, window, bands)
        except Exception as error:  # it may be installed but fail on this machine
            absent = isinstance(error, ImportError) and error.name == name
            report.about[name] = "n/a: not installed" if absent else f"n/a: {error}"[:200]
            continue
        if magnitude:
            magnitudes["torch.stft(...).abs()" if name == "torch" else name] = magnitude
        log_mels[name] = log_mel
    return magnitudes, log_mels


def _cupy(report, x, n_fft, hop_length, window, bands):
    cupy = report.cupy
    n_frames = (x.shape[1] - n_fft) // hop_length + 1
    shape = len(x), n_frames, n_fft
    strides = x.strides[0], x.strides[1] * hop_length, x.strides[1]

    def magnitude():
        frames = cupy.lib.stride_tricks.as_strided(x, shape, strides)
        return cupy.abs(cupy.fft.rfft(frames * window))

    def log_mel():
        decibel = 10 * cupy.log10(cupy.maximum(magnitude() @ bands, FLOOR))
        return cupy.maximum(decibel, decibel.max(axis=(1, 2), keepdims=True) - RANGE)

    return magnitude, log_mel


def _torch(report, x, n_fft, hop_length, window, bands):
    import torch

    report.about["torch"] = torch.__version__
    xt, wt, bt = (torch.from_dlpack(array) for array in (x, window, bands))

    def magnitude():
        return torch.stft(
            xt, n_fft, hop_length, window=wt, center=False, return_complex=True
        ).abs()  # (batch, n_freq, n_frames)

    def log_mel():
        decibel = 10 * torch.log10(torch.clamp(bt.T @ magnitude(), min=FLOOR))
        return torch.maximum(decibel, decibel.amax((1, 2), keepdim=True) - RANGE)

    return magnitude, log_mel


def _torchaudio(report, x, n_fft, hop_length, window, bands):
    import torch
    import torchaudio

    report.about["torchaudio"] = torchaudio.__version__
    xt, wt, bt = (torch.from_dlpack(array) for array in (x, window, bands))
    mel = torchaudio.transforms.MelSpectrogram(
        n_fft=n_fft, hop_length=hop_length, n_mels=bt.shape[1], power=1.0, center=False
    ).to(xt.device, xt.dtype)
    # Our window, bands and floor, so that the work is the same.
    mel.spectrogram.window, mel.mel_scale.fb = wt, bt
    decibel = torchaudio.transforms.AmplitudeToDB("power", top_db=RANGE)
    decibel.amin = FLOOR
    return (lambda: mel.spectrogram(xt)), (lambda: decibel(mel(xt)))


def check_same_work(report, name, ours, others, tolerance):
    """Check that the results of the peers equal ours but for rounding."""
    ours = report.gpu.fetch(ours[:1])
    for other, call in others.items():
        report.attempt(f"{name}, {other}", _check_one, report, name, ours, other, call, tolerance)


def _check_one(report, name, ours, other, call, tolerance):
    theirs = call()[:1]
    theirs = theirs.cpu().numpy() if hasattr(theirs, "cpu") else report.gpu.fetch(theirs)
    if theirs.shape != ours.shape:  # torch has bins before frames
        theirs = theirs.swapaxes(1, 2)
    error = float(abs(theirs - ours).max() / abs(ours).max())
    report.check(f"{name}: {other} does the same work", error, tolerance)
