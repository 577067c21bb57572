"""Packets as a stack holds them that leaves work to its device: checksums to finish, segments to make.

Owns making them, at random. Must not know what becomes of them: that is for the kernel to say.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from random import Random
from struct import Struct, pack, pack_into
from typing import NamedTuple

from tests.oracle import internet_checksum

VNET = Struct("=BBHHHH")
"""struct virtio_net_hdr, include/uapi/linux/virtio_net.h: flags, GSO type, header length, GSO size, where
what the checksum sums begins and where, from there, it is put."""

NEEDS_CSUM = 1
GSO_NONE, GSO_TCPV4, GSO_TCPV6, GSO_UDP_L4, GSO_ECN = 0, 1, 4, 5, 0x80

TCP, UDP, SCTP = 6, 17, 132
CHECKSUM_AT = {TCP: 16, UDP: 6, SCTP: 8}
"""Where it is in the header (RFC 9293, RFC 768, RFC 9260)."""

HOP_BY_HOP, ROUTING, DESTINATION_OPTIONS = 0, 43, 60
PADDING, ROUTED = bytes([1, 4, 0, 0, 0, 0]), bytes([253, 0, 0, 0, 0, 0])
"""The rest of an extension header of 8 bytes: PadN; a route that has been gone (RFC 8200, 4.2 and 4.4)."""

SENDER = bytes.fromhex("020000007701")
"""The MAC address that tells these frames from all others."""

MACS = bytes.fromhex("020000000101") + SENDER
TAGS = [b"", b"", b"\x81\x00\x60\x07", b"\x88\xa8\x00\x08", b"\x88\xa8\xa0\x08\x81\x00\x00\x07"]
ADDRESSES4 = bytes([10, 1, 0, 2, 10, 1, 0, 99])
ADDRESSES6 = bytes.fromhex("fd01" + "00" * 13 + "02" + "fd01" + "00" * 13 + "99")
"""From the guest, to nobody."""

MTU = 1500
MOST_SEGMENTS, LONGEST = 60, 60_000
"""Of a super-packet: few enough for the queue of the device that they are sent to, and no jumbogram."""

FIN, PSH, CWR = 0x01, 0x08, 0x80
NO_OPERATION = b"\x01"
IPV4, IPV6 = b"\x08\x00", b"\x86\xdd"


class Offloaded(NamedTuple):
    """A frame, and the virtio header that says what it lacks."""

    lacking: bytes
    frame: bytes


@dataclass(frozen=True)
class Datagram:
    """A packet's parts. `network` is its IP header for a layer 4 of a length; `header` has no checksum."""

    link: bytes
    network: Callable[[int], bytes]
    addresses: bytes
    protocol: int
    header: bytes
    payload: bytes

    @property
    def start(self) -> int:
        """Where layer 4 begins."""
        return len(self.link) + len(self.network(0))

    def sum(self, of: bytes, length: int) -> int:
        """Return the checksum of the pseudo-header, which says *length*, and *of*."""
        return internet_checksum(self.addresses + pack("!II", length, self.protocol) + of)

    def offloaded(self, kind: int = GSO_NONE, size: int = 0) -> Offloaded:
        """Return it with its checksum begun, to be cut into pieces of *size* bytes if *kind* says so."""
        layer4 = bytearray(self.header + self.payload)
        if self.protocol == UDP:
            pack_into("!H", layer4, 4, len(layer4) & 0xFFFF)
        begun = 0 if self.protocol == SCTP else 0xFFFF - self.sum(b"", len(layer4))
        pack_into("!H", layer4, CHECKSUM_AT[self.protocol], begun)
        headers = self.start + len(self.header)
        lacking = VNET.pack(NEEDS_CSUM, kind, headers, size, self.start, CHECKSUM_AT[self.protocol])
        return Offloaded(lacking, self.link + self.network(len(layer4)) + layer4)

    def vanishing(self, size: int) -> "Datagram":
        """Return it with a word of its payload such that all of the first *size* bytes sum to nothing.

        Of a super-packet it is the first segment, which has lost the flags of the last.
        """
        header, payload = bytearray(self.header), bytearray(self.payload)
        if self.protocol == UDP:
            pack_into("!H", header, 4, len(header) + len(payload[:size]))
        elif size < len(payload):
            header[13] &= ~(FIN | PSH)
        pack_into("!H", payload, 0, 0)
        first = bytes(header + payload[:size])
        pack_into("!H", payload, 0, self.sum(first, len(first)))
        return replace(self, payload=bytes(payload))


