"""The file that mirrored packets are written to, or standard output.

Owns its descriptor, that a full disk leaves a whole record at its end, and that no input is written over.
Must not know what a record looks like, or who fills the buffers.
"""

import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path

from mirrorplane.forward.sink import ForwardError
from mirrorplane.jit import U8

STANDARD_OUTPUT = "-"
_STDIN, _STDOUT = 0, 1
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Output:
    """A file of records, written from front to back."""

    def __init__(self, path: str | Path, header: bytes) -> None:
        """Make the file, or empty it, and begin it with *header*. Raises ForwardError."""
        self._is_standard = os.fspath(path) == STANDARD_OUTPUT
        self.name = "standard output" if self._is_standard else os.fspath(path)
        self.written = 0
        """Bytes, the header's included."""
        try:
            self._descriptor = os.dup(_STDOUT) if self._is_standard else os.open(path, _NEW_FILE, 0o666)
        except OSError as error:
            raise self._error(error) from error
        try:
            self._write(memoryview(header))
        except OSError as error:
            os.close(self._descriptor)
            raise self._error(error) from error

    @property
    def is_closed(self) -> bool:
        """Whether it has been closed."""
        return self._descriptor < 0

    @property
    def can_be_rewritten(self) -> bool:
        """Whether it is a file, and not a stream that somebody may be reading."""
        return self._is_regular() and not self._is_standard

    def _is_regular(self) -> bool:
        return stat.S_ISREG(os.fstat(self._descriptor).st_mode)

    def write(self, records: U8, record_len: Callable[[int], int]) -> None:
        """Write whole records, one behind the other; *record_len* tells the length of the one at an offset.

        Raises ForwardError that counts the records of which not all could be written: the file ends before
        the first of them.
        """
        before = self.written
        try:
            self._write(records.data)
        except OSError as error:
            starts = _starts(records.size, record_len)
            whole = max(start for start in [*starts, records.size] if before + start <= self.written)
            self._cut_back(before + whole)
            raise self._error(error, sum(start >= whole for start in starts)) from error

    def _write(self, octets: memoryview) -> None:
        done = 0
        while done < len(octets):
            wrote = os.write(self._descriptor, octets[done:])
            done += wrote
            self.written += wrote

    def _cut_back(self, length: int) -> None:
        """Take a record that is partly written off the end, so that *length* bytes are left of ours."""
        if self._is_regular():
            end = os.lseek(self._descriptor, length - self.written, os.SEEK_CUR)
            os.ftruncate(self._descriptor, end)
            self.written = length

    def rewrite(self, change: Callable[[int], None]) -> None:
        """Have *change* work on the file, given a descriptor that reads and writes. Raises ForwardError."""
        try:
            descriptor = os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDWR | os.O_CLOEXEC)
            try:
                change(descriptor)
            finally:
                os.close(descriptor)
        except OSError as error:
            raise self._error(error) from error

    def close(self) -> None:
        """Close the file. Raises ForwardError."""
        descriptor, self._descriptor = self._descriptor, -1
        try:
            os.close(descriptor)
        except OSError as error:  # where a network's file system tells that it was full
            raise self._error(error) from error

    def _error(self, error: OSError, refused: int = 0) -> ForwardError:
        return ForwardError(f"{self.name}: {error.strerror or error}", refused)


def _starts(size: int, record_len: Callable[[int], int]) -> list[int]:
    """Return where the records begin that fill *size* bytes."""
    starts = [0]
    while (following := starts[-1] + record_len(starts[-1])) < size:
        starts.append(following)
    return starts


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
