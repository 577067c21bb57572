"""Which rule decides, and what it matches (DESIGN 3.2).

Owns the vectors of sessions, rules, protocols, CIDRs and ports.
"""

from scapy.layers.inet import ICMP

from tests.oracle import Packet
from tests.vectors.case import Case, Config, Expected
from tests.vectors.world import (
    DISABLED,
    DROPPED,
    IPV4,
    IPV6,
    NO_RULE,
    PEER,
    WEB,
    WEB6,
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
    udp,
    vxlan,
    whole,
)

HTTP, HTTP6 = http4(), http6()
TLS, DNS = ethernet(ip4(tcp(dport=443))), ethernet(ip4(udp(dport=53), proto=17))
PING = ethernet(ip4(bytes(ICMP()), proto=1))
PING6 = ethernet(ip6(b"\x80" + bytes(7), nh=58), IPV6)
SCTP = ethernet(ip4(tcp(), proto=132))
GRE = ethernet(ip4(b"\0\0\x08\0" + ip4(tcp()), proto=47))


def _sessions(**of: tuple[int, Config]) -> Config:
    """Return a configuration of sessions `tms-<name>`, each of (priority, keys with its ingress `rules`)."""
    filters, sessions = {}, {}
    for vni, (name, (priority, said)) in enumerate(of.items(), start=70):
        filters[f"tmf-{name}"] = {"ingress": said["rules"], "egress": said.get("egress", [])}
        more = {key: value for key, value in said.items() if key not in {"rules", "egress"}}
        sessions[f"tms-{name}"] = mirror_session(priority, f"tmf-{name}", vni=vni, **more)
    return setup(filters=filters, sessions={"tms-a": None} | sessions)


def _rules(*rules: Config, **more: object) -> Config:
    return {"rules": list(rules), **more}


OFF: Config = {"enabled": False}
WEB_ONLY = rule(5, protocol="TCP", dports="80/80")

ORDER = [
    one(
        "the session with the smallest priority decides, wherever it stands",
        HTTP,
        whole(HTTP, "tms-b"),
        _sessions(a=(20, _rules(rule())), b=(10, _rules(rule()))),
    ),
    one(
        "the rule with the smallest priority decides, wherever it stands",
        HTTP,
        DROPPED,
        setup(ingress=[rule(7), rule(3, "drop"), rule(5)]),
    ),
    one(
        "session priority comes before rule priority",
        HTTP,
        whole(HTTP, "tms-a"),
        _sessions(a=(1, _rules(rule(16777216))), b=(2, _rules(rule(1, "drop")))),
    ),
    one(
        "where the first session's rules do not match, the next session's are tried",
        DNS,
        whole(DNS, "tms-b"),
        _sessions(a=(1, _rules(WEB_ONLY)), b=(2, _rules(rule()))),
    ),
    one(
        "a drop in the first session ends the search",
        HTTP,
        DROPPED,
        _sessions(a=(1, _rules(rule(5, "drop", "TCP"))), b=(2, _rules(rule()))),
    ),
    one(
        "a drop in a later session comes too late",
        HTTP,
        whole(HTTP, "tms-a"),
        _sessions(a=(1, _rules(rule())), b=(2, _rules(rule(1, "drop")))),
    ),
    one(
        "a drop before an accept drops",
        HTTP,
        DROPPED,
        setup(ingress=[rule(1, "drop", "TCP", dports="80/80"), rule(2)]),
    ),
    one(
        "a drop before an accept lets pass what it does not match",
        TLS,
        whole(TLS),
        setup(ingress=[rule(1, "drop", "TCP", dports="80/80"), rule(2)]),
    ),
    one(
        "a drop after an accept does nothing",
        HTTP,
        whole(HTTP),
        setup(ingress=[rule(1, protocol="TCP"), rule(2, "drop")]),
    ),
    one(
        "two sessions that both accept mirror once",
        HTTP,
        whole(HTTP, "tms-a"),
        _sessions(a=(1, _rules(rule())), b=(2, _rules(rule()))),
    ),
    one("nothing matches: not mirrored", DNS, NO_RULE, setup(ingress=[WEB_ONLY])),
    one("a direction without rules matches nothing", HTTP, NO_RULE, setup(ingress=[])),
    one(
        "a direction without rules passes to the next session",
        HTTP,
        whole(HTTP, "tms-b"),
        _sessions(a=(1, _rules(egress=[rule(1, "drop")])), b=(2, _rules(rule()))),
    ),
    one("rules of the other direction are not asked", from_web(ip4(tcp())), NO_RULE, setup(egress=[])),
    one("a filter without any key matches nothing", HTTP, NO_RULE, setup(filters={"tmf-a": {}})),
]

