"""The kind of machine that a record is for: its processor, and the width of its vectors."""

import os
import platform
from pathlib import Path
from string import ascii_uppercase

from llvmlite import binding

from kapre_ref.kernels.cpu.emit.intrinsics import vector_bytes

LETTERS = ascii_uppercase  # what the tables call the machines, in the order of their records


def about():
    """Return the entries of a record that tell the kind of machine."""
    return {
        "processor": _name(),
        "llvm_name": binding.get_host_cpu_name(),
        "processor_vector_bytes": widest_vector(binding.get_host_cpu_features()),
        "kernel_vector_bytes": vector_bytes(),
        "compiled_for": os.environ.get("NUMBA_CPU_NAME", ""),
        "n_processors": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def load():
    """Return how many processes wanted a processor in the last minute, or None if unknown."""
    return round(os.getloadavg()[0], 1) if hasattr(os, "getloadavg") else None


def widest_vector(features):
    """Return the bytes of the widest vectors among a processor's features."""
    if features.get("avx512f"):
        return 64
    return 32 if features.get("avx") else 16


def file_name(entries):
    """Return the name of the file for a kind of machine: one record of each kind is kept."""
    name = f"{entries['llvm_name']}-{entries['kernel_vector_bytes']}-bytes"
    if entries["compiled_for"]:
        name += f"-as-{entries['compiled_for']}"
    return name + ".json"


def description(entries):
    """Say in words what processor a record is of, and what its kernels were compiled for."""
    widest, used = entries["processor_vector_bytes"], entries["kernel_vector_bytes"]
    text = f"{entries['processor']} ({entries['llvm_name']}), vectors of {widest} bytes"
    if entries["compiled_for"]:
        text += (
            f", with kapre_ref compiled for another processor, {entries['compiled_for']}, and its "
            f"vectors of {used} bytes; peers are not restricted"
        )
    return text


def matching(records, entries):
    """Return the record of this kind of machine, or else one with vectors of the same width."""
    of_kind = [r for r in records if file_name(r["about"]) == file_name(entries)]
    as_wide = [
        r for r in records if r["about"]["kernel_vector_bytes"] == entries["kernel_vector_bytes"]
    ]
    return (of_kind or as_wide or records)[0]


def _name():
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or "unknown processor"
