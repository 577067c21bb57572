"""What a frame says it is, as far as its headers can be believed (DESIGN 3.2, 3.3).

Owns layer 2, IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200), jumbograms (RFC 2675) and where
ports lie. Must not know rules, sources or directions.
"""

from dataclasses import dataclass

from tests.oracle.configuration import Address

VLAN_TAGS = {0x8100, 0x88A8}
ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION = 0, 43, 44, 60
EXTENSIONS = {HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION}
MOST_EXTENSIONS = 8
JUMBO_PAYLOAD = 0xC2
MOST_OPTIONS = 64
NO_NEXT_HEADER, LEAST_ETHERNET_PAYLOAD = 59, 46
TCP, UDP = 6, 17
WITH_PORTS = {TCP, UDP, 33, 132, 136}
"""TCP, UDP, DCCP, SCTP, UDP-Lite: both ports are the first four bytes."""
UNKNOWN_PROTOCOL = 255


class MalformedError(Exception):
    """A header that lies, or is not whole."""


@dataclass(frozen=True)
class Reading:
    """A frame that is not malformed. `source` to `l4` mean something only where `kind` is "ip".

    `l3_length` is what there is of the packet, padding left out; `piece` says that it is a fragment, the
    first one too; `l4` is the packet from behind the last header of IP on, empty where the protocol is
    not known.
    """

    kind: str
    l2_length: int
    l3_length: int
    source: Address = (0, 0)
    destination: Address = (0, 0)
    protocol: int = UNKNOWN_PROTOCOL
    ports: tuple[int, int] | None = None
    piece: bool = False
    later_piece: bool = False
    l4: bytes = b""


@dataclass(frozen=True)
class _Upper:
    """What IP carries: the protocol, where it begins, whether it is a fragment, and a later one at that."""

    protocol: int
    at: int
    piece: bool = False
    later_piece: bool = False


def be16(data: bytes, at: int) -> int:
    """Return the 16-bit number in network order at *at*."""
    return int.from_bytes(data[at : at + 2], "big")


def read(frame: bytes) -> Reading:
    """Return what *frame* is. Raises MalformedError where its headers lie or are cut."""
    l2_length, ethertype = layer2(frame)
    body = frame[l2_length:]
    if ethertype == ARP:
        return Reading("arp", l2_length, len(body))
    if ethertype == IPV4:
        return _reading(4, l2_length, body[: _ipv4_length(body)])
    if ethertype == IPV6:
        return _reading(6, l2_length, body[: _ipv6_length(body)])
    return Reading("not_ip", l2_length, len(body))


def layer2(frame: bytes) -> tuple[int, int]:
    """Return how long layer 2 is, "through up to two VLAN tags", and the EtherType behind it.

    "A third VLAN tag is not IP": its TPID is then the EtherType, and it is not looked into.
    """
    length, ethertype = 14, be16(frame, 12)
    if len(frame) < length:
        raise MalformedError("less than an Ethernet header")
    for _ in range(2):
        if ethertype not in VLAN_TAGS:
            break
        if len(frame) < length + 4:
            raise MalformedError("less than a VLAN tag")
        ethertype = be16(frame, length + 2)
        length += 4
    return length, ethertype


def addresses(frame: bytes) -> tuple[Address, Address] | None:
    """Return source and destination where an IP header of the right version has its fixed part whole.

    What else that header says may be a lie: the direction is told by the addresses all the same.
    """
    try:
        l2_length, ethertype = layer2(frame)
    except MalformedError:
        return None
    body = frame[l2_length:]
    if ethertype == IPV4 and len(body) >= 20 and body[0] >> 4 == 4:
        return _addresses(4, body)
    if ethertype == IPV6 and len(body) >= 40 and body[0] >> 4 == 6:
        return _addresses(6, body)
    return None


def _addresses(version: int, packet: bytes) -> tuple[Address, Address]:
    at, size = (12, 4) if version == 4 else (8, 16)
    source, destination = packet[at : at + size], packet[at + size : at + 2 * size]
    return (version, int.from_bytes(source, "big")), (version, int.from_bytes(destination, "big"))


def _reading(version: int, l2_length: int, packet: bytes) -> Reading:
    """Return the reading of *packet*: the IP packet, cut to its length, with nothing behind it."""
    upper = _ipv4_upper(packet) if version == 4 else _ipv6_upper(packet)
    source, destination = _addresses(version, packet)
    ports, l4 = _ports(packet, upper), packet[upper.at :]
    return Reading(
        "ip", l2_length, len(packet), source, destination,
        upper.protocol, ports, upper.piece, upper.later_piece, l4,
    )  # fmt: skip


