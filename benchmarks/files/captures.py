"""Capture files and rules for whole programs, and where they lie.

Owns these files. Must not know who reads them. They lie where no disk is behind them, whose writing back
would fall on whoever is measured next.
"""

import os
import re
import shutil
import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.traffic import Rule, Traffic, configuration

MEMORY = Path("/dev/shm")  # noqa: S108 - a temporary folder is made in it
_MEMINFO = Path("/proc/meminfo")
SPARE = 1 << 30
"""Bytes of memory that are left alone."""

_SECOND = 1_700_000_000
_MICROSECONDS = 1_000_000
_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)

SOURCES, SOURCES_MASK, NETWORK_MASK = 10 << 24, 0xFF000000, 0xFFFFFF00
"""As the configuration has them: all rules are of 10.0.0.0/8, and of a /24 each."""


def write_pcap(path: Path, packets: Traffic) -> None:
    """Write *packets* as a pcap file, a microsecond apart."""
    with path.open("wb") as file:
        file.write(_FILE_HEADER)
        for row, frame in enumerate(packets.frames(packets.lengths.size)):
            second, fraction = divmod(row, _MICROSECONDS)
            file.write(struct.pack("<IIII", _SECOND + second, fraction, len(frame), len(frame)))
            file.write(frame)


def write_rules(path: Path, by: list[Rule]) -> None:
    """Write the rules as programs without a reader of YAML take them: numbers, a rule a line."""
    lines = [
        f"{rule.accept:d} {rule.protocol} {SOURCES} {SOURCES_MASK} {rule.network} {NETWORK_MASK}"
        f" {rule.ports[0]} {rule.ports[1]}\n"
        for rule in by
    ]
    path.write_text("".join(lines))


def write_configuration(path: Path, by: list[Rule], packet_length: int) -> None:
    """Write the configuration that mirrors by these rules."""
    path.write_text(configuration([by], packet_length))


def place(room: int) -> Path | None:
    """Return where *room* bytes can lie: in memory if they can, else on a disk, else None."""
    disk = Path(tempfile.gettempdir())
    free = {MEMORY: in_memory(), disk: shutil.disk_usage(disk).free}
    return next((folder for folder, there in free.items() if there > room), None)


def in_memory() -> int:
    """Return how many bytes have room in files that no disk is behind."""
    found = re.search(r"^MemAvailable:\s+(\d+) kB$", _MEMINFO.read_text(), re.MULTILINE)
    available = (int(found[1]) << 10) - SPARE if found else 0
    if not os.access(MEMORY, os.W_OK):
        return 0
    return min(shutil.disk_usage(MEMORY).free, available)


@contextmanager
def folder(room: int) -> Iterator[Path]:
    """Have a folder with that much room while the block runs; the temporary one if nothing else has it."""
    with tempfile.TemporaryDirectory(dir=place(room)) as name:
        yield Path(name)
