"""Counts of what the passes of a transform do, made by carrying them out on NumPy lanes.

`python -m kapre_ref.kernels.cpu.transform.counts` prints the table of this folder's README.
"""

from collections import Counter, defaultdict

import numpy as np

from kapre_ref.kernels.cpu.emit.bins import last_pass_to_magnitudes
from kapre_ref.kernels.cpu.emit.lanes import LaneEmitter
from kapre_ref.kernels.cpu.emit.language import Strided
from kapre_ref.kernels.cpu.emit.odd_passes import OddRadix, first_odd_pass, inner_odd_pass
from kapre_ref.kernels.cpu.emit.passes import (
    FIRST_RADICES,
    RADICES,
    Parts,
    Samples,
    first_pass,
    inner_pass,
)
from kapre_ref.kernels.cpu.runtime.jit import Addresses
from kapre_ref.kernels.cpu.transform.radices import (
    factorize,
    odd_factors,
    pass_twiddles,
    samples_of_rows,
)

SIZES = (400, 512, 1023, 2048)
WIDTHS = (16, 32, 64)  # of vectors, in bytes
COLUMNS = ("additions", "products", "roots", "loads", "broadcasts", "stores")
_KINDS = {"add": "additions", "sub": "additions", "mul": "products", "sqrt": "roots"}
_DTYPE = np.dtype(np.float32)


class CountingEmitter(LaneEmitter):
    """Counts the instructions on vectors that it carries out.

    A product and the addition after it count as two, though most CPUs do them in one instruction.
    """

    def __init__(self, dtype, width):
        super().__init__(dtype, width)
        self.counts = Counter()

    def operate(self, name, a, b):
        """Count an addition or a product of vectors, but none of addresses."""
        if not isinstance(a.raw, int):
            self.counts[_KINDS.get(name, name)] += 1
        return super().operate(name, a, b)

    def call(self, name, *arguments):
        """Count a function of vectors; a fused product and addition count as both."""
        self.counts[_KINDS.get(name, name)] += name != "fmuladd"
        return super().call(name, *arguments)

    def load(self, address):
        """Count a load of a vector."""
        self.counts["loads"] += 1
        return super().load(address)

    def broadcast(self, address):
        """Count a load of one number into all lanes."""
        self.counts["broadcasts"] += 1
        return super().broadcast(address)

    def store(self, x, address):
        """Count a store."""
        self.counts["stores"] += 1
        super().store(x, address)


def counts_of(n_fft, width):
    """Return a list of (pass, counts of a block of frames), in the order of the passes.

    `width` is that of vectors, in bytes.
    """
    radices = factorize(n_fft, width)
    rows = np.zeros((n_fft, width // _DTYPE.itemsize), _DTYPE)
    offsets = (samples_of_rows(radices) * width).astype(np.int32)
    window, peak = np.ones(n_fft, _DTYPE), np.ones_like(rows[0])
    samples = Samples(rows.ctypes.data, offsets.ctypes.data, window.ctypes.data)
    twiddles = pass_twiddles(radices, _DTYPE)
    n, place, addresses = radices[0], rows.ctypes.data, Addresses()
    first, key = first_pass, n
    if n not in FIRST_RADICES:
        first, key = first_odd_pass, _odd_radix(n, width, addresses)
    counts = _count(width, first, key, samples, place, n_fft // n, Strided(place, 0))
    passes = [(f"first, {n}", counts)]
    for radix, table in zip(radices[1:-1], twiddles, strict=False):
        inner, key = inner_pass, radix
        if radix not in RADICES:
            inner, key = inner_odd_pass, _odd_radix(radix, width, addresses)
        parts = Parts(place, n, table.ctypes.data)
        n *= radix
        passes.append((f"inner, {radix}", _count(width, inner, key, parts, n_fft // n)))
    parts = Parts(place, n, twiddles[-1].ctypes.data)
    power = np.ones(1, _DTYPE)
    last = radices[-1], parts, place, place, peak.ctypes.data, power.ctypes.data
    passes.append((f"last, {radices[-1]}", _count(width, last_pass_to_magnitudes, *last)))
    return passes


def _odd_radix(radix, width, addresses):
    tables = odd_factors(radix, _DTYPE, width), np.empty((2 * radix, width), np.uint8)
    return OddRadix(radix, *map(addresses.of, tables))


def _count(width, function, *arguments):
    emitter = CountingEmitter(_DTYPE, width)
    function.on_lanes(_DTYPE.type(1), *arguments, emitter=emitter)
    return emitter.counts


def table():
    """Return the counts of all passes as a table in Markdown."""
    lines = [
        f"| `n_fft` | bytes | pass, radix | {' | '.join(COLUMNS)} |",
        "| --- | --- | --- |" + " --- |" * len(COLUMNS),
    ]
    for n_fft in SIZES:
        widths = defaultdict(list)  # of vectors, by what they have in the other columns
        for width in WIDTHS:
            passes = tuple(
                " | ".join([name, *(str(counts[column]) for column in COLUMNS)])
                for name, counts in counts_of(n_fft, width)
            )
            widths[passes].append(str(width))
        for passes, served in widths.items():
            lines += [f"| {n_fft} | {', '.join(served)} | {cells} |" for cells in passes]
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
