"""The picture: labelled axes, and columns that hide nothing loud."""

import numpy as np
import pytest
from closeness import assert_close
from command import RECORDING, features, write_sound

from kapre_ref import (
    plot,
    recordings,
)


class TestPicture:
    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency", "mfcc"])
    def test_axes_are_labelled(self, tmp_path, monkeypatch, kind):
        from matplotlib.figure import Figure

        figures = []
        original = Figure.savefig
        monkeypatch.setattr(
            Figure, "savefig", lambda self, *a, **k: figures.append(self) or original(self, *a, **k)
        )
        options = ["--feature", kind, "--plot"]
        assert features(RECORDING, "--out", tmp_path / "a.npy", *options) == 0
        panel, bar = figures[0].axes
        expected = ("value", "coefficient") if kind == "mfcc" else ("dB", "frequency (Hz)")
        assert (bar.get_ylabel(), panel.get_ylabel()) == expected
        assert panel.get_xlabel() == "time (s)"
        assert "recording.flac" in figures[0].get_suptitle()
        start, stop = panel.get_xlim()
        assert 0 <= start < 0.1
        assert 5.9 < stop <= 6
        if kind != "mfcc":
            labels = [float(label.get_text()) for label in panel.get_yticklabels()]
            assert len(labels) >= 4
            rows = panel.get_yticks()
            frequencies = recordings.Feature(kind).frequencies(22050)
            assert_close(np.interp(rows, np.arange(len(frequencies)), frequencies), labels, 1e-6)

    def test_a_column_is_the_loudest_of_its_frames(self, tmp_path, monkeypatch):
        monkeypatch.setattr(plot, "MAX_COLUMNS", 10)
        write_sound(tmp_path / "a.wav", seconds=1)
        feature = recordings.Feature("stft")
        with (
            recordings.Recording(str(tmp_path / "a.wav")) as recording,
            open(tmp_path / "scratch", "w+b") as scratch,
        ):
            made = recordings.RecordingFeatures(recording, feature, scratch)
            whole = np.concatenate(list(made.blocks(0)))
            got = plot.pooled(made, 0)
        expected = [whole[start : start + 4].max(axis=0) for start in range(0, 40, 4)]
        np.testing.assert_array_equal(got, expected)

    @pytest.mark.parametrize("linear", [True, False])
    @pytest.mark.parametrize("highest", [100, 4000, 11025, 96000])
    def test_ticks_are_round_and_few(self, linear, highest):
        lowest = 0 if linear else 20
        frequencies = np.linspace(lowest, highest, 300)
        if not linear:
            frequencies = np.geomspace(lowest, highest, 300)
        got = plot.tick_frequencies(frequencies, linear)
        assert 2 <= len(got) <= 12
        assert lowest <= got[0] < got[-1] <= highest
        assert all(float(f"{frequency:.2g}") == frequency for frequency in got)
