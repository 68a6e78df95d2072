"""The threads of some blocks: registers, memory, and the order in which threads run."""

import ctypes

import numpy as np

from harness.ptx.values import SHARED, PtxError

READY, WAITING, ENDED = range(3)


class Machine:
    """Runs a kernel's steps for some blocks of a grid; all arrays are by thread."""

    def __init__(self, kernel, grid, block, blocks, arguments, memory, n_given):
        self.kernel, self.arguments = kernel, arguments
        self.n_blocks, n_threads = len(blocks), int(np.prod(block))
        self.n = self.n_blocks * n_threads
        within = np.tile(np.arange(n_threads), self.n_blocks)
        self.block = np.repeat(np.arange(self.n_blocks), n_threads)
        self.lane = (within % 32).astype(np.uint32)
        self.warp = self.block * -(-n_threads // 32) + within // 32
        self.special = _special(grid, block, within, np.repeat(np.array(blocks), n_threads))
        self.registers = _Registers(kernel.source.registers, self.n)
        # These bytes make shared memory NaN until it is written to.
        n_shared = kernel.source.shared_bytes + n_given
        self.shared = np.full((self.n_blocks, n_shared), 0xFF, np.uint8)
        self.memory = [(begin, end, _host_bytes(begin, end)) for begin, end in memory]
        self.at = np.zeros(self.n, np.int64)  # the next instruction of each thread
        self.state = np.full(self.n, READY)
        self.lanes = self._lanes(np.ones(self.n, bool))

    # Threads.

    def count(self, active):
        """Return how many threads are active."""
        return self.n if isinstance(active, slice) else len(active)

    def threads(self, active):
        """Return the numbers of the active threads."""
        return np.arange(self.n)[active]

    def n_running(self):
        """Return how many threads of each block have not ended."""
        return np.bincount(self.block[self.state != ENDED], None, self.n_blocks)

    def running(self):
        """Return the mask of each warp's lanes that have not ended."""
        return self._lanes(self.state != ENDED)

    def _lanes(self, chosen):
        masks = np.zeros(self.warp.max(initial=0) + 1, np.uint32)
        np.bitwise_or.at(masks, self.warp[chosen], np.uint32(1) << self.lane[chosen])
        return masks

    # Order.

    def run(self):
        """Run until all threads have ended: always those that are furthest behind, together."""
        with np.errstate(all="ignore"):
            while (self.state != ENDED).any():
                ready = np.flatnonzero(self.state == READY)
                if len(ready):
                    self._advance(ready)
                else:
                    self._meet()

    def _advance(self, ready):
        """Run the threads that are furthest behind, until they branch, wait or catch up."""
        at = self.at[ready]
        place = int(at.min())
        threads = ready[at == place]
        others = at[at != place]
        limit = int(others.min()) if len(others) else len(self.kernel.steps)
        active = slice(None) if len(threads) == self.n else threads
        while place < limit:
            step = self.kernel.steps[place]
            if step.kind != "plain":
                self._turn(step, threads, place)
                return
            if step.guard is None:
                self._do(step, active)
            else:
                chosen = self._chosen(step, threads)
                if len(chosen):
                    self._do(step, chosen)
            place += 1
        self.at[threads] = place

    def _turn(self, step, threads, place):
        """Branch, end or wait."""
        chosen = self._chosen(step, threads)
        self.at[threads] = place + 1
        if step.kind == "branch":
            self.at[chosen] = step.do
        elif step.kind == "end":
            self.state[chosen] = ENDED
        else:
            self.at[threads] = place
            self.state[threads] = WAITING

    def _do(self, step, active):
        try:
            step.do(self, active)
        except PtxError as error:
            raise PtxError(f"{error}: {step.text}") from None

    def _chosen(self, step, threads):
        """Return the threads that take a step: all, or those whose predicate allows it."""
        if step.guard is None:
            return threads
        return threads[self.registers[step.guard.register][threads] != step.guard.negated]

    def _meet(self):
        """Release the threads whose partners have all arrived."""
        waiting = np.flatnonzero(self.state == WAITING)
        gone = False
        for place in np.unique(self.at[waiting]):
            met = self.kernel.steps[place].do(self, waiting[self.at[waiting] == place])
            self.at[met], self.state[met] = place + 1, READY
            gone |= len(met) > 0
        if not gone:
            texts = sorted({self.kernel.steps[at].text for at in self.at[waiting]})
            raise PtxError(f"deadlock: threads wait for ever at {texts}")

    # Memory.

    def load(self, addresses, size, space, active):
        """Return `size` bytes at the address of each active thread: (thread, byte)."""
        memory, places = self._bytes(addresses, size, space, active)
        return memory[places]

    def store(self, addresses, values, space, active):
        """Write rows of bytes to the addresses of the active threads; the last to come wins."""
        memory, places = self._bytes(addresses, values.shape[1], space, active)
        memory[places] = values

    def _bytes(self, addresses, size, space, active):
        if (addresses % size).any():
            raise PtxError(f"misaligned access of {size} bytes")
        if space == "shared":
            places, n_bytes = addresses - SHARED, self.shared.shape[1]
            if places.min() < 0 or places.max() + size > n_bytes:
                raise PtxError("out of bounds of shared memory")
            memory = self.shared.reshape(-1)
            places = places + self.block[active] * n_bytes
        else:
            begin, memory = self._array(addresses.min(), addresses.max() + size)
            places = addresses - begin
        return memory, places[:, None] + np.arange(size)

    def _array(self, first, last):
        for begin, end, memory in self.memory:
            if begin <= first and last <= end:
                return begin, memory
        raise PtxError("out of bounds of every array")


class _Registers(dict):
    """Arrays by name; to read one that no thread has written is an error."""

    def __init__(self, dtypes, n_threads):
        self._dtypes, self._n_threads = dtypes, n_threads

    def __missing__(self, name):
        raise PtxError(f"reads {name}, which no thread has written")

    def write(self, name, active, values):
        """Set the register of the active threads."""
        if name not in self:
            self[name] = np.zeros(self._n_threads, self._dtypes[name.strip("%0123456789")])
        self[name][active] = values


def _special(grid, block, within, number):
    """Return the values of `%tid.x`, `%nctaid.z` and so on, by name without the dot."""
    values = {}
    for kind, sizes, place in (("tid", block, within), ("ctaid", grid, number)):
        for axis, size in zip("xyz", sizes, strict=True):
            values[kind + axis] = place % size
            values["n" + kind + axis] = np.full(len(place), size)
            place = place // size
    return values


def _host_bytes(begin, end):
    return np.frombuffer((ctypes.c_uint8 * (end - begin)).from_address(begin), np.uint8)