def _ports(packet: bytes, upper: _Upper) -> tuple[int, int] | None:
    """Ports that are not in the packet: "non-first fragment, cut header: both ports are there or none"."""
    if upper.later_piece or upper.protocol not in WITH_PORTS or upper.at + 4 > len(packet):
        return None
    return be16(packet, upper.at), be16(packet, upper.at + 2)


def _ipv4_length(body: bytes) -> int:
    """Return "the header's length field, or what is there if that is less".

    Lies: "IHL below 5 or past the frame, total length below IHL".
    """
    if len(body) < 20:
        raise MalformedError("less than an IPv4 header")
    if body[0] >> 4 != 4:
        raise MalformedError("EtherType says IPv4, the header does not")
    header_length, total_length = _ihl(body), be16(body, 2)
    if header_length < 20 or header_length > len(body) or total_length < header_length:
        raise MalformedError("IPv4 lengths lie")
    return min(total_length, len(body))


def _ihl(packet: bytes) -> int:
    return (packet[0] & 0x0F) * 4


def _ipv4_upper(packet: bytes) -> _Upper:
    flags_and_offset = be16(packet, 6)
    offset, more = flags_and_offset & 0x1FFF, bool(flags_and_offset & 0x2000)
    return _Upper(packet[9], _ihl(packet), more or offset != 0, offset != 0)


def _ipv6_length(body: bytes) -> int:
    """Return 40 + payload length, or what is there if that is less; a jumbogram says its length in an option.

    RFC 2675 section 3: with the option the payload length must be 0, and the option must say more than
    65535.
    """
    if len(body) < 40:
        raise MalformedError("less than an IPv6 header")
    if body[0] >> 4 != 6:
        raise MalformedError("EtherType says IPv6, the header does not")
    payload_length = be16(body, 4)
    jumbo = _jumbo_payload(body) if body[6] == HOP_BY_HOP else None
    if jumbo is None:
        if payload_length == 0 and body[6] != NO_NEXT_HEADER and len(body) > LEAST_ETHERNET_PAYLOAD:
            raise MalformedError("IPv6 length past what a jumbogram explains")
        return min(40 + payload_length, len(body))
    if payload_length != 0 or jumbo < 65536:
        raise MalformedError("a jumbogram that is none")
    return min(40 + jumbo, len(body))


def _jumbo_payload(body: bytes) -> int | None:
    """Return what the Jumbo Payload option of the first hop-by-hop header says, None without one.

    A header that is not whole raises; an option that runs past the header ends the search (RFC 8200
    section 4.2), and so does a number of options, padding counted, of the kind that RFC 8504 section 5.3
    lets hosts set: a header has room for up to 2046.
    """
    if len(body) < 48 or len(body) < 40 + _extension_length(HOP_BY_HOP, body, 40):
        raise MalformedError("a hop-by-hop header that is not whole")
    at, end = 42, 40 + _extension_length(HOP_BY_HOP, body, 40)
    for _ in range(MOST_OPTIONS):
        if at >= end:
            break
        if body[at] == 0:  # Pad1 has neither length nor data
            at += 1
            continue
        if at + 2 > end or at + 2 + body[at + 1] > end:
            return None
        if body[at] == JUMBO_PAYLOAD and body[at + 1] == 4:
            return int.from_bytes(body[at + 2 : at + 6], "big")
        at += 2 + body[at + 1]
    return None


def _extension_length(kind: int, packet: bytes, at: int) -> int:
    """Return the length of an extension header: eights beyond the first; a fragment header has 8."""
    return 8 if kind == FRAGMENT else 8 * (packet[at + 1] + 1)


def _ipv6_upper(packet: bytes) -> _Upper:
    """Walk "through IPv6 extension headers (hop-by-hop, routing, destination, fragment; at most 8)".

    "A chain of more than 8 extension headers has no known protocol." Behind a later fragment's header
    there is nothing to walk.
    """
    kind, at, piece = packet[6], 40, False
    for _ in range(MOST_EXTENSIONS):
        if kind not in EXTENSIONS:
            break
        if at + 8 > len(packet) or at + _extension_length(kind, packet, at) > len(packet):
            raise MalformedError("an extension chain cut short")
        if kind == FRAGMENT:
            offset, more = be16(packet, at + 2) >> 3, bool(packet[at + 3] & 1)
            if offset:
                return _Upper(packet[at], at + 8, piece=True, later_piece=True)
            piece = piece or more  # else "an atomic IPv6 fragment (offset 0, no more) is a whole packet"
        kind, at = packet[at], at + _extension_length(kind, packet, at)
    if kind in EXTENSIONS:
        return _Upper(UNKNOWN_PROTOCOL, len(packet), piece)
    return _Upper(kind, at, piece)
