"""IPv6 and what stands between its header and the ports (DESIGN 3.2; RFC 8200 section 4, RFC 2675).

Owns the vectors of extension chains, IPv6 fragments and jumbograms.
"""

from struct import pack

from tests.vectors.case import Config
from tests.vectors.world import (
    DROPPED,
    IPV6,
    MALFORMED,
    NO_RULE,
    VLAN,
    ethernet,
    http6,
    ip6,
    mirrored,
    one,
    rule6,
    setup,
    tcp,
    udp,
    whole,
)

HOP_BY_HOP, ROUTING, FRAGMENT, DESTINATION, ESP, AH, NO_NEXT, MOBILITY, TCP, UDP = (
    0,
    43,
    44,
    60,
    50,
    51,
    59,
    135,
    6,
    17,
)
HTTP_ONLY = setup(ingress=[rule6(protocol="TCP", dports="80/80")])
TCP_ONLY = setup(ingress=[rule6(protocol="TCP")])
ALL_BUT_TCP = setup(ingress=[rule6(1, "drop", "TCP"), rule6(2)])


def options(following: int, eights: int = 1, body: bytes = b"") -> bytes:
    """Return a hop-by-hop or destination header of *eights* times eight bytes, filled with Pad1."""
    return bytes([following, eights - 1]) + body + bytes(8 * eights - 2 - len(body))


def routing(following: int) -> bytes:
    """Return a routing header of 24 bytes: type 4, nothing left to visit."""
    return bytes([following, 2, 4, 0]) + bytes(20)


def fragment(following: int, offset: int = 0, *, more: bool = False) -> bytes:
    """Return a fragment header; *offset* counts eights."""
    return pack(">BBHI", following, 0xFF, offset << 3 | more, 99)


def chain(*kinds: int, last: int = TCP, payload: bytes | None = None) -> bytes:
    """Return a frame whose headers are *kinds* in order and then *last*."""
    body = b""
    for kind, following in zip(kinds, (*kinds, last)[1:], strict=True):
        body += {ROUTING: routing, FRAGMENT: fragment}.get(kind, options)(following)
    return ethernet(ip6(body + (tcp() if payload is None else payload), nh=(*kinds, last)[0]), IPV6)


EACH = [
    one(f"ports behind {name}", frame, whole(frame), HTTP_ONLY)
    for name, frame in (
        ("no extension header", http6()),
        ("hop-by-hop options", chain(HOP_BY_HOP)),
        ("a routing header", chain(ROUTING)),
        ("destination options", chain(DESTINATION)),
        ("an atomic fragment header", chain(FRAGMENT)),
        ("one of each", chain(HOP_BY_HOP, DESTINATION, ROUTING, FRAGMENT)),
        ("hop-by-hop options out of order", chain(DESTINATION, HOP_BY_HOP)),
        ("7 extension headers", chain(*[DESTINATION] * 7)),
        ("8 extension headers", chain(*[DESTINATION] * 8)),
        ("8 extension headers, the last a fragment header", chain(*[DESTINATION] * 7, FRAGMENT)),
    )
] + [
    one(
        "ports behind destination options of 2048 bytes",
        ethernet(ip6(options(TCP, 256) + tcp(), nh=DESTINATION), IPV6),
        mirrored(14 + 1450, truncated=True),
        HTTP_ONLY,
    ),
]

NINE, NINE_CUT = chain(*[DESTINATION] * 9), chain(*[DESTINATION] * 9)[: 54 + 64]
MANY = [
    one("9 extension headers: the protocol is not known, no TCP rule matches", NINE, NO_RULE, TCP_ONLY),
    one("9 extension headers: ALL matches", NINE, whole(NINE)),
    one("9 extension headers: ALL matches behind a drop on TCP", NINE, whole(NINE), ALL_BUT_TCP),
    one("9 extension headers: the ninth is not looked at, so may be cut", NINE_CUT, whole(NINE_CUT)),
    one("9 extension headers: the flow is that of protocol 255", NINE, whole(NINE, port=53395)),
    one(
        "9 extension headers, the ninth a later fragment", chain(*[DESTINATION] * 8, FRAGMENT), mirrored(146)
    ),
    one("8 extension headers, the eighth cut", chain(*[DESTINATION] * 8)[: 54 + 63], MALFORMED),
]

