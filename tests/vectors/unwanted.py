"""What is not mirrored, whatever the rules (DESIGN 3.2).

Owns the vectors of ARP, other non-IP, DHCP, own output, `also_mirror`, and of which reason comes first.
"""

from tests.oracle import Packet
from tests.vectors.case import Case, Config, Expected
from tests.vectors.world import (
    ARP,
    ARP_SEEN,
    DHCP,
    DISABLED,
    DROPPED,
    IPV4,
    IPV6,
    MALFORMED,
    NO_RULE,
    NOT_FOR_SOURCE,
    NOT_IP,
    OWN_OUTPUT,
    PEER,
    SENSOR,
    SENSOR6,
    SERVICE_VLAN,
    VLAN,
    WEB,
    WEB6,
    Field,
    ethernet,
    filler,
    from_web,
    http4,
    ip4,
    ip6,
    mirror_session,
    mirrored,
    one,
    over_ipv6,
    rule,
    setup,
    tcp,
    udp,
    vxlan,
    whole,
)

LLDP, STP_LENGTH = 0x88CC, 0x0026
ARP_FRAME = ethernet(filler(28), ARP)
PADDED_ARP = ethernet(filler(28) + bytes(18), ARP)
LLDP_FRAME = ethernet(filler(100), LLDP)
STP_FRAME = ethernet(filler(46), STP_LENGTH)
THREE_TAGS = http4(100, tags=(SERVICE_VLAN, VLAN, VLAN))


def _udp4(sport: int, dport: int, *, flags: str = "", frag: int = 0, options: bytes = b"") -> bytes:
    packet = ip4(udp(sport, dport, filler(20)), proto=17, flags=flags, frag=frag, options=options)
    return ethernet(packet)


def _udp6(sport: int, dport: int) -> bytes:
    return ethernet(ip6(udp(sport, dport, filler(20)), nh=17), IPV6)


DISCOVER, SOLICIT = _udp4(68, 67), _udp6(546, 547)
FIRST_OF_DHCP, LATER_OF_DHCP = _udp4(68, 67, flags="MF"), _udp4(68, 67, frag=3)
CUT_DHCP = DISCOVER[: 14 + 20 + 3]

KINDS = [
    one("ARP is not mirrored", ARP_FRAME, ARP_SEEN),
    one("ARP is not mirrored the other way either", from_web(filler(28), ARP), ARP_SEEN),
    one("ARP behind a VLAN tag is ARP", ethernet(filler(28), ARP, tags=(VLAN,)), ARP_SEEN),
    one("ARP behind two VLAN tags is ARP", ethernet(filler(28), ARP, tags=(SERVICE_VLAN, VLAN)), ARP_SEEN),
    one("ARP without a body is still ARP", ethernet(b"", ARP), ARP_SEEN),
    one("LLDP is not IP", LLDP_FRAME, NOT_IP),
    one("an 802.3 frame with a length is not IP", STP_FRAME, NOT_IP),
    one("an 802.3 frame that holds what looks like IPv4 is not IP", ethernet(ip4(tcp()), 40), NOT_IP),
    one("Ethernet without a body is not IP if its EtherType is none of IP's", ethernet(b"", LLDP), NOT_IP),
    one("RARP is not ARP", ethernet(filler(28), 0x8035), NOT_IP),
    one("DHCP 68 to 67", DISCOVER, DHCP),
    one("DHCP 67 to 68", _udp4(67, 68), DHCP),
    one("DHCP between relays, 67 to 67", _udp4(67, 67), DHCP),
    one("DHCP 68 to 68", _udp4(68, 68), DHCP),
    one(
        "DHCP that the ENI sends",
        from_web(ip4(udp(68, 67), proto=17, destination="255.255.255.255")),
        DHCP,
    ),
    one("DHCP behind a VLAN tag", ethernet(ip4(udp(68, 67), proto=17), tags=(VLAN,)), DHCP),
    one("DHCP behind IPv4 options", _udp4(68, 67, options=b"\x01" * 8), DHCP),
    one("DHCPv6 546 to 547", SOLICIT, DHCP),
    one("DHCPv6 547 to 546", _udp6(547, 546), DHCP),
    one("DHCPv6 between relays, 547 to 547", _udp6(547, 547), DHCP),
    one("the first fragment of DHCP has its ports", FIRST_OF_DHCP, DHCP),
    one("a later fragment of DHCP has no ports, so is not DHCP", LATER_OF_DHCP, whole(LATER_OF_DHCP)),
    one("a cut UDP header has no ports, so is not DHCP", CUT_DHCP, whole(CUT_DHCP)),
    one("one port of DHCP is not DHCP", _udp4(68, 1067), whole(_udp4(68, 1067))),
    one("the other port of DHCP is not DHCP", _udp4(1068, 67), whole(_udp4(1068, 67))),
    one("ports 66 and 69 are not DHCP's", _udp4(66, 69), whole(_udp4(66, 69))),
    one("DHCPv6's ports over IPv4 are not DHCP", _udp4(546, 547), whole(_udp4(546, 547))),
    one("DHCP's ports over IPv6 are not DHCP", _udp6(68, 67), whole(_udp6(68, 67))),
    one("DHCP's ports over TCP are not DHCP", ethernet(ip4(tcp(68, 67))), whole(ethernet(ip4(tcp(68, 67))))),
]


