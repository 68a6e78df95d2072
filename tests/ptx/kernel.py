"""A kernel read from PTX: operands and what joins threads; `instructions` has the rest."""

import re

import numpy as np

from ptx.instructions import Instructions
from ptx.machine import Machine
from ptx.values import F4, F8, SHARED, PtxError, S, U


class Kernel(Instructions):
    """A kernel: its parameters, its shared memory, and a function for each instruction."""

    def __init__(self, text, entry):
        body = text[text.index(f".entry {entry}(") :]
        head = body[: body.index("{")]
        found = re.finditer(r"\.param\s+(?:\.align \d+ )?\.(\w+)\s+(\w+)(?:\[(\d+)\])?", head)
        self.params = [(m[2], int(m[1][1:]) // 8 * int(m[3] or 1)) for m in found]
        self.index = {n: i for i, (n, _) in enumerate(self.params)}
        depth, end = 0, None
        start = body.index("{")
        for i in range(start, len(body)):
            depth += (body[i] == "{") - (body[i] == "}")
            if depth == 0:
                end = i
                break
        body = body[start + 1 : end]
        self.shared, off = {}, 0
        ins, labels = [], {}
        for line in body.splitlines():
            line = line.split("//")[0].strip()
            m = re.match(r"\.shared \.align (\d+) \.b8 (\w+)\[(\d+)\];", line)
            if m:
                al, n = int(m[1]), int(m[3])
                off = -(-off // al) * al
                self.shared[m[2]] = off
                off += n
                continue
            if not line or line.startswith(".") or line in "{}":
                continue
            m = re.match(r"(\$?[\w$]+):\s*(.*)", line)
            if m:
                labels[m[1]] = len(ins)
                line = m[2]
            if not line:
                continue
            for one in line.split(";"):
                if one.strip():
                    ins.append(one.strip())
        m = re.findall(r"\.shared \.align (\d+) \.b8 (\w+)\[(\d+)\];", text[: text.index(".entry")])
        for al, n, size in m:
            off = -(-off // int(al)) * int(al)
            self.shared[n] = off
            off += int(size)
        self.shared_bytes = off
        self.ins, self.labels = ins, labels
        self.max_threads = (
            int(re.search(r"\.maxntid (\d+)", text)[1]) if ".maxntid" in text else 1024
        )
        self.code = [self._compile(i, s) for i, s in enumerate(ins)]

    # ---- operands
    def _reg_type(self, name):
        if name == "%temp":
            return "r"
        m = re.match(r"%([a-z]+)\d+$", name)
        return m and m[1]

    def _src(self, s, t):
        """Return what gives the values of an operand, viewed as a dtype; None for bool."""
        s = s.strip()
        if self._reg_type(s):
            kind = self._reg_type(s)
            if t is None or kind == "p":
                return lambda m, a: m.R[s][a]

            def get(m, a):
                v = m.R[s][a]
                if v.dtype == t:
                    return v
                if v.dtype.itemsize == np.dtype(t).itemsize:
                    return v.view(t)
                return v.astype(v.dtype if v.dtype.kind == "f" else U[8 * v.dtype.itemsize]).astype(
                    t
                )  # lower bits

            return get
        m = re.match(r"%(tid|ctaid|ntid|nctaid)\.([xyz])", s)
        if m:
            axis = m[1] + m[2]
            return lambda m, a: m.special[axis][a].astype(t)
        if s.startswith("0f"):
            v = np.frombuffer(int(s[2:], 16).to_bytes(4, "little"), F4)[0]
            return lambda m, a: v
        if s.startswith("0d"):
            v = np.frombuffer(int(s[2:], 16).to_bytes(8, "little"), F8)[0]
            return lambda m, a: v
        if s in self.shared:
            v = np.uint64(SHARED + self.shared[s])
            return lambda m, a: v
        n = int(s, 0)
        if t is None:
            return lambda m, a: np.bool_(n != 0)
        size = np.dtype(t).itemsize * 8
        v = np.array(n % (1 << size), U[size]).view(t)[()] if np.dtype(t).kind in "iu" else t(n)
        return lambda m, a: v

    def _addr(self, s):
        s = s.strip()[1:-1]
        m = re.match(r"([%\w$.]+)\s*(?:\+\s*(-?\w+))?$", s)
        base, off = m[1], int(m[2], 0) if m[2] else 0
        if base in self.shared:
            v = SHARED + self.shared[base] + off
            return lambda m, a: np.full(m.count(a), v, np.int64)
        return lambda m, a: m.R[base][a].astype(np.int64) + off

    def _put(self, d):
        d = d.strip()

        def put(m, a, v):
            r = m.R[d]
            v = np.asarray(v)
            if v.dtype != r.dtype:
                if (
                    v.dtype.itemsize == r.dtype.itemsize
                    and v.dtype.kind != "b"
                    and r.dtype.kind != "b"
                ):
                    v = v.view(r.dtype) if v.ndim else v.reshape(1).view(r.dtype)[0]
                elif r.dtype.kind == "b":
                    pass
                elif v.dtype.kind == "i":
                    v = v.astype(S[8 * r.dtype.itemsize]).view(r.dtype)
                else:
                    v = v.astype(r.dtype)
            r[a] = v

        return put

    def _compile(self, i, s):
        m = re.match(r"(?:@(!?)(%p\d+)\s+)?(\S+)\s*(.*)$", s)
        neg, pred, op, rest = m[1], m[2], m[3], m[4]
        args = [x.strip() for x in re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,\s][^,]*", rest)]
        p = op.split(".")
        b = p[0]
        guard = (pred, bool(neg)) if pred else None
        if b == "bra":
            return ("bra", guard, self.labels_later(args[0]))
        if b in ("ret", "exit"):
            return ("exit", guard)
        if b == "bar" and p[1] == "warp":
            return ("warp", guard, "sync", self._src(args[0], np.uint32), None)
        if b == "bar" and p[1] == "sync":
            return ("block", guard, None)
        if b == "barrier":
            return ("block", guard, None)
        if b == "bar" and p[1] == "red":
            ng = args[-1].startswith("!")
            return (
                "block",
                guard,
                (self._put(args[0]), self._src(args[-1].lstrip("!"), None), p[2], ng),
            )
        if b == "shfl":
            d = args[0].split("|")
            return (
                "warp",
                guard,
                "shfl" + p[2],
                self._src(args[4], np.uint32),
                (
                    self._put(d[0]),
                    self._put(d[1]) if len(d) > 1 else None,
                    self._src(args[1], np.uint32),
                    self._src(args[2], np.uint32),
                    self._src(args[3], np.uint32),
                ),
            )
        if b == "vote":
            ng = args[1].startswith("!")
            return (
                "warp",
                guard,
                "vote" + p[2],
                self._src(args[2], np.uint32),
                (self._put(args[0]), self._src(args[1].lstrip("!"), None), ng),
            )
        f = self._plain(b, p, args, op)
        return ("op", guard, f)

    def labels_later(self, name):
        return lambda: self.labels[name]

    def launch(self, grid, block, args, regions, chunk=64):
        """Run on bytes of each parameter and regions of memory, (begin, end, writable)."""
        grid, block = (*grid, 1, 1)[:3], (*block, 1, 1)[:3]
        if len(args) != len(self.params):
            raise PtxError(f"{len(args)} arguments for {len(self.params)}")
        for (name, size), value in zip(self.params, args, strict=True):
            if size != len(value):
                raise PtxError(f"{name}: {len(value)} bytes for a parameter of {size}")
        nt = block[0] * block[1] * block[2]
        if nt > self.max_threads:
            raise PtxError("more threads than maxntid")
        nb = grid[0] * grid[1] * grid[2]
        for first in range(0, nb, chunk):
            Machine(self, grid, block, range(first, min(nb, first + chunk)), args, regions).run()
