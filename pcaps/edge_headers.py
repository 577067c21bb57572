"""Edge cases of headers: what cannot be believed, what is cut, and what lies between Ethernet and the ports.

Owns packets and their verdicts, reasoned by hand from DESIGN 3.2 and 3.3. Must not know files.
"""

from edge_packets import A6, IN, IN4, IN6, PEER6, WHO_HAS, Expected, cut, kept_back, sent, udp
from formats import Record
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Jumbo,
    PadN,
)
from scapy.layers.l2 import Dot1AD, Dot1Q
from scapy.packet import Packet, Raw


def ipv4(body: int = 40, **fields: int) -> Packet:
    """Return an IPv4 packet of protocol 253 (RFC 3692: for experiments) that says what *fields* say."""
    return IN / IP(src="10.0.0.2", dst="10.0.0.1", proto=253, **fields) / Raw(bytes(body))


def ipv6(body: bytes, following: int, **fields: int) -> Packet:
    """Return an IPv6 packet of *body*, whose fixed header names what follows and says what *fields* say."""
    return IN / IPv6(src=PEER6, dst=A6, nh=following, **fields) / Raw(body)


def jumbo_option(length: int) -> bytes:
    """Return a hop-by-hop header with a Jumbo Payload option (RFC 2675), before UDP."""
    return bytes([17, 0, 0xC2, 4]) + length.to_bytes(4, "big")


LIES: list[Expected] = [
    sent(ipv4(), "tms-all", 50 + 20 + 40),
    kept_back(ipv4(ihl=4), "malformed"),
    kept_back(ipv4(ihl=0), "malformed"),
    kept_back(ipv4(body=20, ihl=15), "malformed"),  # 60 bytes of header in 40 of packet
    sent(ipv4(ihl=15), "tms-all", 50 + 60),  # 60 in 60: all of it is header
    kept_back(ipv4(len=19), "malformed"),
    kept_back(ipv4(len=0), "malformed"),
    kept_back(ipv4(ihl=7, len=27), "malformed"),
    kept_back(ipv4(version=6), "malformed"),
    kept_back(Record(bytes(ipv4())[: 14 + 19]), "malformed"),
    sent(ipv4(len=20), "tms-all", 50 + 20),  # the rest is no part of the packet
    sent(ipv4(len=1500), "tms-all", 50 + 60),  # more than is there, as where a capture was cut
    sent(udp(32, below=IN6), "tms-all", 50 + 40 + 40),
    kept_back(udp(32, below=IN / IPv6(src=PEER6, dst=A6, version=4)), "malformed"),
    kept_back(Record(bytes(udp(32, below=IN6))[: 14 + 39]), "malformed"),
    kept_back(ipv6(bytes(40), 253, plen=0), "malformed"),  # no jumbogram explains what follows
    sent(ipv6(bytes(6), 253, plen=0), "tms-all", 50 + 40),  # zero is the truth: the rest is padding
    sent(ipv6(bytes(40), 253, plen=60000), "tms-all", 50 + 40 + 40),
    kept_back(ipv6(jumbo_option(70000) + bytes(32), 0, plen=40), "malformed"),
    kept_back(ipv6(jumbo_option(65535) + bytes(32), 0, plen=0), "malformed"),
    kept_back(ipv6(bytes([17, 5, 1, 4, 0, 0, 0, 0]) + bytes(8), 0), "malformed"),  # 48 bytes of options in 16
    kept_back(ipv6(bytes([17, 0, 1, 4, 0, 0, 0]), 60), "malformed"),
    kept_back(ipv6(bytes([17, 0, 0, 0]), 44), "malformed"),
    kept_back(ipv6(b"", 43), "malformed"),
]
"""Headers that lie about lengths; what only promises more than is there does not."""

_IP = IP(src="10.0.0.2", dst="10.0.0.1")
_TCP = IN4 / TCP(sport=40000, dport=80)