def _also(*kinds: str, **more: Config | list[Config]) -> Config:
    """Return a configuration that also mirrors *kinds*, whose rules would drop everything."""
    keys: Config = {"ingress": [rule(1, "drop")], "source": {"also_mirror": list(kinds)}, **more}
    return setup(**keys)


FIRST_OFF: Config = {
    "tms-a": mirror_session(1, vni=77, enabled=False),
    "tms-c": mirror_session(3, vni=79),
    "tms-b": mirror_session(2, vni=78),
}

ALSO_MIRRORED = [
    one("also_mirror: arp goes past the rules", ARP_FRAME, whole(ARP_FRAME), _also("arp")),
    one(
        "also_mirror: arp keeps the padding, there is no length to tell it by",
        PADDED_ARP,
        whole(PADDED_ARP),
        _also("arp"),
    ),
    one(
        "also_mirror: arp behind a VLAN tag",
        ethernet(filler(28), ARP, tags=(VLAN,)),
        mirrored(46),
        _also("arp"),
    ),
    one("also_mirror: arp is not non-ip", LLDP_FRAME, NOT_IP, _also("arp", "dhcp")),
    one("also_mirror: non-ip is not arp", ARP_FRAME, ARP_SEEN, _also("non-ip", "dhcp")),
    one("also_mirror: non-ip", LLDP_FRAME, whole(LLDP_FRAME), _also("non-ip")),
    one("also_mirror: non-ip has 802.3 frames", STP_FRAME, whole(STP_FRAME), _also("non-ip")),
    one("also_mirror: non-ip has third VLAN tags", THREE_TAGS, whole(THREE_TAGS), _also("non-ip")),
    one("also_mirror: dhcp", DISCOVER, whole(DISCOVER), _also("dhcp")),
    one("also_mirror: dhcp over IPv6", SOLICIT, whole(SOLICIT), _also("dhcp")),
    one(
        "also_mirror: dhcp leaves padding out, DHCP has a length",
        DISCOVER + bytes(6),
        mirrored(len(DISCOVER)),
        _also("dhcp"),
    ),
    one(
        "also_mirror: dhcp does not let other packets past the rules",
        http4(),
        DROPPED,
        _also("dhcp", "arp", "non-ip"),
    ),
    one("also_mirror: all three", ARP_FRAME, whole(ARP_FRAME), _also("arp", "dhcp", "non-ip")),
    one("also_mirror needs no rule at all", ARP_FRAME, whole(ARP_FRAME), _also("arp", ingress=[], egress=[])),
    one(
        "also_mirror goes to the first enabled session by priority",
        ARP_FRAME,
        whole(ARP_FRAME, "tms-b"),
        _also("arp", sessions=FIRST_OFF),
    ),
    one(
        "also_mirror with only disabled sessions: disabled",
        ARP_FRAME,
        DISABLED,
        _also("arp", session={"enabled": False}),
    ),
    one("also_mirror does not mirror what is malformed", ethernet(b"", IPV4), MALFORMED, _also("non-ip")),
    one(
        "also_mirror: non-ip is truncated: 14 + 64",
        LLDP_FRAME,
        mirrored(78, truncated=True),
        _also("non-ip", session={"packet_length": 64}),
    ),
    one(
        "also_mirror: a third VLAN tag is not in layer 2: 22 + 64",
        THREE_TAGS,
        mirrored(86, truncated=True),
        _also("non-ip", session={"packet_length": 64}),
    ),
    one(
        "also_mirror: a third VLAN tag under the target's limit: 22 + 256 - 58",
        http4(1000, tags=(VLAN,) * 3),
        mirrored(220, truncated=True),
        _also("non-ip", target={"mtu": 256}),
    ),
    one(
        "also_mirror: what is not IP has flow 0, so source port 49152",
        ARP_FRAME,
        whole(ARP_FRAME, port=49152),
        _also("arp"),
    ),
    one("also_mirror: DHCP has its own flow", DISCOVER, whole(DISCOVER, port=53399), _also("dhcp")),
    Case(
        "also_mirror without any session: no_rule",
        setup(interfaces={"eni-idle": {"addresses": ["10.0.0.8"], "also_mirror": ["arp"]}}),
        ((Packet("eni-idle", ARP_FRAME, len(ARP_FRAME), "ingress"), NO_RULE),),
    ),
]


