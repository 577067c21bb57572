"""The wire packets of a super-packet, byte by byte as the oracle divides it, and no byte more than kept."""

from struct import pack

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrHopByHop
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from mirrorplane.jit import I64, U8, kernel
from mirrorplane.wire import segmentation
from mirrorplane.wire.segmentation import SuperPacket
from tests.oracle import segmentation as oracle

DIRT = 0xA5


@kernel
def _emit(target: U8, data: U8, words: I64) -> None:
    at, length, network, transport, protocol, size, unfinished, to, kept, payload = words
    headers = segmentation.headers(data, at, length, transport, protocol)
    packet = SuperPacket(at, length, network, transport, headers, protocol, size, unfinished != 0)
    segmentation.emit(target, to, kept, data, packet, payload)


@kernel
def _headers(data: U8, words: I64) -> None:
    words[0] = segmentation.headers(data, 0, data.size, words[0], words[1])


def emitted(packet: oracle.SuperPacket, unfinished: bool, number: int, kept: int, to: int = 3) -> bytes:
    """Return *kept* bytes of wire packet *number*; what lies around them is to stay as it is."""
    before = b"\x5a" * 5
    data = np.frombuffer(before + packet.frame, np.uint8)
    payload = oracle.header_length(packet) + number * packet.size
    words = np.array(
        [
            *(len(before), len(packet.frame), packet.network, packet.transport, packet.protocol, packet.size),
            *(unfinished, to, kept, payload),
        ]
    )
    target = np.full(to + kept + 2, DIRT, np.uint8)
    _emit(target, data, words)
    assert bytes(target[:to]) == bytes([DIRT]) * to
    assert bytes(target[to + kept :]) == bytes([DIRT]) * 2
    return bytes(target[to : to + kept])


macs = st.binary(min_size=12, max_size=12)
tags = st.sampled_from([b"", b"\x81\x00\x60\x05", b"\x88\xa8\x00\x07\x81\x00\x00\x08"])
words16, words32 = st.integers(0, 0xFFFF), st.integers(0, 2**32 - 1)


