"""Whose packet, and which way (DESIGN 3.1).

Owns the vectors of direction. In most of them ingress is accepted and egress dropped, so that every
engine shows which way it took.
"""

from tests.oracle import Direction, Packet
from tests.vectors.case import Case, Config, Expected
from tests.vectors.world import (
    ARP,
    ARP_SEEN,
    DROPPED,
    IPV4,
    IPV6,
    MALFORMED,
    NOT_FOR_SOURCE,
    NOT_IP,
    PEER,
    PEER_MAC,
    VLAN,
    WEB,
    WEB6,
    WEB_MAC,
    ethernet,
    from_web,
    http4,
    http6,
    ip4,
    ip6,
    mirror_session,
    one,
    rule,
    rule6,
    setup,
    tcp,
    whole,
)

LLDP = 0x88CC
STRANGER, STRANGER_MAC, OTHER_MAC = "192.0.2.55", "02:00:00:00:00:55", "02:00:00:00:00:56"
INGRESS_ONLY = setup(egress=[rule(1, "drop"), rule6(2, "drop")])
NO_MAC = setup(egress=[rule(1, "drop"), rule6(2, "drop")], source={"mac": None})
HOST_SIDE = setup(egress=[rule(1, "drop"), rule6(2, "drop")], source={"side": "host"})
ENI_SIDE = setup(egress=[rule(1, "drop"), rule6(2, "drop")], source={"side": "eni"})
OUT, IN = from_web(ip4(tcp(80, 40000), source=WEB, destination=PEER)), http4()
CROSSED = ethernet(ip4(tcp()), source=WEB_MAC, destination=PEER_MAC)
"""The MACs say egress, the addresses ingress."""


def _between_strangers(l3: bytes, kind: int = IPV4, tags: tuple[int, ...] = ()) -> bytes:
    """Return a frame whose MACs are nobody's, as a router has rewritten them."""
    return ethernet(l3, kind, source=STRANGER_MAC, destination=OTHER_MAC, tags=tags)


ROUTED_OUT = _between_strangers(ip4(tcp(80, 40000), source=WEB, destination=PEER))
ROUTED_IN = _between_strangers(ip4(tcp()))
UNRELATED = _between_strangers(ip4(tcp(), source=STRANGER, destination=PEER))
FROM_WEB6 = ethernet(ip6(tcp(), source=WEB6), IPV6)
BROADCAST = ethernet(
    ip4(tcp(), source=STRANGER, destination="255.255.255.255"),
    source=STRANGER_MAC,
    destination="ff:ff:ff:ff:ff:ff",
)
ARP_REQUEST = ethernet(bytes(28), ARP, source=STRANGER_MAC, destination="ff:ff:ff:ff:ff:ff")

BY_MAC = [
    one("the ENI's MAC as destination is ingress", IN, whole(IN), INGRESS_ONLY),
    one("the ENI's MAC as source is egress", OUT, DROPPED, INGRESS_ONLY),
    one("the MAC decides before the addresses", CROSSED, DROPPED, INGRESS_ONLY),
    one(
        "the ENI's MAC on both sides is egress",
        ethernet(ip4(tcp()), source=WEB_MAC, destination=WEB_MAC),
        DROPPED,
        INGRESS_ONLY,
    ),
    one("a MAC in capitals is the same MAC", IN, whole(IN), setup(source={"mac": WEB_MAC.upper()})),
    one("a MAC tells the direction of ARP too", ethernet(bytes(28), ARP), ARP_SEEN),
    one("a MAC tells the direction of a frame with nothing behind Ethernet", IN[:14], MALFORMED),
    one("a MAC tells the direction where a VLAN tag is cut", http4(tags=(VLAN,))[:16], MALFORMED),
    one("a cut Ethernet header has no MACs", IN[:13], NOT_FOR_SOURCE),
    one("a cut Ethernet header under --direction is malformed", IN[:13], MALFORMED, explicit="ingress"),
    one("an empty frame is nobody's", b"", NOT_FOR_SOURCE),
    one("an empty frame with a direction flag is malformed", b"", MALFORMED, flag="ingress"),
]

