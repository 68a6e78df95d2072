"""The threads of some blocks: memory with its checks, and which thread goes next."""

import ctypes
import re

import numpy as np

from ptx.values import KIND, SHARED, PtxError


class Machine:
    """Registers, memory and program counters of the threads of some blocks."""

    def __init__(self, kernel, grid, block, blocks, args, regions):
        self.kernel, self.args = kernel, args
        nt = block[0] * block[1] * block[2]
        nb = len(blocks)
        T = nt * nb
        self.T, self.nt = T, nt
        self.R = Regs(T)
        i = np.tile(np.arange(nt), nb)
        self.block = np.repeat(np.arange(nb), nt)
        g = np.repeat(np.array(blocks), nt)
        self.lane = i % 32
        self.warp = self.block * (-(-nt // 32)) + i // 32
        self.special = {
            "tidx": i % block[0],
            "tidy": i // block[0] % block[1],
            "tidz": i // (block[0] * block[1]),
            "ctaidx": g % grid[0],
            "ctaidy": g // grid[0] % grid[1],
            "ctaidz": g // (grid[0] * grid[1]),
        }
        for k, ax in enumerate("xyz"):
            self.special["ntid" + ax] = np.full(T, block[k])
            self.special["nctaid" + ax] = np.full(T, grid[k])
        self.sh = np.full((nb, max(16, kernel.shared_bytes)), 0xFF, np.uint8)
        self.regions = [
            (b, e, w, np.frombuffer((ctypes.c_uint8 * max(1, e - b)).from_address(b), np.uint8))
            for b, e, w in regions
            if e > b
        ]

    def count(self, a):
        return self.T if isinstance(a, slice) else len(a)

    def _bytes(self, addr, size, space, a, write):
        if (addr % size).any():
            raise PtxError(f"misaligned {space} access of {size} bytes")
        if space == "shared":
            o = addr - SHARED
            if (o < 0).any() or (o + size > self.kernel.shared_bytes).any():
                raise PtxError("shared overrun")
            flat = self.sh.reshape(-1)
            o = o + self.block[a] * self.sh.shape[1]
            return flat, o
        for b, e, w, arr in self.regions:
            if (
                addr[0] >= b
                and addr[0] + size <= e
                and (addr >= b).all()
                and (addr + size <= e).all()
            ):
                if write and not w:
                    continue
                return arr, addr - b
        raise PtxError(
            f"out of bounds {space} {'write' if write else 'read'} of {size} bytes: "
            f"{self.kernel.ins[self.at]}"
        )

    def load(self, addr, size, space, a):
        arr, o = self._bytes(addr, size, space, a, False)
        return np.ascontiguousarray(arr[o[:, None] + np.arange(size)])

    def store(self, addr, v, size, space, a):
        arr, o = self._bytes(addr, size, space, a, True)
        arr[o[:, None] + np.arange(size)] = v.view(np.uint8).reshape(len(o), size)

    def atomic_max(self, addr, v, t, space, a, put):
        size = np.dtype(t).itemsize
        arr, o = self._bytes(addr, size, space, a, True)
        v = np.broadcast_to(v, o.shape)
        for k in range(len(o)):
            w = arr[o[k] : o[k] + size].view(t)
            w[0] = max(w[0], v[k])

    def run(self):
        kernel, T = self.kernel, self.T
        code = kernel.code
        END = len(code)
        pc = np.zeros(T, np.int64)
        st = np.zeros(T, np.int8)  # 0 ready 1 blocked 2 exited
        old = np.seterr(all="ignore")
        try:
            while True:
                ready = np.nonzero(st == 0)[0]
                if not len(ready):
                    if (st == 2).all():
                        return
                    waiting = sorted({kernel.ins[int(at)] for at in pc[st == 1]})
                    raise PtxError(f"deadlock; waiting at {waiting}")
                p = int(pc[ready].min())
                act = ready[pc[ready] == p]
                others = pc[ready[pc[ready] != p]]
                limit = int(others.min()) if len(others) else END + 1
                a = slice(None) if len(act) == T else act
                while True:
                    if p >= END:
                        st[act] = 2
                        break
                    c = code[p]
                    self.at = p
                    kind, guard = c[0], c[1]
                    if kind == "op":
                        if guard is None:
                            c[2](self, a)
                        else:
                            on = self.R[guard[0]][act] ^ guard[1]
                            sub = act[on]
                            if len(sub):
                                c[2](self, sub)
                        p += 1
                        if p >= limit:
                            pc[act] = p
                            break
                        continue
                    if kind == "bra":
                        target = c[2]()
                        if guard is None:
                            pc[act] = target
                            break
                        on = self.R[guard[0]][act] ^ guard[1]
                        pc[act] = np.where(on, target, p + 1)
                        break
                    if kind == "exit":
                        if guard is None:
                            st[act] = 2
                            pc[act] = END
                        else:
                            on = self.R[guard[0]][act] ^ guard[1]
                            st[act[on]] = 2
                            pc[act] = p + 1
                        break
                    assert guard is None, kernel.ins[p]
                    pc[act] = p
                    st[act] = 1
                    self.sync(p, c, pc, st)
                    break
                # exits may complete barriers of others
                if (st == 1).any() and (st[act] == 2).any():
                    for q in set(pc[st == 1].tolist()):
                        self.sync(int(q), code[int(q)], pc, st)
        finally:
            np.seterr(**old)

    def sync(self, p, c, pc, st):
        wait = np.nonzero((st == 1) & (pc == p))[0]
        if c[0] == "block":
            alive = np.bincount(self.block[st != 2], minlength=self.block.max() + 1)
            here = np.bincount(self.block[wait], minlength=self.block.max() + 1)
            done = wait[(alive == here)[self.block[wait]]]
            if len(done) and c[2]:
                put, src, op, ng = c[2]
                v = src(self, done) ^ ng
                any_ = np.zeros(self.block.max() + 1, int)
                np.add.at(any_, self.block[done], v.astype(int))
                put(
                    self,
                    done,
                    (any_ > 0)[self.block[done]]
                    if op == "or"
                    else (any_ == here)[self.block[done]],
                )
            pc[done] = p + 1
            st[done] = 0
            return
        mask = np.broadcast_to(np.asarray(c[3](self, wait)), wait.shape).astype(np.uint64)
        by = {}
        for k, t in enumerate(wait):
            by.setdefault((int(self.warp[t]), int(mask[k])), []).append(int(t))
        go = []
        for (w, m), ts in by.items():
            base = (
                int(np.nonzero(self.warp == w)[0][0])
                if not hasattr(self, "_first")
                else self._first[w]
            )
            want = [base + bit for bit in range(32) if m >> bit & 1]
            for t in ts:
                if not m >> int(self.lane[t]) & 1:
                    raise PtxError("lane not in its own mask")
            n = self.nt - (base % self.nt)
            if any(m >> bit & 1 for bit in range(n, 32)) and n < 32:
                raise PtxError(f"mask {m:#x} names lanes outside the block: {self.kernel.ins[p]}")
            if any(st[t] == 2 for t in want):
                raise PtxError(f"mask {m:#x} names an exited lane: {self.kernel.ins[p]}")
            if len(ts) == len(want):
                go += sorted(ts)
        if not go:
            return
        d = np.array(sorted(go))
        kind = c[2]
        if kind.startswith("shfl"):
            put, putp, A, B, C = c[4]
            v = np.broadcast_to(A(self, d), d.shape).copy()
            b = np.broadcast_to(B(self, d), d.shape).astype(np.int64)
            cc = np.broadcast_to(C(self, d), d.shape).astype(np.int64)
            lane = self.lane[d]
            seg = cc >> 8 & 31
            cv = cc & 31
            mx = (lane & seg) | (cv & ~seg & 31)
            mn = lane & seg
            j = (
                (mn | (b & ~seg & 31))
                if kind == "shflidx"
                else lane ^ b
                if kind == "shflbfly"
                else lane + b
                if kind == "shfldown"
                else lane - b
            )
            ok = (j >= mx) if kind == "shflup" else j <= mx
            src = np.where(ok, j, lane)
            at = {int(t): k for k, t in enumerate(d)}
            idx = []
            for t, own, s in zip(d, lane, src, strict=True):
                q = int(t - own + s)
                if q not in at:
                    raise PtxError(f"shuffle reads lane {s} that does not take part")
                idx.append(at[q])
            put(self, d, v[idx])
            if putp:
                putp(self, d, ok)
        elif kind.startswith("vote"):
            put, src, ng = c[4]
            v = src(self, d) ^ ng
            full = np.zeros(self.warp.max() + 1, np.uint64)
            cnt = np.zeros(self.warp.max() + 1, int)
            tot = np.bincount(self.warp[d], minlength=self.warp.max() + 1)
            np.bitwise_or.at(
                full,
                self.warp[d],
                np.where(v, np.uint64(1) << self.lane[d].astype(np.uint64), np.uint64(0)),
            )
            np.add.at(cnt, self.warp[d], v.astype(int))
            r = (
                full.astype(np.uint32)
                if kind == "voteballot"
                else cnt > 0
                if kind == "voteany"
                else cnt == tot
            )
            put(self, d, r[self.warp[d]])
        pc[d] = p + 1
        st[d] = 0


class Regs(dict):
    """Registers of all threads by name, zero at first."""

    def __init__(self, n_threads):
        self.n_threads = n_threads

    def __missing__(self, name):
        k = "r" if name == "%temp" else re.match(r"%([a-z]+)", name)[1]
        v = self[name] = np.zeros(self.n_threads, KIND[k])
        return v
