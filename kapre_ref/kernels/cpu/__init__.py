"""Kernels for NumPy arrays: each fills `out` from views whose layout the public function fixed."""

from kapre_ref.kernels.cpu.assembly import fix_length, stack_frames
from kapre_ref.kernels.cpu.augmentation import channel_swap, spec_augment
from kapre_ref.kernels.cpu.decibel import decibel_to_magnitude, magnitude_to_decibel
from kapre_ref.kernels.cpu.delta import delta
from kapre_ref.kernels.cpu.filterbanks import apply_filterbank
from kapre_ref.kernels.cpu.framing import energy, frame
from kapre_ref.kernels.cpu.frequency_map import concatenate_frequency_map
from kapre_ref.kernels.cpu.front_end import features
from kapre_ref.kernels.cpu.mfcc import logmel_to_mfcc
from kapre_ref.kernels.cpu.mu_law import mu_law_decoding, mu_law_encoding
from kapre_ref.kernels.cpu.polar import magnitude, phase
from kapre_ref.kernels.cpu.runtime.memory import asarray, empty
from kapre_ref.kernels.cpu.spectrograms import stft_mag_phase
from kapre_ref.kernels.cpu.standardization import standardize
from kapre_ref.kernels.cpu.stft import inverse_stft, stft

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
