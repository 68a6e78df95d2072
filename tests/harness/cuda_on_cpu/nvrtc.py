"""Compiles CUDA C++ for a GPU without one, and reads from the result what a kernel needs.

Wants only the wheel of NVRTC (the extra `gputest`), no driver and no toolkit. The environment
variable KAPRE_REF_TEST_NVRTC names a folder to take NVRTC from, another version's for example.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.metadata
import os
import re
import struct
from pathlib import Path
from typing import NamedTuple

_WHEELS = ("nvidia-cuda-nvrtc", "nvidia-cuda-nvrtc-cu12")


class Needs(NamedTuple):
    """The resources of a multiprocessor that a kernel takes."""

    registers: int  # for each thread
    stack: int  # bytes for each thread: spilled registers, and arrays that are not in registers
    shared: int  # bytes for each block


class CompileError(RuntimeError):
    """An error of NVRTC, with its log."""


@functools.cache
def library() -> ctypes.CDLL:
    """Load NVRTC from the folder in the environment, its wheel or the system; else OSError."""
    files = _files()
    if not files:
        try:
            return ctypes.CDLL("libnvrtc.so.13")
        except OSError:
            return ctypes.CDLL("libnvrtc.so.12")
    # NVRTC opens its builtins by their bare name, which works once they are loaded.
    _load(files, r"libnvrtc-builtins\.so\.[\d.]+$")
    return _load(files, r"libnvrtc\.so\.\d+$")


def version() -> tuple[int, int]:
    """Return the version of CUDA that NVRTC belongs to, such as (13, 0)."""
    major, minor = ctypes.c_int(), ctypes.c_int()
    _check(library().nvrtcVersion(ctypes.byref(major), ctypes.byref(minor)))
    return major.value, minor.value


def _files() -> list[str]:
    folder = os.environ.get("KAPRE_REF_TEST_NVRTC")
    if folder:
        files = [str(path) for path in Path(folder).rglob("*.so.*")]
        if not files:
            raise FileNotFoundError(f"KAPRE_REF_TEST_NVRTC: no library in {folder}")
        return files
    for wheel in _WHEELS:
        try:
            return [str(file.locate()) for file in importlib.metadata.files(wheel) or []]
        except importlib.metadata.PackageNotFoundError:
            continue
    return []


def _load(files: list[str], pattern: str) -> ctypes.CDLL:
    (file,) = (file for file in files if re.search(pattern, file))
    return ctypes.CDLL(file, ctypes.RTLD_GLOBAL)


def compile_for(
    architecture: str, code: str, names: list[str], options: tuple[str, ...] = ()
) -> dict[str, Needs]:
    """Compile kernels to machine code, and return what each needs."""
    binary, symbols = machine_code(architecture, code, names, options)
    needs = _needs(binary)
    return {name: needs[symbol] for name, symbol in symbols.items()}


def machine_code(
    architecture: str, code: str, names: list[str], options: tuple[str, ...] = ()
) -> tuple[bytes, dict[str, str]]:
    """Compile kernels to an ELF file, and return it with the symbol of each."""
    return _compiled("CUBIN", architecture, code, names, options)


def ptx(
    architecture: str, code: str, names: list[str], options: tuple[str, ...] = ()
) -> tuple[str, dict[str, str]]:
    """Compile kernels to PTX, and return it with the symbol of each."""
    text, symbols = _compiled("PTX", architecture, code, names, options)
    return text.rstrip(b"\0").decode(), symbols


def _compiled(
    kind: str, architecture: str, code: str, names: list[str], options: tuple[str, ...]
) -> tuple[bytes, dict[str, str]]:
    nvrtc = library()
    program = ctypes.c_void_p()
    _check(nvrtc.nvrtcCreateProgram(ctypes.byref(program), code.encode(), None, 0, None, None))
    for name in names:
        _check(nvrtc.nvrtcAddNameExpression(program, name.encode()))
    given = [f"--gpu-architecture={architecture}".encode(), *(o.encode() for o in options)]
    failed = nvrtc.nvrtcCompileProgram(program, len(given), (ctypes.c_char_p * len(given))(*given))
    if failed:
        raise CompileError(_text(nvrtc.nvrtcGetProgramLogSize, nvrtc.nvrtcGetProgramLog, program))
    symbols = {}
    for name in names:
        symbol = ctypes.c_char_p()
        _check(nvrtc.nvrtcGetLoweredName(program, name.encode(), ctypes.byref(symbol)))
        symbols[name] = (symbol.value or b"").decode()
    size_of, fill = (getattr(nvrtc, f"nvrtcGet{kind}{suffix}") for suffix in ("Size", ""))
    binary = _bytes(size_of, fill, program)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    return binary, symbols


def _check(code: int) -> None:
    if code:
        raise CompileError(f"NVRTC error {code}")


def _bytes(size_of, fill, program) -> bytes:
    size = ctypes.c_size_t()
    _check(size_of(program, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _check(fill(program, buffer))
    return buffer.raw


def _text(size_of, fill, program) -> str:
    return _bytes(size_of, fill, program).rstrip(b"\0").decode()


_ATTRIBUTES = {0x2F: "registers", 0x12: "stack"}  # REGCOUNT and MIN_STACK_SIZE in a .nv.info


def _needs(binary: bytes) -> dict[str, Needs]:
    """Read sections of an ELF file of 64 bits."""
    (table,) = struct.unpack_from("<Q", binary, 0x28)
    entry_size, n_sections, names_at = struct.unpack_from("<HHH", binary, 0x3A)
    sections = [
        struct.unpack_from("<IIQQQQIIQQ", binary, table + i * entry_size) for i in range(n_sections)
    ]

    def word(section: tuple[int, ...], offset: int) -> str:
        start = section[4] + offset
        return binary[start : binary.index(b"\0", start)].decode()

    by_name = {word(sections[names_at], section[0]): section for section in sections}
    symbols = by_name[".symtab"]
    strings = sections[symbols[6]]
    names = [
        word(strings, struct.unpack_from("<I", binary, symbols[4] + 24 * i)[0])
        for i in range(symbols[5] // 24)
    ]
    found: dict[str, dict[str, int]] = {
        name[6:]: {"registers": 0, "stack": 0, "shared": 0}
        for name in by_name
        if name.startswith(".text.")
    }
    for name, section in by_name.items():
        if name.startswith(".nv.shared.") and name[11:] in found:
            found[name[11:]]["shared"] = section[5]
    # Records of a format, an attribute and a size; format 4 has that many bytes, others none.
    at, end = by_name[".nv.info"][4], sum(by_name[".nv.info"][4:6])
    while at < end:
        record_format, attribute, size = struct.unpack_from("<BBH", binary, at)
        at += 4
        if record_format == 4:
            if attribute in _ATTRIBUTES and size >= 8:
                symbol, value = struct.unpack_from("<II", binary, at)
                if names[symbol] in found:
                    found[names[symbol]][_ATTRIBUTES[attribute]] = value
            at += size
    return {name: Needs(**needs) for name, needs in found.items()}
