"""Record the results of torchaudio's calls in README.md: python tests/record_torchaudio.py.

Needs torch, torchaudio and soundfile. The file holds every eighth frame, under the name of the
transform. Recorded with torchaudio 2.11.0 and torch 2.13.0, on a CPU.
"""

import re

import numpy as np
import readme

FILE = readme.README.parent / "tests" / "data" / "torchaudio.npz"
STEP = 8  # frames


def name_of(call):
    """Return the name of the transform in a call."""
    return re.match(r"torchaudio\.transforms\.(\w+)", call)[1]


def main():
    import soundfile
    import torch
    import torchaudio

    samples, sample_rate = soundfile.read(FILE.with_name("recording.flac"), dtype="float32")
    names = {"torchaudio": torchaudio, "y": torch.from_numpy(samples), "sr": sample_rate}
    calls = [theirs for theirs, *_ in readme.equivalences() if "torchaudio" in theirs]
    results = {name_of(call): eval(call, names).numpy()[::STEP] for call in calls}
    np.savez_compressed(FILE, **results)


if __name__ == "__main__":
    main()
