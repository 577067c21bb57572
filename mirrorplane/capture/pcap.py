"""The walk over a pcap file's records.

Owns which bytes of a pcap file are frames. Must not know where the bytes come from.
"""

from typing import NamedTuple

import numpy as np

from mirrorplane.batch import UNKNOWN, Frames
from mirrorplane.capture.cursor import Cursor, Stop
from mirrorplane.jit import I64, U8, Bound, kernel
from mirrorplane.wire import pcap

WANTS_BYTES, FULL, TOO_LONG = int(Stop.WANTS_BYTES), int(Stop.FULL), int(Stop.TOO_LONG)
MAX_WIRE_LENGTH = (1 << 31) - 1
"""What the column of wire lengths holds; a file may claim more."""


class Layout(NamedTuple):
    """What the file header said of all records, one element each. A unit of the fraction has `scale` ns."""

    big_endian: I64
    scale: I64
    fcs_len: I64


class PcapWalk:
    """Finds the frames of a pcap file, whose header it was given."""

    def __init__(self, header: pcap.FileHeader) -> None:
        self.finer_than_microsecond = header.nanoseconds
        scale = 1 if header.nanoseconds else 1000
        facts = (header.order == "big", scale, header.fcs_len)
        self._layout = Layout(*(np.array([fact], np.int64) for fact in facts))

    def bind(self, data: U8, cursor: Cursor, frames: Frames) -> Bound:
        """Return the kernel that fills *frames* from *cursor* on."""
        return walk.bind(data, self._layout, cursor, frames)

    def describe(self, _stop: Stop, value: int) -> str:
        """Return what is wrong where the walk stopped: there is only one thing that can be."""
        return f"a record of {value} bytes: no frame is longer than {pcap.MAX_FRAME_LEN}"


@kernel
def walk(data: U8, layout: Layout, cursor: Cursor, frames: Frames) -> None:
    """Fill *frames* with the whole records from the cursor on."""
    at, end, rows, source = cursor.at[0], cursor.end[0], cursor.rows[0], cursor.source[0]
    big, scale, fcs_len = layout.big_endian[0] != 0, layout.scale[0], layout.fcs_len[0]
    row, stop, value = 0, FULL, 0
    while row < rows:
        if at + pcap.RECORD_HEADER_LEN > end:
            stop, value = WANTS_BYTES, pcap.RECORD_HEADER_LEN
            break
        captured = pcap.captured_length(data, at, big)
        if captured > pcap.MAX_FRAME_LEN:
            stop, value = TOO_LONG, captured
            break
        following = at + pcap.RECORD_HEADER_LEN + captured
        if following > end:
            stop, value = WANTS_BYTES, following - at
            break
        original = max(pcap.original_length(data, at, big), captured)
        frames.source[row] = source
        frames.offset[row] = at + pcap.RECORD_HEADER_LEN
        frames.length[row] = pcap.without_fcs(captured, original, fcs_len)
        frames.wire_length[row] = min(max(original - fcs_len, 0), MAX_WIRE_LENGTH)
        frames.time[row] = pcap.nanoseconds(data, at, big, scale)
        frames.direction[row] = UNKNOWN
        at = following
        row += 1
    frames.count[0] = row
    cursor.at[0], cursor.start[0] = at, at
    cursor.stop[0], cursor.value[0] = stop, value
