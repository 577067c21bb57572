"""The bytes of a capture, read piece by piece into a ring of windows.

Owns how bytes come into memory, that they do not fill it, and how long they stay. Must not know what format
they are in.

Files are read, not mapped. Walking 1,000,000 IMIX packets of a file in memory, in C, took 40 ns a packet
with reads of 1 MiB (47 to 60 with 4 MiB, which no longer fit the cache), all included; a mapping took 115,
with its pages mapped beforehand 130, and with each cache line asked for 1 to 4 KiB ahead 50 to 56, or 67 if
its pages are given back on the way: a mapping's pages cost their entry, and each record's header is a miss
that no processor foresees, while a copy streams, and leaves what is walked next in the cache. Nor can a file
that is cut while it is read end the process (SIGBUS), and what is resident is the windows.

Errors that show while reading are kept in `trouble` and end the bytes: what came before is walked first.
"""

import numpy as np

from mirrorplane.capture.cursor import Cursor
from mirrorplane.capture.inlet import BrokenError, Inlet

WINDOW = 4 << 20
"""Bytes of a window: more than the longest block, so that each is whole before the window is full."""

READ = 1 << 20
"""Bytes that are read at a time: what the next stages find in a core's cache."""


class Supply:
    """Puts the bytes of an inlet between a cursor's `at` and its `end`, in one array for its whole life.

    The bytes of the last *batches* batches, the one being filled included, stay where they are: there is a
    window for each. `total` is as the inlet's; `trouble` says why there are no more, where that is not the
    end.
    """

    def __init__(self, inlet: Inlet, batches: int = 1) -> None:
        self._inlet = inlet
        self._base = 0  # where in the stream data[0] is
        self._window, self._is_in_use = 0, False  # the window that is read into; whether a batch lies there
        self.data = np.empty(batches * WINDOW, np.uint8)
        self.total = inlet.total
        self.trouble = ""

    def begin(self) -> None:
        """Keep what is there now: another batch is to be filled."""
        self._is_in_use = True

    def more(self, cursor: Cursor) -> bool:
        """Move what is left to the front of a window, the next one if need be, and read behind it."""
        if self._is_in_use:
            self._window = (self._window + WINDOW) % self.data.size
            self._is_in_use = False
        rest = min(int(cursor.at[0]), int(cursor.end[0]))
        left, shift = int(cursor.end[0]) - rest, rest - self._window
        self.data[self._window : self._window + left] = self.data[rest : rest + left]
        self._base += shift
        for position in (cursor.at, cursor.start, cursor.end):
            position[0] -= shift
        free = slice(self._window + left, self._window + min(left + READ, WINDOW))
        read = self._read(memoryview(self.data[free].data))
        cursor.end[0] += read
        return read > 0

    def _read(self, space: memoryview) -> int:
        if self.trouble:
            return 0
        try:
            read = self._inlet.read_into(space)
            if not read and self.total is not None and self._inlet.consumed < self.total:
                self.trouble = "the file was cut while it was being read"
            return read
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
