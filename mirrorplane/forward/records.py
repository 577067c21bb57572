"""Mirrored packets as the records of a file.

Owns the buffer that frames are built in, between the headers around them. Must not know what a record looks
like (`pcap` and `pcapng` say), nor what the file is (`output`).
"""

from abc import ABC, abstractmethod
from typing import NamedTuple, cast

import numpy as np

from mirrorplane.batch import Copies, Frames
from mirrorplane.forward.output import Output
from mirrorplane.forward.sink import ForwardError
from mirrorplane.jit import I64, Bound, zeros

_SECOND = 1_000_000_000

BUFFER_LEN = 2 << 20
"""Bytes of a batch and its headers, and many times the longest frame; small enough to stay in a cache."""


class Spool(NamedTuple):
    """How full the buffer is: one element each.

    `used` bytes hold records; the kernel is to go on with row `first` of the copies. It stopped at row
    `stopped`, for want of room or, if `refused`, because that row's time cannot be written.
    """

    used: I64
    first: I64
    stopped: I64
    refused: I64


class RecordSink(ABC):
    """A buffer of records on their way into a file: frames are built where they are written from.

    Several may share a file, each in the hands of another thread: `place` touches the buffer only, so that
    it is `send` whose order is the file's.
    """

    def __init__(self, output: Output) -> None:
        """Write to *output*, which begins with the format's header, and close it in the end."""
        self.data = np.empty(BUFFER_LEN, np.uint8)
        self._output = output
        self._spool = cast("Spool", zeros(Spool, 1))
        self._columns: tuple[Frames, Copies] | None = None
        self._run: Bound | None = None
        self._refused_time: int | None = None

    @abstractmethod
    def _bind(self, spool: Spool, frames: Frames, copies: Copies) -> Bound:
        """Return the kernel that writes records around the copies' places, as far as *spool* has room."""

    @abstractmethod
    def _record_len(self, at: int) -> int:
        """Return the length of the record at *at* in the buffer."""

    def _agree(self) -> None:
        """Have the buffer's records look as the file's do by now."""
        return

    def _accept(self, time: int) -> None:
        """Change the file so that it can hold *time*, which was refused. Raises ForwardError if it cannot."""
        raise ForwardError(f"{self._output.name}: cannot hold the time {_decimal(time)} s")

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        """Give the copies from row *first* on their places, up to one whose time is to be made room for."""
        run = self._bound(frames, copies)
        self._spool.first[0] = first
        run()
        stopped = int(self._spool.stopped[0])
        if self._spool.refused[0]:
            self._refused_time = int(frames.time[copies.frame[stopped]])
        elif stopped == first < copies.count[0] and not self._spool.used[0]:
            raise ForwardError(f"{self._output.name}: a frame of {copies.length[first]} bytes is too long")
        return stopped - first

    def _bound(self, frames: Frames, copies: Copies) -> Bound:
        bound_to = self._columns
        if self._run is None or bound_to is None or bound_to[0] is not frames or bound_to[1] is not copies:
            self._columns, self._run = (frames, copies), self._bind(self._spool, frames, copies)
        return self._run

    def send(self) -> int:
        """Write what the buffer holds; no packet is lost by that.

        Raises ForwardError, naming the file: where it cannot be written, or for a time beyond it, which ends
        what was placed.
        """
        used = int(self._spool.used[0])
        refused, self._refused_time = self._refused_time, None
        self._agree()
        self._spool.used[0] = 0
        if used:
            self._output.write(self.data[:used], self._record_len)
        if refused is not None:
            self._accept(refused)
        return 0

    def discard(self) -> None:
        """Forget what was placed."""
        self._spool.used[0], self._refused_time = 0, None

    def close(self) -> None:
        """Write what is left and close the file. Raises ForwardError."""
        if self._output.is_closed:
            return
        try:
            self.send()
        finally:
            self._columns = self._run = None
            self._output.close()


def _decimal(time: int) -> str:
    """Return nanoseconds as seconds."""
    sign = "-" if time < 0 else ""
    return f"{sign}{abs(time) // _SECOND}.{abs(time) % _SECOND:09d}"
