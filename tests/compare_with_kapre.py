"""Compare every operation with the real Kapre on random input and parameters.

Needs Kapre 0.4.1 and TensorFlow beside kapre_ref: `pip install kapre==0.4.1 tensorflow`. Then
`python tests/compare_with_kapre.py [--rounds N] [--seed N]` prints the worst difference of each
operation, and exits with 1 if one is beyond its tolerance, with 2 if Kapre is not installed.
"""

import argparse
import os
import sys
import warnings

import numpy as np
from random_cases import (
    FIRST,
    KBD,
    LAST,
    NAMES,
    draw_decibel,
    draw_format,
    draw_log,
    draw_mel,
    draw_signal,
    draw_spectrogram,
    draw_stft,
)  # fmt: skip

import kapre_ref as kr

# The allowed differences. Kapre computes everything in float32, windows and filterbanks included.
CONSTRUCTOR = 1e-6  # absolute
SPECTRUM = 2e-6  # times the array's peak
# TensorFlow's float32 Kaiser windows are less exact than others: exp and I0 of an argument up to
# beta multiply the argument's rounding by beta.
KAISER = {"kaiser_window": 3, KBD: 3}
DECIBEL = 2e-4  # dB; more where the magnitude itself may be off by SPECTRUM of its peak
RADIAN = 1e-6  # rad; more where the spectrum itself may be off by SPECTRUM of its peak

OPERATIONS = {}


def operation(function):
    """Enter a function into the table; it yields (got, recorded, allowed difference)."""
    OPERATIONS[function.__name__] = function
    return function


