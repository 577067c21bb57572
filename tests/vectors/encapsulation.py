"""What is put around the inner frame, and which way a flow goes (DESIGN 3.4, 3.5).

Owns the vectors of outer frames, source ports and load balancers. The ports and backends in it were
worked out apart from this project, by a C program over the words of the specification.
"""

from struct import pack

from tests.oracle import Packet, internet_checksum
from tests.vectors.case import Case, Config
from tests.vectors.world import (
    IPV6,
    PEER,
    PEER6,
    SENSOR6,
    SENSOR_MAC,
    VLAN,
    WEB,
    WEB6,
    WEB_MAC,
    ethernet,
    filler,
    from_web,
    http4,
    http6,
    ip4,
    ip6,
    mirror_session,
    mirrored,
    one,
    outer4,
    outer6,
    over_ipv6,
    setup,
    several,
    tcp,
    udp,
    whole,
)

NOWHERE = "00:00:00:00:00:00"
REPLY = from_web(ip4(tcp(80, 40000), source=WEB, destination=PEER))
REPLY6 = from_web(ip6(tcp(80, 40000), source=WEB6, destination=PEER6), IPV6)
HTTP_PORT, HTTP6_PORT = 51800, 59691

OUTER_FRAMES = [
    one("IPv4 in IPv4", http4(), whole(http4(), outer=outer4(http4(), HTTP_PORT))),
    one("IPv6 in IPv4", http6(), whole(http6(), outer=outer4(http6(), HTTP6_PORT))),
    one("IPv4 in IPv6", http4(), whole(http4(), outer=outer6(http4(), HTTP_PORT)), over_ipv6()),
    one("IPv6 in IPv6", http6(), whole(http6(), outer=outer6(http6(), HTTP6_PORT)), over_ipv6()),
    one(
        "an odd number of bytes over IPv6",
        http4(41),
        whole(http4(41), outer=outer6(http4(41), HTTP_PORT)),
        over_ipv6(),
    ),
    one(
        "a truncated packet in IPv4",
        http4(500),
        mirrored(78, truncated=True, outer=outer4(http4(500)[:78], HTTP_PORT)),
        setup(session={"packet_length": 64}),
    ),
    one(
        "a truncated packet in IPv6, an odd number of bytes",
        http4(500),
        mirrored(79, truncated=True, outer=outer6(http4(500)[:79], HTTP_PORT)),
        over_ipv6(session={"packet_length": 65}),
    ),
    one(
        "a tagged packet in IPv4",
        http4(tags=(VLAN,)),
        whole(http4(tags=(VLAN,)), outer=outer4(http4(tags=(VLAN,)), HTTP_PORT)),
    ),
    one("a padded packet in IPv4", http4(padding=6), mirrored(54, outer=outer4(http4(), HTTP_PORT))),
    one(
        "VNI 0",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT, vni=0)),
        setup(session={"virtual_network_id": 0}),
    ),
    one(
        "VNI 16777215",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT, vni=0xFFFFFF)),
        setup(session={"virtual_network_id": 0xFFFFFF}),
    ),
    one(
        "VNI 65536 in its upper byte",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT, vni=0x10000)),
        setup(session={"virtual_network_id": 0x10000}),
    ),
    one(
        "another VXLAN port",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT, dport=8472)),
        setup(session={"vxlan_port": 8472}),
    ),
    one(
        "another VXLAN port over IPv6",
        http4(),
        whole(http4(), outer=outer6(http4(), HTTP_PORT, dport=8472)),
        over_ipv6(session={"vxlan_port": 8472}),
    ),
    one(
        "a target without a known MAC",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT, macs=(WEB_MAC, NOWHERE))),
        setup(target={"mac": None}),
    ),
    one(
        "a source without a known MAC",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT, macs=(NOWHERE, SENSOR_MAC))),
        setup(source={"mac": None}),
    ),
    one(
        "the first address of the target's family is the outer source: IPv4",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT)),
        setup(source={"addresses": [WEB6, WEB, "10.0.0.200"]}),
    ),
    one(
        "the first address of the target's family is the outer source: IPv6",
        http4(),
        whole(http4(), outer=outer6(http4(), HTTP_PORT)),
        over_ipv6(source={"addresses": [WEB, WEB6, "2001:db8::200"]}),
    ),
    one(
        "the target's first address is the outer destination",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT)),
        setup(target={"addresses": ["10.9.0.2", SENSOR6, "10.9.0.200"]}),
    ),
    one(
        "the target's first address tells the family",
        http4(),
        whole(http4(), outer=outer6(http4(), HTTP_PORT)),
        over_ipv6(target={"addresses": [SENSOR6, "10.9.0.2"]}),
    ),
    one(
        "an unfinished checksum in a file is mirrored as captured",
        http4(),
        whole(http4(), outer=outer4(http4(), HTTP_PORT)),
    ),
    one("the ENI's own packets go out alike", REPLY, whole(REPLY, outer=outer4(REPLY, HTTP_PORT))),
]


