"""The walk over a pcapng file's blocks.

Owns which bytes of a pcapng file are frames, and what its sections and interfaces say of them. Must not know
where the bytes come from.

Blocks that hold no packet and describe no interface are skipped at any length, without being in hand as a
whole: the cursor goes on to their trailing length, which is checked when it comes.
"""

from typing import NamedTuple, cast

from mirrorplane.batch import EGRESS, INGRESS, UNKNOWN, Frames
from mirrorplane.capture.cursor import Cursor, Stop
from mirrorplane.capture.pcap import MAX_WIRE_LENGTH
from mirrorplane.jit import I64, U8, Bound, inline, kernel, zeros
from mirrorplane.wire import pcap, pcapng

MAX_INTERFACES = 1 << 16
"""Of a section: as many as the obsolete packet block can name."""

WANTS_BYTES, FULL, TOO_LONG = int(Stop.WANTS_BYTES), int(Stop.FULL), int(Stop.TOO_LONG)
NOT_ETHERNET, BYTE_ORDER, VERSION = int(Stop.NOT_ETHERNET), int(Stop.BYTE_ORDER), int(Stop.VERSION)
BLOCK_LENGTH, TRAILER, OPTIONS = int(Stop.BLOCK_LENGTH), int(Stop.TRAILER), int(Stop.OPTIONS)
CAPTURED_LENGTH, NO_INTERFACE = int(Stop.CAPTURED_LENGTH), int(Stop.NO_INTERFACE)
INTERFACES, TIME, OFFSET = int(Stop.INTERFACES), int(Stop.TIME), int(Stop.OFFSET)
_GOES_ON = -1

_NANOSECONDS = 1_000_000_000
_MAX_OFFSET = pcapng.MAX_TIME // _NANOSECONDS
_HIGH_SIGN = 1 << 31

_MESSAGES = {
    Stop.TOO_LONG: f"a block of {{}} bytes: none with a packet is longer than {pcapng.MAX_BLOCK_LEN}",
    Stop.BYTE_ORDER: "the section header has no byte-order magic",
    Stop.VERSION: f"pcapng version {{}} is not supported, only {pcapng.VERSION[0]}",
    Stop.BLOCK_LENGTH: "a block of this type cannot be {} bytes long",
    Stop.TRAILER: "the block does not end with its length, {}",
    Stop.OPTIONS: "an option of the block has a wrong length",
    Stop.CAPTURED_LENGTH: "{} captured bytes are more than the block, or any frame, holds",
    Stop.NO_INTERFACE: "the packet's interface {} is not described",
    Stop.INTERFACES: "more than {} interfaces in a section",
    Stop.TIME: "the packet's time is beyond the year 2262",
    Stop.OFFSET: "the interface's time offset of {} s is beyond the year 2262",
}


class Section(NamedTuple):
    """What a walk remembers between blocks: one element each.

    `trailer` is the length of a block that is being skipped, 0 if none is; `time` that of the last packet;
    `finer` whether any interface's times are not all whole microseconds. The last two outlive a section.
    """

    big_endian: I64
    interfaces: I64
    trailer: I64
    time: I64
    finer: I64


class Interfaces(NamedTuple):
    """The section's interfaces, a row each.

    A unit of `resolution` (if_tsresol) is `factor` ns; `factor` is 0 if it is no whole number of ns. `limit`
    is the last time that can be held, in units if there is a factor, else in ns; `offset` is added, in ns.
    """

    link_type: I64
    snaplen: I64
    resolution: I64
    factor: I64
    limit: I64
    offset: I64
    fcs_len: I64


class PcapngWalk:
    """Finds the frames of a pcapng file."""

    def __init__(self) -> None:
        self._section = cast("Section", zeros(Section, 1))
        self._interfaces = cast("Interfaces", zeros(Interfaces, MAX_INTERFACES))

    @property
    def finer_than_microsecond(self) -> bool:
        """Whether an interface that has been described has times that are not whole microseconds."""
        return bool(self._section.finer[0])

    def bind(self, data: U8, cursor: Cursor, frames: Frames) -> Bound:
        """Return the kernel that fills *frames* from *cursor* on."""
        return walk.bind(data, self._section, self._interfaces, cursor, frames)

    def describe(self, stop: Stop, value: int, /) -> str:
        """Return what is wrong where the walk stopped."""
        if stop == Stop.NOT_ETHERNET:
            return f"link type {pcap.link_type_name(value)} is not Ethernet"
        return _MESSAGES[stop].format(value)