BY_ADDRESS = [
    one("without a MAC, the ENI's source address is egress", OUT, DROPPED, NO_MAC),
    one("without a MAC, the ENI's destination address is ingress", IN, whole(IN), NO_MAC),
    one("strange MACs, source address ours: egress", ROUTED_OUT, DROPPED, INGRESS_ONLY),
    one("strange MACs, destination address ours: ingress", ROUTED_IN, whole(ROUTED_IN), INGRESS_ONLY),
    one(
        "both addresses ours: egress",
        _between_strangers(ip4(tcp(), source=WEB, destination=WEB)),
        DROPPED,
        INGRESS_ONLY,
    ),
    one("an IPv6 address of the ENI tells it too", http6(), whole(http6()), NO_MAC),
    one("an IPv6 source address of the ENI is egress", FROM_WEB6, DROPPED, NO_MAC),
    one(
        "a second address of the ENI tells it",
        ROUTED_IN,
        whole(ROUTED_IN),
        setup(source={"mac": None, "addresses": ["10.0.0.200", WEB]}),
    ),
    one(
        "addresses behind a VLAN tag tell it",
        http4(tags=(VLAN, VLAN)),
        whole(http4(tags=(VLAN, VLAN))),
        NO_MAC,
    ),
    one("addresses behind a third VLAN tag do not", http4(tags=(VLAN,) * 3), NOT_FOR_SOURCE, NO_MAC),
    one("addresses tell it where IHL lies", ethernet(ip4(tcp(), ihl=4)), MALFORMED, NO_MAC),
    one("addresses tell it where the total length lies", ethernet(ip4(tcp(), len=10)), MALFORMED, NO_MAC),
    one("an IPv4 header of 20 bytes is enough for addresses", http4()[:34], whole(http4()[:34]), NO_MAC),
    one("an IPv4 header of 19 bytes has no addresses", http4()[:33], NOT_FOR_SOURCE, NO_MAC),
    one("an IPv6 header of 40 bytes is enough for addresses", http6()[:54], whole(http6()[:54]), NO_MAC),
    one("an IPv6 header of 39 bytes has no addresses", http6()[:53], NOT_FOR_SOURCE, NO_MAC),
    one("a wrong version nibble has no addresses", ethernet(ip4(tcp(), version=6)), NOT_FOR_SOURCE, NO_MAC),
    one(
        "IPv4 under the EtherType of IPv6 has no addresses",
        ethernet(ip4(tcp()), IPV6),
        NOT_FOR_SOURCE,
        NO_MAC,
    ),
    one("19 bytes of IPv4 do not tell by their source either", ROUTED_OUT[:33], NOT_FOR_SOURCE, NO_MAC),
    one("39 bytes of IPv6 do not tell by their source either", FROM_WEB6[:53], NOT_FOR_SOURCE, NO_MAC),
    one(
        "a wrong version nibble has no IPv6 addresses",
        ethernet(ip6(tcp(), version=5), IPV6),
        NOT_FOR_SOURCE,
        NO_MAC,
    ),
    one("IPv6 under another EtherType has no addresses", ethernet(ip6(tcp()), LLDP), NOT_FOR_SOURCE, NO_MAC),
    one("IPv4 under another EtherType has no addresses", ethernet(ip4(tcp()), LLDP), NOT_FOR_SOURCE, NO_MAC),
    one("addresses in ARP are not looked at", ethernet(bytes(28), ARP), NOT_FOR_SOURCE, NO_MAC),
]

UNDECIDED = [
    one("neither MAC nor address: not for this source", UNRELATED, NOT_FOR_SOURCE),
    one("a broadcast between others is not for this source", BROADCAST, NOT_FOR_SOURCE),
    one(
        "--direction ingress decides what nothing else does",
        UNRELATED,
        whole(UNRELATED),
        INGRESS_ONLY,
        explicit="ingress",
    ),
    one(
        "--direction egress decides what nothing else does",
        UNRELATED,
        DROPPED,
        INGRESS_ONLY,
        explicit="egress",
    ),
    one("--direction does not override the MAC", IN, whole(IN), INGRESS_ONLY, explicit="egress"),
    one(
        "--direction does not override the addresses", ROUTED_IN, whole(ROUTED_IN), NO_MAC, explicit="egress"
    ),
    one(
        "--direction is the ENI's, also at a host end",
        UNRELATED,
        whole(UNRELATED),
        HOST_SIDE,
        explicit="ingress",
    ),
    one("--direction makes ARP between others countable as ARP", ARP_REQUEST, ARP_SEEN, explicit="ingress"),
    one("ARP between others is not for this source", ARP_REQUEST, NOT_FOR_SOURCE),
    one(
        "--direction makes a third VLAN tag not IP",
        http4(tags=(VLAN,) * 3),
        NOT_IP,
        NO_MAC,
        explicit="ingress",
    ),
]

FLAGS: list[tuple[str, bytes, Expected, Config, Direction]] = [
    ("the flag decides before the MAC", OUT, whole(OUT), INGRESS_ONLY, "ingress"),
    ("the egress flag decides before the MAC", IN, DROPPED, INGRESS_ONLY, "egress"),
    ("`side: eni` leaves the flag as it is", OUT, whole(OUT), ENI_SIDE, "ingress"),
    ("the flag decides where nothing else does", UNRELATED, whole(UNRELATED), INGRESS_ONLY, "ingress"),
    ("at a host end, what the device receives is egress", IN, DROPPED, HOST_SIDE, "ingress"),
    ("at a host end, what the device sends is ingress", OUT, whole(OUT), HOST_SIDE, "egress"),
    (
        "at a host end, a packet without a flag goes by its MAC, not turned round",
        IN,
        whole(IN),
        HOST_SIDE,
        "unknown",
    ),
    ("at a host end, a packet without a flag goes by its MAC: egress", OUT, DROPPED, HOST_SIDE, "unknown"),
]

_BOTH: Config = setup(
    interfaces={"eni-peer": {"mac": PEER_MAC, "addresses": [PEER]}},
    filters={
        "tmf-in": {"ingress": [rule(1)], "egress": []},
        "tmf-out": {"ingress": [], "egress": [rule(1)]},
    },
    sessions={
        "tms-a": mirror_session(1, "tmf-in", vni=77),
        "tms-b": mirror_session(2, "tmf-out", vni=78, sources=["eni-peer"]),
    },
)


def _seen_by(source: str, frame: bytes, expected: Expected) -> tuple[Packet, Expected]:
    return Packet(source, frame, len(frame)), expected


BETWEEN_SOURCES = [
    Case(
        "a packet from one source to another is mirrored once for each, as egress and as ingress",
        _BOTH,
        (_seen_by("eni-peer", IN, whole(IN, "tms-b")), _seen_by("eni-web", IN, whole(IN, "tms-a"))),
    ),
]

CASES = [
    *BY_MAC,
    *BY_ADDRESS,
    *UNDECIDED,
    *BETWEEN_SOURCES,
    *(one(name, frame, expected, config, flag=flag) for name, frame, expected, config, flag in FLAGS),
]