def _own4(
    payload: bytes, *, source: str = WEB, destination: str = SENSOR, dport: int = 4789, **fields: Field
) -> bytes:
    return from_web(
        ip4(udp(50000, dport, payload), proto=17, source=source, destination=destination, **fields)
    )


OWN, OWN6 = (
    _own4(vxlan()),
    from_web(ip6(udp(50000, 4789, vxlan()), nh=17, source=WEB6, destination=SENSOR6), IPV6),
)
BALANCED = setup(
    interfaces={"eni-s1": {"addresses": ["10.9.0.3"]}, "eni-s2": {"addresses": ["10.9.0.4"]}},
    load_balancers={"lb-a": {"backends": ["eni-s1", "eni-s2"], "address": "10.9.0.100"}},
    session={"target": "lb-a"},
)
SECOND_SESSION = setup(sessions={"tms-b": mirror_session(2, vni=78, vxlan_port=8472)})
ANOTHER_SOURCE = setup(
    interfaces={"eni-other": {"addresses": ["10.0.0.9"]}},
    sessions={"tms-b": mirror_session(2, vni=78, sources=["eni-other"])},
)

OWN_OUTPUTS = [
    one("own output is not mirrored", OWN, OWN_OUTPUT),
    one("own output over IPv6", OWN6, OWN_OUTPUT, over_ipv6()),
    one("own output behind a VLAN tag", OWN[:12] + bytes.fromhex("81000005") + OWN[12:], OWN_OUTPUT),
    one("own output cut behind its VXLAN header", OWN[: 14 + 20 + 16], OWN_OUTPUT),
    one("own output with other flag bits set too", _own4(vxlan(flags=0xFF)), OWN_OUTPUT),
    one(
        "own output from another address of this source",
        _own4(vxlan(), source="10.0.0.200"),
        OWN_OUTPUT,
        setup(source={"addresses": [WEB, "10.0.0.200"]}),
    ),
    one("own output of a disabled session", OWN, OWN_OUTPUT, setup(session={"enabled": False})),
    one(
        "own output of a second session, on its own port",
        _own4(vxlan(78), dport=8472),
        OWN_OUTPUT,
        SECOND_SESSION,
    ),
    one(
        "own output to a backend of a load balancer",
        _own4(vxlan(), destination="10.9.0.4"),
        OWN_OUTPUT,
        BALANCED,
    ),
    one("own output in a first fragment", _own4(vxlan(), flags="MF"), OWN_OUTPUT),
    one("own output that the capture flags as ingress", OWN, OWN_OUTPUT, flag="ingress"),
    one(
        "own output before DHCP",
        from_web(ip4(udp(68, 67, vxlan()), proto=17, source=WEB, destination=SENSOR)),
        OWN_OUTPUT,
        setup(session={"vxlan_port": 67}),
    ),
    one(
        "own output without the I flag is traffic", _own4(vxlan(flags=0xF7)), whole(_own4(vxlan(flags=0xF7)))
    ),
    one("own output with another VNI is traffic", _own4(vxlan(78)), whole(_own4(vxlan(78)))),
    one("own output with another VNI in its upper byte is traffic", _own4(vxlan(0x01004D)), whole(OWN)),
    one("own output with another VNI in its middle byte is traffic", _own4(vxlan(0x014D)), whole(OWN)),
    one(
        "own output with another session's port is traffic",
        _own4(vxlan(78)),
        whole(_own4(vxlan(78))),
        SECOND_SESSION,
    ),
    one(
        "own output of another source's session is traffic",
        _own4(vxlan(78)),
        whole(_own4(vxlan(78))),
        ANOTHER_SOURCE,
    ),
    one(
        "VXLAN to another address is traffic",
        _own4(vxlan(), destination=PEER),
        whole(_own4(vxlan(), destination=PEER)),
    ),
    one(
        "VXLAN to the load balancer's own address is traffic",
        _own4(vxlan(), destination="10.9.0.100"),
        whole(_own4(vxlan(), destination="10.9.0.100")),
        BALANCED,
    ),
    one(
        "VXLAN from another address is traffic",
        _own4(vxlan(), source=PEER),
        whole(_own4(vxlan(), source=PEER)),
    ),
    one("VXLAN on another port is traffic", _own4(vxlan(), dport=4790), whole(_own4(vxlan(), dport=4790))),
    one("own output cut within its VXLAN header is traffic", OWN[: 14 + 20 + 15], whole(OWN[: 14 + 20 + 15])),
    one(
        "own output whose IP length ends within its VXLAN header is traffic",
        _own4(vxlan(), len=35),
        mirrored(14 + 35),
    ),
    one("own output in a later fragment is traffic", _own4(vxlan(), frag=8), whole(_own4(vxlan(), frag=8))),
    one(
        "TCP that looks like own output is traffic",
        from_web(ip4(udp(50000, 4789, vxlan()), source=WEB, destination=SENSOR)),
        whole(OWN),
    ),
    one(
        "a reply to own output is traffic",
        ethernet(ip4(udp(4789, 50000, vxlan()), proto=17, source=SENSOR)),
        whole(OWN),
    ),
]

