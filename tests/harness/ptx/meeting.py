"""Instructions at which the threads of a block meet, or the lanes of a warp that a mask names.

Each is a function (machine, waiting) of the threads that wait at it, in ascending order; it returns
those that have met all they wait for, and go on.
"""

from typing import NamedTuple

import numpy as np

from harness.ptx.arithmetic import Rule
from harness.ptx.values import PtxError

_MASK, _FLAG = np.dtype(np.uint32), np.dtype(np.bool_)


# Blocks.


def _barrier(instruction, operands):
    """Wait for all threads of the block; `red` also tells whether a predicate holds for them."""
    reduce = "red" in instruction.modifiers
    if reduce:
        put = operands.target(instruction.operands[0], _FLAG)
        source = operands.source(instruction.operands[-1], _FLAG)
    if instruction.operands[int(reduce)] != "0":
        raise PtxError(f"a barrier other than 0: {instruction.text}")
    any_or_all = np.logical_or if "or" in instruction.modifiers else np.logical_and

    def barrier(machine, waiting):
        whole = machine.n_running() == np.bincount(machine.block[waiting], None, machine.n_blocks)
        met = waiting[whole[machine.block[waiting]]]
        if reduce and len(met):
            value = np.full(machine.n_blocks, any_or_all is np.logical_and)
            any_or_all.at(value, machine.block[met], source(machine, met))
            put(machine, met, value[machine.block[met]])
        return met

    return barrier


# Warps.


class _Group(NamedTuple):
    """Threads that have met; `group` numbers the sets of lanes that are one instruction."""

    threads: np.ndarray
    group: np.ndarray
    mask: np.ndarray  # for each thread, the lanes of its group

    def lanes_where(self, machine, flags):
        """Return for each thread the mask of its group's lanes whose flag is set."""
        return _join(self.group, machine.lane[self.threads], flags)[self.group]


def _join(group, lane, flags):
    masks = np.zeros(group.max(initial=0) + 1, np.uint32)
    np.bitwise_or.at(masks, group, np.where(flags, np.uint32(1) << lane, 0).astype(np.uint32))
    return masks


def _met(machine, waiting, mask, text):
    """Return the threads for which all lanes of their mask wait."""
    mask = np.broadcast_to(mask, waiting.shape)
    warp, lane = machine.warp[waiting], machine.lane[waiting]
    one = np.uint32(1) << lane.astype(np.uint32)
    if not (mask & one).all():
        raise PtxError(f"a mask without the lane itself: {text}")
    for what, lanes in (("outside the block", machine.lanes), ("that ended", machine.running())):
        wrong = mask & ~lanes[warp]
        if wrong.any():
            raise PtxError(f"mask {mask[wrong != 0][0]:#x} names lanes {what}: {text}")
    key = warp.astype(np.uint64) << np.uint64(32) | mask
    group = np.unique(key, return_inverse=True)[1]
    whole = _join(group, lane, True)[group] == mask
    return _Group(waiting[whole], group[whole], mask[whole])


def _sync_warp(instruction, operands):
    mask = operands.source(instruction.operands[0], _MASK)

    def sync(machine, waiting):
        return _met(machine, waiting, mask(machine, waiting), instruction.text).threads

    return sync


def _vote(instruction, operands):
    kind = instruction.modifiers[1]
    put = operands.target(instruction.operands[0], instruction.dtypes[0])
    flag, mask = (
        operands.source(text, dtype)
        for text, dtype in zip(instruction.operands[1:], (_FLAG, _MASK), strict=True)
    )

    def vote(machine, waiting):
        met = _met(machine, waiting, mask(machine, waiting), instruction.text)
        if len(met.threads):
            lanes = met.lanes_where(machine, flag(machine, met.threads))
            result = {"ballot": lanes, "any": lanes != 0, "all": lanes == met.mask}[kind]
            put(machine, met.threads, result)
        return met.threads

    return vote


_SOURCE_LANE = {
    "idx": lambda lane, b, first, keep: first | (b & keep),
    "bfly": lambda lane, b, first, keep: lane ^ b,
    "down": lambda lane, b, first, keep: lane + b,
    "up": lambda lane, b, first, keep: lane - b,
}


def _shuffle(instruction, operands):
    """Take a register of another lane, within segments of the warp, as PTX defines them."""
    kind = instruction.modifiers[1]
    (dtype,) = instruction.dtypes
    to, _, found = instruction.operands[0].partition("|")
    put, put_found = operands.target(to, dtype), operands.target(found or "_", _FLAG)
    value, b, c, mask = (operands.source(text, _MASK) for text in instruction.operands[1:])

    def shuffle(machine, waiting):
        met = _met(machine, waiting, mask(machine, waiting), instruction.text)
        threads = met.threads
        if not len(threads):
            return threads
        lane = machine.lane[threads].astype(np.int64)
        step, clamp = b(machine, threads).astype(np.int64), c(machine, threads).astype(np.int64)
        segment, clamp = clamp >> 8 & 31, clamp & 31
        keep = ~segment & 31
        first, last = lane & segment, (lane & segment) | (clamp & keep)
        other = _SOURCE_LANE[kind](lane, step, first, keep)
        inside = other >= last if kind == "up" else other <= last
        other = np.where(inside, other, lane)
        if not (met.mask >> other.astype(np.uint32) & 1).all():
            raise PtxError(f"reads a lane that does not take part: {instruction.text}")
        values = np.broadcast_to(value(machine, threads - lane + other), threads.shape)
        put(machine, threads, values.view(dtype).copy())
        put_found(machine, threads, inside)
        return threads

    return shuffle


def _bar(instruction, operands):
    if "warp" in instruction.modifiers:
        return _sync_warp(instruction, operands)
    return _barrier(instruction, operands)


MEETING = {
    "bar": Rule("sync red and or warp", _bar),
    "barrier": Rule("sync red and or", _barrier),
    "shfl": Rule("sync idx bfly down up", _shuffle),
    "vote": Rule("sync ballot any all", _vote),
}
