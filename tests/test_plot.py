"""The picture shows each sound at its place, labels its axes, and hides nothing loud."""

import io
import time

import numpy as np
import pytest
import soundfile
from closeness import assert_close
from command import RECORDING, features, write_sound

import kapre_ref
from kapre_ref import Bands, FrontEnd, magnitude_to_decibel
from kapre_ref.command import canvas, plot, recordings
from kapre_ref.command.recording_features import RecordingFeatures
from kapre_ref.command.recordings import Recording

PIL = pytest.importorskip("PIL.Image", reason="needs Pillow: the extra cli")
TOP, HEIGHT = plot.TOP, plot.ONE_HEIGHT


class Drawn:
    """A picture that the command drew, its texts, and the features that it shows."""

    def __init__(self, pixels, texts, ranges, made):
        self.pixels, self.texts, self.ranges, self.made = pixels, texts, ranges, made

    def places(self):
        """Return the place of each text."""
        return {text: place for *place, text in self.texts}

    def time_pixel(self, time):
        """Return where a time is on the axis, which begins at 0 or before, with the first frame."""
        times = self.made["times"]
        half_hop = (times[1] - times[0]) / 2
        start = min(0, times[0] - half_hop)
        return plot.LEFT + plot.WIDTH * (time - start) / (times[-1] + half_hop - start)

    def panel(self, channel=0, height=HEIGHT):
        top = TOP + channel * (height + plot.BETWEEN)
        rows = self.pixels[top : top + height, plot.LEFT : plot.LEFT + plot.WIDTH]
        brightness = rows.sum(axis=2, dtype=int)
        return np.where(brightness == 3 * 255, 0, brightness)  # paper before the first frame


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Return a function that draws the features of a recording and reads the picture."""
    texts, ranges = [], []
    text, values = canvas.Canvas.text, canvas.Canvas.values

    def note_text(self, x, y, what, *options, **named):
        texts.append((x, y, what))
        text(self, x, y, what, *options, **named)

    def note_range(self, x, y, shown, lowest, highest):
        ranges.append((shown, lowest, highest))
        values(self, x, y, shown, lowest, highest)

    monkeypatch.setattr(canvas.Canvas, "text", note_text)
    monkeypatch.setattr(canvas.Canvas, "values", note_range)

    def draw(path, *options):
        texts.clear()
        ranges.clear()
        options = ["--out", tmp_path / "drawn.npz", "--plot", "--overwrite", *options]
        assert features(path, *options) == 0
        pixels = np.asarray(PIL.open(tmp_path / "drawn.png").convert("RGB"))
        return Drawn(pixels, [*texts], [*ranges], np.load(tmp_path / "drawn.npz"))

    return draw


def burst(n_samples, time, frequency):
    """Return a tone that swells and fades within some hundredths of a second."""
    times = np.arange(n_samples) / 22050
    return np.exp(-(((times - time) / 0.02) ** 2)) * np.sin(2 * np.pi * frequency * times)


class TestPicture:
    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency", "mfcc"])
    def test_axes_are_labelled(self, drawn, kind):
        got = drawn(RECORDING, "--feature", kind)
        expected = ("value", "coefficient")
        if kind != "mfcc":
            expected = ("10 log10 of the magnitude", "frequency (Hz)")
        assert {*expected, "time (s)", "0", "5"} <= set(got.places())
        assert got.texts[-1][2].startswith("recording.flac: ")

    @pytest.mark.parametrize("options", ["", "--pad-begin", "--pad-end"])
    @pytest.mark.parametrize("n_frames", [7, 20])
    def test_frames_are_where_their_times_are(self, drawn, tmp_path, n_frames, options):
        # Every other frame is loud: the colours change half a hop from its time, to the pixel.
        sound = np.zeros((n_frames, 800))
        sound[1::2, :400] = np.random.default_rng(0).uniform(-0.5, 0.5, (n_frames // 2, 400))
        soundfile.write(tmp_path / "a.wav", sound.ravel(), 8000)
        sizes = ["--n-fft", "800", "--win-length", "400", "--hop-length", "800", "--n-mels", "8"]
        got = drawn(tmp_path / "a.wav", *sizes, *options.split())
        loud = got.panel().mean(axis=0) > 200
        changes = plot.LEFT + 1 + np.flatnonzero(np.diff(loud.astype(int)))
        edges = got.made["times"][:-1] + np.diff(got.made["times"]) / 2
        is_loud = got.made["features"].mean(axis=1) > -20
        expected = [got.time_pixel(e) for e in edges[is_loud[1:] != is_loud[:-1]]]
        # To the left there is white paper.
        changes = changes[changes > got.time_pixel(edges[0]) - 2]
        np.testing.assert_allclose(changes, expected, atol=0.51)

    def test_ticks_stand_at_their_times_and_frequencies(self, drawn):
        got = drawn(RECORDING)
        is_black = got.pixels.sum(axis=2) == 0
        below = is_black[TOP + HEIGHT + 2]
        for moment in (0, 0.5, 1, 2.5, 5.5):
            assert below[int(got.time_pixel(moment))], moment
        assert below.sum() == 12
        frequencies, beside = got.made["frequencies"], is_black[:, plot.LEFT - 4]
        for hertz in (200, 500, 1000, 2000, 5000, 10000):
            row = np.interp(hertz, frequencies, np.arange(len(frequencies)))
            y = TOP + HEIGHT - (row + 0.5) * HEIGHT / len(frequencies)
            assert beside[int(y)], hertz
            assert got.places()[str(hertz)][1] == pytest.approx(y)

    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency"])
    @pytest.mark.parametrize(("time", "frequency"), [(0.2, 400), (0.7, 400), (0.2, 3500)])
    def test_shows_a_sound_where_it_is(self, drawn, tmp_path, kind, time, frequency):
        soundfile.write(tmp_path / "a.wav", burst(22050, time, frequency), 22050)
        got = drawn(tmp_path / "a.wav", "--feature", kind, "--win-length", "1024")
        panel = got.panel()
        rows, columns = np.nonzero(panel == panel.max())
        assert abs(plot.LEFT + columns.mean() + 0.5 - got.time_pixel(time)) < 0.02 * plot.WIDTH
        frequencies = got.made["frequencies"]
        row = np.interp(frequency, frequencies, np.arange(len(frequencies)))
        expected = HEIGHT * (1 - (row + 0.5) / len(frequencies))
        assert abs(rows.mean() + 0.5 - expected) < 0.02 * HEIGHT

    def test_each_panel_shows_its_channel(self, drawn, tmp_path):
        places = ((0.3, 400), (0.6, 1000), (0.8, 3000))
        sound = np.stack([burst(22050, *place) for place in places], axis=1)
        soundfile.write(tmp_path / "a.wav", sound, 22050)
        got = drawn(tmp_path / "a.wav")
        for channel, (moment, _) in enumerate(places):
            panel = got.panel(channel, plot.EACH_HEIGHT)
            column = np.nonzero(panel == panel.max())[1].mean() + 0.5
            assert abs(plot.LEFT + column - got.time_pixel(moment)) < 0.02 * plot.WIDTH
            assert f"channel {channel + 1} of 3" in got.places()

    @pytest.mark.parametrize(("n_channels", "n_panels"), [(1, 1), (2, 2), (8, 8), (9, 8)])
    def test_shows_eight_channels_at_most(self, drawn, tmp_path, n_channels, n_panels):
        write_sound(tmp_path / "a.wav", n_channels=n_channels, seconds=0.2)
        got = drawn(tmp_path / "a.wav")
        assert len(got.ranges) == n_panels + 1  # One more is the colour bar.
        assert got.ranges[-1][0].shape[1] < 20
        names = [text for text in got.places() if text.startswith("channel")]
        assert names == [f"channel {n + 1} of {n_channels}" for n in range(n_panels)] * (
            n_channels > 1
        )

    @pytest.mark.parametrize("kind", ["mel", "stft", "log-frequency"])
    def test_is_in_decibels_whatever_is_written(self, drawn, tmp_path, kind):
        write_sound(tmp_path / "a.wav")
        options = ["--feature", kind, "--db-ref-value", "0.5", "--db-amin", "1e-3"]
        options += ["--db-dynamic-range", "30"]
        got = drawn(tmp_path / "a.wav", *options, "--no-decibel")
        magnitudes = got.made["features"]
        expected = magnitude_to_decibel(
            magnitudes[None], ref_value=0.5, amin=1e-3, dynamic_range=30
        )[0]
        assert "10 log10 of the magnitude" in got.places()
        for _, lowest, highest in got.ranges:
            assert (lowest, highest) == pytest.approx((expected.min(), expected.max()), abs=2e-4)

    @pytest.mark.parametrize("n_frames", [3, 819, 820, 821, 5000])
    @pytest.mark.parametrize("n_values", [5, 320, 321, 1025])
    def test_every_pixel_shows_its_frames_and_bands(self, n_frames, n_values):
        rng = np.random.default_rng(n_frames)
        n_together = -(-n_frames // plot.WIDTH)
        image = rng.uniform(size=(-(-n_frames // n_together), n_values)).astype(np.float32)
        axis = plot.TimeAxis(0.25, 0.25 + n_frames * 0.5, n_frames)
        begin, shown = plot._shown(image, axis, HEIGHT, False)
        assert shown.shape == (HEIGHT, plot.WIDTH - begin)
        assert begin == round(axis.pixel(0.25))
        for x, y in zip(rng.integers(begin, plot.WIDTH, 99), rng.integers(0, 320, 99), strict=True):
            time = (x + 0.5) / plot.WIDTH * axis.last
            column = image[int((time - 0.25) / 0.5) // n_together]
            first, last = (HEIGHT - 1 - y) * n_values // HEIGHT, (HEIGHT - y) * n_values // HEIGHT
            if n_values > HEIGHT:
                assert shown[y, x - begin] == column[first:last].max()
            else:
                assert shown[y, x - begin] == column[int((HEIGHT - 0.5 - y) * n_values / HEIGHT)]

    def test_takes_milliseconds(self, tmp_path):
        write_sound(tmp_path / "a.wav", seconds=10, sample_rate=16000)
        times = []
        with self.made(tmp_path, "mel") as made:
            for _ in range(6):
                started = time.process_time()
                plot.draw_features(io.BytesIO(), made, "title")
                times.append(time.process_time() - started)
        assert min(times) < 0.04  # it takes 0.007; a library of figures takes 0.165

    # Blocks of a frame, of a part of a column, of several columns, and of the whole.
    @pytest.mark.parametrize("chunk_size", [1, 300, 5000, 1 << 20])
    @pytest.mark.parametrize("kind", ["stft", "mfcc"])
    def test_a_column_stands_for_all_its_frames(self, tmp_path, monkeypatch, kind, chunk_size):
        monkeypatch.setattr(plot, "WIDTH", 10)
        write_sound(tmp_path / "a.wav", seconds=1)
        pool = np.mean if kind == "mfcc" else np.max
        with self.made(tmp_path, kind) as features:  # 83 frames: 9 columns of 9, one of 2
            whole = np.concatenate(list(features.chunks(0)))
        monkeypatch.setattr(recordings, "CHUNK_SIZE", chunk_size)
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
            ("kaldi-mfcc-13", "value", "coefficient"),
        ],
    )
    def test_of_a_front_end(self, drawn, name, unit, rows):
        got = drawn(RECORDING, "--front-end", name)
        assert got.texts[-1][2] == f"recording.flac: front end {name}"
        assert {unit, rows} <= set(got.places())
        made = got.made["features"]
        made = made if kapre_ref.front_end(name).time_first else made.T
        shown, lowest, highest = got.ranges[0]
        if rows != "coefficient":
            assert (lowest, highest) == (made.min(), made.max())
            np.testing.assert_array_equal(shown[-1, [0, -1]], made[[0, -1], 0])
            np.testing.assert_array_equal(shown[0, [0, -1]], made[[0, -1], -1])

    @pytest.mark.parametrize("power", [1, 2])
    def test_powers_are_in_the_usual_decibels(self, drawn, tmp_path, power):
        front_end = FrontEnd(sample_rate=22050, n_fft=512, power=power)
        got = self.draw_of_file(drawn, tmp_path, front_end)
        powers = got.made["features"] ** (2 / power)
        expected = 10 * np.log10(np.maximum(powers, 1e-10))
        highest = expected.max()
        expected = (max(expected.min(), highest - 80), highest)
        assert got.ranges[0][1:] == pytest.approx(expected, abs=2e-4)

    def test_bands_that_do_not_rise_have_numbers(self, drawn, tmp_path):
        front_end = FrontEnd(sample_rate=22050, n_fft=8, bands=np.eye(5)[:, [2, 0, 4]])
        assert "band" in self.draw_of_file(drawn, tmp_path, front_end).places()

    def test_logarithms_of_nothing_leave_the_others_their_colours(self, drawn, tmp_path):
        soundfile.write(tmp_path / "a.wav", np.r_[np.zeros(5000), np.ones(5000)], 22050)
        front_end = FrontEnd(sample_rate=22050, n_fft=512, bands=Bands(4), log="ln")
        got = self.draw_of_file(drawn, tmp_path, front_end, tmp_path / "a.wav")
        finite = got.made["features"][np.isfinite(got.made["features"])]
        assert 0 < len(finite) < got.made["features"].size
        assert got.ranges[0][1:] == (finite.min(), finite.max())

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
