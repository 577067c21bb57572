"""Checksums that a frame's sender has left to its network card.

Owns finishing them (DESIGN 3.6), in place, as Linux does where a card cannot (net/core/dev.c,
skb_checksum_help and skb_crc32c_csum_help). Must not know who the frames are sent to. Those of super-packets
are left as they are: each wire packet has its own.
"""

from mirrorplane.batch import Copies, Frames
from mirrorplane.jit import U8, inline, kernel
from mirrorplane.jit.memory import put_be16, put_le32
from mirrorplane.wire import checksum, crc32c, sctp

_ONES = 0xFFFF
_SUM_LEN = 2


@kernel
def complete(data: U8, frames: Frames, copies: Copies) -> None:
    """Finish the checksums of the frames of *copies* in *data*, where they are there as a whole."""
    for row in range(copies.count[0]):
        packet = copies.frame[row]
        is_cut = frames.length[packet] < frames.wire_length[packet]
        if frames.unfinished[packet] and not frames.super_packet[packet] and not is_cut:
            begin, place = int(frames.unfinished[packet]), int(frames.checksum_at[packet])
            _finish(data, int(frames.offset[packet]), int(frames.length[packet]), begin, place)


@inline
def _finish(data: U8, at: int, length: int, begin: int, place: int) -> None:
    """Write the checksum of a frame's bytes from *begin* on at *place*; nothing, if that is outside of it.

    SCTP's is the one that lies 8 bytes into its header, and is a CRC. A sum of zero is written as all ones,
    for UDP means by zero that there is none.
    """
    is_crc = place - begin == sctp.CHECKSUM.start
    width = sctp.CHECKSUM.stop - sctp.CHECKSUM.start if is_crc else _SUM_LEN
    if begin < 0 or place < begin or place + width > length:
        return
    if is_crc:
        put_le32(data, at + place, crc32c.of(data, at + begin, length - begin))
    else:
        value = checksum.total_of(data, at + begin, length - begin) ^ _ONES
        put_be16(data, at + place, value if value else _ONES)
