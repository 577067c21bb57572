"""How much of a packet is sent (DESIGN 3.3).

Owns the vectors of PacketLength, the target's limit, VLAN tags in layer 2, padding, and cut captures.
"""

from tests.oracle import Packet
from tests.vectors.case import Case, Config
from tests.vectors.world import (
    IPV4,
    IPV6,
    MALFORMED,
    SENSOR6,
    SERVICE_VLAN,
    VLAN,
    ethernet,
    filler,
    http4,
    http6,
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
    whole,
)


def _with(packet_length: int | None = None, mtu: int | None = None) -> Config:
    session = {"packet_length": packet_length} if packet_length is not None else {}
    return setup(session=session, target={"mtu": mtu} if mtu is not None else {})


def _with6(packet_length: int, mtu: int) -> Config:
    return over_ipv6(session={"packet_length": packet_length}, target={"mtu": mtu})


CHECK_VALUES = [
    one("limit 1500: a packet of 500 bytes leaves as 550", http4(500), mirrored(514)),
    one(
        "limit 1500: a packet of 1500 bytes leaves as 1500, 1450 of it kept",
        http4(1500),
        mirrored(1464, truncated=True),
    ),
    one("limit 8500: a packet of 1500 bytes leaves as 1550", http4(1500), mirrored(1514), _with(mtu=8500)),
    one(
        "PacketLength 64: a packet of 1500 bytes leaves as 114",
        http4(1500),
        mirrored(78, truncated=True),
        _with(64),
    ),
]

PACKET_LENGTH = [
    one("a packet as long as PacketLength is whole", http4(64), mirrored(78), _with(64)),
    one("a packet one byte longer is truncated", http4(65), mirrored(78, truncated=True), _with(64)),
    one("a packet shorter than PacketLength is whole", http4(63), mirrored(77), _with(64)),
    one(
        "PacketLength counts from the IP header, layer 2 comes on top: one tag",
        http4(500, tags=(VLAN,)),
        mirrored(18 + 128, truncated=True),
        _with(128),
    ),
    one(
        "PacketLength counts from the IP header, layer 2 comes on top: two tags",
        http4(500, tags=(SERVICE_VLAN, VLAN)),
        mirrored(22 + 128, truncated=True),
        _with(128),
    ),
    one("PacketLength over IPv6", http6(500), mirrored(14 + 128, truncated=True), _with(128)),
    one(
        "PacketLength is 1500 if the file does not say",
        http4(2000),
        mirrored(14 + 1500, truncated=True),
        _with(mtu=8500),
    ),
    one(
        "PacketLength 8500 under a limit of 9000",
        http4(9000),
        mirrored(14 + 8500, truncated=True),
        _with(8500, 9000),
    ),
    one(
        "PacketLength 8500 under a limit of 8500: 8450 kept",
        http4(9000),
        mirrored(14 + 8450, truncated=True),
        _with(8500, 8500),
    ),
    one(
        "PacketLength 1450 with limit 1500 is not cut further",
        http4(1500),
        mirrored(1464, truncated=True),
        _with(1450),
    ),
    one("PacketLength 1451 with limit 1500 is", http4(1500), mirrored(1464, truncated=True), _with(1451)),
    one(
        "PacketLength may fall within IPv4 options",
        ethernet(ip4(tcp(size=100), options=b"\x01" * 40)),
        mirrored(14 + 64, truncated=True),
        _with(64),
    ),
]

LIMIT = [
    one("limit 1500: 1450 bytes just fit", http4(1450), mirrored(1464)),
    one("limit 1500: 1451 bytes do not", http4(1451), mirrored(1464, truncated=True)),
    one("limit 1500, one tag: 1446 bytes just fit", http4(1446, tags=(VLAN,)), mirrored(18 + 1446)),
    one(
        "limit 1500, one tag: 1447 bytes do not",
        http4(1447, tags=(VLAN,)),
        mirrored(18 + 1446, truncated=True),
    ),
    one(
        "limit 1500, two tags: 1442 bytes just fit",
        http4(1442, tags=(SERVICE_VLAN, VLAN)),
        mirrored(22 + 1442),
    ),
    one(
        "limit 1500, two tags: 1443 bytes do not",
        http4(1443, tags=(SERVICE_VLAN, VLAN)),
        mirrored(22 + 1442, truncated=True),
    ),
    one("limit 1500 over IPv6: 1430 bytes just fit", http4(1430), mirrored(14 + 1430), over_ipv6()),
    one(
        "limit 1500 over IPv6: 1431 bytes do not",
        http4(1431),
        mirrored(14 + 1430, truncated=True),
        over_ipv6(),
    ),
    one(
        "limit 1500 over IPv6, two tags: 1422 kept",
        http6(1500, tags=(VLAN, VLAN)),
        mirrored(22 + 1422, truncated=True),
        over_ipv6(),
    ),
    one(
        "limit 8500 over IPv6 with PacketLength 8500: 8430 kept",
        http4(9000),
        mirrored(14 + 8430, truncated=True),
        _with6(8500, 8500),
    ),
    one(
        "limit 256, the smallest over IPv4: 206 kept",
        http4(300),
        mirrored(14 + 206, truncated=True),
        _with(mtu=256),
    ),
    one(
        "limit 1280, the smallest over IPv6: 1210 kept",
        http4(1300),
        mirrored(14 + 1210, truncated=True),
        over_ipv6(target={"mtu": 1280}),
    ),
    one(
        "PacketLength below the limit decides",
        http4(300),
        mirrored(14 + 100, truncated=True),
        _with(100, 256),
    ),
    Case(
        "the limit is the chosen backend's",
        setup(
            interfaces={"eni-wide": {"addresses": ["10.9.0.3"], "mtu": 1550}},
            load_balancers={"lb-a": {"backends": ["eni-wide"], "address": "10.9.0.100"}},
            session={"target": "lb-a"},
        ),
        ((Packet("eni-web", http4(1500), 1514), mirrored(1514, backend="eni-wide")),),
    ),
]

