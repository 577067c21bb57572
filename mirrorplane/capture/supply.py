"""The bytes of a file: mapped whole, or read piece by piece into one buffer.

Owns how bytes come into memory, and that they do not fill it. Must not know what format they are in.

Errors that show while reading are kept in `trouble` and end the bytes: what came before is walked first.
"""

import mmap
from contextlib import suppress
from typing import Protocol

import numpy as np

from mirrorplane.capture.cursor import Cursor
from mirrorplane.capture.inlet import BrokenError, Inlet
from mirrorplane.jit import U8

WINDOW = 4 << 20
"""Bytes in hand at a time: more than the longest block, so that each is whole before the window is full."""


class Supply(Protocol):
    """Puts bytes between a cursor's `at` and its `end`."""

    data: U8
    trouble: str

    @property
    def total(self) -> int | None:
        """How many bytes the file has; None where that is not known."""

    def begin(self, cursor: Cursor) -> None:
        """Say that a new batch is begun: what lies before the cursor is no longer needed."""

    def more(self, cursor: Cursor) -> bool:
        """Extend the bytes in hand, perhaps moving them; return whether there were any left."""

    def offset(self, position: int) -> int:
        """Return where in the file the byte at *position* of `data` is."""

    def consumed(self, cursor: Cursor) -> int:
        """Return how many of `total` bytes have been used."""

    def close(self) -> None:
        """Give back what is held."""


class Mapped:
    """A regular file, mapped: no byte is copied. Pages that the cursor has left are given back."""

    trouble = ""

    def __init__(self, descriptor: int, size: int) -> None:
        self._mapping = mmap.mmap(descriptor, size, access=mmap.ACCESS_READ)
        self._mapping.madvise(mmap.MADV_SEQUENTIAL)
        self.data = np.frombuffer(self._mapping, np.uint8)
        self.total = size
        self._kept_from = 0

    def begin(self, cursor: Cursor) -> None:
        """Give back the pages before the cursor, and extend its window; notice if the file has been cut."""
        at = int(cursor.at[0])
        if self._mapping.size() < self.total:  # a page behind the file's end would be SIGBUS
            self.trouble = "the file was cut while it was being read"
            self.total = self._mapping.size()
        if at - self._kept_from >= WINDOW and at < self.total:
            left = (at - self._kept_from) // mmap.PAGESIZE * mmap.PAGESIZE
            self._mapping.madvise(mmap.MADV_DONTNEED, self._kept_from, left)
            self._kept_from += left
        cursor.end[0] = min(self.total, at + WINDOW)

    def more(self, cursor: Cursor) -> bool:
        """Extend the window."""
        reached = int(cursor.end[0])
        cursor.end[0] = min(self.total, max(int(cursor.at[0]), reached) + WINDOW)
        return int(cursor.end[0]) > reached

    def offset(self, position: int) -> int:
        """Return *position*: the whole file is in `data`."""
        return position

    def consumed(self, cursor: Cursor) -> int:
        """Return how far the cursor is."""
        return min(int(cursor.at[0]), self.total)

    def close(self) -> None:
        """End the mapping, or leave it to end with the last array over it that someone still holds."""
        self.data = np.empty(0, np.uint8)
        with suppress(BufferError):
            self._mapping.close()


class Streamed:
    """Bytes that can only be read once: a pipe, or a decompressor's output."""

    def __init__(self, inlet: Inlet) -> None:
        self._inlet = inlet
        self._base = 0  # where in the stream data[0] is
        self.data = np.empty(WINDOW, np.uint8)
        self.total = inlet.total
        self.trouble = ""

    def begin(self, _cursor: Cursor) -> None:
        """Do nothing: bytes that are in hand are walked before more are waited for."""

    def more(self, cursor: Cursor) -> bool:
        """Move what is left to the front, and read behind it."""
        shift = min(int(cursor.at[0]), int(cursor.end[0]))
        left = int(cursor.end[0]) - shift
        self.data[:left] = self.data[shift : shift + left]
        self._base += shift
        for position in (cursor.at, cursor.start, cursor.end):
            position[0] -= shift
        read = self._read(memoryview(self.data.data)[left:])
        cursor.end[0] += read
        return read > 0

    def _read(self, space: memoryview) -> int:
        if self.trouble:
            return 0
        try:
            return self._inlet.read_into(space)
        except BrokenError as error:
            self.trouble = str(error)
        except OSError as error:
            self.trouble = error.strerror or str(error)
        return 0

    def offset(self, position: int) -> int:
        """Return where in the stream the byte at *position* is."""
        return self._base + position

    def consumed(self, _cursor: Cursor) -> int:
        """Return how many bytes the inlet has taken in."""
        return self._inlet.consumed

    def close(self) -> None:
        """Close the inlet."""
        self._inlet.close()