def _zero_checksum() -> bytes:
    """Return a frame whose outer UDP checksum over IPv6 comes out as 0, made so by its last two bytes."""
    frame = ethernet(ip4(tcp(size=22)))[:-2] + bytes(2)
    datagram = outer6(frame, HTTP_PORT)[54:]
    ends = outer6(frame, HTTP_PORT)[22:54]
    blank = datagram[:6] + bytes(2) + datagram[8:]
    return frame[:-2] + pack(">H", internet_checksum(ends + pack(">II", len(datagram), 17) + blank))


ZERO = _zero_checksum()
ZERO_OUTER = outer6(ZERO, HTTP_PORT)
CHECKSUM_ZERO = [
    one(
        "an outer UDP checksum of 0 over IPv6 is sent as 0xffff",
        ZERO,
        whole(ZERO, outer=ZERO_OUTER[:60] + b"\xff\xff" + ZERO_OUTER[62:]),
        over_ipv6(),
    ),
]

FIRST, LATER = (
    ethernet(ip4(tcp(size=40), flags=flags, frag=offset)) for flags, offset in (("MF", 0), (0, 5))
)
PING, PONG = ethernet(ip4(bytes(8), proto=1)), from_web(ip4(bytes(8), proto=1, source=WEB, destination=PEER))
CUT = http4()[: 34 + 3]

SOURCE_PORTS = [
    one(name, frame, whole(frame, port=port))
    for name, frame, port in (
        ("the flow of TCP over IPv4", http4(), HTTP_PORT),
        ("the flow of TCP over IPv6", http6(), HTTP6_PORT),
        ("the flow of UDP over IPv4", ethernet(ip4(udp(), proto=17)), 63040),
        ("the flow of UDP over IPv6", ethernet(ip6(udp(), nh=17), IPV6), 59878),
        ("the flow of SCTP has its ports", ethernet(ip4(tcp(), proto=132)), 64176),
        ("the flow of UDP-Lite has its ports", ethernet(ip4(tcp(), proto=136)), 64558),
        ("the flow of DCCP has its ports", ethernet(ip4(tcp(), proto=33)), 58724),
        ("the flow of ICMP has no ports", PING, 62342),
        ("the flow of ICMPv6 has no ports", ethernet(ip6(bytes(8), nh=58), IPV6), 59318),
        ("the flow of GRE has no ports", ethernet(ip4(tcp(), proto=47)), 64175),
        ("the flow of a first fragment has no ports", FIRST, 50923),
        ("the flow of a later fragment has no ports", LATER, 50923),
        ("the flow of a cut header has no ports", CUT, 50923),
        ("the flow of a UDP fragment has no ports", ethernet(ip4(udp(), proto=17, flags="MF")), 50541),
        ("the flow behind options has its ports", ethernet(ip4(tcp(), options=b"\x01" * 4)), HTTP_PORT),
        ("the flow behind a VLAN tag has its ports", http4(tags=(VLAN,)), HTTP_PORT),
        ("the flow of no next header", ethernet(ip6(b"", nh=59), IPV6), 62852),
    )
]

