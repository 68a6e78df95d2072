"""Record what the calls of torch and torchaudio in README.md return.

`python tests/record_torchaudio.py` needs torch, torchaudio and soundfile. The file holds every
eighth frame, under the name of the function or transform. Recorded with torchaudio 2.11.0 and
torch 2.13.0, on a CPU.
"""

import re

import numpy as np
import readme

FILE = readme.README.parent / "tests" / "data" / "torchaudio.npz"
STEP = 8  # frames


def name_of(call):
    """Return the name of the function or transform in a call."""
    return re.match(r"(?:torchaudio\.transforms|torch)\.(\w+)", call)[1]


def main():
    import soundfile
    import torch
    import torchaudio

    samples, sample_rate = soundfile.read(FILE.with_name("recording.flac"), dtype="float32")
    names = {"torch": torch, "torchaudio": torchaudio, "sr": sample_rate}
    names["y"] = torch.from_numpy(samples)
    calls = [theirs for theirs, *_ in readme.equivalences() if theirs.startswith("torch")]
    results = {name_of(call): eval(call, names).numpy()[..., ::STEP] for call in calls}
    np.savez_compressed(FILE, **results)


if __name__ == "__main__":
    main()
