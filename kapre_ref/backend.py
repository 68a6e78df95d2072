"""Drop-in for `kapre.backend` of Kapre 0.4.1: the same names, on arrays instead of tensors."""

from kapre_ref._data_format import (
    CH_DEFAULT_STR,
    CH_FIRST_STR,
    CH_LAST_STR,
    validate_data_format_str,
)
from kapre_ref._decibel import magnitude_to_decibel
from kapre_ref._filterbanks import filterbank_log, filterbank_mel
from kapre_ref._mu_law import mu_law_decoding, mu_law_encoding
from kapre_ref._windows import get_window_fn

_CH_FIRST_STR = CH_FIRST_STR
_CH_LAST_STR = CH_LAST_STR
_CH_DEFAULT_STR = CH_DEFAULT_STR

__all__ = [
    "CH_DEFAULT_STR",
    "CH_FIRST_STR",
    "CH_LAST_STR",
    "filterbank_log",
    "filterbank_mel",
    "get_window_fn",
    "magnitude_to_decibel",
    "mu_law_decoding",
    "mu_law_encoding",
    "validate_data_format_str",
]
