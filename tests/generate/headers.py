"""Byte templates: Ethernet with tags, IPv4 with options and fragments, IPv6 with extension headers.

Owns valid headers and how often each variant comes. Must not know rules or configurations.
"""

from random import Random
from struct import pack

FILLER = bytes(range(1, 252)) * 40
"""Payload of any length up to 10,040 bytes."""
ETHERTYPES = {4: b"\x08\x00", 6: b"\x86\xdd"}
TPIDS = (b"\x81\x00", b"\x81\x00", b"\x88\xa8", b"\x91\x00")
EXTENSIONS = (0, 43, 44, 60)
OPTION_BYTES = (0, 0, 0, 1, 1, 2, 3, 4, 4, 6, 0x1E, 0xC2, 0xC2, 0xFF)
EDGES = (0, 3, 4, 16, 24, 25, 44, 60, 64, 80, 108, 180, 228, 1208, 1386, 1406, 1426, 1430, 1431, 1456, 1480)
DHCP_PORTS = {4: (67, 68), 6: (546, 547)}


def lengths(rng: Random) -> int:
    """Return a payload length: small, near a border of PacketLength or MTU, now and then a jumbo frame's."""
    kind = rng.random()
    if kind < 0.5:
        return rng.randrange(120)
    if kind < 0.97:
        return max(0, rng.choice(EDGES) + rng.randint(-2, 2))
    return rng.randrange(9500)


def ethernet(rng: Random, macs: bytes, l3: bytes, version: int = 0, *, ethertype: int = 0) -> bytes:
    """Return a frame, tagged or padded now and then; *ethertype* where there is no IP *version*."""
    kind = ETHERTYPES[version] if version else pack(">H", ethertype)
    tags = b""
    if rng.random() < 0.25:
        tags = b"".join(rng.choice(TPIDS[:3]) + b"\x60\x05" for _ in range(rng.choice((1, 1, 1, 2, 2, 3))))
    padding = bytes(46 - len(l3)) if len(l3) < 46 and rng.random() < 0.5 else b""
    return macs + tags + kind + l3 + padding


def ipv4(rng: Random, ends: tuple[int, int], protocol: int, payload: bytes) -> bytes:
    """Return an IPv4 packet with true lengths: one in six a fragment, one in eight with options."""
    variant = rng.random()
    fragment, options = 0x4000 if variant > 0.5 else 0, 0
    if variant < 0.16:
        fragment = rng.choice((0x2000, 0x2005, 0x0005, 0x1FFF, 0x8000, 0x6000))
    elif variant < 0.28:
        options = rng.choice((1, 2, 5, 10))
    header_length = 20 + 4 * options
    first = 0x40 | header_length >> 2
    header = pack(
        ">BBHHHBBHII", first, 0, header_length + len(payload), 7, fragment, 64, protocol, 0, ends[0], ends[1]
    )
    return header + b"\x01" * (4 * options) + payload


def ipv6(rng: Random, ends: tuple[int, int], protocol: int, payload: bytes) -> bytes:
    """Return an IPv6 packet with true lengths: one in three has extension headers; a few are jumbograms."""
    variant = rng.random()
    first, body = protocol, payload
    if variant < 0.30:
        first, body = _chain(rng, protocol, payload)
    elif variant < 0.34:
        return _jumbogram(rng, ends, protocol, payload)
    return _ipv6_header(ends, first, len(body)) + body


def _ipv6_header(ends: tuple[int, int], first: int, length: int) -> bytes:
    addresses = ends[0].to_bytes(16, "big") + ends[1].to_bytes(16, "big")
    return pack(">IHBB", 0x60000000, length, first, 64) + addresses


def _chain(rng: Random, protocol: int, payload: bytes) -> tuple[int, bytes]:
    """Return the first header's number, and up to ten extension headers with the payload behind."""
    first, body = protocol, payload
    for _ in range(rng.choice((1, 1, 1, 2, 2, 3, 7, 8, 8, 9, 10))):
        kind = rng.choice(EXTENSIONS)
        body = (_fragment_header(rng, first) if kind == 44 else _option_header(rng, first)) + body
        first = kind
    return first, body


def _option_header(rng: Random, following: int) -> bytes:
    """Return a header that counts in eights, with options that are whole, or whatever."""
    eights = rng.choice((0, 0, 0, 1, 2))
    if rng.random() < 0.5:
        return bytes((following, eights)) + b"\x01\x04" + bytes(4 + 8 * eights)
    return bytes((following, eights)) + bytes(rng.choices(OPTION_BYTES, k=6 + 8 * eights))


def _fragment_header(rng: Random, following: int) -> bytes:
    field = rng.choice((0, 0, 0, 0, 1, 1, 6, 8, 9, 0xFFF9, 0xFFF8))
    return pack(">BBHI", following, 0, field, 99)


def _jumbogram(rng: Random, ends: tuple[int, int], protocol: int, payload: bytes) -> bytes:
    """Return a packet with a Jumbo Payload option, whose lengths may be right, too small, or said twice."""
    claimed = rng.choice((65536, 65536, 70000, 2**32 - 1, 65535, 8 + len(payload), 0))
    length = rng.choice((0, 0, 0, 8 + len(payload)))
    option = pack(">BBI", 0xC2, 4, claimed)
    header = pack(">BB", protocol, 0) + option
    if rng.random() < 0.3:
        before = rng.choice(
            (b"\x01\x02\0\0", bytes(4), b"\x1e\x02ab", b"\0", b"\x01\0", b"", b"\x01\x06" + bytes(6))
        )
        header = pack(">BB", protocol, 1) + before + option + bytes(8 - len(before))
    return _ipv6_header(ends, 0, length) + header + payload


def dhcp(rng: Random, version: int, ends: tuple[int, int]) -> bytes:
    """Return DHCP, or UDP with ports that are near DHCP's."""
    ports = rng.choice(DHCP_PORTS[version]), rng.choice(DHCP_PORTS[version])
    if rng.random() < 0.25:
        ports = ports[0], rng.choice((66, 69, 545, 548, 67, 547))
    datagram = pack(">HHHH", *ports, 8 + 40, 0) + FILLER[:40]
    return ipv4(rng, ends, 17, datagram) if version == 4 else ipv6(rng, ends, 17, datagram)
