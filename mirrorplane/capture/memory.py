"""Packets from a list: for tests and benchmarks.

Owns laying them out as a capture would. Must not know where else packets come from.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirrorplane.batch import UNKNOWN, Frames

_MICROSECOND = 1_000


class Packet(NamedTuple):
    """A packet as a capture sees it; `time` is in nanoseconds, `wire_length` None if nothing was cut.

    The last four are those of `Frames`, as a live capture sets them.
    """

    data: bytes
    source: int = 0
    time: int = 0
    direction: int = UNKNOWN
    wire_length: int | None = None
    super_packet: int = 0
    segment_size: int = 0
    unfinished: int = 0
    checksum_at: int = 0


class MemorySource:
    """Hands out the packets of a list, in its order."""

    def __init__(self, packets: Iterable[Packet]) -> None:
        listed = list(packets)
        self.data = np.frombuffer(bytearray().join(packet.data for packet in listed), np.uint8)
        lengths = np.array([len(packet.data) for packet in listed], np.int32)
        wire = (len(packet.data) if packet.wire_length is None else packet.wire_length for packet in listed)
        self._rows = Frames(
            count=np.array([len(listed)], np.int64),
            source=np.array([packet.source for packet in listed], np.int32),
            offset=np.cumsum(lengths, dtype=np.int64) - lengths,
            length=lengths,
            wire_length=np.fromiter(wire, np.int32),
            time=np.array([packet.time for packet in listed], np.int64),
            direction=np.array([packet.direction for packet in listed], np.uint8),
            super_packet=np.array([packet.super_packet for packet in listed], np.uint8),
            segment_size=np.array([packet.segment_size for packet in listed], np.int32),
            unfinished=np.array([packet.unfinished for packet in listed], np.int32),
            checksum_at=np.array([packet.checksum_at for packet in listed], np.int32),
        )
        self._next = 0

    @property
    def finer_than_microsecond(self) -> bool:
        """Whether a packet's time is not a whole microsecond."""
        return bool((self._rows.time % _MICROSECOND).any())

    @property
    def consumed(self) -> int:
        """How many bytes of packets have been handed out."""
        return int(self._rows.length[: self._next].sum())

    @property
    def total(self) -> int:
        """How many bytes of packets there are."""
        return self.data.size

    def fill(self, frames: Frames) -> int:
        """Fill *frames* with the next packets."""
        first, last = self._next, min(self._next + frames.length.size, int(self._rows.count[0]))
        for column, rows in zip(_columns(frames), _columns(self._rows), strict=True):
            column[: last - first] = rows[first:last]
        frames.count[0] = last - first
        self._next = last
        return last - first

    def close(self) -> None:
        """Hand out nothing more."""
        self._next = int(self._rows.count[0])


def _columns(frames: Frames) -> tuple[NDArray[Any], ...]:
    """Return all columns but `count`, which has one element."""
    return frames[1:]
