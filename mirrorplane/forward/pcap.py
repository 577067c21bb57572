"""Mirrored packets as a pcap file.

Owns its records, and turning a file of microseconds into one of nanoseconds. Must not know a frame's
contents.
"""

import os
from pathlib import Path

import numpy as np

from mirrorplane.batch import Copies, Frames
from mirrorplane.forward.output import Output
from mirrorplane.forward.records import RecordSink, Spool
from mirrorplane.jit import I64, U8, Bound, kernel
from mirrorplane.wire import pcap

_SECOND = 1_000_000_000
_MICROSECOND = 1_000
_END_OF_TIME = (pcap.MAX_SECONDS + 1) * _SECOND


class PcapFile(Output):
    """A little-endian pcap file of microseconds, or of `nanoseconds`: told at the start, from the inputs.

    Where a time turns out finer all the same, because a pcapng input describes a finer interface only behind
    its first packets, what is written is turned into nanoseconds in place. A pipe or standard output cannot
    be turned.
    """

    def __init__(self, path: str | Path, *, nanoseconds: bool) -> None:
        """Make the file. Raises ForwardError."""
        self.nanoseconds = nanoseconds
        super().__init__(path, _header(nanoseconds=nanoseconds))

    def turn(self, through: U8) -> None:
        """Turn the records into nanoseconds, *through* a buffer, and the header last. Raises ForwardError."""

        def change(descriptor: int) -> None:
            at, turning = pcap.FILE_HEADER_LEN, _Turning(through)
            while at < self.written:
                read = os.preadv(descriptor, [through.data], at)
                at += os.pwrite(descriptor, through[: turning.run(read)].data, at)
            os.pwrite(descriptor, _header(nanoseconds=True), 0)

        self.rewrite(change)
        self.nanoseconds = True


class PcapSink(RecordSink):
    """Writes to a pcap file.

    A time before 1970 or after 2106 is an error, and so is one that is finer than the file, if the file
    cannot be turned.
    """

    def __init__(self, file: PcapFile) -> None:
        super().__init__(file)
        self._file = file
        self._nanoseconds = np.array([file.nanoseconds], np.int64)
        self._turning = _Turning(self.data)

    def _bind(self, spool: Spool, frames: Frames, copies: Copies) -> Bound:
        return place_records.bind(self.data, spool, self._nanoseconds, frames, copies)

    def _record_len(self, at: int) -> int:
        return pcap.RECORD_HEADER_LEN + pcap.captured_length(self.data, at, big=False)

    def _agree(self) -> None:
        if self._file.nanoseconds and not self._nanoseconds[0]:  # another sink has turned it meanwhile
            self._turning.run(int(self._spool.used[0]))
            self._nanoseconds[0] = 1

    def _accept(self, time: int) -> None:
        if not 0 <= time < _END_OF_TIME or not (self._file.nanoseconds or self._file.can_be_rewritten):
            super()._accept(time)
        if not self._file.nanoseconds:
            self._file.turn(self.data)
        self._nanoseconds[0] = 1


class _Turning:
    """A buffer in which records of microseconds become records of nanoseconds."""

    def __init__(self, data: U8) -> None:
        self._read, self._turned = np.zeros(1, np.int64), np.zeros(1, np.int64)
        self._bound: Bound | None = None
        self._data = data

    def run(self, read: int) -> int:
        """Turn the whole records among the first *read* bytes; return how far they go."""
        if self._bound is None:
            self._bound = turn_records.bind(self._data, self._read, self._turned)
        self._read[0] = read
        self._bound()
        return int(self._turned[0])


def _header(*, nanoseconds: bool) -> bytes:
    return pcap.emit_file_header(pcap.FileHeader("little", nanoseconds))


@kernel
def place_records(data: U8, spool: Spool, nanoseconds: I64, frames: Frames, copies: Copies) -> None:
    """Write a record header before each copy's place, and give it that place."""
    used, row, is_fine = spool.used[0], spool.first[0], nanoseconds[0] != 0
    spool.refused[0] = 0
    while row < copies.count[0]:
        length = copies.length[row]
        following = used + pcap.RECORD_HEADER_LEN + length
        if following > data.size:
            break
        time = frames.time[copies.frame[row]]
        seconds = time // _SECOND
        rest = time - seconds * _SECOND
        fraction = rest if is_fine else rest // _MICROSECOND
        if time < 0 or time >= _END_OF_TIME or (not is_fine and fraction * _MICROSECOND != rest):
            spool.refused[0] = 1
            break
        pcap.emit_record_header(data, used, seconds, fraction, length)
        copies.offset[row] = used + pcap.RECORD_HEADER_LEN
        used = following
        row += 1
    spool.used[0], spool.stopped[0] = used, row


@kernel
def turn_records(data: U8, read: I64, turned: I64) -> None:
    """Turn the whole records among the bytes *read* into nanoseconds; say how far they go."""
    at = 0
    while at + pcap.RECORD_HEADER_LEN <= read[0]:
        following = at + pcap.RECORD_HEADER_LEN + pcap.captured_length(data, at, False)
        if following > read[0]:
            break
        pcap.to_nanoseconds(data, at)
        at = following
    turned[0] = at
