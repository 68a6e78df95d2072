"""Fields that a front end and its parts refuse, with the message of each."""

import dataclasses

import numpy as np

from kapre_ref import Bands, FrontEnd, LogBands

SIZES = {"sample_rate": 8000, "n_fft": 16}
N_FREQ = 9
FIELDS = [field.name for field in dataclasses.fields(FrontEnd)]
MATRIX = np.linspace(0, 1, 3 * N_FREQ).reshape(N_FREQ, 3)
LN = {"log": "ln"}
MEL = {"bands": Bands(4)}
MOST = 2**31 - 1
WINDOWS = "'hann', 'hamming', 'blackman', 'ones', 'hann_symmetric', 'hamming_symmetric', 'povey'"
ONE_EACH = f"a number or {N_FREQ} numbers, one a band"


def bad(kind, message, **fields):
    """Write a row: the kind of error, its message, and the fields, the one at fault first."""
    return kind, message, fields


KINDS_OF = [  # TypeError
    bad(TypeError, "must be a number, got None", sample_rate=None),
    bad(TypeError, "must be a number, got '8000'", sample_rate="8000"),
    bad(TypeError, "must be a number, got True", sample_rate=True),
    bad(TypeError, "must be an integer, got None", n_fft=None),
    bad(TypeError, "must be an integer, got '16'", n_fft="16"),
    bad(TypeError, "must be an integer, got True", win_length=True),
    bad(TypeError, "must be an integer, got '4'", hop_length="4"),
    bad(TypeError, "must be a name or win_length=16 numbers, got int", window=16),
    bad(TypeError, "must be a name or win_length=16 numbers, got NoneType", window=None),
    bad(TypeError, "must be a name or win_length=16 numbers, got bytes", window=b"hann"),
    bad(TypeError, "must be .* numbers, got float64 of shape (2, 8)", window=np.ones((2, 8))),
    bad(TypeError, "must be .* numbers, got complex128 of .* (16,)", window=np.ones(16) + 0j),
    bad(TypeError, "must be .* numbers, got bool of shape (16,)", window=[True] * 16),
    bad(TypeError, "must be True or False, got 1", center_window=1),
    bad(TypeError, "must be an integer, got None", pad_left=None),
    bad(TypeError, "must be an integer, got False", pad_right=False),
    bad(TypeError, "must be a string, got None", pad_mode=None),
    bad(TypeError, "must be a number, got '1'", input_scale="1"),
    bad(TypeError, "must be True or False, got 1", remove_mean=1),
    bad(TypeError, "must be a number, got None", preemphasis=None),
    bad(TypeError, "must be a string, got True", preemphasis_first=True),
    bad(TypeError, "must be a number, got True", power=True),
    bad(TypeError, "must be a number, got None", power_offset=None),
    bad(TypeError, "must be Bands, LogBands, a matrix (n_freq, n) or None, got int", bands=40),
    bad(TypeError, "must be Bands, LogBands, a matrix (n_freq, n) or None, got str", bands="mel"),
    bad(TypeError, "must be Bands, LogBands, a matrix (n_freq, n) or None, got dict", bands={}),
    bad(TypeError, "must be a matrix of numbers, got object", bands=[[{}]]),
    bad(TypeError, "must be a matrix of numbers, got <U1", bands=[["a"]]),
    bad(TypeError, "must be a matrix of numbers, got complex128", bands=MATRIX + 0j),
    bad(TypeError, "must be a matrix, got rows of different lengths", bands=[[1], [1, 2]]),
    bad(TypeError, "must be .* numbers, got rows of different lengths", window=[[1], [1, 2]]),
    bad(TypeError, "must be .* numbers, one a band, got rows of different", gain=[[1], [1, 2]]),
    bad(TypeError, "must be a string, got None", log=None),
    bad(TypeError, "must be a number, got None", floor=None, **LN),
    bad(TypeError, "must be a string, got 0", floor_by=0),
    bad(TypeError, "must be a number, got '80'", dynamic_range="80", **LN),
    bad(TypeError, "must be a string, got 1", range_over=1),
    bad(TypeError, "must be a number, got None", gain=None),
    bad(TypeError, "must be a number, got 'x'", gain="x"),
    bad(TypeError, f"must be {ONE_EACH}, got float64 of shape (1, 9)", gain=np.ones((1, N_FREQ))),
    bad(TypeError, f"must be {ONE_EACH}, got complex128 of shape (9,)", gain=np.ones(N_FREQ) + 0j),
    bad(TypeError, f"must be {ONE_EACH}, got object of shape (9,)", offset=[None] * N_FREQ),
    bad(TypeError, "must be a number, got True", offset=True),
    bad(TypeError, "must be a Normalisation or None, got str", normalisation="per_feature"),
    bad(TypeError, "must be a Normalisation or None, got bool", normalisation=True),
    bad(TypeError, "must be an integer, got None", n_cepstra=None, **MEL),
    bad(TypeError, "must be a number, got None", lifter=None, **MEL),
    bad(TypeError, "must be True or False, got None", time_first=None),
]
OUT_OF_RANGE = [  # ValueError
    bad(ValueError, "must be positive, got 0", sample_rate=0),
    bad(ValueError, "must be positive, got -8000.0", sample_rate=-8000.0),
    bad(ValueError, "must be a finite number, got inf", sample_rate=np.inf),
    bad(ValueError, "must be an integer at least 1, got 0", n_fft=0),
    bad(ValueError, "must be an integer, got 16.0", n_fft=16.0),
    bad(ValueError, f"must be an integer at most {MOST}, got {MOST + 1}", n_fft=MOST + 1),
    bad(ValueError, "must be an integer at least 1, got 0", win_length=0),
    bad(ValueError, "must be at most n_fft=16, got 17", win_length=17),
    bad(ValueError, "must be an integer at least 1, got -4", hop_length=-4),
    bad(ValueError, "must be an integer, got 2.5", hop_length=2.5),
    bad(ValueError, f"must be one of {WINDOWS}, a name of Kapre's such as", window="hanning"),
    bad(ValueError, "must be .* or 16 numbers, got 'kaiser'", window="kaiser"),
    bad(ValueError, "must be .* or 16 numbers, got 'foo_window'", window="foo_window"),
    bad(ValueError, "must have win_length=16 numbers, got 3", window=[0.5, 1, 0.5]),
    bad(ValueError, "must have win_length=16 numbers, got 0", window=[]),
    bad(ValueError, "must be finite numbers of float32's range, got", window=[np.nan] * 16),
    bad(ValueError, "must be finite numbers of float32's range, got", window=[1e39] * 16),
    bad(ValueError, f"must be an integer from -{MOST} to {MOST}, got {-MOST - 1}", pad_left=~MOST),
    bad(ValueError, "must be an integer, got 8.0", pad_right=8.0),
    bad(
        ValueError,
        "must be one of 'zeros', 'reflect', 'mirror', 'edge' or 'odd', got 'zero'",
        pad_mode="zero",
    ),
    bad(ValueError, "must be a finite number, got nan", input_scale=np.nan),
    bad(ValueError, "must be a finite number, got -inf", preemphasis=-np.inf),
    bad(ValueError, "must be one of 'signal', 'drop' or 'frame', got ''", preemphasis_first=""),
    bad(ValueError, "must be positive, got 0", power=0),
    bad(ValueError, "must be positive, got -0.5", power=-0.5),
    bad(ValueError, "must be at least 0, got -1e-09", power_offset=-1e-9, power=1),
    bad(ValueError, "must have shape (n_freq, n), got shape (9,)", bands=np.ones(N_FREQ)),
    bad(ValueError, "must have shape (n_freq, n), got shape (9, 0)", bands=np.ones((N_FREQ, 0))),
    bad(ValueError, "must have n_fft // 2 + 1 = 9 rows, one .*, got 3", bands=np.ones((3, N_FREQ))),
    bad(ValueError, "must be finite numbers of float32's range, got", bands=MATRIX * 1e39),
    bad(ValueError, ".f_max must be at most .* / 2 = 4000, got 4001", bands=Bands(4, 0, 4001)),
    bad(ValueError, ".f_min must be less than bands.f_max=100, got 200", bands=Bands(4, 200, 100)),
    bad(ValueError, ".f_min must be less than bands.f_max=4000, got 5000", bands=Bands(4, 5000)),
    bad(ValueError, ".n must be so small that the .*, got bands.n=84", bands=LogBands(84)),
    bad(ValueError, ".n must be so small that edges", bands=Bands(2), sample_rate=1e-300),
    bad(
        ValueError,
        "must be at least 2 with LogBands, got 1",
        n_fft=1,
        win_length=1,
        bands=LogBands(3),
    ),
    bad(ValueError, "must be one of 'none', 'ln', 'log10' or '10log10', got 'dB'", log="dB"),
    bad(ValueError, "must be at least 0, got -1.0", floor=-1, **LN),
    bad(ValueError, "must be a finite number, got nan", floor=np.nan, **LN),
    bad(ValueError, "must be one of 'max' or 'add', got 'min'", floor_by="min"),
    bad(ValueError, "must be positive, got 0", dynamic_range=0, **LN),
    bad(ValueError, "must be a finite number, got inf", dynamic_range=np.inf, **LN),
    bad(ValueError, "must be one of 'channel', 'item' or 'call', got 'batch'", range_over="batch"),
    bad(ValueError, "must be a finite number, got inf", gain=np.inf),
    bad(ValueError, "must be a number or have one a band, 9 of them, got 2", gain=[1, 2]),
    bad(ValueError, "must be a number or have one a band, 4 of them, got 9", gain=[1] * 9, **MEL),
    bad(ValueError, "must be finite numbers of float32's range, got", offset=[np.nan] * N_FREQ),
    bad(ValueError, "must be an integer from 0 to 4, got 5", n_cepstra=5, **MEL),
    bad(ValueError, "must be an integer from 0 to 4, got -1", n_cepstra=-1, **MEL),
    bad(ValueError, "must be at least 0, got -22.0", lifter=-22, n_cepstra=3, **MEL),
]
CONTRADICTIONS = [
    bad(ValueError, "must not be given with power=2, which takes no root, got", power_offset=1e-9),
    bad(ValueError, "must not be given with log='none', got 1e-10", floor=1e-10),
    bad(ValueError, "must not be given with log='none', got 80.0", dynamic_range=80),
    bad(ValueError, "must not be given with bands=None, got 3", n_cepstra=3),
    bad(ValueError, "must not be given with n_cepstra=0, got 22.0", lifter=22, **MEL),
    bad(ValueError, "must have no negative weights with log='ln', got some", bands=-MATRIX, **LN),
    bad(
        ValueError,
        "must be even with kaiser_bessel_derived_window, .*, got 15",
        win_length=15,
        window="kaiser_bessel_derived_window",
    ),
]
ROWS = KINDS_OF + OUT_OF_RANGE + CONTRADICTIONS

