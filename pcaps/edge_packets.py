"""What edge cases are made of: who talks, and what is expected of a packet.

Owns the addresses, and adding up. Must not know any case.

Everything is seen from one source, `eni-a`. The outer IP length of a mirrored packet is written out at each
packet, from left to right: 50 over IPv4 or 70 over IPv6 (outer IP, UDP 8, VXLAN 8, inner Ethernet 14), 4 for
each VLAN tag, then what is kept from the inner IP header on.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

from formats import INBOUND, Record
from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet, Raw

MAC, PEER_MAC, OTHER_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02", "02:00:00:00:00:03"
A, PEER, SENSOR = "10.0.0.1", "10.0.0.2", "10.9.0.2"
A6, PEER6 = "fd00::1", "fd00::2"
BROADCAST = "ff:ff:ff:ff:ff:ff"

IN, OUT = Ether(src=PEER_MAC, dst=MAC), Ether(src=MAC, dst=PEER_MAC)
IN4, OUT4 = IN / IP(src=PEER, dst=A), OUT / IP(src=A, dst=PEER)
IN6, OUT6 = IN / IPv6(src=PEER6, dst=A6), OUT / IPv6(src=A6, dst=PEER6)

WHO_HAS = ARP(hwsrc=MAC, psrc=A, pdst=PEER)
IS_AT = ARP(op=2, hwsrc=PEER_MAC, psrc=PEER, hwdst=MAC, pdst=A)
WHO_HAS_A = ARP(hwsrc=PEER_MAC, psrc=PEER, pdst=A)
WHO_HAS_ANOTHER = ARP(hwsrc=PEER_MAC, psrc=PEER, pdst="10.0.0.3")
"""Every field that scapy would otherwise take from the machine it runs on is given, here and everywhere."""


class Expected(NamedTuple):
    """A packet and its verdict: a reason, or the session that mirrors it with *outer* bytes of IP."""

    record: Record
    verdict: str
    outer: int = 0
    truncated: bool = False


def sent(packet: Packet | Record, session: str, outer: int, *, truncated: bool = False) -> Expected:
    """Return a packet that is mirrored."""
    return Expected(_record(packet), session, outer, truncated)


def kept_back(packet: Packet | Record, reason: str) -> Expected:
    """Return a packet that is not mirrored."""
    return Expected(_record(packet), reason)


def _record(packet: Packet | Record) -> Record:
    return packet if isinstance(packet, Record) else Record(bytes(packet))


def udp(payload: int, port: int = 5000, below: Packet = IN4) -> Packet:
    """Return a datagram to *port* with so many bytes of payload, on top of *below*."""
    octets = (bytes(range(256)) * (payload // 256 + 1))[:payload]
    return below / UDP(sport=40000, dport=port) / Raw(octets)


def cut(packet: Packet, there: int, *, flagged: bool = False) -> Record:
    """Return a frame of which the capture has only the first *there* bytes; *flagged*, it had no more."""
    frame = bytes(packet)
    if flagged:
        return Record(frame[:there], direction=INBOUND)
    return Record(frame[:there], original=len(frame))


def tally(cases: list[Expected], names: Iterable[str]) -> dict[str, Any]:
    """Return what `mirrorplane replay --json` must report of the cases under the sessions of those names."""
    zero = {"mirrored_packets": 0, "mirrored_bytes": 0, "truncated_packets": 0}
    sessions = {name: Counter(zero) for name in sorted(names)}
    for case in cases:
        if case.verdict in sessions:
            cut_by_us = int(case.truncated)
            counts = {"mirrored_packets": 1, "mirrored_bytes": case.outer, "truncated_packets": cut_by_us}
            sessions[case.verdict].update(counts)
    reasons = Counter(case.verdict for case in cases if case.verdict not in sessions)
    return {
        "sources": {"eni-a": {"seen": len(cases), "not_mirrored": dict(sorted(reasons.items()))}},
        "sessions": {name: dict(counts) for name, counts in sessions.items()},
    }
