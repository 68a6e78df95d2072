"""Windows, which need not be fast, since a program makes them once."""

import kapre_ref


class Windows:
    """Makes windows of two lengths."""

    params = (400, 2048)
    param_names = ("window_length",)
    version = 1

    def time_hann_window(self, window_length):
        """Make a Hann window."""
        kapre_ref.hann_window(window_length)

    def time_hamming_window(self, window_length):
        """Make a Hamming window."""
        kapre_ref.hamming_window(window_length)

    def time_kaiser_window(self, window_length):
        """Make a Kaiser window."""
        kapre_ref.kaiser_window(window_length)

    def time_kaiser_bessel_derived_window(self, window_length):
        """Make a Kaiser-Bessel derived window."""
        kapre_ref.kaiser_bessel_derived_window(window_length)

    def time_vorbis_window(self, window_length):
        """Make a Vorbis window."""
        kapre_ref.vorbis_window(window_length)
