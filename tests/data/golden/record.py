"""Ask the real Kapre again what these files hold, and compare the answers or write them anew.

    python record.py            compares, and prints the largest difference of each file
    python record.py --write    writes the files anew, for another version of Kapre
    python record.py --add stft '{"op": "kapre.STFT", "init": {"n_fft": 64}}' x.npy

Needs Kapre and TensorFlow; the README beside this file says which, and what the files hold.
"""

import argparse
import json
import os
import platform
import re
import sys
import warnings
from importlib.metadata import version
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).resolve().parent
NUMBERS = {"inf": np.inf, "nan": np.nan}  # numbers that JSON does not have
# How much another build of TensorFlow may differ by rounding, as a share of an array's peak.
TOLERANCE = {"float16": 2e-3, "float32": 2e-6, "float64": 1e-13, "complex64": 2e-6}
TOLERANCE["complex128"] = TOLERANCE["float64"]
MESSAGE_LENGTH = 400  # characters that are kept: some messages print whole arrays


def main():
    """Run the command; 1 if an answer differs from the recorded one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", action="store_true", help="write all files anew")
    action.add_argument(
        "--add", nargs="+", metavar=("FILE", "CALL"), help="add a call; its .npy inputs follow"
    )
    options = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    warnings.simplefilter("ignore")
    if options.add:
        name, call, *paths = options.add
        add(name, json.loads(call), [np.load(path) for path in paths])
        return 0
    shares = []
    for path in sorted(FOLDER.glob("*.npz")):
        entries, arrays = read(path)
        answers = [ask(entry, arrays) for entry in entries]
        differences = [
            difference(entry, answer, arrays)
            for entry, answer in zip(entries, answers, strict=True)
        ]
        n_same = sum(share == 0 for share in differences)
        shares.append(max(differences))
        print(f"{path.name:28} {n_same} of {len(entries)} calls to the bit, {max(differences):.2g}")
        if options.write:
            write(path, entries, arrays, answers)
    print(f"the largest difference is {max(shares):.2g} of what is allowed")
    return 0 if options.write or max(shares) <= 1 else 1


def read(path):
    """Return the calls that a file holds, and its arrays."""
    with np.load(path, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    return json.loads(str(arrays.pop("index")))["entries"], arrays


def write(path, entries, arrays, answers):
    """Write a file: the inputs, the result of each call, and an index of all calls."""
    kept = {name: array for name, array in arrays.items() if name.startswith("in/")}
    for entry, (outputs, raises) in zip(entries, answers, strict=True):
        entry["outputs"] = [f"{entry['id']}/out{i}" for i in range(len(outputs))]
        entry["raises"] = raises
        kept |= dict(zip(entry["outputs"], outputs, strict=True))
    index = {"format": 1, "name": path.stem, "versions": versions(), "entries": entries}
    np.savez_compressed(path, index=np.array(json.dumps(index)), **kept)


def add(name, call, inputs):
    """Ask Kapre one more call, and add the answer to a file."""
    path = FOLDER / f"{name}.npz"
    entries, arrays = read(path)
    number = f"{1 + max(int(entry['id']) for entry in entries):04}"
    names = [f"in/{number}_{i}" for i in range(len(inputs))]
    arrays |= dict(zip(names, inputs, strict=True))
    added = {"id": number, "op": call["op"], "init": {}, "kwargs": {}, "inputs": names} | call
    outputs, raises = ask(added, arrays)
    print(f"{number}: {raises or [f'{one.dtype} {one.shape}' for one in outputs]}")
    known = [([arrays[key] for key in entry["outputs"]], entry["raises"]) for entry in entries]
    write(path, [*entries, added], arrays, [*known, (outputs, raises)])


def versions():
    """Name the versions of the packages that the answers come from."""
    import keras

    libraries = ("kapre", "tensorflow", "keras", "numpy", "librosa")
    found = {"python": platform.python_version()} | {name: version(name) for name in libraries}
    settings = {"image_data_format": keras.config.image_data_format()}
    return found | settings | {"floatx": keras.config.floatx()}


def ask(entry, arrays):
    """Return Kapre's arrays and None, or no arrays and the error that the call raised."""
    import tensorflow as tf

    inputs = [tf.constant(arrays[name]) for name in entry["inputs"]]
    init, kwargs = restored(entry["init"]), restored(entry["kwargs"])
    try:
        answer = call(entry["op"], init, kwargs, inputs)
    except Exception as error:
        return [], {"type": type(error).__name__, "message": without_places(str(error))}
    outputs = answer if isinstance(answer, list) else [answer]
    if "reconstructed waveform only" in entry.get("note", ""):
        outputs = outputs[-1:]
    return [np.empty(0) if one is None else np.asarray(one) for one in outputs], None