@st.composite
def ipv4_headers(draw: st.DrawFn, protocol: int) -> bytes:
    options = draw(st.binary(max_size=40).map(lambda octets: octets[: len(octets) & ~3]))
    fields = (0x45 + len(options) // 4, draw(st.integers(0, 255)), draw(words16), draw(words16))
    ends = draw(words32), draw(words32)
    return pack(">BBHHHBBHII", *fields, draw(words16), 64, protocol, draw(words16), *ends) + options


@st.composite
def ipv6_headers(draw: st.DrawFn, protocol: int) -> bytes:
    following, chain = protocol, b""
    for kind in draw(st.lists(st.sampled_from([0, 43, 60]), max_size=3)):
        eights = draw(st.integers(0, 2))
        chain = (
            pack(">BB", following, eights)
            + draw(st.binary(min_size=6 + 8 * eights, max_size=6 + 8 * eights))
            + chain
        )
        following = kind
    flow, ends = draw(st.integers(0, 2**28 - 1)), draw(st.binary(min_size=32, max_size=32))
    return pack(">IHBB", 6 << 28 | flow, draw(words16), following, 9) + ends + chain


@st.composite
def super_packets(draw: st.DrawFn) -> tuple[oracle.SuperPacket, bool]:
    """Return a super-packet, its lengths and checksums anything, and whether its checksum is unfinished."""
    protocol = draw(st.sampled_from([oracle.TCP, oracle.UDP]))
    version = draw(st.sampled_from([4, 6]))
    before = draw(macs) + draw(tags) + (b"\x08\x00" if version == 4 else b"\x86\xdd")
    network = draw((ipv4_headers if version == 4 else ipv6_headers)(protocol))
    size = draw(st.integers(1, 60) | st.integers(1, 1500))
    payload = bytes(
        draw(st.integers(0, 255)) + index & 0xFF for index in range(draw(st.integers(0, 8 * size)))
    )
    if protocol == oracle.TCP:
        words = draw(st.integers(5, 15))
        fields = draw(words32), draw(words32), draw(words32), words << 12 | draw(st.integers(0, 0xFFF))
        header = pack(">IIIHHHH", *fields, draw(words16), draw(words16), draw(words16))
        header += draw(st.binary(min_size=4 * words - 20, max_size=4 * words - 20))
    else:
        header = pack(">IHH", draw(words32), 8 + len(payload), draw(words16))
    frame = before + network + header + payload
    places = len(before), len(before + network)
    is_unfinished = draw(st.booleans())
    if is_unfinished:
        frame = oracle.unfinished(frame, *places, protocol)
    return oracle.SuperPacket(frame, *places, protocol, size), is_unfinished


@given(super_packets(), st.data())
def test_each_wire_packet_is_as_the_oracle_has_it(
    drawn: tuple[oracle.SuperPacket, bool], data: st.DataObject
) -> None:
    packet, unfinished = drawn
    expected = oracle.wire_packets(packet)
    found = [emitted(packet, unfinished, number, len(frame)) for number, frame in enumerate(expected)]
    assert found == expected
    number = data.draw(st.integers(0, len(expected) - 1))
    kept = data.draw(st.integers(0, len(expected[number])))
    assert emitted(packet, unfinished, number, kept) == expected[number][:kept]


ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
ENDS = {"src": "10.1.0.2", "dst": "10.1.0.1"}
ENDS6 = {"src": "fd00::1", "dst": "fd00::2"}
FRAMES = [
    ETHER / IP(**ENDS, id=65534) / TCP(seq=2**32 - 1500, flags="FPAC", options=[("NOP", 0)] * 4),
    ETHER / Dot1Q(vlan=7) / IP(**ENDS, options=[b"\x94\x04\0\0"]) / UDP(sport=1, dport=2),
    ETHER / Dot1AD(vlan=8) / Dot1Q(vlan=7) / IPv6(**ENDS6) / TCP(flags="PA"),
    ETHER / IPv6(**ENDS6) / IPv6ExtHdrHopByHop() / IPv6ExtHdrDestOpt() / UDP(sport=1, dport=2),
]


def divided(frame: Packet, content: bytes, size: int) -> oracle.SuperPacket:
    whole = Ether(bytes(frame / Raw(content)))
    transport = TCP if TCP in whole else UDP
    at = len(whole) - len(whole[transport])
    network = len(whole) - len(whole[IP] if IP in whole else whole[IPv6])
    return oracle.SuperPacket(bytes(whole), network, at, oracle.TCP if transport is TCP else oracle.UDP, size)


@pytest.mark.parametrize("frame", FRAMES, ids=["tcp4", "udp4", "tcp6", "udp6"])
@pytest.mark.parametrize("unfinished", [False, True])
def test_each_wire_packet_is_whole_to_scapy(frame: Packet, unfinished: bool) -> None:
    content = bytes(range(256)) * 17 + b"odd"
    packet = divided(frame, content, 1001)
    if unfinished:
        octets = oracle.unfinished(packet.frame, packet.network, packet.transport, packet.protocol)
        packet = packet._replace(frame=octets)
    found = b""
    for number, expected in enumerate(oracle.wire_packets(packet)):
        octets = emitted(packet, unfinished, number, len(expected))
        read = Ether(octets)
        found += bytes(read[Raw])
        for layer in (read[name] for name in (IP, IPv6, TCP, UDP) if name in read):
            for field in ("len", "plen", "chksum"):
                if field in layer.fields:
                    del layer.fields[field]
        assert bytes(read) == octets
    assert found == content


@example(b"\0" * 8, 0, oracle.UDP)
@given(st.binary(max_size=60), st.integers(-4, 70), st.sampled_from([0, oracle.TCP, oracle.UDP, 47]))
def test_headers_are_read_only_where_they_are(octets: bytes, before: int, protocol: int) -> None:
    words = np.array([before, protocol])
    _headers(np.frombuffer(octets, np.uint8), words)
    expected = 0
    if before > 0 and protocol == oracle.UDP:
        expected = before + 8
    elif before > 0 and protocol == oracle.TCP and before + 14 <= len(octets) and octets[before + 12] >= 0x50:
        expected = before + octets[before + 12] // 16 * 4
    assert words[0] == expected


def test_a_udp_sum_of_zero_is_sent_as_ones() -> None:
    """Each of the two datagrams sums to 0xFFFF; a TCP segment that does keeps its zero."""
    for layer, written in ((UDP(sport=1, dport=2), 0xFFFF), (TCP(sport=1, dport=2), 0)):
        packet = divided(ETHER / IP(**ENDS) / layer, bytes(4), 2)
        place = packet.transport + oracle.CHECKSUM[packet.protocol]
        first = oracle.wire_packets(packet)[0]
        missing = first[place : place + 2]
        packet = divided(ETHER / IP(**ENDS) / layer, missing + b"\0\0", 2)
        octets = emitted(packet, False, 0, len(first))
        assert octets == oracle.wire_packets(packet)[0]
        assert int.from_bytes(octets[place : place + 2], "big") == written