ALIKE = [
    several(
        "both directions of TCP have one port",
        setup(),
        (http4(), whole(http4())),
        (REPLY, whole(REPLY)),
        alike=((0, 1),),
    ),
    several(
        "both directions of TCP over IPv6 have one port",
        setup(),
        (http6(), whole(http6())),
        (REPLY6, whole(REPLY6)),
        alike=((0, 1),),
    ),
    several(
        "both directions of ICMP have one port",
        setup(),
        (PING, whole(PING)),
        (PONG, whole(PONG)),
        alike=((0, 1),),
    ),
    several(
        "all fragments have one port", setup(), (FIRST, whole(FIRST)), (LATER, whole(LATER)), alike=((0, 1),)
    ),
    several(
        "a flow has one port whatever its packets' lengths",
        setup(),
        (http4(), whole(http4())),
        (http4(900), whole(http4(900))),
        alike=((0, 1),),
    ),
]

FLOWS = 400
BACKENDS = {
    f"eni-s{number}": {"addresses": [f"10.9.0.{10 + number}"], "mac": f"02:00:00:00:09:0{number}"}
    for number in range(1, 5)
}


def _balanced(backends: int) -> Config:
    names = list(BACKENDS)[:backends]
    return setup(
        interfaces={name: BACKENDS[name] for name in names},
        load_balancers={"lb-a": {"backends": names, "address": "10.9.0.100"}},
        sessions={"tms-a": mirror_session(1, vni=77, target="lb-a")},
        source={"also_mirror": ["non-ip"]},
    )


def _flow(sport: int, backend: str, port: int) -> Case:
    frame = ethernet(ip4(tcp(sport)))
    return one(
        f"a load balancer of three: port {sport} goes to {backend}",
        frame,
        whole(frame, backend=backend, port=port),
        _balanced(3),
    )


def _spread() -> Case:
    """Each flow once in each direction, over four backends: each gets about a quarter."""
    there = [ethernet(ip4(tcp(1024 + flow, 443))) for flow in range(FLOWS)]
    back = [from_web(ip4(tcp(443, 1024 + flow), source=WEB, destination=PEER)) for flow in range(FLOWS)]
    pairs = tuple((flow, FLOWS + flow) for flow in range(FLOWS))
    share = dict.fromkeys(BACKENDS, (FLOWS * 2 // 4 * 7 // 10, FLOWS * 2 // 4 * 13 // 10))
    shots = tuple((Packet("eni-web", frame, len(frame)), whole(frame)) for frame in there + back)
    return Case(
        "a load balancer spreads flows and keeps conversations together",
        _balanced(4),
        shots,
        alike=pairs,
        share=share,
    )


NOT_IP_FRAME = ethernet(filler(46), 0x88CC)
BALANCED = [
    _flow(40000, "eni-s3", HTTP_PORT),
    _flow(40001, "eni-s2", 61315),
    _flow(40002, "eni-s1", 57877),
    _flow(40003, "eni-s3", 61584),
    _flow(40004, "eni-s1", 62878),
    _flow(40005, "eni-s1", 55251),
    _flow(40006, "eni-s3", 65316),
    one("a load balancer of one", http4(), whole(http4(), backend="eni-s1"), _balanced(1)),
    one(
        "what is not IP goes by flow 0",
        NOT_IP_FRAME,
        whole(NOT_IP_FRAME, backend="eni-s1", port=49152),
        _balanced(3),
    ),
    several(
        "the ports of ten flows differ",
        setup(),
        *((ethernet(ip4(tcp(sport))), mirrored(54)) for sport in range(40000, 40010)),
        unlike=(tuple(range(10)),),
    ),
    _spread(),
]

CASES = [*OUTER_FRAMES, *CHECKSUM_ZERO, *SOURCE_PORTS, *ALIKE, *BALANCED]
