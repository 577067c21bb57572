"""IPv6 (RFC 8200), its extension headers, and jumbograms (RFC 2675).

Owns the fixed header and the chain behind it. Must not know ports or tunnels.

A length that lies: a payload length of 0 is the truth only for a packet that ends with its header (padding
may follow, and anything behind "no next header"), or for a jumbogram, whose hop-by-hop header carries the
length (above 65,535) in an option. Without that option, what follows such a header is past what a jumbogram
explains: a super-packet of an offload that set no length, say. A jumbo option beside a payload length, or
with a length that would have fitted the header, contradicts the header (RFC 2675, section 3).
"""

from ipaddress import IPv6Address
from typing import NamedTuple

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be16, be32

VERSION_CLASS_FLOW = slice(0, 4)
PAYLOAD_LENGTH = slice(4, 6)
NEXT_HEADER = slice(6, 7)
HOP_LIMIT = slice(7, 8)
SOURCE = slice(8, 24)
DESTINATION = slice(24, 40)
HEADER_LEN = DESTINATION.stop

VERSION = 6
DEFAULT_HOP_LIMIT = 64

HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS = 0, 43, 44, 60
NO_NEXT_HEADER = 59
PADDED_LEN = 46
"""An Ethernet frame has no less payload (IEEE 802.3): up to here, what follows a packet is padding."""

EXTENSION_UNIT = 8
MAX_EXTENSIONS = 8
UNKNOWN_PROTOCOL = 255
"""Stands for the protocol behind a longer chain (IANA: reserved): no rule names it."""

PAD1, JUMBO, JUMBO_LEN = 0x00, 0xC2, 4
MIN_JUMBO = 0x10000
MAX_OPTIONS = 64
"""Options of a hop-by-hop header, Pad1 and PadN among them, that are gone through: a sender may fill it with
2,046 of them, and what that costs has to be bounded (RFC 8504, section 5.3, lets hosts do so)."""

_LENGTH_AT, _NEXT_AT = PAYLOAD_LENGTH.start, NEXT_HEADER.start
_FRAGMENT_FLAGS_AT, _OFFSET_MASK, _FLAGS_MASK = 2, 0xFFF8, 0xFFF9
_OPTIONS_AT = 2


class IPv6(NamedTuple):
    """What differs between the headers that we write: traffic class 0, flow label 0."""

    source: IPv6Address
    destination: IPv6Address
    next_header: int
    payload_length: int
    hop_limit: int = DEFAULT_HOP_LIMIT


def emit(header: IPv6) -> bytes:
    """Return the header's 40 bytes."""
    first = (VERSION << 28).to_bytes(4, "big") + header.payload_length.to_bytes(2, "big")
    return (
        first
        + bytes([header.next_header, header.hop_limit])
        + header.source.packed
        + header.destination.packed
    )


def parse(packet: bytes) -> IPv6:
    """Return the fixed header of *packet*. Raises ValueError if it is cut or not IPv6."""
    if len(packet) < HEADER_LEN or packet[0] >> 4 != VERSION:
        raise ValueError("not an IPv6 header")
    payload_length = int.from_bytes(packet[PAYLOAD_LENGTH], "big")
    source, destination = IPv6Address(packet[SOURCE]), IPv6Address(packet[DESTINATION])
    return IPv6(source, destination, packet[NEXT_HEADER.start], payload_length, packet[HOP_LIMIT.start])


@inline
def is_fixed_part(data: U8, at: int, there: int) -> bool:
    """Return whether the 40 bytes of the fixed header are there, and say that they are IPv6."""
    return there >= HEADER_LEN and data[at] >> 4 == VERSION


@inline
def length(data: U8, at: int, there: int, is_super: bool) -> int:
    """Return the packet's length as far as it is there; 0 where the header lies about it.

    A super-packet (*is_super*) without a length ends where the frame does. Needs `is_fixed_part`.
    """
    payload = be16(data, at + _LENGTH_AT)
    jumbo = 0
    if data[at + _NEXT_AT] == HOP_BY_HOP:
        jumbo = _jumbo_length(data, at + HEADER_LEN, there - HEADER_LEN)
    if jumbo == 0:
        if payload == 0 and is_super:
            return there
        unexplained = payload == 0 and there > PADDED_LEN and data[at + _NEXT_AT] != NO_NEXT_HEADER
        return 0 if unexplained else min(HEADER_LEN + payload, there)
    if payload or jumbo < MIN_JUMBO:
        return 0
    return min(HEADER_LEN + jumbo, there)


@inline
def _jumbo_length(data: U8, at: int, there: int) -> int:
    """Return the length that a hop-by-hop header's jumbo option gives (at least 1), 0 without one.

    It is one of the header's first MAX_OPTIONS, or it is not found.
    """
    if there < EXTENSION_UNIT:
        return 0
    end = (int(data[at + 1]) + 1) * EXTENSION_UNIT
    if end > there:
        return 0
    place = _OPTIONS_AT
    for _ in range(MAX_OPTIONS):
        if place + 2 > end:
            break
        if data[at + place] == PAD1:
            place += 1
            continue
        after = place + 2 + int(data[at + place + 1])
        if after > end:
            break
        if data[at + place] == JUMBO and data[at + place + 1] == JUMBO_LEN:
            return max(be32(data, at + place + 2), 1)
        place = after
    return 0


@inline
def upper_layer(data: U8, at: int, whole: int) -> tuple[int, int, int, bool]:
    """Follow the extension headers of a packet of *whole* bytes at *at*.

    Returns (protocol, bytes before its header, fragment offset, whether it is a fragment); the bytes are 0
    where the chain is cut short. Behind a fragment that is not the first there is no header: the chain ends
    with what it names.
    """
    following = int(data[at + _NEXT_AT])
    before = HEADER_LEN
    is_fragment = False
    for _ in range(MAX_EXTENSIONS):
        if not is_extension(following):
            return following, before, 0, is_fragment
        if before + EXTENSION_UNIT > whole:
            return following, 0, 0, is_fragment
        size = EXTENSION_UNIT
        if following == FRAGMENT:
            flags = be16(data, at + before + _FRAGMENT_FLAGS_AT)
            is_fragment = is_fragment or flags & _FLAGS_MASK != 0
            if flags & _OFFSET_MASK:
                return int(data[at + before]), before + size, flags & _OFFSET_MASK, True
        else:
            size = (int(data[at + before + 1]) + 1) * EXTENSION_UNIT
        if before + size > whole:
            return following, 0, 0, is_fragment
        following = int(data[at + before])
        before += size
    if is_extension(following):
        return UNKNOWN_PROTOCOL, before, 0, is_fragment
    return following, before, 0, is_fragment


@inline
def is_extension(number: int) -> bool:
    """Return whether a next header is one that `upper_layer` follows."""
    return number in (HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION_OPTIONS)
