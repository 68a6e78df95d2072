"""Audio features of Kapre on plain arrays: a readable reference, CPU kernels and GPU kernels.

Arrays are those of NumPy and CuPy, and tensors: arrays of libraries that speak DLPack, such as
torch and JAX. All arrays of a call are of one library and on one device. There it is computed, and
the result is of that library too. A tensor's memory is shared, not copied:

- What lies on a CUDA device is computed through CuPy, which must be installed; the current streams
  of both libraries wait for each other. Oracles and streams of sound take those of the host alone.
- A tensor that requires gradients is refused, since none are computed: pass ``x.detach()``.
- A tensor given as `out` is filled in place. Arrays of JAX never change, so they are refused there.
- JAX copies results below 1 MiB, unless they happen to begin at a multiple of 64 bytes. It takes
  float64 and complex128 if ``jax_enable_x64`` is set; else a TypeError says so.
- Under ``jax.jit``, pass a function to ``jax.pure_callback``; leave it out of ``torch.compile``
  with ``torch.compiler.disable``.

Every operation keeps these promises:

- The result has the precision of the input: float32, float64 or float16, which is computed in
  float32. Integers are refused with a TypeError that says how to scale them.
- The error of a kernel is at most twice that of the plain NumPy formula in the same dtype, plus 4
  eps of the largest value (1 eps in float16). The oracles equal recorded output of Kapre 0.4.1:
  windows and filterbanks to 1e-6, spectra to 2e-6 of the peak, decibels to 2e-4 dB, mu-law codes
  exactly. librosa and SciPy are further witnesses.
- NaN stays NaN; as a code it is -2147483648. In decibels with a dynamic range, one NaN makes its
  whole item NaN.
- A signal shorter than a frame gives no frames, and a warning.
- `set_num_threads` bounds the threads. Their number changes no bit of a result.
- The memory of results that are gone is kept for the next ones; `set_keep_bytes` bounds it.
- A kernel is compiled within seconds at its first use, and stays on disk for later processes.
"""

from kapre_ref._assembly import (
    fix_length,
    fix_length_reference,
    patches,
    patches_reference,
    stack_frames,
    stack_frames_reference,
)
from kapre_ref._augmentation import (
    channel_swap,
    channel_swap_reference,
    spec_augment,
    spec_augment_reference,
)
from kapre_ref._band_spectrograms import (
    log_frequency_spectrogram,
    log_frequency_spectrogram_reference,
    melspectrogram,
    melspectrogram_reference,
)
from kapre_ref._bands import Bands, LogBands
from kapre_ref._data_format import (
    CH_DEFAULT_STR,
    CH_FIRST_STR,
    CH_LAST_STR,
    validate_data_format_str,
)
from kapre_ref._decibel import magnitude_to_decibel, magnitude_to_decibel_reference
from kapre_ref._delta import delta, delta_reference
from kapre_ref._filterbanks import (
    apply_filterbank,
    apply_filterbank_reference,
    filterbank_log,
    filterbank_log_reference,
    filterbank_mel,
    filterbank_mel_reference,
)
from kapre_ref._framing import energy, energy_reference, frame, frame_reference
from kapre_ref._frequency_map import concatenate_frequency_map, concatenate_frequency_map_reference
from kapre_ref._front_end import FrontEnd
from kapre_ref._kept import get_keep_bytes, release_memory, set_keep_bytes
from kapre_ref._mel_scale import hz_to_mel, mel_to_hz
from kapre_ref._mfcc import logmel_to_mfcc, logmel_to_mfcc_reference, mfcc, mfcc_reference
from kapre_ref._mu_law import (
    mu_law_decoding,
    mu_law_decoding_reference,
    mu_law_encoding,
    mu_law_encoding_reference,
)
from kapre_ref._named_front_ends import front_end, recipes
from kapre_ref._normalisation import Normalisation
from kapre_ref._polar import magnitude, magnitude_reference, phase, phase_reference
from kapre_ref._power_decibel import (
    amplitude_to_db,
    amplitude_to_db_reference,
    db_to_amplitude,
    db_to_amplitude_reference,
    db_to_power,
    db_to_power_reference,
    power_to_db,
    power_to_db_reference,
)
from kapre_ref._spectrograms import (
    stft_mag_phase,
    stft_mag_phase_reference,
    stft_magnitude,
    stft_magnitude_reference,
)
from kapre_ref._standardization import standardize, standardize_reference
from kapre_ref._stft import (
    inverse_stft,
    inverse_stft_reference,
    perfectly_reconstructing_stft_istft,
    stft,
    stft_reference,
)
from kapre_ref._threads import get_num_threads, set_num_threads
from kapre_ref._windows import (
    get_window_fn,
    hamming_window,
    hamming_window_reference,
    hann_window,
    hann_window_reference,
    kaiser_bessel_derived_window,
    kaiser_bessel_derived_window_reference,
    kaiser_window,
    kaiser_window_reference,
    vorbis_window,
    vorbis_window_reference,
)

__version__ = "0.1.0"

__all__ = [
    "CH_DEFAULT_STR",
    "CH_FIRST_STR",
    "CH_LAST_STR",
    "Bands",
    "FrontEnd",
    "LogBands",
    "Normalisation",
    "__version__",
    "amplitude_to_db",
    "amplitude_to_db_reference",
    "apply_filterbank",
    "apply_filterbank_reference",
    "channel_swap",
    "channel_swap_reference",
    "concatenate_frequency_map",
    "concatenate_frequency_map_reference",
    "db_to_amplitude",
    "db_to_amplitude_reference",
    "db_to_power",
    "db_to_power_reference",
    "delta",
    "delta_reference",
    "energy",
    "energy_reference",
    "filterbank_log",
    "filterbank_log_reference",
    "filterbank_mel",
    "filterbank_mel_reference",
    "fix_length",
    "fix_length_reference",
    "frame",
    "frame_reference",
    "front_end",
    "get_keep_bytes",
    "get_num_threads",
    "get_window_fn",
    "hamming_window",
    "hamming_window_reference",
    "hann_window",
    "hann_window_reference",
    "hz_to_mel",
    "inverse_stft",
    "inverse_stft_reference",
    "kaiser_bessel_derived_window",
    "kaiser_bessel_derived_window_reference",
    "kaiser_window",
    "kaiser_window_reference",
    "log_frequency_spectrogram",
    "log_frequency_spectrogram_reference",
    "logmel_to_mfcc",
    "logmel_to_mfcc_reference",
    "magnitude",
    "magnitude_reference",
    "magnitude_to_decibel",
    "magnitude_to_decibel_reference",
    "mel_to_hz",
    "melspectrogram",
    "melspectrogram_reference",
    "mfcc",
    "mfcc_reference",
    "mu_law_decoding",
    "mu_law_decoding_reference",
    "mu_law_encoding",
    "mu_law_encoding_reference",
    "patches",
    "patches_reference",
    "perfectly_reconstructing_stft_istft",
    "phase",
    "phase_reference",
    "power_to_db",
    "power_to_db_reference",
    "recipes",
    "release_memory",
    "set_keep_bytes",
    "set_num_threads",
    "spec_augment",
    "spec_augment_reference",
    "stack_frames",
    "stack_frames_reference",
    "standardize",
    "standardize_reference",
    "stft",
    "stft_mag_phase",
    "stft_mag_phase_reference",
    "stft_magnitude",
    "stft_magnitude_reference",
    "stft_reference",
    "validate_data_format_str",
    "vorbis_window",
    "vorbis_window_reference",
]
