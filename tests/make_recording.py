"""Make tests/data/recording.flac, the short recording that examples and tests run on.

Everything is synthesised here with NumPy, from a fixed seed; there is no recorded material in it.
Six seconds, mono, 22050 Hz, 16 bits:

- a melody of plucked strings, each note a decaying sum of partials that are slightly stretched and
  the sooner gone the higher they are;
- two soft chords below, swelling and fading, their partials slowly beating;
- a voice in the second half: a pulse train with vibrato, a glide and two vowels, each vowel the
  gains of four formants at the harmonics' frequencies;
- a soft drum on the beats, a falling tone with a click of filtered noise, and a brush between;
- a quiet echo of all that.

Run it to write the file again, and with ``--picture`` the picture beside it:
``python tests/make_recording.py --picture``.
"""

import sys
from pathlib import Path

import numpy as np

SAMPLE_RATE = 22050  # Hz
DURATION = 6.0  # s
SEED = 1902
PATH = Path(__file__).parent / "data" / "recording.flac"
BEAT = 0.5  # s

MELODY = [  # start (beats), MIDI note, loudness
    (0, 69, 1.0),
    (0.5, 72, 0.8),
    (1, 76, 0.9),
    (1.5, 74, 0.7),
    (2, 72, 0.9),
    (3, 67, 0.8),
    (3.5, 71, 0.7),
    (4, 74, 1.0),
    (4.5, 79, 0.8),
    (5, 77, 0.7),
    (5.5, 76, 0.9),
    (7, 74, 0.5),
    (8, 72, 0.6),
    (9, 71, 0.5),
    (9.5, 72, 0.6),
    (10, 76, 0.6),
    (10.5, 84, 0.6),
]
CHORDS = [  # start and length (beats), MIDI notes
    (0, 3, (45, 52, 60)),
    (3, 3, (43, 50, 59)),
    (6, 3, (41, 48, 57)),
    (9, 3, (48, 55, 64)),
]
VOWELS = {  # centre and bandwidth (Hz) and gain of four formants
    "a": [(800, 90, 1.0), (1150, 110, 0.6), (2900, 160, 0.25), (3900, 220, 0.12)],
    "i": [(300, 60, 1.0), (2250, 120, 0.35), (3000, 170, 0.25), (3700, 220, 0.12)],
}


def frequency_of(note):
    """Convert a MIDI note to Hz."""
    return 440 * 2 ** ((note - 69) / 12)


def seconds(duration):
    """Return the times of a sound's samples."""
    return np.arange(round(duration * SAMPLE_RATE)) / SAMPLE_RATE


def mix(total, sound, start):
    """Add a sound at a time, cut off at the end."""
    first = round(start * SAMPLE_RATE)
    stop = min(len(total), first + len(sound))
    total[first:stop] += sound[: stop - first]


def pluck(note, loudness):
    """Pluck a string."""
    time, sound = seconds(1.6), np.zeros(round(1.6 * SAMPLE_RATE))
    for k in range(1, 25):
        frequency = k * frequency_of(note) * np.sqrt(1 + 0.0002 * k * k)
        if frequency > 9500:
            break
        # Plucked at a seventh of its length, a string lacks each seventh partial.
        strength = np.sin(np.pi * k / 7) / k
        decay = np.exp(-time * (1.6 + 0.0016 * frequency))
        sound += strength * decay * np.sin(2 * np.pi * frequency * time)
    return loudness * sound * np.minimum(1, time / 0.003)


def chord(length, notes):
    """Let a few tones swell and fade."""
    time = seconds(length)
    envelope = np.sin(np.pi * np.minimum(1, time / length)) ** 0.8
    sound = np.zeros_like(time)
    for note in notes:
        for k in range(1, 7):
            beating = 1 + 0.3 * np.sin(2 * np.pi * (0.7 + 0.3 * k) * time)
            sound += beating / k**1.6 * np.sin(2 * np.pi * k * frequency_of(note) * time)
    return sound * envelope


