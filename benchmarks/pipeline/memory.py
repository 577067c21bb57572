"""Frames that lie in memory, and copies that go there: the stages and nothing else.

Owns the source and the sinks. Must not know what is measured. The frames lie behind one another in more
memory than the caches hold, and each copy is written to a buffer as a file's or a ring's would be.
"""

import numpy as np
from numpy.typing import NDArray

from benchmarks.machine import caches
from benchmarks.traffic import Traffic
from mirrorplane.batch import Copies, Frames
from mirrorplane.engines.replay import Replay, file_templates, into
from mirrorplane.jit import I64, Bound, kernel
from mirrorplane.plan import Plan

LARGER = 4
"""Times the largest cache."""

LEAST_CACHE = 32 << 20
"""Bytes that a cache is taken to have where the machine does not tell."""

BUFFER = 16 << 20


def enough(count: int, mean_length: float) -> int:
    """Return how many frames, *count* or more, are larger than the caches."""
    largest = max(caches().values(), default=LEAST_CACHE)
    return max(count, int(LARGER * largest / mean_length))


class Rows:
    """A source that hands out rows of frames which lie in memory."""

    def __init__(self, packets: Traffic) -> None:
        self.data = packets.data
        self._packets, self._next = packets, 0

    def fill(self, frames: Frames) -> int:
        """Hand out the next rows."""
        first = self._next
        last = self._next = min(first + frames.length.size, self._packets.lengths.size)
        count = last - first
        frames.source[:count] = self._packets.sources[first:last]
        frames.offset[:count] = self._packets.offsets[first:last]
        frames.length[:count] = self._packets.lengths[first:last]
        frames.wire_length[:count] = self._packets.lengths[first:last]
        frames.count[0] = count
        return count

    def close(self) -> None:
        """Do nothing."""


@kernel
def _pack(copies: Copies, first: I64, used: I64) -> None:
    """Place the copies from row `first[0]` on behind one another, from `used[0]` on."""
    at = used[0]
    for row in range(first[0], copies.count[0]):
        copies.offset[row] = at
        at += copies.length[row]
    used[0] = at


class Packed:
    """A sink that packs frames into a buffer, and begins anew with each batch."""

    def __init__(self) -> None:
        self.data = np.zeros(BUFFER, np.uint8)
        self._first, self._used = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._bound: Bound | None = None

    def place(self, _frames: Frames, copies: Copies, first: int) -> int:
        """Place all."""
        if self._bound is None:
            self._bound = _pack.bind(copies, self._first, self._used)
        self._first[0], self._used[0] = first, 0
        self._bound()
        return int(copies.count[0]) - first

    def send(self) -> int:
        """Take all."""
        return 0

    def close(self) -> None:
        """Do nothing."""


class Noted(Packed):
    """The same, which notes of each copy where its bytes lay, how many were kept, and where they went."""

    def __init__(self) -> None:
        super().__init__()
        self._notes: list[NDArray[np.int64]] = []

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        """Place all, and note it."""
        placed = super().place(frames, copies, first)
        rows = slice(first, first + placed)
        kept = copies.kept[rows].astype(np.int64)
        behind = copies.offset[rows] + copies.length[rows] - kept
        self._notes.append(np.stack([frames.offset[copies.frame[rows]], kept, behind]))
        return placed

    def notes(self) -> NDArray[np.int64]:
        """Return three rows: from where, how many bytes, to where."""
        return np.ascontiguousarray(np.concatenate(self._notes, axis=1))


def mirror(plan: Plan, packets: Traffic, sink: Packed) -> Replay:
    """Return the run of *packets* through *plan* into *sink*, ready to start."""
    return Replay(plan, Rows(packets), into(sink, file_templates(plan)))