UNFOLLOWED = [
    one(f"{name} is a protocol, not an extension header", frame, NO_RULE, HTTP_ONLY)
    for name, frame in (
        ("no next header", chain(last=NO_NEXT)),
        ("the authentication header", chain(last=AH, payload=bytes([TCP, 4]) + bytes(22) + tcp())),
        ("ESP", chain(last=ESP)),
        ("mobility", chain(last=MOBILITY, payload=options(TCP) + tcp())),
    )
] + [
    one("ALL matches no next header", chain(last=NO_NEXT, payload=b""), mirrored(54)),
    one("ALL matches no next header behind options", chain(DESTINATION, last=NO_NEXT), mirrored(82)),
]

CUT_CHAIN = [
    *(
        one(f"hop-by-hop options of which {size} bytes are there", chain(HOP_BY_HOP)[: 54 + size], MALFORMED)
        for size in range(8)
    ),
    *(
        one(f"a fragment header of which {size} bytes are there", chain(FRAGMENT)[: 54 + size], MALFORMED)
        for size in (0, 1, 7)
    ),
    *(
        one(f"a routing header of which {size} bytes are there", chain(ROUTING)[: 54 + size], MALFORMED)
        for size in (1, 2, 8, 23)
    ),
    one("a routing header that is just there", chain(ROUTING)[: 54 + 24], mirrored(78), TCP_ONLY),
    one(
        "destination options that say more than is there",
        ethernet(ip6(options(TCP)[:1] + b"\x09" + bytes(70), nh=60), IPV6),
        MALFORMED,
    ),
    one(
        "an extension header past the payload length",
        ethernet(ip6(options(TCP) + tcp(), nh=60, plen=7), IPV6),
        MALFORMED,
    ),
    one(
        "an extension header that fills the payload length",
        ethernet(ip6(options(TCP) + tcp(), nh=60, plen=8), IPV6),
        mirrored(62),
        TCP_ONLY,
    ),
    one(
        "ports past the payload length are not there",
        ethernet(ip6(options(TCP) + tcp(), nh=60, plen=11), IPV6),
        NO_RULE,
        HTTP_ONLY,
    ),
    one(
        "ports within the payload length are",
        ethernet(ip6(options(TCP) + tcp(), nh=60, plen=12), IPV6),
        mirrored(66),
        HTTP_ONLY,
    ),
    one("the second of two headers cut", chain(DESTINATION, ROUTING)[: 54 + 8 + 10], MALFORMED),
    one("ports cut behind a chain: still TCP", chain(DESTINATION)[: 54 + 8 + 3], mirrored(65), TCP_ONLY),
    one("ports cut behind a chain: no ports", chain(DESTINATION)[: 54 + 8 + 3], NO_RULE, HTTP_ONLY),
    one(
        "an extension header in a packet of 40 bytes",
        ethernet(ip6(options(TCP) + tcp(), nh=60, plen=0), IPV6),
        MALFORMED,
    ),
    one("39 bytes of IPv6", http6()[:53], MALFORMED),
    one("version 4 under the EtherType of IPv6", ethernet(ip6(tcp(), version=4), IPV6), MALFORMED),
    one(
        "a payload length past the frame is what is there",
        ethernet(ip6(tcp(), plen=21), IPV6),
        mirrored(74),
        HTTP_ONLY,
    ),
]


def _piece(following: int, offset: int, *, more: bool, payload: bytes, before: tuple[int, ...] = ()) -> bytes:
    head = b"".join(options(kind) for kind in (*before[1:], FRAGMENT)) if before else b""
    body = head + fragment(following, offset, more=more) + payload
    return ethernet(ip6(body, nh=(*before, FRAGMENT)[0]), IPV6)


