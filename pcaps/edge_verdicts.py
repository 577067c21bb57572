"""Edge cases of selection: what is never mirrored, whose packet it is, which rule decides, how much is sent.

Owns packets and their verdicts, reasoned by hand from DESIGN 3.1 to 3.3. Must not know files.
"""

from edge_packets import (
    A6,
    BROADCAST,
    IN,
    IN4,
    IN6,
    IS_AT,
    MAC,
    OTHER_MAC,
    OUT,
    OUT4,
    OUT6,
    PEER,
    PEER6,
    PEER_MAC,
    SENSOR,
    WHO_HAS,
    WHO_HAS_A,
    WHO_HAS_ANOTHER,
    A,
    Expected,
    kept_back,
    sent,
    udp,
)
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dhcp6 import DHCP6_Solicit
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, ICMPv6ND_NS, IPv6
from scapy.layers.l2 import GRE, LLC, STP, Dot1Q, Dot3, Ether
from scapy.layers.sctp import SCTP
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

_FROM_NOWHERE = Ether(src=MAC, dst=BROADCAST) / IP(src="0.0.0.0", dst="255.255.255.255")  # noqa: S104 - DHCP's
_DISCOVER = (
    _FROM_NOWHERE
    / UDP(sport=68, dport=67)
    / BOOTP(chaddr=bytes(6))
    / DHCP(options=[("message-type", 1), "end"])
)
_STP = Dot3(src=MAC, dst="01:80:c2:00:00:00") / LLC() / STP()
_LLDP = Ether(src=MAC, dst="01:80:c2:00:00:0e", type=0x88CC) / Raw(
    bytes.fromhex("0207040200000000010403056574683006020078")
)


def _tunnel(vni: int, port: int = 4789, below: Packet | None = None) -> Packet:
    outer = OUT / IP(src=A, dst=SENSOR) if below is None else below
    return outer / UDP(sport=50000, dport=port) / VXLAN(vni=vni, flags=8) / udp(20)


UNWANTED: list[Expected] = [
    kept_back(Ether(src=MAC, dst=BROADCAST) / WHO_HAS, "arp"),
    kept_back(IN / IS_AT, "arp"),
    kept_back(Ether(src=MAC, dst=BROADCAST, type=0x8035) / Raw(bytes(28)), "not_ip"),
    kept_back(_STP, "not_ip"),
    kept_back(_LLDP, "not_ip"),
    kept_back(
        Ether(src=MAC, dst=PEER_MAC, type=0x8847) / Raw(b"\0\x01\x01\x40" + bytes(udp(10)[IP])), "not_ip"
    ),
    kept_back(Ether(src=MAC, dst=PEER_MAC, type=0x8864) / Raw(bytes(48)), "not_ip"),
    kept_back(_DISCOVER, "dhcp"),
    kept_back(IN4 / UDP(sport=67, dport=68) / BOOTP(op=2), "dhcp"),
    kept_back(IN4 / UDP(sport=67, dport=67) / BOOTP(op=1), "dhcp"),
    kept_back(
        Ether(src=MAC, dst="33:33:00:01:00:02")
        / IPv6(src="fe80::1", dst="ff02::1:2")
        / UDP(sport=546, dport=547)
        / DHCP6_Solicit(),
        "dhcp",
    ),
    sent(udp(10, 67), "tms-all", 50 + 38),  # one such port does not make it DHCP
    sent(IN4 / UDP(sport=546, dport=547), "tms-all", 50 + 28),  # nor do DHCPv6's over IPv4
    sent(IN6 / UDP(sport=67, dport=68), "tms-all", 50 + 48),
    sent(IN4 / TCP(sport=67, dport=68), "tms-all", 50 + 40),
    kept_back(_tunnel(4242), "own_output"),
    sent(_tunnel(4243), "tms-all", 50 + 20 + 16 + 62),  # another one's tunnel
    sent(_tunnel(4242, 4790), "tms-all", 50 + 20 + 16 + 62),
    sent(_tunnel(4242, below=OUT / IP(src="10.0.0.9", dst=SENSOR)), "tms-all", 50 + 20 + 16 + 62),
    sent(_tunnel(4242, below=OUT / IP(src=A, dst="10.9.0.3")), "tms-all", 50 + 20 + 16 + 62),
    kept_back(
        udp(10, below=Ether(src=PEER_MAC, dst=OTHER_MAC) / IP(src=PEER, dst="10.0.0.3")), "not_for_source"
    ),
    kept_back(Ether(src=PEER_MAC, dst=OTHER_MAC) / WHO_HAS_ANOTHER, "not_for_source"),
]
"""Never mirrored, whatever the rules; and what only looks like it."""

ALSO_MIRRORED: list[Expected] = [
    sent(Ether(src=MAC, dst=BROADCAST) / WHO_HAS, "tms-first", 50 + 28),
    sent(IN / Dot1Q(vlan=10) / IS_AT, "tms-first", 54 + 28),
    sent(_LLDP, "tms-first", 50 + 20),
    sent(Ether(src=MAC, dst=PEER_MAC, type=0x88B5) / Raw(bytes(200)), "tms-first", 50 + 100, truncated=True),
    sent(_DISCOVER, "tms-first", 50 + 100, truncated=True),
    sent(IN4 / UDP(sport=67, dport=68) / Raw(bytes(10)), "tms-first", 50 + 38),
    sent(udp(10), "tms-second", 50 + 38),
    kept_back(IN4 / ICMP(), "no_rule"),
    kept_back(_tunnel(1), "own_output"),
    kept_back(Ether(src=PEER_MAC, dst=OTHER_MAC) / WHO_HAS_ANOTHER, "not_for_source"),
]
"""A source that also mirrors ARP, DHCP and non-IP: to its first enabled session, whatever the rules."""