PARTS = [
    bad(ValueError, "must be an integer at least 1, got 0", n=0),
    bad(ValueError, "must be an integer, got 2.5", n=2.5),
    bad(ValueError, "must be at least 0, got -1.0", f_min=-1),
    bad(TypeError, "must be a number, got None", f_min=None),
    bad(ValueError, "must be a finite number, got nan", f_max=np.nan),
    bad(ValueError, "must be one of 'htk' or 'slaney', got 'mel'", scale="mel"),
    bad(ValueError, "must be one of 'hz', 'mel' or 'left', got 'bark'", linear_in="bark"),
    bad(ValueError, "must be 'slaney', None or a number .*, got 'area'", norm="area"),
    bad(ValueError, "must be .* 'slaney' with linear_in='mel', got 1", norm=1, linear_in="mel"),
]
LOG_PARTS = [
    bad(TypeError, "must be an integer, got None", n=None),
    bad(ValueError, "must be positive, got 0", f_min=0),
    bad(ValueError, "must be an integer at least 1, got 0", bins_per_octave=0),
    bad(ValueError, "must be positive, got -0.1", spread=-0.1),
    bad(ValueError, "must be from 1e-06 to 1e+06, got 1e-07", spread=1e-7),
]
NORMALISATION_PARTS = [
    bad(TypeError, "must be True or False, got 1", divide=1),
    bad(ValueError, "must be an integer at least 0, got -1", ddof=-1),
    bad(ValueError, "must be at least 0, got -1", eps=-1),
    bad(ValueError, "must be a finite number, got nan", eps=np.nan),
    bad(ValueError, "must be one of 'deviation' or 'variance', got 'root'", eps_in="root"),
    bad(TypeError, "must be True or False, got None", drop_last=None),
]