RUNTS: list[Expected] = [
    *(kept_back(cut(_TCP, there, flagged=True), "malformed") for there in (0, 1, 13, 14, 14 + 19)),
    kept_back(cut(IN / Dot1Q(vlan=5) / _IP, 14, flagged=True), "malformed"),
    kept_back(cut(IN / Dot1Q(vlan=5) / _IP, 17, flagged=True), "malformed"),
    kept_back(cut(IN / Dot1Q(vlan=5) / _IP, 18, flagged=True), "malformed"),
    kept_back(cut(IN / WHO_HAS, 14, flagged=True), "arp"),
    kept_back(cut(IN / Raw(b"x"), 14, flagged=True), "not_ip"),
    sent(cut(_TCP, 14 + 20, flagged=True), "tms-any", 50 + 20),
    sent(cut(_TCP, 14 + 20 + 3, flagged=True), "tms-any", 50 + 23),  # both ports are there or none
    sent(cut(_TCP, 14 + 20 + 4, flagged=True), "tms-80", 50 + 24),
    sent(cut(udp(0) / Raw(bytes(18)), 60, flagged=True), "tms-any", 50 + 46),
    sent(cut(IN / IP(src="10.0.0.2", dst="10.0.0.1", len=28) / UDP(sport=1, dport=2) / Raw(bytes(18)), 60,
             flagged=True), "tms-any", 50 + 28),
]  # fmt: skip
"""Frames that end early, and one with the padding that Ethernet puts behind a short packet."""


def _options(count: int) -> Packet:
    """Return a chain of *count* destination options headers of 8 bytes."""
    chain = IPv6ExtHdrDestOpt(options=[PadN(optdata=bytes(4))])
    return chain if count == 1 else chain / _options(count - 1)


_HOP, _ROUTING = IPv6ExtHdrHopByHop(options=[PadN(optdata=bytes(4))]), IPv6ExtHdrRouting(type=4, addresses=[])
_JUMBO = IN / IPv6(src=PEER6, dst=A6, plen=0) / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=70000)])

EXTENSIONS: list[Expected] = [
    sent(udp(8, 53, IN6), "tms-dns", 50 + 40 + 16),
    sent(udp(8, 53, IN6 / _HOP), "tms-dns", 50 + 40 + 8 + 16),
    sent(udp(8, 53, IN6 / _HOP / _ROUTING / _options(1)), "tms-dns", 50 + 40 + 24 + 16),
    sent(udp(8, 53, IN6 / _HOP / _options(7)), "tms-dns", 50 + 40 + 64 + 16),
    sent(
        udp(8, 53, IN6 / _HOP / _options(8)), "tms-rest", 50 + 40 + 72 + 16
    ),  # nine: what they carry is not known
    sent(udp(8, 53, IN6 / IPv6ExtHdrFragment(id=1)), "tms-dns", 50 + 40 + 8 + 16),  # atomic: a whole packet
    sent(
        udp(8, 53, IN6 / IPv6ExtHdrFragment(id=2, m=1)), "tms-dns", 50 + 40 + 8 + 16
    ),  # the first has the ports
    sent(IN6 / IPv6ExtHdrFragment(id=2, offset=2, nh=17) / Raw(bytes(24)), "tms-rest", 50 + 40 + 8 + 24),
    sent(IN6 / IPv6ExtHdrFragment(id=2, offset=2, nh=60) / Raw(bytes(3)), "tms-rest", 50 + 40 + 8 + 3),
    sent(
        udp(8, 53, IN6 / _options(1) / IPv6ExtHdrFragment(id=3) / _options(1)), "tms-dns", 50 + 40 + 24 + 16
    ),
    sent(udp(200, 53, _JUMBO), "tms-dns", 50 + 40 + 8 + 208),  # of which the capture has no more
    sent(ipv6(bytes([17, 4, 0, 0]) + bytes(20) + b"\x9c\x40\x00\x35", 51), "tms-rest", 50 + 40 + 28),  # AH
    sent(ipv6(b"", 59), "tms-rest", 50 + 40),
    sent(ipv6(b"\x9c\x40\x00", 17), "tms-rest", 50 + 40 + 3),
    sent(ipv6(bytes(8), 135), "tms-rest", 50 + 40 + 8),  # mobility (RFC 6275) is not looked through
    kept_back(ipv6(bytes([60, 0, 1, 4, 0, 0, 0, 0]), 60), "malformed"),  # one whole, the next one not there
]
"""Extension headers, up to the ports or not."""


