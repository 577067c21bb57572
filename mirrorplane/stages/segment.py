"""One row a wire packet.

Owns dividing the chosen super-packets into wire packets (DESIGN 3.6), as many at a time as there is room for
in a batch, and the reason of what cannot be divided. Must not know what a wire packet looks like, only how
many there are and how long: `encapsulate` writes them.
"""

from mirrorplane.batch import Copies, Frames, Packets
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, Counters, Reason
from mirrorplane.jit import I64, U8, inline, kernel
from mirrorplane.wire import ipv6, segmentation

UNSEGMENTED = int(Reason.UNSEGMENTED)
AS_IT_IS, CANNOT = 0, -1
_VERSION_BITS = 4


@kernel
def segment(
    data: U8,
    frames: Frames,
    packets: Packets,
    chosen: Copies,
    cursor: I64,
    copies: Copies,
    counters: Counters,
) -> None:
    """Fill *copies* with the wire packets of *chosen* from the cursor on, and move it behind them.

    `cursor[0]` is the row of *chosen*, `cursor[1]` how many of that row's wire packets have been made. What
    is not there as a whole, or cannot be divided, is counted.
    """
    row, made, filled = cursor[0], cursor[1], 0
    while row < chosen.count[0] and filled < copies.frame.size:
        packet = chosen.frame[row]
        headers = _headers(data, packet, frames, packets)
        segments = int(packets.segments[packet])
        if headers == CANNOT:
            way = int(frames.source[packet]) * N_DIRECTIONS + int(packets.direction[packet])
            counters.reasons[way * N_REASONS + UNSEGMENTED] += segments
            made = segments
        elif headers == AS_IT_IS:
            _put(filled, chosen, row, 0, 0, copies)  # `truncate` knows how long it is
            filled, made = filled + 1, segments
        else:
            size, length = int(frames.segment_size[packet]), int(frames.length[packet])
            until = min(segments, made + copies.frame.size - filled)
            for number in range(made, until):
                payload = headers + number * size
                _put(filled, chosen, row, payload, headers + min(size, length - payload), copies)
                filled += 1
            made = until
        if made == segments:
            row, made = row + 1, 0
    cursor[0], cursor[1] = row, made
    copies.count[0] = filled


@inline
def _put(at: int, chosen: Copies, row: int, payload: int, whole: int, copies: Copies) -> None:
    copies.frame[at] = chosen.frame[row]
    copies.template[at] = chosen.template[row]
    copies.payload[at] = payload
    copies.whole[at] = whole


@inline
def _headers(data: U8, row: int, frames: Frames, packets: Packets) -> int:
    """Return the bytes before the payload of the super-packet in frame *row*; AS_IT_IS for another frame.

    CANNOT where it cannot be mirrored: it is not there as a whole, or is a super-packet in a tunnel, whose
    outer headers count on too, or a jumbogram, whose length is not where other packets have it.
    """
    length, protocol = int(frames.length[row]), int(frames.super_packet[row])
    if length < frames.wire_length[row]:
        return CANNOT
    if protocol == 0:
        return AS_IT_IS
    at, before, begin = frames.offset[row], int(packets.transport[row]), int(frames.unfinished[row])
    if packets.protocol[row] != protocol or before == 0 or (begin and begin != before):
        return CANNOT
    network = at + int(packets.l2_length[row])
    if int(data[network]) >> _VERSION_BITS == ipv6.VERSION and segmentation.is_jumbogram(data, network):
        return CANNOT
    headers = segmentation.headers(data, at, length, before, protocol)
    return headers if 0 < headers <= length and frames.segment_size[row] > 0 else CANNOT