@kernel
def walk(data: U8, section: Section, interfaces: Interfaces, cursor: Cursor, frames: Frames) -> None:
    """Fill *frames* with the packets of the whole blocks from the cursor on."""
    frames.count[0] = 0
    cursor.stop[0] = _GOES_ON
    while cursor.stop[0] == _GOES_ON:
        if section.trailer[0] != 0:
            cursor.stop[0] = _trailer(data, section, cursor)
            continue
        at, end = cursor.at[0], cursor.end[0]
        cursor.start[0] = at
        if at + pcapng.MIN_BLOCK_LEN > end:
            cursor.stop[0], cursor.value[0] = WANTS_BYTES, pcapng.MIN_BLOCK_LEN
            break
        kind = pcap.word(data, at, section.big_endian[0] != 0)
        if kind == pcapng.SECTION_HEADER and not _byte_order(data, at, section):
            cursor.stop[0] = BYTE_ORDER
            break
        length = pcapng.total_length(data, at, section.big_endian[0] != 0)
        cursor.stop[0], cursor.value[0] = _length(kind, length), length
        if cursor.stop[0] == _GOES_ON:
            cursor.stop[0] = _block(data, at, kind, length, section, interfaces, cursor, frames)


@inline
def _trailer(data: U8, section: Section, cursor: Cursor) -> int:
    """Check the trailing length of a skipped block, when the cursor has come to it."""
    at, length = cursor.at[0], section.trailer[0]
    cursor.value[0] = length
    if at + pcapng.TRAILER_LEN > cursor.end[0]:
        return WANTS_BYTES
    if pcap.word(data, at, section.big_endian[0] != 0) != length:
        return TRAILER
    cursor.at[0] = at + pcapng.TRAILER_LEN
    section.trailer[0] = 0
    return _GOES_ON


@inline
def _byte_order(data: U8, at: int, section: Section) -> bool:
    """Learn the byte order of the section that begins at *at*; return whether it says one."""
    big = pcapng.is_byte_order_magic(data, at, True)
    section.big_endian[0] = big
    return big or pcapng.is_byte_order_magic(data, at, False)


@inline
def _length(kind: int, length: int) -> int:
    """Return BLOCK_LENGTH or TOO_LONG if a block of *kind* cannot be *length* bytes."""
    least = pcapng.MIN_BLOCK_LEN
    if kind in (pcapng.ENHANCED_PACKET, pcapng.PACKET):
        least = pcapng.MIN_PACKET_LEN
    elif kind == pcapng.SIMPLE_PACKET:
        least = pcapng.MIN_SIMPLE_LEN
    elif kind == pcapng.INTERFACE:
        least = pcapng.MIN_INTERFACE_LEN
    elif kind == pcapng.SECTION_HEADER:
        least = pcapng.MIN_SECTION_HEADER_LEN
    elif length >= least and length % pcapng.ALIGNMENT == 0:
        return _GOES_ON
    if length < least or length % pcapng.ALIGNMENT:
        return BLOCK_LENGTH
    return TOO_LONG if length > pcapng.MAX_BLOCK_LEN else _GOES_ON


