"""Small inputs, and a good call of each function that takes `out`."""

import numpy as np

X = np.ones(100, np.float32)  # (time,)
S = np.ones((9, 17), np.float32)  # (n_frames, n_freq)
C = np.ones((9, 17), np.complex64)
BATCH = np.ones((2, 50, 3), np.float32)  # (batch, time, channel)
RNG = np.random.default_rng(0)


def call(name, *args, **kwargs):
    return name, args, kwargs


# The result of each shows which array fits.
GOOD = {
    name: (args, kwargs)
    for name, args, kwargs in [
        call("amplitude_to_db", C),
        call("apply_filterbank", S, S.T),
        call("channel_swap", BATCH, rng=RNG),
        call("concatenate_frequency_map", S[None, ..., None]),
        call("db_to_amplitude", S),
        call("db_to_power", S),
        call("delta", S),
        call("energy", X, frame_length=8, hop_length=8),
        call("fix_length", X, 120),
        call("frame", X, 4, 1),
        call("inverse_stft", C, 32),
        call("log_frequency_spectrogram", X, 16, log_n_bins=3),
        call("logmel_to_mfcc", S, 3),
        call("magnitude", C),
        call("mfcc", X, 16, n_mels=4, n_mfccs=2),
        call("magnitude_to_decibel", S),
        call("melspectrogram", X, 16, n_mels=2),
        call("mu_law_decoding", X, 256),
        call("mu_law_encoding", X, 256),
        call("patches", S, 4, 2),
        call("phase", C),
        call("power_to_db", S),
        call("spec_augment", S, 1, 1, rng=RNG),
        call("stack_frames", S, 2),
        call("standardize", X),
        call("stft", X, 16),
        call("stft_mag_phase", BATCH, 16),
        call("stft_magnitude", X, 16),
    ]
}
