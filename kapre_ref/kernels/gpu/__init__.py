"""Kernels for CuPy arrays: each fills `out` on its device, in the current stream."""

from kapre_ref.kernels.gpu.assembly import fix_length, stack_frames
from kapre_ref.kernels.gpu.augmentation import channel_swap, spec_augment
from kapre_ref.kernels.gpu.decibel import decibel_to_magnitude, magnitude_to_decibel
from kapre_ref.kernels.gpu.delta import delta
from kapre_ref.kernels.gpu.filterbanks import apply_filterbank
from kapre_ref.kernels.gpu.framing import energy, frame
from kapre_ref.kernels.gpu.frequency_map import concatenate_frequency_map
from kapre_ref.kernels.gpu.front_end import features
from kapre_ref.kernels.gpu.memory import asarray, empty
from kapre_ref.kernels.gpu.mfcc import logmel_to_mfcc
from kapre_ref.kernels.gpu.mu_law import mu_law_decoding, mu_law_encoding
from kapre_ref.kernels.gpu.polar import magnitude, phase
from kapre_ref.kernels.gpu.spectrograms import stft_mag_phase
from kapre_ref.kernels.gpu.standardization import standardize
from kapre_ref.kernels.gpu.stft import inverse_stft, stft

__all__ = [
    "apply_filterbank",
    "asarray",
    "channel_swap",
    "concatenate_frequency_map",
    "decibel_to_magnitude",
    "delta",
    "empty",
    "energy",
    "features",
    "fix_length",
    "frame",
    "inverse_stft",
    "logmel_to_mfcc",
    "magnitude",
    "magnitude_to_decibel",
    "mu_law_decoding",
    "mu_law_encoding",
    "phase",
    "spec_augment",
    "stack_frames",
    "standardize",
    "stft",
    "stft_mag_phase",
]