@inline
def _block(
    data: U8,
    at: int,
    kind: int,
    length: int,
    section: Section,
    interfaces: Interfaces,
    cursor: Cursor,
    frames: Frames,
) -> int:
    """Take the block in, or begin to skip it; move the cursor past what was done."""
    is_packet = kind in (pcapng.ENHANCED_PACKET, pcapng.PACKET, pcapng.SIMPLE_PACKET)
    if not is_packet and kind not in (pcapng.INTERFACE, pcapng.SECTION_HEADER):
        section.trailer[0] = length
        cursor.at[0] = at + length - pcapng.TRAILER_LEN
        return _GOES_ON
    if is_packet and frames.count[0] == cursor.rows[0]:
        return FULL
    if at + length > cursor.end[0]:
        return WANTS_BYTES
    big = section.big_endian[0] != 0
    if pcapng.trailing_length(data, at, length, big) != length:
        return TRAILER
    if kind == pcapng.SECTION_HEADER:
        stop = _section(data, at, section, cursor)
    elif kind == pcapng.INTERFACE:
        stop = _interface(data, at, at + length - pcapng.TRAILER_LEN, section, interfaces, cursor)
    elif kind == pcapng.SIMPLE_PACKET:
        stop = _simple_packet(data, at, length, section, interfaces, cursor, frames)
    else:
        stop = _packet(data, at, length, kind == pcapng.PACKET, section, interfaces, cursor, frames)
    if stop == _GOES_ON:
        cursor.at[0] = at + length
    return stop


@inline
def _section(data: U8, at: int, section: Section, cursor: Cursor) -> int:
    version = pcapng.major_version(data, at, section.big_endian[0] != 0)
    if version != pcapng.VERSION[0]:
        cursor.value[0] = version
        return VERSION
    section.interfaces[0] = 0
    return _GOES_ON


@inline
def _interface(data: U8, at: int, end: int, section: Section, interfaces: Interfaces, cursor: Cursor) -> int:
    """Take in an interface description whose options end at *end*."""
    big, row, options = section.big_endian[0] != 0, section.interfaces[0], at + pcapng.INTERFACE_OPTIONS
    if row == MAX_INTERFACES:
        cursor.value[0] = MAX_INTERFACES
        return INTERFACES
    resolution_at = pcapng.option(data, options, end, pcapng.RESOLUTION, pcapng.RESOLUTION_LEN, big)
    offset_at = pcapng.option(data, options, end, pcapng.OFFSET, pcapng.OFFSET_LEN, big)
    fcs_at = pcapng.option(data, options, end, pcapng.FCS_LENGTH, pcapng.FCS_LENGTH_LEN, big)
    if pcapng.BROKEN in (resolution_at, offset_at, fcs_at):
        return OPTIONS
    resolution = pcapng.MICROSECONDS if resolution_at == pcapng.ABSENT else int(data[resolution_at])
    offset = 0 if offset_at == pcapng.ABSENT else pcapng.seconds(data, offset_at, big)
    if abs(offset) > _MAX_OFFSET:
        cursor.value[0] = offset
        return OFFSET
    interfaces.link_type[row] = pcapng.link_type(data, at, big)
    interfaces.snaplen[row] = pcapng.snaplen(data, at, big)
    interfaces.fcs_len[row] = 0 if fcs_at == pcapng.ABSENT else pcapng.interface_fcs_length(int(data[fcs_at]))
    _clock(interfaces, row, resolution, offset * _NANOSECONDS)
    section.finer[0] |= pcapng.is_beyond_microseconds(resolution)
    section.interfaces[0] = row + 1
    return _GOES_ON


@inline
def _clock(interfaces: Interfaces, row: int, resolution: int, offset: int) -> None:
    factor = pcapng.factor(resolution)
    interfaces.resolution[row] = resolution
    interfaces.factor[row] = factor
    interfaces.offset[row] = offset
    interfaces.limit[row] = (pcapng.MAX_TIME - max(offset, 0)) // max(factor, 1)


