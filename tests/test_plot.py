"""The picture shows each sound at its place, labels its axes, and hides nothing loud."""

import numpy as np
import pytest
import soundfile
from closeness import assert_close
from command import RECORDING, features, write_sound

import kapre_ref
from kapre_ref import Bands, FrontEnd, magnitude_to_decibel
from kapre_ref.command import plot, recordings
from kapre_ref.command.recording_features import RecordingFeatures
from kapre_ref.command.recordings import Recording


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Return a function that draws the features of a recording and returns the figure."""
    from matplotlib.figure import Figure

    figures = []
    original = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: figures.append(self) or original(self, *a, **k)
    )

    def draw(path, *options):
        options = ["--out", tmp_path / "drawn.npz", "--plot", "--overwrite", *options]
        assert features(path, *options) == 0
        return figures[-1]

    return draw


def loudest_pixel(figure, panel):
    """Return where the brightest colour of a panel is drawn: time (s), row."""
    figure.canvas.draw()
    pixels = np.asarray(figure.canvas.buffer_rgba())[..., :3].sum(axis=2, dtype=int)
    height = len(pixels)
    box = panel.get_window_extent()
    # The search leaves out the outermost pixels, which the frame of the panel covers.
    left, right = int(box.x0) + 3, int(box.x1) - 3
    top, bottom = int(height - box.y1) + 3, int(height - box.y0) - 3
    inside = pixels[top:bottom, left:right]
    rows, columns = np.nonzero(inside == inside.max())
    place = (left + columns.mean() + 0.5, height - (top + rows.mean() + 0.5))
    return panel.transData.inverted().transform(place)


def burst(n_samples, time, frequency):
    """Return a tone that swells and fades within some hundredths of a second."""
    times = np.arange(n_samples) / 22050
    return np.exp(-(((times - time) / 0.02) ** 2)) * np.sin(2 * np.pi * frequency * times)


class TestPicture:
    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency", "mfcc"])
    def test_axes_are_labelled(self, drawn, tmp_path, kind):
        figure = drawn(RECORDING, "--feature", kind)
        panel, bar = figure.axes
        expected = ("value", "coefficient") if kind == "mfcc" else ("dB", "frequency (Hz)")
        assert (bar.get_ylabel(), panel.get_ylabel()) == expected
        assert panel.get_xlabel() == "time (s)"
        assert "recording.flac" in figure.get_suptitle()
        if kind != "mfcc":
            labels = [float(label.get_text()) for label in panel.get_yticklabels()]
            assert len(labels) >= 4
            rows = panel.get_yticks()
            frequencies = np.load(tmp_path / "drawn.npz")["frequencies"]
            assert_close(np.interp(rows, np.arange(len(frequencies)), frequencies), labels, 1e-6)

    @pytest.mark.parametrize(
        "options", ["", "--hop-length 100", "--hop-length 700 --pad-begin", "--sample-rate 16000"]
    )
    def test_spans_the_frames_and_all_bands(self, drawn, tmp_path, options):
        write_sound(tmp_path / "a.wav", seconds=0.5)
        panel = drawn(tmp_path / "a.wav", "--n-mels", "40", *options.split()).axes[0]
        made = np.load(tmp_path / "drawn.npz")
        hop = np.diff(made["times"])[0]  # each frame is as wide as a hop, around its centre
        expected = (made["times"][0] - hop / 2, made["times"][-1] + hop / 2)
        np.testing.assert_allclose(panel.get_xlim(), expected, atol=1e-9)
        assert panel.get_ylim() == (-0.5, 39.5)

    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency"])
    @pytest.mark.parametrize(("time", "frequency"), [(0.2, 400), (0.7, 400), (0.2, 3500)])
    def test_shows_a_sound_where_it_is(self, drawn, tmp_path, kind, time, frequency):
        soundfile.write(tmp_path / "a.wav", burst(22050, time, frequency), 22050)
        figure = drawn(tmp_path / "a.wav", "--feature", kind, "--win-length", "1024")
        shown_time, row = loudest_pixel(figure, figure.axes[0])
        frequencies = np.load(tmp_path / "drawn.npz")["frequencies"]
        expected_row = np.interp(frequency, frequencies, np.arange(len(frequencies)))
        assert abs(shown_time - time) < 0.02
        assert abs(row - expected_row) < 0.03 * len(frequencies)

    @pytest.mark.slow
    def test_each_panel_shows_its_channel(self, drawn, tmp_path):
        places = ((0.3, 400), (0.6, 1000), (0.8, 3000))
        sound = np.stack([burst(22050, *place) for place in places], axis=1)
        soundfile.write(tmp_path / "a.wav", sound, 22050)
        figure = drawn(tmp_path / "a.wav")
        made = np.load(tmp_path / "drawn.npz")
        assert len(figure.axes) == 4  # three and the colour bar
        for channel, (panel, (time, _)) in enumerate(zip(figure.axes[:3], places, strict=True)):
            assert panel.get_title() == f"channel {channel + 1} of 3"
            shown = panel.images[0].get_array()
            np.testing.assert_array_equal(shown, made["features"][channel].T)
            assert abs(loudest_pixel(figure, panel)[0] - time) < 0.02

    @pytest.mark.parametrize(("n_channels", "n_panels"), [(1, 1), (2, 2), (8, 8), (9, 8)])
    def test_shows_eight_channels_at_most(self, drawn, tmp_path, n_channels, n_panels):
        write_sound(tmp_path / "a.wav", n_channels=n_channels, seconds=0.2)
        panels = drawn(tmp_path / "a.wav").axes[:-1]
        assert len(panels) == n_panels
        titles = [f"channel {n + 1} of {n_channels}" for n in range(n_panels)]
        assert [panel.get_title() for panel in panels] == (titles if n_channels > 1 else [""])

    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency"])
    def test_is_in_decibels_whatever_is_written(self, drawn, tmp_path, kind):
        write_sound(tmp_path / "a.wav")
        options = ["--feature", kind, "--db-ref-value", "0.5", "--db-amin", "1e-3"]
        options += ["--db-dynamic-range", "30"]
        figure = drawn(tmp_path / "a.wav", *options, "--no-decibel")
        magnitudes = np.load(tmp_path / "drawn.npz")["features"]
        expected = magnitude_to_decibel(
            magnitudes[None], ref_value=0.5, amin=1e-3, dynamic_range=30
        )[0]
        assert_close(figure.axes[0].images[0].get_array(), expected.T, 2e-4)
        assert figure.axes[1].get_ylabel() == "dB"
        assert figure.axes[0].images[0].get_clim() == pytest.approx(
            (expected.min(), expected.max()), abs=2e-4
        )

    # Blocks of a frame, of a part of a column, of several columns, and of the whole.
    @pytest.mark.parametrize("block_size", [1, 300, 5000, 1 << 20])
    @pytest.mark.parametrize("kind", ["stft", "mfcc"])
    def test_a_column_stands_for_all_its_frames(self, tmp_path, monkeypatch, kind, block_size):
        monkeypatch.setattr(plot, "MAX_COLUMNS", 10)
        write_sound(tmp_path / "a.wav", seconds=1)
        pool = np.mean if kind == "mfcc" else np.max
        with self.made(tmp_path, kind) as features:  # 83 frames: 9 columns of 9, one of 2
            whole = np.concatenate(list(features.blocks(0)))
        monkeypatch.setattr(recordings, "BLOCK_SIZE", block_size)
        monkeypatch.setattr(recordings, "WHOLE_SIZE", 0)
        with self.made(tmp_path, kind) as features:
            got = plot.pooled(features, 0)
        expected = [pool(whole[start : start + 9], axis=0) for start in range(0, 83, 9)]
        assert len(whole) == 83
        assert_close(got, np.array(expected), 1e-4)  # sums of coefficients up to 200

    def made(self, folder, kind):
        front_end = FrontEnd(sample_rate=22050, n_fft=1024, log="10log10", floor=1e-5)
        front_end = front_end.replace(bands=Bands(40) if kind == "mfcc" else None)
        with Recording(str(folder / "a.wav")) as recording:
            return RecordingFeatures(recording, front_end, 20 if kind == "mfcc" else 0)

    @pytest.mark.parametrize(
        ("name", "unit", "rows"),
        [
            ("whisper-80", "log10, scaled", "frequency (Hz)"),
            ("nemo-80", "ln, normalised", "frequency (Hz)"),
            ("kaldi-fbank-80", "ln", "frequency (Hz)"),
            ("librosa-0.11-logmel-db", "dB", "frequency (Hz)"),
            ("vits-linear", "dB", "frequency (Hz)"),
            ("kaldi-mfcc-13", "value", "coefficient"),
        ],
    )
    def test_of_a_front_end(self, drawn, tmp_path, name, unit, rows):
        figure = drawn(RECORDING, "--front-end", name)
        panel, bar = figure.axes
        assert figure.get_suptitle() == f"recording.flac: front end {name}"
        assert (bar.get_ylabel(), panel.get_ylabel()) == (unit, rows)
        made = np.load(tmp_path / "drawn.npz")
        shown = panel.images[0].get_array()
        front_end = kapre_ref.front_end(name)
        expected = made["features"].T if front_end.time_first else made["features"]
        if front_end.log != "none":  # rows are bands, whatever the axes of the result are
            np.testing.assert_array_equal(shown, expected)
        assert shown.shape == expected.shape
        half_hop = front_end.hop_length / front_end.sample_rate / 2
        expected = made["times"][0] - half_hop, made["times"][-1] + half_hop
        np.testing.assert_allclose(panel.get_xlim(), expected, atol=1e-9)
        if not front_end.n_cepstra:
            labels = [float(label.get_text()) for label in panel.get_yticklabels()]
            found = np.interp(panel.get_yticks(), np.arange(len(shown)), made["frequencies"])
            assert_close(found, labels, 1e-6)

    @pytest.mark.parametrize("power", [1, 2])
    def test_powers_are_in_the_usual_decibels(self, drawn, tmp_path, power):
        front_end = FrontEnd(sample_rate=22050, n_fft=512, power=power)
        figure = self.draw_of_file(drawn, tmp_path, front_end)
        powers = np.load(tmp_path / "drawn.npz")["features"] ** (2 / power)
        expected = 10 * np.log10(np.maximum(powers, 1e-10))
        expected = np.maximum(expected, expected.max() - 80)
        assert_close(figure.axes[0].images[0].get_array(), expected.T, 2e-4)

    def test_bands_that_do_not_rise_have_numbers(self, drawn, tmp_path):
        front_end = FrontEnd(sample_rate=22050, n_fft=8, bands=np.eye(5)[:, [2, 0, 4]])
        figure = self.draw_of_file(drawn, tmp_path, front_end)
        assert figure.axes[0].get_ylabel() == "band"

    def test_logarithms_of_nothing_leave_the_others_their_colours(self, drawn, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.r_[np.zeros(5000), np.ones(5000)], 22050)
        front_end = FrontEnd(sample_rate=22050, n_fft=512, bands=Bands(4), log="ln")
        figure = self.draw_of_file(drawn, tmp_path, front_end, tmp_path / "a.wav")
        made = np.load(tmp_path / "drawn.npz")["features"]
        finite = made[np.isfinite(made)]
        assert 0 < len(finite) < made.size
        assert figure.axes[0].images[0].get_clim() == (finite.min(), finite.max())

    def draw_of_file(self, drawn, folder, front_end, recording=RECORDING):
        (folder / "my.json").write_text(front_end.to_json())
        return drawn(recording, "--front-end-file", folder / "my.json")

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
