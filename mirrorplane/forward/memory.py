"""Mirrored packets in a list: for tests.

Owns collecting them. Must not know why they were mirrored.
"""

from typing import NamedTuple

import numpy as np

from mirrorplane.batch import Copies, Frames

_DIRT = 0xA5


class Mirrored(NamedTuple):
    """A mirrored packet: its time in nanoseconds since the epoch, and its bytes."""

    time: int
    data: bytes


class MemorySink:
    """Collects frames. Its buffer begins dirty, and is dirtied by each send, so that gaps show."""

    def __init__(self, size: int = 1 << 20) -> None:
        self.data = np.full(size, _DIRT, np.uint8)
        self.mirrored: list[Mirrored] = []
        self._placed: list[tuple[int, slice]] = []
        self._used = 0

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        """Give the copies from row *first* on their places, one behind the other."""
        for row in range(first, int(copies.count[0])):
            until = self._used + int(copies.length[row])
            if until > self.data.size:
                return row - first
            copies.offset[row] = self._used
            self._placed.append((int(frames.time[copies.frame[row]]), slice(self._used, until)))
            self._used = until
        return int(copies.count[0]) - first

    def send(self) -> int:
        """Collect what was placed; all of it is taken."""
        self.mirrored += (Mirrored(time, self.data[place].tobytes()) for time, place in self._placed)
        self._placed.clear()
        self._used = 0
        self.data[:] = _DIRT
        return 0

    def close(self) -> None:
        """Collect what is left."""
        self.send()