DIRECTIONS: list[Expected] = [
    sent(udp(1), "tms-in", 50 + 29),
    sent(udp(2, below=OUT4), "tms-out", 50 + 30),
    sent(
        udp(3, below=Ether(src=MAC, dst=PEER_MAC) / IP(src=PEER, dst=A)), "tms-out", 50 + 31
    ),  # the MAC comes first
    sent(udp(4, below=Ether(src=PEER_MAC, dst=MAC) / IP(src=A, dst=PEER)), "tms-in", 50 + 32),
    sent(udp(5, below=Ether(src=OTHER_MAC, dst=PEER_MAC) / IP(src=A, dst=PEER)), "tms-out", 50 + 33),
    sent(udp(6, below=Ether(src=PEER_MAC, dst=BROADCAST) / IP(src=PEER, dst=A)), "tms-in", 50 + 34),
    sent(udp(7, below=Ether(src=OTHER_MAC, dst=PEER_MAC) / IPv6(src=A6, dst=PEER6)), "tms-out", 50 + 55),
    sent(udp(8, below=Ether(src=OTHER_MAC, dst=PEER_MAC) / IPv6(src=PEER6, dst=A6)), "tms-in", 50 + 56),
    sent(udp(9, below=Ether(src=OTHER_MAC, dst=PEER_MAC) / IP(src=A, dst=A)), "tms-out", 50 + 37),
    sent(
        udp(10, below=Ether(src=OTHER_MAC, dst=PEER_MAC) / IP(src=PEER, dst="10.0.1.1")), "tms-in", 50 + 38
    ),  # 2nd address
    kept_back(
        udp(11, below=Ether(src=OTHER_MAC, dst=PEER_MAC) / IP(src=PEER, dst="10.0.0.3")), "not_for_source"
    ),
    kept_back(Ether(src=OTHER_MAC, dst=BROADCAST) / WHO_HAS_A, "not_for_source"),  # ARP has no IP header
    kept_back(Ether(src=MAC, dst=BROADCAST) / WHO_HAS, "arp"),
]
"""Nothing in the file says which way: the MAC does, then the addresses, or the packet is not the source's."""

RULES: list[Expected] = [
    kept_back(IN4 / TCP(sport=40000, dport=22), "drop_rule"),  # dropped by tms-1, though tms-2 would take it
    sent(IN4 / TCP(sport=40000, dport=80), "tms-1", 50 + 40),
    sent(IN4 / TCP(sport=40000, dport=99), "tms-1", 50 + 40),
    sent(IN4 / TCP(sport=40000, dport=100), "tms-2", 50 + 40),
    sent(OUT4 / TCP(sport=80, dport=40000), "tms-2", 50 + 40),  # tms-1 has no rule for egress
    sent(udp(4, 80), "tms-2", 50 + 32),
    sent(IN4 / ICMP(), "tms-2", 50 + 28),
    kept_back(IN / IP(src="10.0.0.66", dst=A) / ICMP(), "drop_rule"),
    sent(IN / IP(src="10.0.0.66", dst=A) / TCP(dport=80), "tms-1", 50 + 40),
    kept_back(IN6 / ICMPv6EchoRequest(), "no_rule"),  # tms-2's rules are of IPv4
    sent(OUT6 / ICMPv6ND_NS(tgt=PEER6), "tms-3", 50 + 64),
    kept_back(OUT6 / TCP(dport=80), "no_rule"),
    sent(IN4 / SCTP(sport=1, dport=80) / Raw(bytes(4)), "tms-2", 50 + 36),
    sent(
        IN4 / GRE() / IP(src=PEER, dst=A) / TCP(dport=22), "tms-2", 50 + 20 + 4 + 40
    ),  # tunnels are not looked into
    sent(OUT / IP(src=A, dst=PEER, proto=50) / Raw(bytes(40)), "tms-2", 50 + 60),
    sent(IN / IP(src=PEER, dst=A, flags="MF") / TCP(dport=80) / Raw(bytes(4)), "tms-1", 50 + 44),
    sent(IN / IP(src=PEER, dst=A, frag=3, proto=6) / Raw(bytes(24)), "tms-2", 50 + 44),
    sent(IN / IP(src=PEER, dst=A, options=b"\x01\x01\x01\x00") / TCP(dport=80), "tms-1", 50 + 44),
]
"""Over all sessions of the source, by priority, the first rule that matches decides."""

LENGTHS: list[Expected] = [
    sent(udp(500 - 28, 1), "tms-limit-1500", 550),
    sent(udp(1450 - 28, 1), "tms-limit-1500", 1500),
    sent(udp(1451 - 28, 1), "tms-limit-1500", 1500, truncated=True),
    sent(udp(1500 - 28, 1), "tms-limit-1500", 1500, truncated=True),
    sent(udp(1500 - 28, 2), "tms-limit-8500", 1550),
    sent(udp(9000 - 28, 2), "tms-limit-8500", 8500, truncated=True),
    sent(udp(64 - 28, 3), "tms-64", 114),
    sent(udp(65 - 28, 3), "tms-64", 114, truncated=True),
    sent(udp(1500 - 28, 3), "tms-64", 114, truncated=True),
    sent(udp(500 - 28, 4), "tms-over-ipv6", 570),
    sent(udp(1430 - 28, 4), "tms-over-ipv6", 1500),
    sent(udp(1500 - 28, 4), "tms-over-ipv6", 1500, truncated=True),
    sent(udp(1500 - 28, 5), "tms-limit-256", 256, truncated=True),
    sent(udp(0, 5), "tms-limit-256", 78),
]
"""DESIGN 3.3's check values and their neighbours; the port tells the session."""
