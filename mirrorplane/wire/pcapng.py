"""pcapng (draft-ietf-opsawg-pcapng): blocks, options, and the time of a packet.

Owns where the fields of section header, interface description, and the three packet blocks lie. Must not
know files, batches, or what a frame holds. Numbers are in the byte order of their section: its header tells.

Every block is type, total length, body, total length again; its length is a multiple of four (section 3.1).
"""

from typing import NamedTuple

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import put_le32, signed, unsigned
from mirrorplane.wire.pcap import ETHERNET, MAX_FRAME_LEN, half, word

TYPE = slice(0, 4)
TOTAL_LENGTH = slice(4, 8)
BLOCK_HEADER_LEN = TOTAL_LENGTH.stop
TRAILER_LEN = 4
MIN_BLOCK_LEN = BLOCK_HEADER_LEN + TRAILER_LEN
ALIGNMENT = 4

MAX_BLOCK_LEN = 2 * MAX_FRAME_LEN
"""No block that has to be understood is longer: a frame and its options. Others are skipped at any length."""

SECTION_HEADER = 0x0A0D_0D0A  # the same in both byte orders, so that it can be told before the order is known
INTERFACE, PACKET, SIMPLE_PACKET, ENHANCED_PACKET = 1, 2, 3, 6

BYTE_ORDER = slice(8, 12)
MAJOR, MINOR = slice(12, 14), slice(14, 16)
SECTION_LENGTH = slice(16, 24)
"""How long the section is, or -1. Where it ends is seen from its blocks, so nothing is decided by it."""
MIN_SECTION_HEADER_LEN = SECTION_LENGTH.stop + TRAILER_LEN
BYTE_ORDER_MAGIC = 0x1A2B_3C4D
VERSION = (1, 0)

LINK_TYPE = slice(8, 10)
SNAPLEN = slice(12, 16)
INTERFACE_OPTIONS = SNAPLEN.stop
MIN_INTERFACE_LEN = INTERFACE_OPTIONS + TRAILER_LEN

INTERFACE_ID = slice(8, 12)
OBSOLETE_INTERFACE_ID = slice(8, 10)
"""The obsolete packet block has a drop counter in the other half (appendix A): all that differs."""
TIME_HIGH, TIME_LOW = slice(12, 16), slice(16, 20)
CAPTURED_LENGTH, ORIGINAL_LENGTH = slice(20, 24), slice(24, 28)
PACKET_DATA = ORIGINAL_LENGTH.stop
MIN_PACKET_LEN = PACKET_DATA + TRAILER_LEN

SIMPLE_ORIGINAL_LENGTH = slice(8, 12)
SIMPLE_DATA = SIMPLE_ORIGINAL_LENGTH.stop
MIN_SIMPLE_LEN = SIMPLE_DATA + TRAILER_LEN

OPTION_HEADER_LEN = 4
END_OF_OPTIONS, FLAGS, RESOLUTION, FCS_LENGTH, OFFSET = 0, 2, 9, 13, 14
FLAGS_LEN, RESOLUTION_LEN, FCS_LENGTH_LEN, OFFSET_LEN = 4, 1, 1, 8
ABSENT, BROKEN = -1, -2

MICROSECONDS, NANOSECONDS = 6, 9
"""Values of if_tsresol: the power of ten, or with BINARY of two, that divides a second (section 4.2)."""
BINARY = 0x80
MAX_TIME = (1 << 63) - 1
"""The last nanosecond that a signed 64-bit number holds: in 2262."""
BEYOND = -1

DIRECTION_MASK, INBOUND, OUTBOUND = 0b11, 0b01, 0b10
_FLAGS_FCS_SHIFT, _FLAGS_FCS_MASK = 5, 0xF
_BITS = 8
_ETHERNET_MAX_FCS = 4

_LENGTH_AT, _BYTE_ORDER_AT, _MAJOR_AT = TOTAL_LENGTH.start, BYTE_ORDER.start, MAJOR.start
_LINK_TYPE_AT, _SNAPLEN_AT = LINK_TYPE.start, SNAPLEN.start
_INTERFACE_AT, _HIGH_AT, _LOW_AT = INTERFACE_ID.start, TIME_HIGH.start, TIME_LOW.start
_CAPTURED_AT, _ORIGINAL_AT = CAPTURED_LENGTH.start, ORIGINAL_LENGTH.start
_SIMPLE_ORIGINAL_AT, _OBSOLETE_INTERFACE_AT = SIMPLE_ORIGINAL_LENGTH.start, OBSOLETE_INTERFACE_ID.start
_SECOND = 1_000_000_000
_BINARY_64, _DECIMAL_64 = 64, 19  # the powers of two and of ten from which on no 64-bit number holds a second
_WORD, _WORD_MASK, _SIGN = 32, 0xFFFF_FFFF, 0x8000_0000


