"""IPv4 (RFC 791; DF and ID of atomic datagrams: RFC 6864).

Owns the header with its options, and fragments. Must not know ports or tunnels.
"""

from ipaddress import IPv4Address
from typing import NamedTuple

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be16
from mirrorplane.wire import checksum

VERSION_IHL = slice(0, 1)
TOTAL_LENGTH = slice(2, 4)
IDENTIFICATION = slice(4, 6)
FLAGS_OFFSET = slice(6, 8)
TTL = slice(8, 9)
PROTOCOL = slice(9, 10)
CHECKSUM = slice(10, 12)
SOURCE = slice(12, 16)
DESTINATION = slice(16, 20)
HEADER_LEN = DESTINATION.stop

VERSION = 4
DONT_FRAGMENT, MORE_FRAGMENTS, OFFSET_MASK = 0x4000, 0x2000, 0x1FFF
DEFAULT_TTL = 64

_FLAGS_AT, _PROTOCOL_AT, _LENGTH_AT = FLAGS_OFFSET.start, PROTOCOL.start, TOTAL_LENGTH.start


class IPv4(NamedTuple):
    """What differs between the headers that we write: no options, DF set, ID 0, DSCP 0."""

    source: IPv4Address
    destination: IPv4Address
    protocol: int
    total_length: int
    ttl: int = DEFAULT_TTL


def emit(header: IPv4) -> bytes:
    """Return the header's 20 bytes, checksum included."""
    octets = bytearray(HEADER_LEN)
    octets[VERSION_IHL] = bytes([VERSION << 4 | HEADER_LEN // 4])
    octets[TOTAL_LENGTH] = header.total_length.to_bytes(2, "big")
    octets[FLAGS_OFFSET] = DONT_FRAGMENT.to_bytes(2, "big")
    octets[TTL] = bytes([header.ttl])
    octets[PROTOCOL] = bytes([header.protocol])
    octets[SOURCE] = header.source.packed
    octets[DESTINATION] = header.destination.packed
    octets[CHECKSUM] = (checksum.fold(checksum.total(bytes(octets))) ^ 0xFFFF).to_bytes(2, "big")
    return bytes(octets)


def parse(packet: bytes) -> tuple[IPv4, int]:
    """Return the header of *packet* and its length.

    Raises ValueError where it is cut, or lies about its length.
    """
    if len(packet) < HEADER_LEN or packet[0] >> 4 != VERSION:
        raise ValueError("not an IPv4 header")
    length = (packet[0] & 0xF) * 4
    total_length = int.from_bytes(packet[TOTAL_LENGTH], "big")
    if length < HEADER_LEN or length > len(packet) or total_length < length:
        raise ValueError(f"an IPv4 header of {length} bytes in a packet of {total_length}")
    source, destination = IPv4Address(packet[SOURCE]), IPv4Address(packet[DESTINATION])
    return IPv4(source, destination, packet[PROTOCOL.start], total_length, packet[TTL.start]), length


@inline
def is_fixed_part(data: U8, at: int, there: int) -> bool:
    """Return whether the 20 bytes that every header has are there, and say that they are IPv4."""
    return there >= HEADER_LEN and data[at] >> 4 == VERSION


@inline
def lengths(data: U8, at: int, there: int, is_super: bool) -> tuple[int, int]:
    """Return (header length, packet length as far as it is there); (0, 0) for a header that lies about them.

    A super-packet (*is_super*) that is too long for the field has 0 there, and ends where the frame does
    (include/linux/ip.h, skb_ip_totlen). Needs `is_fixed_part`.
    """
    header = (int(data[at]) & 0xF) * 4
    whole = be16(data, at + _LENGTH_AT)
    if whole == 0 and is_super:
        whole = there
    if header < HEADER_LEN or header > there or whole < header:
        return 0, 0
    return header, min(whole, there)


@inline
def fragment(data: U8, at: int) -> tuple[int, bool]:
    """Return (fragment offset, whether it is a fragment at all). Needs `is_fixed_part`."""
    flags = be16(data, at + _FLAGS_AT)
    return flags & OFFSET_MASK, flags & (OFFSET_MASK | MORE_FRAGMENTS) != 0


@inline
def protocol(data: U8, at: int) -> int:
    """Return the protocol number. Needs `is_fixed_part`."""
    return int(data[at + _PROTOCOL_AT])
