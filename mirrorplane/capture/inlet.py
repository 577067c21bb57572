"""Reading a file once, from front to back.

Owns descriptors, and how far they are. Must not know what the bytes mean, or that they are compressed.
"""

import os
from typing import Protocol


class BrokenError(Exception):
    """The bytes cannot be read on: says why. What came before has been handed out."""


class Inlet(Protocol):
    """Bytes that come in order."""

    @property
    def consumed(self) -> int:
        """How many bytes of the file have been read."""

    @property
    def total(self) -> int | None:
        """How many there are; None where that is not known."""

    def read_into(self, space: memoryview) -> int:
        """Put some bytes, at least one, into *space* and return how many; 0 means the end.

        Raises OSError or BrokenError.
        """

    def close(self) -> None:
        """Close what is read. Further calls do nothing."""


class Descriptor:
    """A file descriptor, which it owns: of a file, a pipe. What was peeked at will be read."""

    def __init__(self, descriptor: int, total: int | None) -> None:
        self._descriptor = descriptor
        self._peeked = b""
        self.consumed = 0
        self.total = total

    def peek(self, length: int) -> bytes:
        """Return the next *length* bytes, fewer only at the end."""
        octets = self.exactly(length)
        self._peeked = octets + self._peeked
        self.consumed -= len(octets)
        return octets

    def read_into(self, space: memoryview) -> int:
        """Put what is there into *space*; wait if nothing is."""
        if self._peeked:
            octets = self.read(len(space))
            space[: len(octets)] = octets
            return len(octets)
        read = os.readv(self._descriptor, [space])
        self.consumed += read
        return read

    def read(self, length: int) -> bytes:
        """Return at most *length* bytes, none only at the end."""
        octets = self._peeked[:length] or os.read(self._descriptor, length)
        self._peeked = self._peeked[length:]
        self.consumed += len(octets)
        return octets

    def exactly(self, length: int) -> bytes:
        """Return *length* bytes, fewer only at the end."""
        pieces = bytearray()
        while len(pieces) < length and (octets := self.read(length - len(pieces))):
            pieces += octets
        return bytes(pieces)

    def close(self) -> None:
        """Close the descriptor."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
