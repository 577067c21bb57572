"""Mirrored packets as the records of a file.

Owns the file, the buffer that frames are built in, and that a full disk leaves a whole record at its end.
Must not know what a record looks like: `pcap` and `pcapng` say.
"""

import os
import stat
from abc import ABC, abstractmethod
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np

from mirrorplane.batch import Copies, Frames
from mirrorplane.forward.sink import ForwardError
from mirrorplane.jit import I64, Bound, zeros

STANDARD_OUTPUT = "-"
_STDIN, _STDOUT = 0, 1
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
_SECOND = 1_000_000_000

BUFFER_LEN = 1 << 20
"""A batch of truncated frames, and many times the longest one; small enough to stay in a cache."""


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
    """A file of records: frames are built where they are written from, between the headers around them."""

    def __init__(self, path: str | Path, header: bytes) -> None:
        """Make the file, or empty it, and begin it with *header*. Raises ForwardError."""
        is_standard_output = os.fspath(path) == STANDARD_OUTPUT
        self.name = "standard output" if is_standard_output else os.fspath(path)
        self.data = np.empty(BUFFER_LEN, np.uint8)
        self._spool = cast("Spool", zeros(Spool, 1))
        self._columns: tuple[Frames, Copies] | None = None
        self._run: Bound | None = None
        self._written = 0
        try:
            self._descriptor = os.dup(_STDOUT) if is_standard_output else os.open(path, _NEW_FILE, 0o666)
        except OSError as error:
            raise self._error(error) from error
        self.data[: len(header)] = np.frombuffer(header, np.uint8)
        self._spool.used[0] = len(header)
        try:
            self.send()
        except ForwardError:
            os.close(self._descriptor)
            raise

    @abstractmethod
    def _bind(self, spool: Spool, frames: Frames, copies: Copies) -> Bound:
        """Return the kernel that writes records around the copies' places, as far as *spool* has room."""

    @abstractmethod
    def _record_len(self, at: int) -> int:
        """Return the length of the record at *at* in the buffer."""

    def _accept(self, time: int) -> None:
        """Change the file so that it can hold *time*, which was refused. Raises ForwardError if it cannot."""
        raise ForwardError(f"{self.name}: cannot hold the time {_decimal(time)} s")

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        """Give the copies from row *first* on their places. Raises ForwardError for a time beyond it."""
        run = self._bound(frames, copies)
        self._spool.first[0] = first
        run()
        stopped = int(self._spool.stopped[0])
        if stopped == first < copies.count[0]:
            if self._spool.refused[0]:
                self._accept(int(frames.time[copies.frame[first]]))
                return self.place(frames, copies, first)
            if not self._spool.used[0]:
                raise ForwardError(f"{self.name}: a frame of {copies.length[first]} bytes is too long")
        return stopped - first

    def _bound(self, frames: Frames, copies: Copies) -> Bound:
        bound_to = self._columns
        if self._run is None or bound_to is None or bound_to[0] is not frames or bound_to[1] is not copies:
            self._columns, self._run = (frames, copies), self._bind(self._spool, frames, copies)
        return self._run

    def send(self) -> int:
        """Write what the buffer holds; no packet is lost by that. Raises ForwardError, naming the file."""
        used = int(self._spool.used[0])
        self._spool.used[0] = 0
        self._write(used)
        return 0

    def _write(self, used: int) -> None:
        done = 0
        try:
            while done < used:
                done += os.write(self._descriptor, self.data[done:used].data)
        except OSError as error:
            raise self._error(error, self._cut_back(done, used)) from error
        self._written += used

    def _cut_back(self, done: int, used: int) -> int:
        """Take a record that is partly written off the end of a file; return how many were not written."""
        if not self._written:  # it is the file's header that could not be
            return 0
        records = [0]
        while records[-1] < used:
            records.append(records[-1] + self._record_len(records[-1]))
        whole = max(start for start in records if start <= done)
        if stat.S_ISREG(os.fstat(self._descriptor).st_mode):
            os.ftruncate(self._descriptor, os.lseek(self._descriptor, 0, os.SEEK_CUR) - done + whole)
        return sum(start >= whole for start in records[:-1])

    def close(self) -> None:
        """Write what is left and close the file. Raises ForwardError."""
        if self._descriptor < 0:
            return
        try:
            self.send()
        finally:
            descriptor, self._descriptor = self._descriptor, -1
            self._columns = self._run = None
            try:
                os.close(descriptor)
            except OSError as error:  # where a network's file system tells that it was full
                raise self._error(error) from error

    def _error(self, error: OSError, refused: int = 0) -> ForwardError:
        return ForwardError(f"{self.name}: {error.strerror or error}", refused)


def refuse_inputs(path: str | Path, inputs: Iterable[str | Path]) -> None:
    """Raise ForwardError if the output *path* is one of *inputs*, by any name; `-` is a standard stream.

    To be called before the output is opened, which empties it. What is not there yet, or cannot be looked
    at, is left to be found when it is opened.
    """
    output = _identity(path, _STDOUT)
    for place in inputs:
        if output is not None and output == _identity(place, _STDIN):
            raise ForwardError(f"{os.fspath(path)}: is an input as well ({os.fspath(place)})")


def _identity(path: str | Path, standard: int) -> tuple[int, int] | None:
    """Return what tells a file from all others; None for a device or a terminal, which may well be both."""
    try:
        status = os.fstat(standard) if os.fspath(path) == STANDARD_OUTPUT else Path(path).stat()
    except OSError:
        return None
    is_kept = stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)
    return (status.st_dev, status.st_ino) if is_kept else None


def _decimal(time: int) -> str:
    """Return nanoseconds as seconds."""
    sign = "-" if time < 0 else ""
    return f"{sign}{abs(time) // _SECOND}.{abs(time) % _SECOND:09d}"
