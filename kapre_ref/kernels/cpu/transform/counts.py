"""Counts of what the passes of a transform do, made by carrying them out on NumPy lanes.

`python -m kapre_ref.kernels.cpu.transform.counts` prints the table of this folder's README.
"""

from collections import Counter, defaultdict
from math import prod

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


def counts_of(radices):
    """Return a list of (pass, counts of a block of frames), in the order of the passes."""
    n_fft, width = prod(radices), WIDTHS[-1]  # what is counted are vectors, however wide
    rows = np.zeros((n_fft, width // _DTYPE.itemsize), _DTYPE)
    offsets = (samples_of_rows(radices) * width).astype(np.int32)
    window, peak = np.ones(n_fft, _DTYPE), np.ones_like(rows[0])
    samples = Samples(rows.ctypes.data, offsets.ctypes.data, window.ctypes.data)
    twiddles = pass_twiddles(radices, _DTYPE)
    n, place, addresses = radices[0], rows.ctypes.data, Addresses()
    first, key = _pass_of(n, FIRST_RADICES, first_pass, first_odd_pass, addresses)
    counts = _count(first, key, samples, place, n_fft // n, Strided(place, 0))
    passes = [(f"first, {n}", counts)]
    for radix, table in zip(radices[1:-1], twiddles, strict=False):
        inner, key = _pass_of(radix, RADICES, inner_pass, inner_odd_pass, addresses)
        parts = Parts(place, n, table.ctypes.data)
        n *= radix
        passes.append((f"inner, {radix}", _count(inner, key, parts, n_fft // n)))
    parts = Parts(place, n, twiddles[-1].ctypes.data)
    power = np.ones(1, _DTYPE)
    last = radices[-1], parts, place, place, peak.ctypes.data, power.ctypes.data
    passes.append((f"last, {radices[-1]}", _count(last_pass_to_magnitudes, *last)))
    return passes


def _pass_of(radix, with_code, plain_pass, odd_pass, addresses):
    """Return a pass, and what it takes for its radix: for an odd one without code, a table."""
    if radix in with_code:
        return plain_pass, radix
    room = np.empty((2 * radix, WIDTHS[-1]), np.uint8)
    tables = odd_factors(radix, _DTYPE), room
    return odd_pass, OddRadix(radix, *map(addresses.of, tables))


def _count(function, *arguments):
    emitter = CountingEmitter(_DTYPE, WIDTHS[-1])
    function.on_lanes(_DTYPE.type(1), *arguments, emitter=emitter)
    return emitter.counts


def table():
    """Return the counts of all passes as a table in Markdown."""
    lines = [
        f"| `n_fft` | bytes | pass, radix | {' | '.join(COLUMNS)} |",
        "| --- | --- | --- |" + " --- |" * len(COLUMNS),
    ]
    for n_fft in SIZES:
        widths = defaultdict(list)  # of vectors, by the radices that serve them
        for width in WIDTHS:
            widths[factorize(n_fft, width)].append(str(width))
        for radices, served in widths.items():
            for name, counts in counts_of(radices):
                cells = " | ".join(str(counts[column]) for column in COLUMNS)
                lines.append(f"| {n_fft} | {', '.join(served)} | {name} | {cells} |")
    return "\n".join(lines)


if __name__ == "__main__":
    print(table())
