"""Ethernet II, and the VLAN tags before its type (IEEE 802.3, IEEE 802.1Q; RFC 894 for IP over it).

Owns the layer 2 header. Must not know what follows it.
"""

from typing import NamedTuple

from mirrorplane.jit import U8, inline
from mirrorplane.jit.memory import be16, be48

DESTINATION = slice(0, 6)
SOURCE = slice(6, 12)
TYPE = slice(12, 14)
HEADER_LEN = TYPE.stop

TAG_LEN = 4
MAX_TAGS = 2
"""More tags than an 802.1ad frame has are not looked through."""

IPV4, ARP, IPV6 = 0x0800, 0x0806, 0x86DD
VLAN, SERVICE_VLAN = 0x8100, 0x88A8
CUT = -1
"""Stands for the type of a frame that ends before it."""

UNKNOWN_MAC = bytes(6)

_TYPE_AT, _SOURCE_AT = TYPE.start, SOURCE.start


class Ethernet(NamedTuple):
    """An untagged header as a value."""

    destination: bytes
    source: bytes
    type: int


def emit(header: Ethernet) -> bytes:
    """Return the header's 14 bytes."""
    return header.destination + header.source + header.type.to_bytes(2, "big")


def parse(frame: bytes) -> Ethernet:
    """Return the header of *frame*, without looking through tags. Raises ValueError if it is cut."""
    if len(frame) < HEADER_LEN:
        raise ValueError(f"{len(frame)} bytes are less than an Ethernet header")
    return Ethernet(frame[DESTINATION], frame[SOURCE], int.from_bytes(frame[TYPE], "big"))


@inline
def network(data: U8, at: int, length: int) -> tuple[int, int]:
    """Return (type, bytes before what it names) through up to two tags.

    The type is CUT if the frame ends before it.
    """
    if length < HEADER_LEN:
        return CUT, length
    kind = be16(data, at + _TYPE_AT)
    before = HEADER_LEN
    for _ in range(MAX_TAGS):
        if kind not in (VLAN, SERVICE_VLAN):
            break
        if length < before + TAG_LEN:
            return CUT, before
        kind = be16(data, at + before + 2)
        before += TAG_LEN
    return kind, before


@inline
def destination_mac(data: U8, at: int) -> int:
    """Return the destination address as a 48-bit number; the header must be whole."""
    return be48(data, at)


@inline
def source_mac(data: U8, at: int) -> int:
    """Return the source address as a 48-bit number; the header must be whole."""
    return be48(data, at + _SOURCE_AT)