@inline
def _packet(
    data: U8,
    at: int,
    length: int,
    obsolete: bool,
    section: Section,
    interfaces: Interfaces,
    cursor: Cursor,
    frames: Frames,
) -> int:
    """Append the packet of an enhanced or obsolete packet block to *frames*."""
    big = section.big_endian[0] != 0
    interface = pcapng.interface_id(data, at, big, obsolete)
    stop = _check_interface(interface, section, interfaces, cursor)
    if stop != _GOES_ON:
        return stop
    captured = pcapng.captured_length(data, at, big)
    if captured > length - pcapng.MIN_PACKET_LEN or captured > pcap.MAX_FRAME_LEN:
        cursor.value[0] = captured
        return CAPTURED_LENGTH
    options, end = at + pcapng.PACKET_DATA + pcapng.padded(captured), at + length - pcapng.TRAILER_LEN
    flags_at = pcapng.option(data, options, end, pcapng.FLAGS, pcapng.FLAGS_LEN, big)
    if flags_at == pcapng.BROKEN:
        return OPTIONS
    time = _time(pcapng.units_high(data, at, big), pcapng.units_low(data, at, big), interfaces, interface)
    if time == pcapng.BEYOND:
        return TIME
    section.time[0] = time + interfaces.offset[interface]
    flags = 0 if flags_at == pcapng.ABSENT else pcap.word(data, flags_at, big)
    fcs_len = pcapng.flags_fcs_length(flags)
    original = max(pcapng.original_length(data, at, big), captured)
    _append(
        frames,
        at + pcapng.PACKET_DATA,
        captured,
        original,
        _direction(flags),
        section.time[0],
        fcs_len if fcs_len else interfaces.fcs_len[interface],
        cursor,
    )
    return _GOES_ON


@inline
def _simple_packet(
    data: U8,
    at: int,
    length: int,
    section: Section,
    interfaces: Interfaces,
    cursor: Cursor,
    frames: Frames,
) -> int:
    """Append the packet of a simple packet block to *frames*: interface 0, at the previous packet's time."""
    stop = _check_interface(0, section, interfaces, cursor)
    if stop != _GOES_ON:
        return stop
    original = pcapng.simple_original_length(data, at, section.big_endian[0] != 0)
    snaplen = interfaces.snaplen[0]
    captured = min(original, snaplen) if snaplen else original
    if captured > length - pcapng.MIN_SIMPLE_LEN or captured > pcap.MAX_FRAME_LEN:
        cursor.value[0] = captured
        return CAPTURED_LENGTH
    _append(
        frames,
        at + pcapng.SIMPLE_DATA,
        captured,
        original,
        UNKNOWN,
        section.time[0],
        interfaces.fcs_len[0],
        cursor,
    )
    return _GOES_ON


@inline
def _check_interface(interface: int, section: Section, interfaces: Interfaces, cursor: Cursor) -> int:
    if interface >= section.interfaces[0]:
        cursor.value[0] = interface
        return NO_INTERFACE
    if interfaces.link_type[interface] != pcap.ETHERNET:
        cursor.value[0] = interfaces.link_type[interface]
        return NOT_ETHERNET
    return _GOES_ON


@inline
def _time(high: int, low: int, interfaces: Interfaces, interface: int) -> int:
    """Return a packet's time in nanoseconds before its interface's offset is added, or BEYOND."""
    factor = interfaces.factor[interface]
    if factor == 0:
        time = pcapng.from_fine(high, low, interfaces.resolution[interface])
        return time if time <= interfaces.limit[interface] else pcapng.BEYOND
    if high >= _HIGH_SIGN:
        return pcapng.BEYOND
    units = high << 32 | low
    return units * factor if units <= interfaces.limit[interface] else pcapng.BEYOND


@inline
def _direction(flags: int) -> int:
    direction = flags & pcapng.DIRECTION_MASK
    if direction == pcapng.INBOUND:
        return INGRESS
    return EGRESS if direction == pcapng.OUTBOUND else UNKNOWN


@inline
def _append(
    frames: Frames,
    offset: int,
    captured: int,
    original: int,
    direction: int,
    time: int,
    fcs_len: int,
    cursor: Cursor,
) -> None:
    row = frames.count[0]
    frames.source[row] = cursor.source[0]
    frames.offset[row] = offset
    frames.length[row] = pcap.without_fcs(captured, original, fcs_len)
    frames.wire_length[row] = min(max(original - fcs_len, 0), MAX_WIRE_LENGTH)
    frames.time[row] = time
    frames.direction[row] = direction
    frames.count[0] = row + 1