def voice(length):
    """Sing two vowels on a gliding tone with vibrato."""
    time = seconds(length)
    glide = np.interp(time, [0, 0.5, 0.8, 1.6, 1.9, length], [57, 60, 64, 64, 60, 57])
    vibrato = 0.3 * np.minimum(1, time / 0.5) * np.sin(2 * np.pi * 5.5 * time)
    pitch = frequency_of(glide + vibrato)
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    openness = 0.5 + 0.5 * np.cos(2 * np.pi * np.clip((time - 0.3) / 1.2, 0, 2))
    sound = np.zeros_like(time)
    for k in range(1, 60):
        frequency = k * pitch
        gain = openness * formants("a", frequency) + (1 - openness) * formants("i", frequency)
        gain *= np.clip((9500 - frequency) / 500, 0, 1)  # nothing beyond half the sample rate
        sound += gain / k**0.6 * np.sin(k * phase)
    return sound * np.minimum(1, time / 0.12) * np.minimum(1, (length - time) / 0.25)


def formants(vowel, frequency):
    """Return a vowel's gain at frequencies."""
    return sum(
        gain / (1 + ((frequency - centre) / bandwidth) ** 2)
        for centre, bandwidth, gain in VOWELS[vowel]
    )


def drum(rng):
    """Hit a soft drum."""
    time = seconds(0.35)
    phase = 2 * np.pi * (55 * time + 4.5 * (1 - np.exp(-time / 0.03)))
    click = rng.standard_normal(len(time)) * np.exp(-time / 0.006)
    return np.sin(phase) * np.exp(-time / 0.09) + 0.12 * click


def brush(rng):
    """Sweep a brush: noise without its low frequencies."""
    time = seconds(0.14)
    noise = np.diff(rng.standard_normal(len(time) + 2), 2)
    return noise * np.exp(-time / 0.03) * np.minimum(1, time / 0.004)


def make_recording():
    """Return the recording, (time,), int16."""
    rng = np.random.default_rng(SEED)
    total = np.zeros(round(DURATION * SAMPLE_RATE))
    for start, note, loudness in MELODY:
        mix(total, 0.33 * pluck(note, loudness), start * BEAT)
    for start, length, notes in CHORDS:
        mix(total, 0.045 * chord(length * BEAT + 0.2, notes), start * BEAT)
    mix(total, 0.30 * voice(2.4), 6 * BEAT)
    for beat in range(12):
        mix(total, 0.35 * drum(rng) * (1.0 if beat % 3 == 0 else 0.55), beat * BEAT)
        mix(total, 0.02 * brush(rng), (beat + 0.5) * BEAT)
    delay = round(0.19 * SAMPLE_RATE)
    total[delay:] += 0.22 * total[:-delay].copy()
    time = seconds(DURATION)
    total *= np.minimum(1, (DURATION - time) / 0.4)
    total *= 0.8 / np.abs(total).max()
    return np.round(total * 32767).astype(np.int16)


def main():
    """Write the file, and the picture if asked."""
    import soundfile

    PATH.parent.mkdir(exist_ok=True)
    soundfile.write(PATH, make_recording(), SAMPLE_RATE, subtype="PCM_16")
    print(f"wrote {PATH}: {PATH.stat().st_size} bytes")
    if "--picture" in sys.argv[1:]:
        from kapre_ref.command.cli import main as kapre_ref

        options = ["--n-fft", "1024", "--hop-length", "128", "--n-mels", "96", "--pad-end"]
        options += ["--plot", "--overwrite", "--db-dynamic-range", "45"]
        output = PATH.with_suffix(".npy")
        status = kapre_ref(["features", str(PATH), "--out", str(output), *options])
        output.unlink(missing_ok=True)
        sys.exit(status)


if __name__ == "__main__":
    main()
