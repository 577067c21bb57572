"""Mirrored packets as a pcapng file: a section, an Ethernet interface, nanoseconds, enhanced packet blocks.

Owns its blocks. Must not know what is in a frame.
"""

from pathlib import Path

from mirrorplane.batch import Copies, Frames
from mirrorplane.forward.output import Output
from mirrorplane.forward.records import RecordSink, Spool
from mirrorplane.jit import U8, Bound, kernel
from mirrorplane.wire import pcapng


class PcapngFile(Output):
    """A little-endian pcapng file."""

    def __init__(self, path: str | Path) -> None:
        """Make the file. Raises ForwardError."""
        super().__init__(path, pcapng.emit_section_header() + pcapng.emit_interface())


class PcapngSink(RecordSink):
    """Writes to a pcapng file. A time before 1970 is an error."""

    def __init__(self, file: PcapngFile) -> None:
        super().__init__(file)

    def _bind(self, spool: Spool, frames: Frames, copies: Copies) -> Bound:
        return place_blocks.bind(self.data, spool, frames, copies)

    def _record_len(self, at: int) -> int:
        return pcapng.total_length(self.data, at, big=False)


@kernel
def place_blocks(data: U8, spool: Spool, frames: Frames, copies: Copies) -> None:
    """Write an enhanced packet block around each copy's place, and give it that place."""
    used, row = spool.used[0], spool.first[0]
    spool.refused[0] = 0
    while row < copies.count[0]:
        length = copies.length[row]
        following = used + pcapng.packet_block_length(length)
        if following > data.size:
            break
        time = frames.time[copies.frame[row]]
        if time < 0:
            spool.refused[0] = 1
            break
        pcapng.emit_packet(data, used, time, length)
        copies.offset[row] = used + pcapng.PACKET_DATA
        used = following
        row += 1
    spool.used[0], spool.stopped[0] = used, row