SWITCHED_OFF = [
    one(
        "a disabled session takes no part",
        HTTP,
        whole(HTTP, "tms-b"),
        _sessions(a=(1, _rules(rule(), **OFF)), b=(2, _rules(rule()))),
    ),
    one(
        "a disabled session's drop does not drop",
        HTTP,
        whole(HTTP, "tms-b"),
        _sessions(a=(1, _rules(rule(1, "drop"), **OFF)), b=(2, _rules(rule()))),
    ),
    one("only disabled sessions: disabled", HTTP, DISABLED, setup(session=OFF)),
    one(
        "several sessions, all disabled: disabled",
        HTTP,
        DISABLED,
        _sessions(a=(1, _rules(rule(), **OFF)), b=(2, _rules(rule(), **OFF))),
    ),
    one("disabled comes before the rules", HTTP, DISABLED, setup(ingress=[rule(1, "drop")], session=OFF)),
    one(
        "one enabled session that does not match: no_rule, not disabled",
        DNS,
        NO_RULE,
        _sessions(a=(1, _rules(rule(), **OFF)), b=(2, _rules(WEB_ONLY))),
    ),
    one("`enabled: true` may be said", HTTP, whole(HTTP), setup(session={"enabled": True})),
    Case(
        "no session at all: no_rule",
        setup(interfaces={"eni-idle": {"addresses": ["10.0.0.8"]}}),
        ((Packet("eni-idle", HTTP, len(HTTP), "ingress"), NO_RULE),),
    ),
]


def _matching(name: str, said: Config, *frames: tuple[bytes, bool]) -> list[Case]:
    """Return a case a frame: whether the one ingress rule *said* matches it."""
    return [
        one(f"{name}: packet {index}", frame, whole(frame) if matches else NO_RULE, setup(ingress=[said]))
        for index, (frame, matches) in enumerate(frames)
    ]


def _tcp(sport: int, dport: int) -> bytes:
    return ethernet(ip4(tcp(sport, dport)))


def _to(destination: str, source: str = PEER) -> bytes:
    if ":" in destination:
        return ethernet(ip6(tcp(), source="2001:db8:7::7", destination=destination), IPV6)
    return ethernet(ip4(tcp(), source=source, destination=destination))


OTHER_PROTOCOLS = [ethernet(ip4(tcp(), proto=number)) for number in (0, 2, 41, 50, 51, 60, 255)]

PROTOCOLS = [
    *_matching(
        "ALL over IPv4 matches any IPv4 protocol and no IPv6",
        rule(),
        *((frame, True) for frame in (HTTP, DNS, PING, SCTP, GRE, *OTHER_PROTOCOLS)),
        (HTTP6, False),
        (PING6, False),
    ),
    *_matching(
        "ALL over IPv6 matches IPv6 and no IPv4", rule6(), (HTTP6, True), (PING6, True), (HTTP, False)
    ),
    *_matching(
        "TCP", rule(protocol="TCP"), (HTTP, True), (DNS, False), (PING, False), (SCTP, False), (HTTP6, False)
    ),
    *_matching(
        "UDP", rule(protocol="UDP"), (HTTP, False), (DNS, True), (ethernet(ip4(udp(), proto=136)), False)
    ),
    *_matching(
        "ICMP over IPv4",
        rule(protocol="ICMP"),
        (PING, True),
        (HTTP, False),
        (PING6, False),
        (ethernet(ip4(bytes(8), proto=58)), False),
    ),
    *_matching(
        "ICMP over IPv6 is ICMPv6", rule6(protocol="ICMP"), (PING6, True), (HTTP6, False), (PING, False)
    ),
    *_matching(
        "ICMP over IPv6 is ICMP's number too",
        rule6(protocol="ICMP"),
        (ethernet(ip6(bytes(8), nh=1), IPV6), True),
        (ethernet(ip6(bytes(8), nh=2), IPV6), False),
    ),
    *_matching("TCP over IPv6", rule6(protocol="TCP"), (HTTP6, True), (PING6, False), (HTTP, False)),
    *_matching(
        "UDP over IPv6", rule6(protocol="UDP"), (ethernet(ip6(udp(), nh=17), IPV6), True), (HTTP6, False)
    ),
    *_matching(
        "tunnels are not looked into: a TCP rule",
        rule(protocol="TCP"),
        (GRE, False),
        (ethernet(ip4(ip4(tcp()), proto=4)), False),
        (ethernet(ip4(udp(dport=4789, payload=vxlan(vni=5)), proto=17)), False),
    ),
    *_matching(
        "tunnels are matched by their own header",
        rule(protocol="UDP", dports="4789/4789"),
        (ethernet(ip4(udp(dport=4789, payload=vxlan(vni=5)), proto=17)), True),
    ),
    *_matching("IPv6 within IPv4 is an IPv4 packet", rule6(), (ethernet(ip4(ip6(tcp()), proto=41)), False)),
]

