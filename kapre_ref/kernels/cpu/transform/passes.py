"""All passes of a transform over rows, forward and back."""

from __future__ import annotations

from kapre_ref.kernels.cpu.emit.inverse_passes import (
    common_undo_first_pass,
    common_undo_inner_pass,
    undo_first_pass,
    undo_inner_pass,
)
from kapre_ref.kernels.cpu.emit.odd_passes import (
    OddRadix,
    first_odd_pass,
    inner_odd_pass,
    undo_first_odd_pass,
    undo_inner_odd_pass,
)
from kapre_ref.kernels.cpu.emit.passes import (
    Parts,
    common_first_pass,
    common_inner_pass,
    first_pass,
    inner_pass,
)
from kapre_ref.kernels.cpu.emit.records import reader_of
from kapre_ref.kernels.cpu.runtime.jit import inlined
from kapre_ref.kernels.cpu.transform.radices import Pass

PASS_BYTES = 8 * len(Pass._fields)

read_pass = reader_of(Pass)


@inlined
def transform_rows(unit, passes, samples, rows, n, ahead):
    """Transform samples into `n` rows by the passes that are listed at an address."""
    size = read_pass(passes).radix
    common_first_pass(unit, size, samples, rows, n // size, ahead)
    while size < n:
        passes += PASS_BYTES
        step = read_pass(passes)
        parts = Parts(rows, size, step.twiddles)
        size *= step.radix
        common_inner_pass(unit, step.radix, parts, n // size)


@inlined
def undo_rows(unit, passes, first, rows, n, ahead):
    """Turn a transform of `n` rows into samples; `first` is the first pass, `passes` the others."""
    size = n
    while size > first.radix:
        step = read_pass(passes)
        size //= step.radix
        n_merges = n // (size * step.radix)
        common_undo_inner_pass(unit, step.radix, Parts(rows, size, step.twiddles), n_merges)
        passes += PASS_BYTES
    common_undo_first_pass(unit, size, rows, n // size, ahead)


# The passes below may have any radix, odd ones without code of their own too. Kernels of common
# radices are compiled without them, in less time.


@inlined
def transform_rows_oddly(unit, passes, samples, rows, n, ahead, room):
    """Transform samples into `n` rows by the passes that are listed at an address."""
    step = read_pass(passes)
    n_parts = n // step.radix
    if step.factors:
        radix = OddRadix(step.radix, step.factors, room)
        first_odd_pass(unit, radix, samples, rows, n_parts, ahead)
    else:
        first_pass(unit, step.radix, samples, rows, n_parts, ahead)
    inner_passes(unit, passes + PASS_BYTES, rows, step.radix, n, room)


@inlined
def inner_passes(unit, passes, rows, n, n_rows, room):
    """Merge transforms of `n` rows in place until there is one of `n_rows`."""
    size = n
    while size < n_rows:
        step = read_pass(passes)
        parts = Parts(rows, size, step.twiddles)
        size *= step.radix
        if step.factors:
            radix = OddRadix(step.radix, step.factors, room)
            inner_odd_pass(unit, radix, parts, n_rows // size)
        else:
            inner_pass(unit, step.radix, parts, n_rows // size)
        passes += PASS_BYTES


@inlined
def undo_inner_passes(unit, passes, rows, n_rows, n, room):
    """Split a transform of `n_rows` rows into transforms of `n`, by the passes in reverse order."""
    size = n_rows
    while size > n:
        step = read_pass(passes)
        size //= step.radix
        parts = Parts(rows, size, step.twiddles)
        n_merges = n_rows // (size * step.radix)
        if step.factors:
            radix = OddRadix(step.radix, step.factors, room)
            undo_inner_odd_pass(unit, radix, parts, n_merges)
        else:
            undo_inner_pass(unit, step.radix, parts, n_merges)
        passes += PASS_BYTES


@inlined
def undo_rows_oddly(unit, passes, first, rows, n, ahead, room):
    """Turn a transform of `n` rows into samples; `first` is the first pass, `passes` the others."""
    undo_inner_passes(unit, passes, rows, n, first.radix, room)
    n_parts = n // first.radix
    if first.factors:
        radix = OddRadix(first.radix, first.factors, room)
        undo_first_odd_pass(unit, radix, rows, n_parts, ahead)
    else:
        undo_first_pass(unit, first.radix, rows, n_parts, ahead)