class Option(NamedTuple):
    """An option as a value, before it is padded."""

    code: int
    value: bytes


def emit_section_header() -> bytes:
    """Return a little-endian section header block for a section of unknown length."""
    octets = bytearray(SECTION_LENGTH.stop - BLOCK_HEADER_LEN)
    for field, value in (
        (BYTE_ORDER, BYTE_ORDER_MAGIC),
        (MAJOR, VERSION[0]),
        (MINOR, VERSION[1]),
        (SECTION_LENGTH, (1 << 64) - 1),
    ):
        start, stop = field.start - BLOCK_HEADER_LEN, field.stop - BLOCK_HEADER_LEN
        octets[start:stop] = value.to_bytes(stop - start, "little")
    return _emit_block(SECTION_HEADER, bytes(octets))


def emit_interface(snaplen: int = 0, resolution: int = NANOSECONDS, link_type: int = ETHERNET) -> bytes:
    """Return a little-endian interface description block; snaplen 0 is no limit."""
    fixed = link_type.to_bytes(4, "little") + snaplen.to_bytes(4, "little")
    return _emit_block(INTERFACE, fixed + emit_options(Option(RESOLUTION, bytes([resolution]))))


def emit_options(*options: Option) -> bytes:
    """Return *options*, little-endian, padded, with the end that the list needs (section 3.5)."""
    octets = b""
    for code, value in (*options, Option(END_OF_OPTIONS, b"")):
        octets += code.to_bytes(2, "little") + len(value).to_bytes(2, "little")
        octets += value + bytes(-len(value) % ALIGNMENT)
    return octets


def _emit_block(kind: int, body: bytes) -> bytes:
    length = (len(body) + MIN_BLOCK_LEN).to_bytes(4, "little")
    return kind.to_bytes(4, "little") + length + body + length


@inline
def padded(length: int) -> int:
    """Return *length* rounded up to the alignment."""
    return (length + ALIGNMENT - 1) & -ALIGNMENT


@inline
def packet_block_length(length: int) -> int:
    """Return the total length of an enhanced packet block for a frame of *length* bytes, without options."""
    return MIN_PACKET_LEN + padded(length)


@inline
def emit_packet(data: U8, at: int, time: int, length: int) -> None:
    """Write at *at* what surrounds a whole frame of *length* bytes in an enhanced packet block, interface 0.

    *time* is in its units, not negative. The frame itself, at PACKET_DATA from *at*, is left as it is.
    """
    total = packet_block_length(length)
    put_le32(data, at, ENHANCED_PACKET)
    put_le32(data, at + _LENGTH_AT, total)
    put_le32(data, at + _INTERFACE_AT, 0)
    put_le32(data, at + _HIGH_AT, time >> _WORD)
    put_le32(data, at + _LOW_AT, time & _WORD_MASK)
    put_le32(data, at + _CAPTURED_AT, length)
    put_le32(data, at + _ORIGINAL_AT, length)
    for pad in range(at + PACKET_DATA + length, at + PACKET_DATA + padded(length)):
        data[pad] = 0
    put_le32(data, at + total - TRAILER_LEN, total)


@inline
def is_byte_order_magic(data: U8, at: int, big: bool) -> bool:
    """Return whether the section header at *at* has that byte order; its first twelve bytes must be there."""
    return word(data, at + _BYTE_ORDER_AT, big) == BYTE_ORDER_MAGIC


@inline
def total_length(data: U8, at: int, big: bool) -> int:
    """Return the total length that the block at *at* begins with."""
    return word(data, at + _LENGTH_AT, big)


@inline
def trailing_length(data: U8, at: int, length: int, big: bool) -> int:
    """Return the total length that the block of *length* bytes at *at* ends with."""
    return word(data, at + length - TRAILER_LEN, big)


@inline
def major_version(data: U8, at: int, big: bool) -> int:
    """Return the major version of the section header at *at*."""
    return half(data, at + _MAJOR_AT, big)


@inline
def link_type(data: U8, at: int, big: bool) -> int:
    """Return the link type of the interface description at *at*."""
    return half(data, at + _LINK_TYPE_AT, big)


@inline
def snaplen(data: U8, at: int, big: bool) -> int:
    """Return the longest packet that is stored for the interface described at *at*; 0 is no limit."""
    return word(data, at + _SNAPLEN_AT, big)