def main():
    """Run all comparisons and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=40, help="random cases of each operation")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import kapre
        import tensorflow as tf
    except ImportError as error:
        print(f"nothing compared: {error}; pip install kapre==0.4.1 tensorflow", file=sys.stderr)
        return 2
    warnings.simplefilter("ignore")
    print(f"kapre_ref {kr.__version__}, TensorFlow {tf.__version__}, {options.rounds} rounds each")
    print(f"{'operation':34} {'cases':>5} {'difference':>12} {'allowed':>12} {'share':>6}")
    worst = 0.0
    for name, compare in OPERATIONS.items():
        share = _report(name, compare, kapre, options)
        worst = max(worst, share)
    print("all within their tolerances" if worst <= 1 else "OUT OF TOLERANCE", f"({worst:.2f})")
    return 0 if worst <= 1 else 1


def _report(name, compare, kapre, options):
    n_cases, worst = 0, (0.0, 0.0, 0.0)
    for index in range(options.rounds):
        rng = np.random.default_rng([options.seed, index, *name.encode()])
        for got, recorded, allowed in compare(kapre, rng):
            n_cases += 1
            try:
                worst = max(worst, _difference(got, np.asarray(recorded), allowed))
            except AssertionError as error:
                print(f"{name}, round {index}: {error}")
                worst = (np.inf, np.inf, 0.0)
    share, difference, allowed = worst
    print(f"{name:34} {n_cases:5} {difference:12.3g} {allowed:12.3g} {share:6.2f}", flush=True)
    return share


def _difference(got, recorded, allowed):
    """Return the largest difference as a share of the allowed one, and that difference."""
    assert got.shape == recorded.shape, f"shape {got.shape}, of Kapre {recorded.shape}"
    assert got.dtype == recorded.dtype, f"dtype {got.dtype}, of Kapre {recorded.dtype}"
    if not got.size:
        return 0.0, 0.0, 0.0
    same = (got == recorded) | (np.isnan(got) & np.isnan(recorded))
    wide = np.complex128 if np.iscomplexobj(got) else np.float64
    with np.errstate(invalid="ignore"):
        distance = np.where(same, 0, np.abs(got.astype(wide) - recorded.astype(wide)))
    allowed = np.broadcast_to(allowed, distance.shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(distance == 0, 0, distance / allowed)
    at = np.unravel_index(np.argmax(np.nan_to_num(share, nan=np.inf)), share.shape)
    return float(share[at]), float(distance[at]), float(allowed[at])


def _of_peak(x):
    return SPECTRUM * float(np.max(np.abs(x), initial=0))


def _spectrum_allowed(x, options, spectra):
    """Allow SPECTRUM of the peak, and the error that a window rounded to float32 causes.

    The window's rounding is absolute, so it shows where a whole signal lies under a window's ends.
    """
    factor = KAISER.get(options["window_name"], 1)
    n_summed = min(x.size, options["win_length"] or options["n_fft"])
    window = 2e-7 * np.sqrt(n_summed) * float(np.max(np.abs(x), initial=0))
    return factor * (_of_peak(spectra) + window)


def _decibels_allowed(values, amin, off):
    """Allow the error that decibels have if their values are off by `off`."""
    values = np.maximum(values.astype(np.float64), amin)
    return DECIBEL - 10 * np.log10(np.maximum(1 - off / values, 1e-30))


@operation
def windows(kapre, rng):
    import tensorflow as tf

    for name in (*NAMES, KBD):
        length = int(rng.integers(2, 3000))
        options = {}
        if name in (None, "hann_window", "hamming_window"):
            options["periodic"] = bool(rng.integers(2))
        if name in ("kaiser_window", KBD):
            options["beta"] = float(rng.uniform(0, 20))
        recorded = kapre.backend.get_window_fn(name)(length, dtype=tf.float32, **options)
        allowed = CONSTRUCTOR * max(1, options.get("beta", 0) / 4)
        yield kr.get_window_fn(name)(length, **options), recorded, allowed


@operation
def filterbank_mel(kapre, rng):
    sample_rate, parameters = draw_mel(rng, "")
    arguments = {"sample_rate": sample_rate, "n_freq": int(rng.integers(2, 1100))} | parameters
    recorded = kapre.backend.filterbank_mel(**arguments)
    yield kr.filterbank_mel(**arguments), recorded, CONSTRUCTOR


@operation
def filterbank_log(kapre, rng):
    sample_rate, parameters = draw_log(rng, "")
    arguments = {"sample_rate": sample_rate, "n_freq": int(rng.integers(2, 1100))} | parameters
    recorded = kapre.backend.filterbank_log(**arguments)
    yield kr.filterbank_log(**arguments), recorded, CONSTRUCTOR


@operation
def magnitude_to_decibel(kapre, rng):
    import tensorflow as tf

    x = draw_spectrogram(rng, LAST)
    x = x[(0,) * int(rng.integers(0, 4))] if rng.random() < 0.5 else x
    parameters = draw_decibel(rng, "")
    recorded = kapre.backend.magnitude_to_decibel(tf.constant(x), **parameters)
    yield kr.magnitude_to_decibel(x, **parameters), recorded, DECIBEL
    recorded = kapre.MagnitudeToDecibel(**parameters)(x[None])
    yield kr.magnitude_to_decibel(x[None], **parameters), recorded, DECIBEL


@operation
def mu_law_encoding(kapre, rng):
    channels = int(rng.choice([2, 256, 65536, rng.integers(2, 65537)]))
    x = rng.uniform(-1.2, 1.2, 5000).astype(np.float32)
    x[:5] = -1, 0, 1, 1.5, -2
    mu = channels - 1.0
    wide = x.astype(np.float64)
    code = (np.sign(wide) * np.log1p(mu * np.abs(wide)) / np.log1p(mu) + 1) / 2 * mu + 0.5
    # A code may differ where the rounding of float32 decides on which side of a boundary it lies.
    on_boundary = np.abs(code - np.round(code)) <= 8 * np.finfo(np.float32).eps * channels
    yield kr.mu_law_encoding(x, channels), kapre.MuLawEncoding(channels)(x), on_boundary * 1.0
    codes = np.arange(channels, dtype=np.int32)
    both = kapre.MuLawEncoding(channels)(kapre.MuLawDecoding(channels)(codes))
    yield kr.mu_law_encoding(kr.mu_law_decoding(codes, channels), channels), both, 0


@operation
def mu_law_decoding(kapre, rng):
    channels = int(rng.choice([2, 256, 65536, rng.integers(2, 65537)]))
    codes = rng.integers(0, channels, 5000).astype(np.int32)
    recorded = kapre.backend.mu_law_decoding(codes, channels)
    yield kr.mu_law_decoding(codes, channels), recorded, SPECTRUM
    fractions = rng.uniform(-1, channels, 500).astype(np.float32)
    recorded = np.asarray(kapre.backend.mu_law_decoding(fractions, channels))
    yield kr.mu_law_decoding(fractions, channels), recorded, _of_peak(recorded)


@operation
def frame(kapre, rng):
    layout = draw_format(rng)
    frame_length = int(rng.integers(1, 300))
    arguments = (frame_length, int(rng.integers(1, frame_length + 1)))
    options = {"pad_end": bool(rng.integers(2)), "pad_value": float(rng.normal())} | layout
    x = draw_signal(rng, layout["data_format"])
    yield kr.frame(x, *arguments, **options), kapre.Frame(*arguments, **options)(x), 0


@operation
def energy(kapre, rng):
    options = draw_format(rng) | {
        "sample_rate": int(rng.integers(1000, 48000)),
        "ref_duration": float(rng.uniform(0.01, 1)),
        "frame_length": int(rng.integers(1, 600)),
        "hop_length": int(rng.integers(1, 800)),
        "pad_end": bool(rng.integers(2)),
        "pad_value": float(rng.normal()),
    }
    x = draw_signal(rng, options["data_format"])
    recorded = kapre.Energy(**options)(x)
    yield kr.energy(x, **options), recorded, _of_peak(recorded)


@operation
def stft(kapre, rng):
    options = draw_stft(rng) | draw_format(rng, "input_") | draw_format(rng, "output_")
    x = draw_signal(rng, options["input_data_format"])
    recorded = kapre.STFT(**options)(x)
    allowed = _spectrum_allowed(x, options, recorded)
    yield kr.stft(x, **options), recorded, allowed


@operation
def stft_float64(kapre, rng):
    options = draw_stft(rng) | draw_format(rng, "input_") | draw_format(rng, "output_")
    x = draw_signal(rng, options["input_data_format"]).astype(np.float64)
    recorded = kapre.STFT(**options, dtype="float64")(x)
    # TensorFlow's own float64 windows and transforms round, by far less than float32.
    yield kr.stft(x, **options), recorded, 1e-12 * float(np.max(np.abs(recorded), initial=0))


@operation
def inverse_stft(kapre, rng):
    parameters = draw_stft(rng)
    names = ("n_fft", "win_length", "hop_length")
    options = {name: parameters[name] for name in names}
    options |= {"forward_window_name": parameters["window_name"]}
    options |= draw_format(rng, "input_") | draw_format(rng, "output_")
    n_freq = options["n_fft"] // 2 + 1
    x = draw_spectrogram(rng, options["input_data_format"], n_freq)
    x = (x * np.exp(1j * rng.uniform(-3, 3, x.shape))).astype(np.complex64)
    recorded = kapre.InverseSTFT(**options)(x)
    allowed = _of_peak(recorded) * KAISER.get(options["forward_window_name"], 1)
    yield kr.inverse_stft(x, **options), recorded, allowed


@operation
def perfectly_reconstructing_stft_istft(kapre, rng):
    n_fft = int(2 ** rng.integers(3, 9))
    hop_length = int(rng.integers(1, n_fft // 2 + 1))
    formats = (draw_format(rng)["data_format"], draw_format(rng)["data_format"])
    x = draw_signal(rng, formats[0])
    pair = kapre.composed.get_perfectly_reconstructing_stft_istft(n_fft, hop_length, *formats)
    forward, inverse = kr.perfectly_reconstructing_stft_istft(n_fft, hop_length, *formats)
    recorded = pair[1](pair[0](x))
    yield inverse(forward(x)), recorded, _of_peak(recorded)


@operation
def magnitude(kapre, rng):
    x = draw_spectrogram(rng, LAST) * (1 + 0j)
    x = (x * np.exp(1j * rng.uniform(-4, 4, x.shape))).astype(np.complex64)
    recorded = kapre.Magnitude()(x)
    yield kr.magnitude(x), recorded, _of_peak(recorded)


@operation
def phase(kapre, rng):
    x = draw_spectrogram(rng, LAST)
    x = (x * np.exp(1j * rng.uniform(-4, 4, x.shape))).astype(np.complex64)
    yield kr.phase(x), kapre.Phase()(x), RADIAN


@operation
def apply_filterbank(kapre, rng):
    layout = draw_format(rng)
    for kind, draw in (("mel", draw_mel), ("log", draw_log)):
        n_freq = int(rng.integers(2, 600))
        sample_rate, parameters = draw(rng, "")
        arguments = {"sample_rate": sample_rate, "n_freq": n_freq} | parameters
        x = draw_spectrogram(rng, layout["data_format"], n_freq)
        recorded = kapre.ApplyFilterbank(kind, arguments, **layout)(x)
        filterbank = getattr(kr, f"filterbank_{kind}")(**arguments)
        yield kr.apply_filterbank(x, filterbank, **layout), recorded, _of_peak(recorded)


@operation
def delta(kapre, rng):
    # Kapre's layer works for one channel only.
    layout = draw_format(rng)
    x = draw_spectrogram(rng, layout["data_format"], n_channels=1)
    n_frames = x.shape[2 if layout["data_format"] == FIRST else 1]
    mode = str(rng.choice(["symmetric", "reflect", "constant"]))
    most = {"symmetric": n_frames, "reflect": n_frames - 1, "constant": 30}[mode]
    options = {"win_length": 2 * int(rng.integers(1, max(2, most + 1))) + 1, "mode": mode} | layout
    if most:
        recorded = kapre.Delta(**options)(x)
        yield kr.delta(x, **options), recorded, _of_peak(x)


@operation
def logmel_to_mfcc(kapre, rng):
    layout = draw_format(rng)
    n_mels = int(rng.integers(1, 200))
    x = np.log(draw_spectrogram(rng, layout["data_format"], n_mels) + np.float32(1e-5))
    options = {"n_mfccs": int(rng.integers(1, n_mels + 1))} | layout
    recorded = kapre.LogmelToMFCC(**options)(x)
    yield kr.logmel_to_mfcc(x, **options), recorded, SPECTRUM * np.sqrt(2 * n_mels) * np.max(abs(x))


@operation
def concatenate_frequency_map(kapre, rng):
    layout = draw_format(rng)
    x = draw_spectrogram(rng, layout["data_format"], int(rng.integers(2, 200)))
    recorded = kapre.ConcatenateFrequencyMap(**layout)(x)
    yield kr.concatenate_frequency_map(x, **layout), recorded, CONSTRUCTOR


@operation
def spec_augment(kapre, rng):
    # Random numbers differ, but not their distribution: the covered share, to five standard errors.
    n_items, shape = 60, (30, 20)
    options = {"freq_mask_param": int(rng.integers(1, 15)), "time_mask_param": 5}
    options |= {"n_freq_masks": int(rng.integers(0, 3)), "n_time_masks": int(rng.integers(0, 3))}
    x = np.ones((n_items, *shape, 1), np.float32)
    got = 1 - kr.spec_augment(x, **options, rng=rng).mean(axis=(1, 2, 3))
    recorded = 1 - np.asarray(kapre.SpecAugment(**options)(x, training=True)).mean(axis=(1, 2, 3))
    error = np.sqrt((got.var() + recorded.var()) / n_items)
    yield np.array([got.mean()]), np.array([recorded.mean()]), 5 * error + 1e-6


@operation
def channel_swap(kapre, rng):
    # In both, each item has the channels of the input, in one order for the whole batch.
    layout = draw_format(rng)
    x = draw_signal(rng, layout["data_format"])
    recorded = np.asarray(kapre.ChannelSwap(**layout)(x, training=True))
    got = kr.channel_swap(x, **layout, rng=rng)
    axis = 1 if layout["data_format"] == FIRST else 2
    by_first_sample = [np.sort(y, axis=axis) for y in (got, recorded)]
    yield (*by_first_sample, 0)


def _composed(kapre, rng, name, layer, more, filterbank=None):
    options = draw_stft(rng) | draw_format(rng, "input_") | draw_format(rng, "output_")
    x = draw_signal(rng, options["input_data_format"])
    # An error of the spectrum reaches a band by its weights, however small the band's own values.
    allowed = _spectrum_allowed(x, options, kr.stft_magnitude(x, **options))
    if filterbank:
        allowed *= filterbank(options["n_fft"] // 2 + 1).sum(axis=0).max(initial=0)
    options |= more
    shape = {"input_shape": x.shape[1:]}
    got = getattr(kr, name)(x, **options)
    yield got, getattr(kapre.composed, layer)(**shape, **options)(x), allowed
    options |= {"return_decibel": True} | draw_decibel(rng)
    allowed = _decibels_allowed(got, options["db_amin"], allowed)
    recorded = getattr(kapre.composed, layer)(**shape, **options)(x)
    yield getattr(kr, name)(x, **options), recorded, allowed


@operation
def stft_magnitude(kapre, rng):
    yield from _composed(kapre, rng, "stft_magnitude", "get_stft_magnitude_layer", {})


@operation
def melspectrogram(kapre, rng):
    sample_rate, parameters = draw_mel(rng)
    more = {"sample_rate": sample_rate} | parameters

    def filterbank(n_freq):
        return kr.filterbank_mel(sample_rate, n_freq, *parameters.values())

    yield from _composed(kapre, rng, "melspectrogram", "get_melspectrogram_layer", more, filterbank)


@operation
def log_frequency_spectrogram(kapre, rng):
    sample_rate, parameters = draw_log(rng)
    more = {"sample_rate": sample_rate} | parameters

    def filterbank(n_freq):
        return kr.filterbank_log(sample_rate, n_freq, *parameters.values())

    name, layer = "log_frequency_spectrogram", "get_log_frequency_spectrogram_layer"
    yield from _composed(kapre, rng, name, layer, more, filterbank)


@operation
def stft_mag_phase(kapre, rng):
    options = draw_stft(rng) | draw_format(rng, "input_") | draw_format(rng, "output_")
    x = draw_signal(rng, options["input_data_format"])
    layer = kapre.composed.get_stft_mag_phase(x.shape[1:], **options)
    recorded = np.asarray(layer(x))
    axis = 1 if options["output_data_format"] == FIRST else 3
    got = np.split(kr.stft_mag_phase(x, **options), 2, axis=axis)
    recorded = np.split(recorded, 2, axis=axis)
    off = _spectrum_allowed(x, options, recorded[0])
    yield got[0], recorded[0], off
    # Phases turn by 2 pi at will, and mean nothing where there is no magnitude.
    turn = np.angle(np.exp(1j * (got[1].astype(np.float64) - recorded[1])))
    heard = recorded[0] > 1e-3 * np.max(recorded[0], initial=0)
    allowed = RADIAN + off / np.where(heard, recorded[0], 1)
    yield np.where(heard, turn, 0), np.zeros_like(turn), allowed


if __name__ == "__main__":
    sys.exit(main())
