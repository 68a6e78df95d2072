"""What each instruction does to the registers of the threads that take it."""

import re

import numpy as np

from ptx.values import F4, F8, PtxError, S, U, dtype_of, ftz


class Instructions:
    """Instructions of single threads, as functions of a machine and its active threads."""

    def _plain(self, b, p, args, op):
        t = dtype_of(p[-1]) if re.match(r"[fubs]\d+$", p[-1]) else None
        z = "ftz" in p
        fz = ftz if z else (lambda x: x)
        if b == "ld" or b == "st":
            space, vec = p[1], next((int(x[1]) for x in p if re.match(r"v\d$", x)), 1)
            size = np.dtype(t).itemsize
            if b == "ld" and space == "param":
                name, _, offset = args[1].strip("[]").partition("+")
                n, offset, put = self.index[name], int(offset or 0), self._put(args[0])
                return lambda m, a: put(m, a, np.frombuffer(m.args[n], t, 1, offset)[0])
            regs = args[0] if b == "ld" else args[1]
            addr = self._addr(args[1] if b == "ld" else args[0])
            names = [x.strip() for x in regs.strip("{}").split(",")] if vec > 1 else [regs]
            if b == "ld":
                puts = [self._put(x) for x in names]

                def ld(m, a):
                    v = m.load(addr(m, a), size * vec, space, a).view(t).reshape(-1, vec)
                    for k, q in enumerate(puts):
                        q(m, a, v[:, k].copy())

                return ld
            srcs = [self._src(x, t) for x in names]

            def st(m, a):
                n = m.count(a)
                v = np.empty((n, vec), t)
                for k, q in enumerate(srcs):
                    v[:, k] = q(m, a)
                m.store(addr(m, a), v, size * vec, space, a)

            return st
        if b in ("atom", "red"):
            addr = self._addr(args[1] if b == "atom" else args[0])
            src = self._src(args[-1], t)
            put = self._put(args[0]) if b == "atom" else None
            assert p[-2] == "max", op
            return lambda m, a: m.atomic_max(addr(m, a), src(m, a), t, p[1], a, put)
        if b == "cvta":
            put, s0 = self._put(args[0]), self._src(args[1], np.uint64)
            return lambda m, a: put(m, a, s0(m, a))
        if b == "mov":
            if p[1] == "pred":
                put, s0 = self._put(args[0]), self._src(args[1], None)
                return lambda m, a: put(m, a, s0(m, a))
            if args[0].startswith("{"):
                outs = [self._put(x) for x in args[0].strip("{}").split(",")]
                s0 = self._src(args[1], t)
                h = U[np.dtype(t).itemsize * 8 // len(outs)]

                def split(m, a):
                    v = np.ascontiguousarray(s0(m, a)).view(h).reshape(-1, len(outs))
                    for k, q in enumerate(outs):
                        q(m, a, v[:, k].copy())

                return split
            if args[1].startswith("{"):
                parts = args[1].strip("{}").split(",")
                h = U[np.dtype(t).itemsize * 8 // len(parts)]
                ss = [self._src(x, h) for x in parts]
                put = self._put(args[0])

                def join(m, a):
                    v = np.empty((m.count(a), len(ss)), h)
                    for k, q in enumerate(ss):
                        v[:, k] = q(m, a)
                    put(m, a, v.view(t)[:, 0])

                return join
            put, s0 = self._put(args[0]), self._src(args[1], t)
            return lambda m, a: put(m, a, s0(m, a))
        if b == "setp":
            cmp = p[1]
            if t in (F4, F8):
                A, B = self._src(args[1], t), self._src(args[2], t)
            else:
                A, B = self._src(args[1], t), self._src(args[2], t)
            d = args[0].split("|")
            put = self._put(d[0])
            base = {
                "eq": np.equal,
                "ne": np.not_equal,
                "lt": np.less,
                "le": np.less_equal,
                "gt": np.greater,
                "ge": np.greater_equal,
                "lo": np.less,
                "ls": np.less_equal,
                "hi": np.greater,
                "hs": np.greater_equal,
            }
            logic = next((x for x in p[2:] if x in ("and", "or", "xor")), None)
            third = None
            if logic:
                ng = args[3].startswith("!")
                third = self._src(args[3].lstrip("!"), None)

            def setp(m, a):
                x, y = fz(A(m, a)), fz(B(m, a))
                if cmp in base:
                    v = base[cmp](x, y)
                    if cmp == "ne" and t in (F4, F8):
                        v = v & ~(np.isnan(x) | np.isnan(y))
                elif cmp == "nan":
                    v = np.isnan(x) | np.isnan(y)
                elif cmp == "num":
                    v = ~(np.isnan(x) | np.isnan(y))
                else:
                    v = base[cmp[:-1]](x, y) | np.isnan(x) | np.isnan(y)
                if logic:
                    w = third(m, a)
                    w = ~w if ng else w
                    v = {"and": v & w, "or": v | w, "xor": v ^ w}[logic]
                put(m, a, v)

            return setp
        if b == "selp":
            put, A, B, C = (
                self._put(args[0]),
                self._src(args[1], t),
                self._src(args[2], t),
                self._src(args[3], None),
            )
            return lambda m, a: put(m, a, np.where(C(m, a), A(m, a), B(m, a)).astype(t))
        if b in ("and", "or", "xor", "not"):
            ty = None if p[1] == "pred" else t
            put, A = self._put(args[0]), self._src(args[1], ty)
            if b == "not":
                return lambda m, a: put(m, a, ~A(m, a))
            B = self._src(args[2], ty)
            f = {"and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}[b]
            return lambda m, a: put(m, a, f(A(m, a), B(m, a)))
        if b in ("shl", "shr"):
            put, A, B = self._put(args[0]), self._src(args[1], t), self._src(args[2], np.uint32)
            n = np.dtype(t).itemsize * 8

            def sh(m, a):
                x, k = A(m, a), B(m, a).astype(np.int64) if hasattr(B(m, a), "astype") else B(m, a)
                kk = np.minimum(k, n - 1).astype(t)
                v = (x << kk) if b == "shl" else (x >> kk)
                if np.dtype(t).kind == "u" or b == "shl":
                    v = np.where(np.asarray(k) >= n, t(0), v)
                put(m, a, v.astype(t))

            return sh
        if b == "cvt":
            d, s = dtype_of(p[-2]), dtype_of(p[-1])
            put, A = self._put(args[0]), self._src(args[1], s)
            rz = "rzi" in p

            def cvt(m, a):
                x = np.asarray(A(m, a))
                if np.dtype(s).kind == "f" and np.dtype(d).kind in "iu":
                    x = np.trunc(x) if rz else np.rint(x)
                    i = np.iinfo(d)
                    y = np.where(np.isnan(x), 0, np.clip(x.astype(F8), float(i.min), float(i.max)))
                    v = (
                        np.where(
                            y >= float(i.max), i.max, np.where(y <= float(i.min), i.min, y)
                        ).astype(d)
                        if np.dtype(d).itemsize < 8
                        else y.astype(d)
                    )
                else:
                    v = x.astype(d)
                r = m.R[args[0]]
                if np.dtype(d).kind == "i" and r.dtype.itemsize != v.dtype.itemsize:
                    v = v.astype(S[8 * r.dtype.itemsize])
                put(m, a, v)

            return cvt
        if t is None:
            raise PtxError(op)
        A = self._src(args[1], t)
        put = self._put(args[0])
        if b == "bfi":
            into = self._src(args[2], t)
            at, length = (self._src(x, np.uint32) for x in args[3:5])

            def bfi(m, a):
                shift = np.asarray(at(m, a)).astype(t)
                ones = ((t(1) << np.asarray(length(m, a)).astype(t)) - t(1)) << shift
                put(m, a, (into(m, a) & ~ones) | ((A(m, a) << shift) & ones))

            return bfi
        if b == "neg":
            return lambda m, a: put(m, a, fz(-A(m, a)))
        if b == "abs":
            return lambda m, a: put(m, a, fz(np.abs(A(m, a))))
        if b == "sqrt":
            return lambda m, a: put(m, a, fz(np.sqrt(fz(A(m, a)))))
        if b == "rcp":
            return lambda m, a: put(m, a, fz((t(1) / fz(A(m, a))).astype(t)))
        if b == "clz":
            return lambda m, a: put(
                m,
                a,
                np.array([32 - int(v).bit_length() for v in np.atleast_1d(A(m, a))], np.uint32),
            )
        if b == "mul" and p[1] == "wide":
            w = {
                np.uint16: np.uint32,
                np.uint32: np.uint64,
                np.int32: np.int64,
                np.int16: np.int32,
            }[t]
            B = self._src(args[2], t)
            return lambda m, a: put(
                m, a, (np.asarray(A(m, a)).astype(w) * np.asarray(B(m, a)).astype(w))
            )
        if b == "mul" and p[1] == "hi":
            B = self._src(args[2], t)
            w = np.uint64 if t == np.uint32 else np.int64
            assert np.dtype(t).itemsize == 4
            return lambda m, a: put(
                m,
                a,
                ((np.asarray(A(m, a)).astype(w) * np.asarray(B(m, a)).astype(w)) >> w(32)).astype(
                    t
                ),
            )
        if b == "copysign":  # d gets the sign of a and the magnitude of b
            B = self._src(args[2], t)
            return lambda m, a: put(m, a, np.copysign(B(m, a), A(m, a)))
        B = self._src(args[2], t)
        fl = np.dtype(t).kind == "f"
        if b in ("fma", "mad"):
            C = self._src(args[3], t)
            if not fl:
                return lambda m, a: put(m, a, (A(m, a) * B(m, a) + C(m, a)).astype(t))
            w = F8 if t == F4 else np.longdouble
            return lambda m, a: put(
                m, a, fz((np.asarray(fz(A(m, a))).astype(w) * fz(B(m, a)) + fz(C(m, a))).astype(t))
            )
        if b == "add" and "rz" in p:

            def addrz(m, a):
                x = np.asarray(A(m, a)).astype(F8) + np.asarray(B(m, a)).astype(F8)
                y = x.astype(F4)
                y = np.where(np.abs(y.astype(F8)) > np.abs(x), np.nextafter(y, F4(0)), y)
                put(m, a, fz(y.astype(F4)))

            return addrz
        if b == "div" and not fl:
            return lambda m, a: put(m, a, (A(m, a) // B(m, a)).astype(t))
        if b == "rem" and not fl:
            return lambda m, a: put(m, a, (A(m, a) % B(m, a)).astype(t))
        f = {
            "add": np.add,
            "sub": np.subtract,
            "mul": np.multiply,
            "div": np.divide,
            "min": np.minimum,
            "max": np.maximum,
        }[b]
        if fl and b in ("min", "max"):
            f = np.fmin if b == "min" else np.fmax
        return lambda m, a: put(m, a, fz(np.asarray(f(fz(A(m, a)), fz(B(m, a)))).astype(t)))