@inline
def interface_id(data: U8, at: int, big: bool, obsolete: bool) -> int:
    """Return the interface of the enhanced, or *obsolete*, packet block at *at*."""
    return half(data, at + _OBSOLETE_INTERFACE_AT, big) if obsolete else word(data, at + _INTERFACE_AT, big)


@inline
def captured_length(data: U8, at: int, big: bool) -> int:
    """Return how many bytes of the frame the enhanced or obsolete packet block at *at* holds."""
    return word(data, at + _CAPTURED_AT, big)


@inline
def original_length(data: U8, at: int, big: bool) -> int:
    """Return how long the packet of the enhanced or obsolete packet block at *at* was."""
    return word(data, at + _ORIGINAL_AT, big)


@inline
def simple_original_length(data: U8, at: int, big: bool) -> int:
    """Return how long the packet of the simple packet block at *at* was."""
    return word(data, at + _SIMPLE_ORIGINAL_AT, big)


@inline
def option(data: U8, at: int, end: int, wanted: int, length: int, big: bool) -> int:
    """Return where the value of the first option *wanted*, of *length* bytes, lies in the list *at* to *end*.

    ABSENT if it is not there; BROKEN if an option reaches past *end*, or if the wanted one is not that long.
    """
    while at + OPTION_HEADER_LEN <= end:
        code, size = half(data, at, big), half(data, at + 2, big)
        following = at + OPTION_HEADER_LEN + padded(size)
        if code == END_OF_OPTIONS:
            return ABSENT
        if following > end or (code == wanted and size != length):
            return BROKEN
        if code == wanted:
            return at + OPTION_HEADER_LEN
        at = following
    return ABSENT


@inline
def seconds(data: U8, at: int, big: bool) -> int:
    """Return the signed 64-bit number of an if_tsoffset whose value is at *at*."""
    first, second = word(data, at, big), word(data, at + _WORD // _BITS, big)
    high, low = (first, second) if big else (second, first)
    return (high - ((high & _SIGN) << 1)) << _WORD | low


@inline
def flags_fcs_length(flags: int) -> int:
    """Return the bytes of frame check sequence that the flags of a packet tell; 0 if they do not."""
    return flags >> _FLAGS_FCS_SHIFT & _FLAGS_FCS_MASK


@inline
def interface_fcs_length(value: int) -> int:
    """Return the bytes that an if_fcslen means. The draft counts bits, Wireshark bytes: 32 and 4 are one."""
    return value if value <= _ETHERNET_MAX_FCS else value // _BITS


@inline
def is_beyond_microseconds(resolution: int) -> bool:
    """Return whether times of an if_tsresol do not all fall on whole microseconds.

    Both kinds turn at six: of 2 ** -n s, too, only n up to 6 makes whole microseconds.
    """
    return resolution & ~BINARY > MICROSECONDS


@inline
def factor(resolution: int) -> int:
    """Return how many nanoseconds a unit of an if_tsresol has, 0 if that is not a whole number."""
    if resolution > NANOSECONDS:
        return 0
    nanoseconds = 1
    for _ in range(NANOSECONDS - resolution):
        nanoseconds *= 10
    return nanoseconds


@inline
def units_high(data: U8, at: int, big: bool) -> int:
    """Return the upper word of the time of the enhanced or obsolete packet block at *at*."""
    return word(data, at + _HIGH_AT, big)


@inline
def units_low(data: U8, at: int, big: bool) -> int:
    """Return the lower word of the time of the enhanced or obsolete packet block at *at*."""
    return word(data, at + _LOW_AT, big)


@inline
def from_fine(high: int, low: int, resolution: int) -> int:
    """Return the nanoseconds, rounded down, of a time in units that have no factor; or BEYOND."""
    if resolution & BINARY:
        return _from_binary(high, low, resolution & ~BINARY)
    divisor = unsigned(1)
    if resolution - NANOSECONDS > _DECIMAL_64:
        return 0
    for _ in range(resolution - NANOSECONDS):
        divisor *= unsigned(10)
    return signed((unsigned(high) << unsigned(_WORD) | unsigned(low)) // divisor)


@inline
def _from_binary(high: int, low: int, power: int) -> int:
    """Return floor(units * 10**9 / 2**power), by words: the product has up to 94 bits."""
    product_low = low * _SECOND
    product_high = high * _SECOND + (product_low >> _WORD)  # of 2**32 each; what is below is in product_low
    if power < _WORD:
        shift = _WORD - power
        if product_high >= 1 << (_BINARY_64 - 1 - shift):
            return BEYOND
        return product_high << shift | (product_low & _WORD_MASK) >> power
    return product_high >> (power - _WORD) if power - _WORD < _BINARY_64 else 0
