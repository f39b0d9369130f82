"""Names the machine: figures without it say nothing."""

from __future__ import annotations

import os
import platform
import ssl
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from trine import _core

__all__ = ["describe", "peak_memory", "summary"]

CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def describe() -> dict[str, Any]:
    """What the machine is and what it does besides; what cannot be found out is None, or left out of a list."""
    return {
        "processor": _processor(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "usable_cores": _usable_cores(),
        "caches": _caches(),
        "isas": _core.available_isas(),
        "memory_bytes": _memory(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "blas": _blas(),
        "openssl": ssl.OPENSSL_VERSION,
        "load": list(os.getloadavg()),
    }


def summary(machine: dict[str, Any]) -> str:
    """The same in one line."""
    memory = machine["memory_bytes"]
    parts = [
        f"{machine['processor']}, {machine['usable_cores']} of {machine['cores']} cores",
        "caches " + ", ".join(machine["caches"]) if machine["caches"] else "",
        f"{memory / 2**30:.0f} GiB" if memory else "",
        f"kernels for {', '.join(machine['isas'])}",
        machine["system"],
        f"Python {machine['python']}, NumPy {machine['numpy']} with {machine['blas']}",
        machine["openssl"],
        f"load {machine['load'][0]:.1f} at the start",
    ]
    return "; ".join(part for part in parts if part)


def peak_memory(pid: int | str = "self") -> int | None:
    """The most memory, in bytes, that a process has had resident so far; None where the system does not say."""
    for line in _lines(f"/proc/{pid}/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return None


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "machdep.cpu.brand_string"]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "unknown"
    return platform.processor() or platform.machine()


def _usable_cores() -> int | None:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()


def _caches() -> list[str]:
    found = []
    for index in sorted(CACHES.glob("index*")):
        level, kind, size = ("".join(_lines(index / name)) for name in ("level", "type", "size"))
        if level and size:
            found.append(f"L{level}{kind[0].lower() if kind in ('Data', 'Instruction') else ''} {size}")
    return found


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _blas() -> str:
    # NumPy knows which library it was built with; which of its kernels runs is asked where it runs (see rivals).
    configuration: Any = np.show_config(mode="dicts")
    blas = configuration.get("Build Dependencies", {}).get("blas", {})
    return f"{blas.get('name', 'unknown BLAS')} {blas.get('version', '')}".strip()


def _lines(path: str | Path) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
