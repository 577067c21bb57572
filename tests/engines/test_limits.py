"""The limits that the README names, each shown."""

from typing import Any

from scapy.layers.inet import IP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.packet import Packet as Built
from scapy.packet import Raw

from tests.engines.running import Run, replayed
from tests.oracle import Packet

ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
"""Told which, as scapy would ask this machine's own network for them, a second each."""
RULE = {"priority": 1, "action": "accept", "protocol": "UDP"}
ANY4 = {"source_cidr_block": "0.0.0.0/0", "destination_cidr_block": "0.0.0.0/0"}
ANY6 = {"source_cidr_block": "::/0", "destination_cidr_block": "::/0"}
TO_53 = {"destination_port_range": "53/53"}


def mirrored(packet: Built, *rules: dict[str, Any]) -> Run:
    config = {
        "interfaces": {"eni-a": {"addresses": ["10.0.0.1"]}, "eni-b": {"addresses": ["10.9.0.2"]}},
        "filters": {
            "tmf-a": {"egress": [{**RULE, **rule, "priority": n} for n, rule in enumerate(rules, 1)]}
        },
        "sessions": {
            "tms-a": {
                "priority": 1,
                "sources": ["eni-a"],
                "target": "eni-b",
                "filter": "tmf-a",
                "virtual_network_id": 1,
            }
        },
    }
    return replayed(config, [Packet("eni-a", bytes(packet), len(packet), "egress")])


def reasons(run: Run) -> dict[str, int]:
    return run.report["sources"]["eni-a"]["not_mirrored"]


def test_tunnels_are_not_looked_into() -> None:
    inner = IP(src="10.0.0.1", dst="10.0.0.2") / UDP(dport=53)
    assert len(mirrored(ETHER / inner, ANY4 | TO_53).outers) == 1
    assert reasons(mirrored(ETHER / IP() / GRE() / inner, ANY4 | TO_53)) == {"no_rule": 1}
    assert reasons(mirrored(ETHER / IP(proto=4) / inner, ANY4 | TO_53)) == {"no_rule": 1}


def test_longer_chains_and_more_tags_are_not_followed() -> None:
    def chain(count: int) -> Built:
        packet = ETHER / IPv6(dst="2001:db8::2")
        for _ in range(count):
            packet = packet / IPv6ExtHdrDestOpt()
        return packet / UDP(dport=53)

    assert len(mirrored(chain(8), ANY6 | TO_53).outers) == 1
    assert reasons(mirrored(chain(9), ANY6 | TO_53)) == {"no_rule": 1}
    datagram = IP() / UDP(dport=53)
    assert len(mirrored(ETHER / Dot1Q() / Dot1Q() / datagram, ANY4).outers) == 1
    assert reasons(mirrored(ETHER / Dot1Q() / Dot1Q() / Dot1Q() / datagram, ANY4)) == {"not_ip": 1}


def test_later_fragments_have_no_ports() -> None:
    later = ETHER / IP(frag=2, proto=17) / Raw(bytes(UDP(dport=53)))
    assert reasons(mirrored(later, ANY4 | TO_53)) == {"no_rule": 1}
    assert len(mirrored(later, ANY4 | TO_53, ANY4).outers) == 1