def restored(parameters):
    """Return parameters, and restore the numbers that JSON does not have."""
    return {
        name: NUMBERS.get(value, value) if isinstance(value, str) else value
        for name, value in parameters.items()
    }


def call(op, init, kwargs, inputs):
    """Call a function, or a layer made with `init`, by its name."""
    import kapre
    import tensorflow as tf

    library, _, name = op.rpartition(".")
    if name == "get_window_fn":
        make = kapre.backend.get_window_fn(kwargs.pop("window_name"))
        kwargs["dtype"] = tf.dtypes.as_dtype(kwargs["dtype"])
        return make(kwargs.pop("window_length"), **kwargs)
    if name == "inverse_stft_window_fn":
        window = kapre.backend.get_window_fn(kwargs["window_name"])
        make = tf.signal.inverse_stft_window_fn(kwargs["frame_step"], forward_window_fn=window)
        return make(kwargs["window_length"], dtype=tf.float32)
    if library in ("kapre.backend", "tf.signal"):
        module = kapre.backend if library == "kapre.backend" else tf.signal
        return getattr(module, name)(*inputs, **kwargs)
    if name == "get_perfectly_reconstructing_stft_istft":
        forward, inverse = kapre.composed.get_perfectly_reconstructing_stft_istft(**init)
        spectra = forward(inputs[0])
        return [spectra, inverse(spectra)]
    if name.startswith("get_"):
        shape = {"input_shape": tuple(init.pop("input_shape", inputs[0].shape[1:]))}
        return getattr(kapre.composed, name)(**shape, **init)(inputs[0])
    return getattr(kapre, name)(**init)(inputs[0], **kwargs)


def without_places(message):
    """Return a message on one line, without the paths and devices of a machine."""
    message = re.sub(r'File "[^"]*"', 'File "<path>"', message.split("\n\nArguments received")[0])
    message = re.sub(r"_device_/\S*?\}\}", "_device_<device>", message)
    return re.sub(r"\x1b\[[\d;]*m", "", message).replace("\n", " ").strip()[:MESSAGE_LENGTH]


def difference(entry, answer, arrays):
    """Return how far an answer is from the recorded one, as a share of what is allowed."""
    outputs, raises = answer
    recorded = [arrays[name] for name in entry["outputs"]]
    if (raises or {}).get("type") != (entry["raises"] or {}).get("type"):
        return np.inf
    if [(x.shape, x.dtype) for x in outputs] != [(x.shape, x.dtype) for x in recorded]:
        return np.inf
    return max((share(got, known) for got, known in zip(outputs, recorded, strict=True)), default=0)


def share(got, known):
    """Return the largest difference of two arrays, as a share of what is allowed."""
    if np.array_equal(got, known, equal_nan=got.dtype.kind in "fc"):
        return 0.0
    if got.dtype.kind not in "fc" or np.any(np.isfinite(got) != np.isfinite(known)):
        return np.inf
    finite = np.isfinite(known)
    distance = np.max(np.abs(got[finite].astype(complex) - known[finite]), initial=0)
    peak = np.max(np.abs(known[finite].astype(complex)), initial=0)
    return float(distance / (TOLERANCE[got.dtype.name] * peak)) if distance else 0.0


if __name__ == "__main__":
    sys.exit(main())