SUPER = http4(60000)
LEFT_OUT = [
    one("Ethernet padding is not mirrored", http4(40, padding=6), mirrored(54)),
    one("Ethernet padding behind IPv6 is not mirrored", http6(60) + bytes(4), mirrored(74)),
    one("padding is no truncation", http4(64, padding=100), mirrored(78), _with(64)),
    one("padding behind a tag is not mirrored", http4(40, tags=(VLAN,), padding=10), mirrored(58)),
    one("a frame check sequence is not mirrored", http4(100) + b"\xde\xad\xbe\xef", mirrored(114)),
    one("IPv4 of 20 bytes and padding", ethernet(ip4(b"", proto=59) + bytes(26)), mirrored(34)),
    one("IPv6 of 40 bytes and padding", ethernet(ip6(b"", nh=59) + bytes(6), IPV6), mirrored(54)),
    one("IPv6 payload length 0, and padding", ethernet(ip6(b"", nh=6) + bytes(6), IPV6), mirrored(54)),
    one("IPv6 payload length 0, and a header", ethernet(ip6(tcp(), plen=0), IPV6), MALFORMED),
    one(
        "no next header: what follows a payload length of 0 is ignored",
        ethernet(ip6(tcp(), nh=59, plen=0), IPV6),
        mirrored(54),
    ),
    one(
        "an IPv6 super-packet without a length, past what a jumbogram explains",
        ethernet(ip6(bytes(70000), nh=6, plen=0), IPV6),
        MALFORMED,
    ),
    one("a capture cut by its snaplen: what is there", http4(1000)[:200], mirrored(200)),
    one("a cut capture is truncated only by us", http4(1000)[:200], mirrored(78, truncated=True), _with(64)),
    one(
        "a cut capture shorter than PacketLength is not truncated", http4(1000)[:60], mirrored(60), _with(64)
    ),
    one("a cut IPv6 capture: what is there", http6(1000)[:200], mirrored(200)),
    one("a capture cut behind the IPv4 header", http4(1000)[:34], mirrored(34)),
    one("a length field far past the frame", ethernet(ip4(tcp(), len=65535)), mirrored(54)),
    one("a super-packet is mirrored as captured", SUPER, mirrored(14 + 1450, truncated=True)),
    one(
        "an IPv6 super-packet with its length is mirrored as captured",
        http6(60000),
        mirrored(14 + 1450, truncated=True),
    ),
    one(
        "a length field that is less than what is there decides",
        ethernet(ip4(tcp(size=100), len=70)),
        mirrored(84),
    ),
    one(
        "inner headers are left as they were",
        ethernet(ip4(udp(payload=filler(900)), proto=17, ttl=1, chksum=7)),
        mirrored(14 + 64, truncated=True),
        _with(64),
    ),
]

TINY: list[Case] = [
    one(
        f"an IPv4 packet of {size} bytes is whole",
        ethernet(ip4(filler(size - 20), proto=255)),
        mirrored(14 + size),
    )
    for size in (20, 21, 23, 24, 27, 28)
]

MIXED = Case(
    "two sessions of one source, two lengths, two families",
    setup(
        interfaces={"eni-six": {"addresses": [SENSOR6]}},
        filters={"tmf-tcp": {"ingress": [rule(protocol="TCP")]}, "tmf-rest": {"ingress": [rule()]}},
        sessions={
            "tms-a": mirror_session(1, "tmf-tcp", vni=1, target="eni-six", packet_length=100),
            "tms-b": mirror_session(2, "tmf-rest", vni=2),
        },
    ),
    (
        (Packet("eni-web", http4(500), 514), mirrored(114, "tms-a", truncated=True)),
        (Packet("eni-web", ethernet(ip4(udp(), proto=17), IPV4), 42), mirrored(42, "tms-b")),
        (Packet("eni-web", http4(60), 74), mirrored(74, "tms-a")),
    ),
)

WIRE_LENGTH = Case(
    "the wire length of a cut record is not ours to count",
    _with(64),
    (
        (Packet("eni-web", http4(1000)[:70], 1014), mirrored(70)),
        (Packet("eni-web", http4(40), 54), whole(http4(40))),
    ),
)

CASES = [*CHECK_VALUES, *PACKET_LENGTH, *LIMIT, *LEFT_OUT, *TINY, MIXED, WIRE_LENGTH]