FIRST, LATER, LAST = (
    _piece(TCP, offset, more=more, payload=tcp()) for offset, more in ((0, True), (3, True), (6, False))
)
FRAGMENTS = [
    one("a first IPv6 fragment has its ports", FIRST, whole(FIRST), HTTP_ONLY),
    one("a later IPv6 fragment has no ports", LATER, NO_RULE, HTTP_ONLY),
    one("the last IPv6 fragment has no ports", LAST, NO_RULE, HTTP_ONLY),
    one("a later fragment is of its header's protocol", LATER, whole(LATER), TCP_ONLY),
    one(
        "a later fragment behind options",
        _piece(TCP, 1, more=True, payload=tcp(), before=(60,)),
        mirrored(90),
        TCP_ONLY,
    ),
    one(
        "a later fragment may be of any length",
        _piece(TCP, 1, more=False, payload=b"x"),
        mirrored(63),
        TCP_ONLY,
    ),
    one("a later fragment may be empty", _piece(TCP, 1, more=False, payload=b""), mirrored(62), TCP_ONLY),
    one(
        "in a later fragment the chain stops: the protocol is the extension header's",
        _piece(DESTINATION, 1, more=False, payload=options(TCP) + tcp()),
        NO_RULE,
        TCP_ONLY,
    ),
    one(
        "in a later fragment the chain stops: ALL matches, nothing can be cut",
        _piece(DESTINATION, 1, more=False, payload=b"\x06\x63"),
        mirrored(64),
    ),
    one(
        "in a first fragment the chain goes on",
        _piece(DESTINATION, 0, more=True, payload=options(TCP) + tcp()),
        mirrored(90),
        HTTP_ONLY,
    ),
    one(
        "in a first fragment a chain cut short is malformed",
        _piece(DESTINATION, 0, more=True, payload=options(TCP, 3)[:16]),
        MALFORMED,
    ),
    one(
        "a first fragment without a whole header has no ports",
        _piece(TCP, 0, more=True, payload=b""),
        mirrored(62),
        TCP_ONLY,
    ),
    one(
        "an atomic fragment is dropped by its ports",
        chain(FRAGMENT),
        DROPPED,
        setup(ingress=[rule6(1, "drop", "TCP", dports="80/80"), rule6(2)]),
    ),
    one("an atomic fragment's flow has its ports", chain(FRAGMENT), whole(chain(FRAGMENT), port=59691)),
    one("a first fragment's flow has no ports", FIRST, whole(FIRST, port=62990)),
    one("a later fragment's flow has no ports", LATER, whole(LATER, port=62990)),
    one(
        "a fragment's atomic fragment is a fragment: its flow has no ports",
        _piece(FRAGMENT, 0, more=True, payload=fragment(TCP) + tcp()),
        mirrored(90, port=62990),
    ),
    one(
        "a later fragment of options: its flow is that of protocol 60",
        _piece(DESTINATION, 1, more=False, payload=bytes(8)),
        mirrored(70, port=62413),
    ),
    one(
        "a fragment header's reserved bits are not its offset",
        ethernet(ip6(bytes([TCP, 0, 0, 6]) + bytes(4) + tcp(), nh=FRAGMENT), IPV6),
        mirrored(82),
        HTTP_ONLY,
    ),
    one(
        "DHCPv6 in a first fragment",
        _piece(UDP, 0, more=True, payload=udp(546, 547)),
        mirrored(70),
        setup(source={"also_mirror": ["dhcp"]}, ingress=[]),
    ),
]


