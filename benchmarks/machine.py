"""What is measured on, and with which versions of what.

Owns reading that off the machine. Must not know measurements.
"""

import platform
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.figures import Machine
from benchmarks.measure import cpus

PROGRAMS = {
    "tcprewrite": ("tcprewrite", "--version"),
    "editcap": ("editcap", "--version"),
    "tcpdump": ("tcpdump", "--version"),
    "tc": ("tc", "-V"),
    "nft": ("nft", "--version"),
    "iperf3": ("iperf3", "--version"),
    "cc": ("cc", "--version"),
}
LIBRARIES = ("mirrorplane", "dpkt", "scapy", "numba", "numpy")

_CPUINFO, _MEMINFO = Path("/proc/cpuinfo"), Path("/proc/meminfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_KIND = {"Data": "d", "Instruction": "i", "Unified": ""}
_UNITS = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


def machine() -> Machine:
    """Return what this machine is."""
    names = re.findall(r"^model name\s*: (.*)$", _CPUINFO.read_text(), re.MULTILINE)
    return Machine(
        processor=names[0] if names else platform.machine(),
        cores=len(re.findall(r"^processor\s*:", _CPUINFO.read_text(), re.MULTILINE)),
        usable=len(cpus()),
        memory=_memory(),
        caches=caches(),
        kernel=f"Linux {platform.release()}",
        python=sys.version.split()[0],
    )


def _memory() -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB$", _MEMINFO.read_text(), re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def caches() -> dict[str, int]:
    """Return the sizes in bytes of a core's caches, by name; empty where /sys does not tell."""
    found = {}
    for place in sorted(_CACHES.glob("index*")):
        level, kind, size = ((place / name).read_text().strip() for name in ("level", "type", "size"))
        found[f"L{level}{_KIND.get(kind, '')}"] = int(size[:-1]) * _UNITS[size[-1]]
    return found


def versions() -> dict[str, str]:
    """Return the version of everything that is compared, "" for what is not installed."""
    every = {name: _library(name) for name in LIBRARIES}
    return every | {name: _program(*command) for name, command in PROGRAMS.items()}


def _library(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _program(name: str, flag: str) -> str:
    if shutil.which(name) is None:
        return ""
    done = subprocess.run([name, flag], capture_output=True, text=True, check=False)
    line = (done.stdout.strip() or done.stderr.strip()).partition("\n")[0]
    found = re.search(r"\d+(\.\d+)+", line)
    return found[0] if found else line