def random_super_packet(rng: Random) -> Offloaded:
    """Return a packet that is many on the wire; the last of them may be short."""
    protocol, is_ipv4 = rng.choice((TCP, UDP)), rng.random() < 0.5
    whole = _datagram(rng, protocol, is_ipv4, b"")
    room = MTU - (whole.start - len(whole.link)) - len(whole.header)
    size = rng.choice((rng.randint(1, 40), rng.randint(1, room), rng.randint(room // 2, room), room))
    count = rng.randint(2, min(MOST_SEGMENTS, LONGEST // size))
    last = rng.choice((1, size, rng.randint(1, size)))
    whole = replace(whole, payload=rng.randbytes((count - 1) * size + last))
    if size > 1 and rng.random() < 0.2:
        whole = whole.vanishing(size)
    return whole.offloaded(_kind(rng, whole, is_ipv4), size)


def _kind(rng: Random, whole: Datagram, is_ipv4: bool) -> int:
    if whole.protocol == UDP:
        return GSO_UDP_L4
    says_ecn = whole.header[13] & CWR or rng.random() < 0.2
    return (GSO_TCPV4 if is_ipv4 else GSO_TCPV6) | (GSO_ECN if says_ecn else 0)


def random_unfinished(rng: Random, protocol: int) -> Offloaded:
    """Return a packet that only lacks its checksum."""
    payload = rng.randbytes(rng.choice((0, 1, 2, 3, rng.randint(0, 1300))))
    packet = _datagram(rng, protocol, rng.random() < 0.5, payload)
    if protocol != SCTP and len(payload) > 1 and rng.random() < 0.3:
        packet = packet.vanishing(len(payload))
    return packet.offloaded()


def _datagram(rng: Random, protocol: int, is_ipv4: bool, payload: bytes) -> Datagram:
    tags = rng.choice(TAGS)
    header = {TCP: _tcp, UDP: _udp, SCTP: _sctp}[protocol](rng)
    if is_ipv4:
        return Datagram(MACS + tags + IPV4, _ipv4(rng, protocol), ADDRESSES4, protocol, header, payload)
    return Datagram(MACS + tags + IPV6, _ipv6(rng, protocol), ADDRESSES6, protocol, header, payload)


def _tcp(rng: Random) -> bytes:
    """Return a TCP header: any flags but SYN and RST, sequence numbers that wrap, options."""
    options = NO_OPERATION * (4 * rng.choice((0, 0, 3, rng.randint(0, 10))))
    sequence = rng.choice((rng.getrandbits(32), (1 << 32) - rng.randint(1, 20_000)))
    flags = rng.getrandbits(9) & ~0x06
    offset = (20 + len(options)) // 4 << 12 | flags
    return pack("!HHIIHHHH", *_ports(rng), sequence, rng.getrandbits(32), offset, 500, 0, 7) + options


def _udp(rng: Random) -> bytes:
    return pack("!HHHH", *_ports(rng), 0, 0)


def _sctp(rng: Random) -> bytes:
    return pack("!HHII", *_ports(rng), rng.getrandbits(32), 0)


def _ports(rng: Random) -> tuple[int, int]:
    return rng.randint(1024, 2000), rng.randint(5000, 6000)


def _ipv4(rng: Random, protocol: int) -> Callable[[int], bytes]:
    """Return what makes an IPv4 header, with options or without; identifications wrap."""
    options = NO_OPERATION * (4 * rng.choice((0, 0, 1, rng.randint(0, 10))))
    size, service = 20 + len(options), rng.getrandbits(8)
    identification = rng.choice((rng.getrandbits(16), 0xFFFF - rng.randint(0, 3)))
    rest = identification, rng.choice((0, 0x4000)), rng.randint(1, 255), protocol

    def header(length: int) -> bytes:
        start = pack("!BBHHHBB", 0x40 | size // 4, service, size + length, *rest)
        return start + pack("!H", internet_checksum(start + ADDRESSES4 + options)) + ADDRESSES4 + options

    return header


def _ipv6(rng: Random, protocol: int) -> Callable[[int], bytes]:
    """Return what makes an IPv6 header, with extension headers or without."""
    kinds = [kind for kind in (HOP_BY_HOP, DESTINATION_OPTIONS, ROUTING) if rng.random() < 0.25] + [protocol]
    extensions = b"".join(
        bytes([following, 0]) + (ROUTED if kind == ROUTING else PADDING)
        for kind, following in pairwise(kinds)
    )
    flow, limit = 0x60000000 | rng.getrandbits(28), rng.randint(1, 255)

    def header(length: int) -> bytes:
        return pack("!IHBB", flow, len(extensions) + length, kinds[0], limit) + ADDRESSES6 + extensions

    return header