def _tagged(*tags: Packet, payload: int = 10) -> Packet:
    below = IN
    for tag in tags:
        below = below / tag
    return udp(payload, below=below / IP(src="10.0.0.2", dst="10.0.0.1"))


STACKS: list[Expected] = [
    sent(_tagged(), "tms-all", 50 + 38),
    sent(_tagged(Dot1Q(vlan=10)), "tms-all", 54 + 38),
    sent(_tagged(Dot1Q(vlan=0, prio=7)), "tms-all", 54 + 38),
    sent(_tagged(Dot1AD(vlan=100)), "tms-all", 54 + 38),
    sent(_tagged(Dot1AD(vlan=100), Dot1Q(vlan=10)), "tms-all", 58 + 38),
    sent(_tagged(Dot1Q(vlan=100), Dot1Q(vlan=10)), "tms-all", 58 + 38),
    sent(_tagged(Dot1Q(vlan=10), payload=1472), "tms-all", 54 + 1446, truncated=True),
    sent(_tagged(Dot1AD(vlan=100), Dot1Q(vlan=10), payload=1472), "tms-all", 58 + 1442, truncated=True),
    sent(udp(10, below=IN / Dot1Q(vlan=10) / IPv6(src=PEER6, dst=A6)), "tms-all", 54 + 58),
    kept_back(_tagged(Dot1Q(vlan=1), Dot1Q(vlan=2), Dot1Q(vlan=3)), "not_ip"),
    kept_back(_tagged(Dot1AD(vlan=1), Dot1Q(vlan=2), Dot1Q(vlan=3)), "not_ip"),
    kept_back(IN / Dot1Q(vlan=10) / WHO_HAS, "arp"),
    kept_back(IN / Dot1Q(vlan=10, type=0x88CC) / Raw(bytes(40)), "not_ip"),
    kept_back(IN / Dot1Q(vlan=10) / IP(src="10.0.0.2", dst="10.0.0.1", ihl=3, len=20), "malformed"),
]
"""VLAN tags: two are looked through, and each costs four bytes of the sensor's MTU."""

_SEGMENT = IN4 / TCP(sport=40000, dport=80) / Raw(bytes(1460))
_ANSWER = udp(300, below=IN6)

SNAPPED: list[Expected] = [
    sent(cut(_SEGMENT, 96), "tms-80", 50 + 64, truncated=True),  # 82 bytes of IP are there
    sent(cut(_SEGMENT, 14 + 64), "tms-80", 50 + 64),  # cut before us, not by us
    sent(cut(_SEGMENT, 14 + 24), "tms-80", 50 + 24),
    sent(cut(_SEGMENT, 14 + 22), "tms-any", 50 + 22),
    sent(cut(_SEGMENT, 14 + 20), "tms-any", 50 + 20),
    kept_back(cut(_SEGMENT, 14 + 12), "malformed"),
    sent(cut(_ANSWER, 96), "tms-any", 50 + 82),
    sent(cut(_ANSWER, 14 + 40), "tms-any", 50 + 40),
    kept_back(cut(IN6 / _HOP / UDP() / Raw(bytes(50)), 14 + 44), "malformed"),
]
"""What a capture with a snaplen of 96 has, or even less."""

__all__ = ["EXTENSIONS", "LIES", "RUNTS", "SNAPPED", "STACKS"]