PORTS = [
    *_matching(
        "a destination port range has both its ends",
        rule(protocol="TCP", dports="80/90"),
        (_tcp(1, 79), False),
        (_tcp(1, 80), True),
        (_tcp(1, 85), True),
        (_tcp(1, 90), True),
        (_tcp(1, 91), False),
    ),
    *_matching(
        "a source port range has both its ends",
        rule(protocol="TCP", sports="1024/65535"),
        (_tcp(1023, 80), False),
        (_tcp(1024, 80), True),
        (_tcp(65535, 80), True),
        (_tcp(80, 1024), False),
    ),
    *_matching(
        "both ranges must hold",
        rule(protocol="TCP", sports="7/7", dports="8/8"),
        (_tcp(7, 8), True),
        (_tcp(7, 9), False),
        (_tcp(6, 8), False),
        (_tcp(8, 7), False),
    ),
    *_matching(
        "port 0 is a port", rule(protocol="TCP", dports="0/0"), (_tcp(1, 0), True), (_tcp(1, 1), False)
    ),
    *_matching("0/65535 is every port", rule(protocol="UDP", dports="0/65535"), (DNS, True), (HTTP, False)),
    *_matching(
        "-1/-1 is any port", rule(protocol="TCP", sports="-1/-1", dports="80/80"), (HTTP, True), (TLS, False)
    ),
    *_matching("-1/-1 on ALL may be said", rule(sports="-1/-1", dports="-1/-1"), (HTTP, True), (PING, True)),
    *_matching(
        "ports over IPv6",
        rule6(protocol="TCP", dports="80/80"),
        (HTTP6, True),
        (ethernet(ip6(tcp(dport=81)), IPV6), False),
    ),
    *_matching("a UDP rule's ports", rule(protocol="UDP", dports="53/53"), (DNS, True), (_tcp(1, 53), False)),
]

CIDRS = [
    *_matching(
        "a destination CIDR has both its ends",
        rule(destination="10.1.2.0/23"),
        (_to("10.1.1.255"), False),
        (_to("10.1.2.0"), True),
        (_to("10.1.3.255"), True),
        (_to("10.1.4.0"), False),
    ),
    *_matching(
        "a source CIDR has both its ends",
        rule(source="198.51.100.0/30"),
        (_to(WEB, "198.51.99.255"), False),
        (_to(WEB, "198.51.100.0"), True),
        (_to(WEB, "198.51.100.3"), True),
        (_to(WEB, "198.51.100.4"), False),
    ),
    *_matching(
        "/32 is one address",
        rule(destination="10.0.0.1/32"),
        (_to("10.0.0.0"), False),
        (_to("10.0.0.1"), True),
        (_to("10.0.0.2"), False),
    ),
    *_matching(
        "/1 is half of all",
        rule(source="128.0.0.0/1"),
        (_to(WEB, "127.255.255.255"), False),
        (_to(WEB, "128.0.0.0"), True),
        (_to(WEB, "255.255.255.255"), True),
    ),
    *_matching(
        "both CIDRs must hold",
        rule(source=f"{PEER}/32", destination=f"{WEB}/32"),
        (_to(WEB), True),
        (_to("10.0.0.2"), False),
        (_to(WEB, "198.51.100.8"), False),
        (_to(PEER, WEB), False),
    ),
    *_matching(
        "an IPv6 CIDR has both its ends",
        rule6(destination="2001:db8:0:4::/62"),
        (_to("2001:db8:0:3:ffff:ffff:ffff:ffff"), False),
        (_to("2001:db8:0:4::"), True),
        (_to("2001:db8:0:7:ffff:ffff:ffff:ffff"), True),
        (_to("2001:db8:0:8::"), False),
    ),
    *_matching(
        "an IPv6 CIDR longer than 64",
        rule6(destination="2001:db8::8000:0:0:0/65"),
        (_to("2001:db8::7fff:ffff:ffff:ffff"), False),
        (_to("2001:db8::8000:0:0:0"), True),
        (_to("2001:db8:0:1::"), False),
    ),
    *_matching(
        "/128 is one address",
        rule6(destination=f"{WEB6}/128"),
        (_to(WEB6), True),
        (_to("2001:db8::2"), False),
    ),
    *_matching(
        "0.0.0.0/0 is not ::/0", rule(destination="0.0.0.0/0"), (_to("::"), False), (_to("0.0.0.1"), True)
    ),
]

STATELESS: list[tuple[str, bytes, Expected, Config]] = [
    (
        "a reply is matched by its own addresses",
        ethernet(ip4(tcp(80, 40000)), IPV4),
        NO_RULE,
        setup(ingress=[WEB_ONLY]),
    ),
]

CASES = [*ORDER, *SWITCHED_OFF, *PROTOCOLS, *PORTS, *CIDRS, *(one(*row) for row in STATELESS)]
