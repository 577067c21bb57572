"""A capture file, or standard input, as a source.

Owns what kind of file it is, told by its bytes and not by its name, and the one error that ends a broken one.
Must not know how its bytes come in, or which of them are frames.
"""

import os
import stat
from contextlib import suppress
from fcntl import F_SETPIPE_SZ, fcntl
from pathlib import Path

import numpy as np

from mirrorplane import batch
from mirrorplane.batch import Frames
from mirrorplane.capture import compressed
from mirrorplane.capture.cursor import Cursor, Stop, Walk, cursor
from mirrorplane.capture.inlet import Descriptor
from mirrorplane.capture.pcap import PcapWalk
from mirrorplane.capture.pcapng import PcapngWalk
from mirrorplane.capture.source import CaptureError
from mirrorplane.capture.supply import Supply
from mirrorplane.jit import Bound
from mirrorplane.wire import pcap, pcapng

PIPE_LEN = 1 << 20
"""Bytes that a pipe is made to hold, so that batches are not small: what anybody may ask for (pipe(7))."""

STANDARD_INPUT = "-"
_STDIN = 0


class FileSource:
    """The frames of one capture file, in its order. Errors name its byte, counted without compression."""

    def __init__(self, name: str, supply: Supply, source: int) -> None:
        """Read the file as far as the first packet. Raises CaptureError if that is already too far."""
        self.name = name
        self.data = supply.data
        self._supply = supply
        self._cursor = cursor(source)
        self._walks: dict[int, tuple[Frames, Bound]] = {}
        self._is_closed = False
        self._walk = self._recognise()
        self._fill(batch.frames(1), 0)

    @property
    def finer_than_microsecond(self) -> bool:
        """Whether the times of the interfaces described so far need more than microseconds."""
        return self._walk.finer_than_microsecond

    @property
    def consumed(self) -> int:
        """How many bytes of the file, as it lies on the disk, have been read."""
        return self._supply.consumed(self._cursor)

    @property
    def total(self) -> int | None:
        """How many there are; None for a pipe."""
        return self._supply.total

    def fill(self, frames: Frames) -> int:
        """Fill *frames*; 0 means the end. Raises CaptureError where the file is broken, and ever after."""
        if self._is_closed:
            frames.count[0] = 0
            return 0
        return self._fill(frames, frames.length.size)

    def close(self) -> None:
        """Close the file."""
        self._is_closed = True
        self._walks.clear()
        self.data = np.empty(0, np.uint8)
        self._supply.close()

    def _recognise(self) -> Walk:
        """Take in what tells the format: a pcap's file header, or only the look of a pcapng's first block."""
        head = self._head(pcap.FILE_HEADER_LEN)
        if not head:
            raise self._error(0, self._supply.trouble or "the file is empty")
        if head.startswith(pcapng.SECTION_HEADER.to_bytes(4, "big")):
            return PcapngWalk()
        if pcap.byte_order(head) is None:
            raise self._error(0, f"neither pcap nor pcapng: it begins with {head[:4].hex(' ')}")
        try:
            header = pcap.parse_file_header(head)
        except ValueError as error:
            raise self._error(0, str(error)) from error
        if header.link_type != pcap.ETHERNET:
            raise self._error(0, f"link type {pcap.link_type_name(header.link_type)} is not Ethernet")
        self._cursor.at[0] = pcap.FILE_HEADER_LEN
        return PcapWalk(header)

    def _head(self, length: int) -> bytes:
        """Return the first *length* bytes, fewer only if there are no more."""
        at = self._cursor
        while at.end[0] < length and self._supply.more(at):
            pass
        return self.data[: min(length, int(at.end[0]))].tobytes()

    def _fill(self, frames: Frames, rows: int) -> int:
        run = self._bound(frames)
        self._supply.begin()
        self._cursor.rows[0] = rows
        while True:
            run()
            count, stop = int(frames.count[0]), int(self._cursor.stop[0])
            if count or stop == Stop.FULL:
                return count
            if stop != Stop.WANTS_BYTES:
                reason = self._walk.describe(Stop(stop), int(self._cursor.value[0]))
                raise self._error(int(self._cursor.start[0]), reason)
            if not self._supply.more(self._cursor):
                self._check_end(self._cursor)
                return 0

    def _bound(self, frames: Frames) -> Bound:
        if id(frames) not in self._walks:
            self._walks[id(frames)] = frames, self._walk.bind(self.data, self._cursor, frames)
        return self._walks[id(frames)][1]

    def _check_end(self, at: Cursor) -> None:
        """Raise CaptureError unless the file ends with a whole record."""
        start, end = int(at.start[0]), int(at.end[0])
        if self._supply.trouble:
            raise self._error(end, self._supply.trouble)
        if start != end:
            raise self._error(start, f"cut short: {end - start} of {at.value[0]} bytes are there")

    def _error(self, position: int, reason: str) -> CaptureError:
        return CaptureError(f"{self.name}: byte {self._supply.offset(position)}: {reason}")


def open_capture(path: str | Path, source: int, batches: int = 1) -> FileSource:
    """Open a pcap or pcapng file, plain or compressed with gzip or Zstandard; `-` is standard input.

    *source* is the index that its frames will carry. The bytes of a batch stay until *batches* more have been
    begun. Raises CaptureError if it is not there, or no capture.
    """
    is_standard_input = os.fspath(path) == STANDARD_INPUT
    name = "standard input" if is_standard_input else os.fspath(path)
    try:
        descriptor = os.dup(_STDIN) if is_standard_input else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        supply = _supply(descriptor, batches)
    except OSError as error:
        raise CaptureError(f"{name}: {error.strerror or error}") from error
    try:
        return FileSource(name, supply, source)
    except CaptureError:
        supply.close()
        raise


def _supply(descriptor: int, batches: int) -> Supply:
    """Return a supply of what *descriptor* holds, which it takes over."""
    inlet = Descriptor(descriptor, None)
    try:
        status = os.fstat(descriptor)
        if stat.S_ISFIFO(status.st_mode):
            with suppress(OSError):  # its user may have as much in other pipes as is allowed
                fcntl(descriptor, F_SETPIPE_SZ, PIPE_LEN)
        if stat.S_ISREG(status.st_mode):
            inlet.total = status.st_size - os.lseek(descriptor, 0, os.SEEK_CUR)
        return Supply(compressed.plain(inlet), batches)
    except OSError:
        inlet.close()
        raise