def jumbo(
    length: int, *, payload_length: int = 0, front: bytes = b"", following: int = TCP, kind: int = 0xC2
) -> bytes:
    """Return a packet with a Jumbo Payload option, behind *front* in its hop-by-hop header."""
    option = front + bytes([kind, 4]) + length.to_bytes(4, "big")
    header = options(following, -(-(2 + len(option)) // 8), option)
    return ethernet(ip6(header + tcp(size=100), nh=HOP_BY_HOP, plen=payload_length), IPV6)


def _hop_by_hop(body: bytes, payload: bytes) -> bytes:
    """Return a packet with eight bytes of hop-by-hop options and a true payload length."""
    return ethernet(ip6(options(TCP, 1, body) + payload, nh=HOP_BY_HOP), IPV6)


def _with(packet_length: int) -> Config:
    return setup(ingress=[rule6(protocol="TCP", dports="80/80")], session={"packet_length": packet_length})


BIG = jumbo(70000)[:54] + options(TCP, 1, bytes([0xC2, 4]) + (8 + 66000).to_bytes(4, "big")) + tcp(size=66000)
JUMBOGRAMS = [
    one("a jumbogram, as much of it as is there", jumbo(65536), mirrored(162), HTTP_ONLY),
    one("a whole jumbogram", BIG, mirrored(14 + 1450, truncated=True), HTTP_ONLY),
    one(
        "a whole jumbogram and padding under PacketLength",
        BIG + bytes(20),
        mirrored(14 + 64, truncated=True),
        _with(64),
    ),
    one("the Jumbo Payload option behind Pad1", jumbo(65536, front=bytes(2)), mirrored(170), HTTP_ONLY),
    one(
        "the Jumbo Payload option behind PadN", jumbo(65536, front=b"\x01\x02\0\0"), mirrored(170), HTTP_ONLY
    ),
    one(
        "the Jumbo Payload option behind an option nobody knows",
        jumbo(65536, front=b"\x1e\x06" + b"\x09" * 6),
        mirrored(170),
        HTTP_ONLY,
    ),
    one("a jumbogram with the largest length", jumbo(0xFFFFFFFF), mirrored(162), HTTP_ONLY),
    one("a jumbogram whose length has a single bit", jumbo(1 << 24), mirrored(162), HTTP_ONLY),
    one("a jumbogram cut behind its hop-by-hop header", jumbo(65536)[: 54 + 8], mirrored(62), TCP_ONLY),
    one("the Jumbo Payload option is the 64th", jumbo(65536, front=bytes(63)), mirrored(226), HTTP_ONLY),
    one("the Jumbo Payload option is the 65th: not looked for", jumbo(65536, front=bytes(64)), MALFORMED),
    one("the Jumbo Payload option behind one Pad1", jumbo(65536, front=bytes(1)), mirrored(170), HTTP_ONLY),
    one(
        "Jumbo Payload behind the hop-by-hop header means nothing",
        _hop_by_hop(bytes(6), pack(">BBI", 0xC2, 4, 65536) + tcp()),
        mirrored(88),
        TCP_ONLY,
    ),
    one(
        "a Jumbo Payload option that runs past its header is none",
        _hop_by_hop(b"\x01\x00\xc2\x04\0\x01", bytes(2) + tcp()),
        mirrored(84),
        TCP_ONLY,
    ),
    one(
        "a Jumbo Payload option whose length is past its header is none",
        _hop_by_hop(b"\x01\x03\0\0\0\xc2", b"\x04\0\x01\0\0" + tcp()),
        mirrored(87),
        TCP_ONLY,
    ),
    one(
        "a Jumbo Payload option of two bytes is none",
        _hop_by_hop(b"\xc2\x02\0\x01\0\0", tcp()),
        mirrored(82),
        HTTP_ONLY,
    ),
    one("a jumbogram of less than 65536 bytes", jumbo(65535), MALFORMED),
    one("a jumbogram of 0 bytes", jumbo(0), MALFORMED),
    one("a Jumbo Payload option beside a payload length", jumbo(65536, payload_length=108), MALFORMED),
    one(
        "a Jumbo Payload option too small beside a payload length", jumbo(108, payload_length=108), MALFORMED
    ),
    one("hop-by-hop options without Jumbo Payload, payload length 0", jumbo(65536, kind=0x1E), MALFORMED),
    one(
        "hop-by-hop options without Jumbo Payload, payload length right",
        jumbo(0, kind=0x1E, payload_length=108),
        mirrored(162),
        HTTP_ONLY,
    ),
    one(
        "Jumbo Payload in destination options means nothing",
        ethernet(ip6(options(TCP, 1, b"\xc2\x04\0\x01\0\0") + tcp(), nh=DESTINATION), IPV6),
        mirrored(82),
        HTTP_ONLY,
    ),
    one(
        "Jumbo Payload in a second hop-by-hop header means nothing",
        ethernet(ip6(options(0) + options(TCP, 1, b"\xc2\x04\0\x01\0\0") + tcp(), nh=HOP_BY_HOP), IPV6),
        mirrored(90),
        HTTP_ONLY,
    ),
    one("a jumbogram cut within its hop-by-hop header", jumbo(65536)[: 54 + 7], MALFORMED),
    one(
        "a jumbogram cut within the padding of its hop-by-hop header",
        jumbo(65536, front=b"\x01\x00")[: 54 + 12],
        MALFORMED,
    ),
    one(
        "a jumbogram behind a VLAN tag",
        jumbo(65536)[:12] + b"\x81\0\0\x05" + jumbo(65536)[12:],
        mirrored(166),
        HTTP_ONLY,
    ),
    one(
        "a jumbogram's chain goes on behind its option",
        jumbo(65536, following=ROUTING)[:62] + routing(TCP) + tcp(),
        mirrored(106),
        HTTP_ONLY,
    ),
    one("a jumbogram with a chain cut short", jumbo(65536, following=ROUTING)[:80], MALFORMED),
    one(
        "an option that runs past its header is not followed",
        jumbo(0, payload_length=116, front=b"\x1e\xff"),
        mirrored(170),
        HTTP_ONLY,
    ),
]

TAGGED = [
    one("an extension header behind a VLAN tag", http6(tags=(VLAN,)), whole(http6(tags=(VLAN,))), HTTP_ONLY)
]

CASES = [*EACH, *MANY, *UNFOLLOWED, *CUT_CHAIN, *FRAGMENTS, *JUMBOGRAMS, *TAGGED]
