"""Mirrored packets as a pcap file.

Owns its records, and turning a file of microseconds into one of nanoseconds. Must not know a frame's
contents.
"""

import os
import stat
from pathlib import Path

import numpy as np

from mirrorplane.batch import Copies, Frames
from mirrorplane.forward.records import STANDARD_OUTPUT, RecordSink, Spool
from mirrorplane.jit import I64, U8, Bound, kernel
from mirrorplane.wire import pcap

_SECOND = 1_000_000_000
_MICROSECOND = 1_000
_END_OF_TIME = (pcap.MAX_SECONDS + 1) * _SECOND


class PcapSink(RecordSink):
    """Writes a little-endian pcap file of microseconds, or of nanoseconds.

    Which of them is told at the start, from the inputs. Where a time turns out finer all the same, because a
    pcapng input describes a finer interface only behind its first packets, what is written is turned into
    nanoseconds in place. A pipe or standard output cannot be turned: there such a time is an error, as one
    before 1970 or after 2106 always is.
    """

    def __init__(self, path: str | Path, *, nanoseconds: bool) -> None:
        """Make the file. Raises ForwardError."""
        self._nanoseconds = np.array([nanoseconds], np.int64)
        super().__init__(path, _header(nanoseconds=nanoseconds))

    def _bind(self, spool: Spool, frames: Frames, copies: Copies) -> Bound:
        return place_records.bind(self.data, spool, self._nanoseconds, frames, copies)

    def _record_len(self, at: int) -> int:
        return pcap.RECORD_HEADER_LEN + pcap.captured_length(self.data, at, big=False)

    def _accept(self, time: int) -> None:
        if self._nanoseconds[0] or not 0 <= time < _END_OF_TIME or not self._can_be_turned():
            super()._accept(time)
        self.send()
        try:
            self._turn()
        except OSError as error:
            raise self._error(error) from error

    def _can_be_turned(self) -> bool:
        is_regular = stat.S_ISREG(os.fstat(self._descriptor).st_mode)
        return is_regular and self.name != STANDARD_OUTPUT

    def _turn(self) -> None:
        """Turn the file's records into nanoseconds, through the buffer, and its header last."""
        descriptor = os.open(f"/proc/self/fd/{self._descriptor}", os.O_RDWR | os.O_CLOEXEC)
        try:
            at, read, turned = pcap.FILE_HEADER_LEN, np.zeros(1, np.int64), np.zeros(1, np.int64)
            run = turn_records.bind(self.data, read, turned)
            while at < self._written:
                read[0] = os.preadv(descriptor, [self.data.data], at)
                run()
                at += os.pwrite(descriptor, self.data[: turned[0]].data, at)
            os.pwrite(descriptor, _header(nanoseconds=True), 0)
        finally:
            os.close(descriptor)
        self._nanoseconds[0] = 1


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