OFF: Config = {"enabled": False}
STRANGER_FRAME = ethernet(
    ip4(tcp(), ihl=4, source=PEER, destination="192.0.2.1"),
    source="02:00:00:00:00:55",
    destination="02:00:00:00:00:56",
)
PRECEDENCE: list[tuple[str, bytes, Expected, Config | None]] = [
    ("not_for_source before malformed", STRANGER_FRAME, NOT_FOR_SOURCE, None),
    ("own output before disabled", OWN, OWN_OUTPUT, setup(session=OFF)),
    ("malformed before disabled", ethernet(b"", IPV4), MALFORMED, setup(session=OFF)),
    ("arp before disabled", ARP_FRAME, ARP_SEEN, setup(session=OFF)),
    ("not_ip before disabled", LLDP_FRAME, NOT_IP, setup(session=OFF)),
    ("dhcp before disabled", DISCOVER, DHCP, setup(session=OFF)),
    ("dhcp before a drop rule", DISCOVER, DHCP, setup(ingress=[rule(1, "drop")])),
    (
        "malformed before a drop rule",
        ethernet(ip4(tcp(), ihl=4)),
        MALFORMED,
        setup(ingress=[rule(1, "drop")]),
    ),
    ("malformed before no_rule", ethernet(ip4(tcp(), ihl=4)), MALFORMED, setup(ingress=[])),
    ("a lying header has no UDP, so is no own output", _own4(vxlan(), len=19), MALFORMED, None),
]

CASES = [*KINDS, *ALSO_MIRRORED, *OWN_OUTPUTS, *(one(*row) for row in PRECEDENCE)]
