"""What kernels read of a frame: tags, IP lengths, extension chains.

Every cut gives an answer, none reads past it.
"""

from typing import NamedTuple

import numpy as np
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import (
    IPv6,
    IPv6ExtHdrDestOpt,
    IPv6ExtHdrFragment,
    IPv6ExtHdrHopByHop,
    IPv6ExtHdrRouting,
    Jumbo,
)
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.packet import Packet, Raw

from mirrorplane.jit import I64, U8, kernel
from mirrorplane.wire import ethernet, ipv4, ipv6


class Read(NamedTuple):
    type: int
    before: int
    header: int
    whole: int
    protocol: int
    offset: int
    is_fragment: bool


@kernel
def _read(data: U8, length: I64, out: I64) -> None:
    kind, before = ethernet.network(data, 0, length[0])
    out[:] = 0
    out[0], out[1] = kind, before
    there = length[0] - before
    if kind == ethernet.IPV4 and ipv4.is_fixed_part(data, before, there):
        out[2], out[3] = ipv4.lengths(data, before, there, False)
        offset, fragment = ipv4.fragment(data, before)
        out[4], out[5], out[6] = ipv4.protocol(data, before), offset, fragment
    if kind == ethernet.IPV6 and ipv6.is_fixed_part(data, before, there):
        out[3] = ipv6.length(data, before, there, False)
        if out[3]:
            protocol, header, offset, fragment = ipv6.upper_layer(data, before, out[3])
            out[2], out[4], out[5], out[6] = header, protocol, offset, fragment


def read(frame: bytes) -> Read:
    out = np.zeros(7, np.int64)
    # An array of exactly the frame: the bounds-checked lane then sees a read past its end.
    _read(np.frombuffer(frame, np.uint8), np.array([len(frame)]), out)
    kind, before, header, whole, protocol, offset, fragment = out.tolist()
    return Read(kind, before, header, whole, protocol, offset, bool(fragment))


ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
"""Told which, as scapy would ask this machine's own network for them, a second each."""
SIX = IPv6(src="2001:db8::1", dst="2001:db8::2")
HOP = IPv6ExtHdrHopByHop()
DEST = IPv6ExtHdrDestOpt()


def chain(count: int) -> Packet:
    packet = SIX / HOP
    for _ in range(count - 1):
        packet = packet / IPv6ExtHdrDestOpt()
    return packet / UDP()


CASES = {
    "plain IPv4": (ETHER / IP() / TCP(), Read(0x0800, 14, 20, 40, 6, 0, False)),
    "IPv4 with options": (
        ETHER / IP(options=[b"\x94\x04\0\0"]) / UDP(),
        Read(0x0800, 14, 24, 32, 17, 0, False),
    ),
    "first fragment": (ETHER / IP(flags="MF") / UDP(), Read(0x0800, 14, 20, 28, 17, 0, True)),
    "later fragment": (
        ETHER / IP(frag=3, proto=17) / Raw(b"12345678"),
        Read(0x0800, 14, 20, 28, 17, 3, True),
    ),
    "a VLAN tag": (ETHER / Dot1Q(vlan=5) / IP() / UDP(), Read(0x0800, 18, 20, 28, 17, 0, False)),
    "two tags": (ETHER / Dot1AD() / Dot1Q() / SIX / UDP(), Read(0x86DD, 22, 40, 48, 17, 0, False)),
    "three tags": (
        ETHER / Dot1AD() / Dot1Q() / Dot1Q() / IP() / UDP(),
        Read(0x8100, 22, 0, 0, 0, 0, False),
    ),
    "plain IPv6": (ETHER / SIX / TCP(), Read(0x86DD, 14, 40, 60, 6, 0, False)),
    "routing": (
        ETHER / SIX / IPv6ExtHdrRouting(addresses=["::1"]) / UDP(),
        Read(0x86DD, 14, 64, 72, 17, 0, False),
    ),
    "atomic fragment": (ETHER / SIX / IPv6ExtHdrFragment() / UDP(), Read(0x86DD, 14, 48, 56, 17, 0, False)),
    "first IPv6 fragment": (
        ETHER / SIX / IPv6ExtHdrFragment(m=1) / UDP(),
        Read(0x86DD, 14, 48, 56, 17, 0, True),
    ),
    "later IPv6 fragment": (
        ETHER / SIX / IPv6ExtHdrFragment(offset=4, nh=60) / Raw(b"12345678"),
        Read(0x86DD, 14, 48, 56, 60, 32, True),
    ),
    "eight extension headers": (ETHER / chain(8), Read(0x86DD, 14, 104, 112, 17, 0, False)),
    "nine extension headers": (ETHER / chain(9), Read(0x86DD, 14, 104, 120, 255, 0, False)),
}


@pytest.mark.parametrize(("packet", "expected"), CASES.values(), ids=CASES)
def test_headers_are_read(packet: Packet, expected: Read) -> None:
    assert read(bytes(packet)) == expected


@pytest.mark.parametrize("packet", [packet for packet, _ in CASES.values()], ids=CASES)
def test_every_cut_gives_an_answer(packet: Packet) -> None:
    frame = bytes(packet)
    for length in range(len(frame)):
        found = read(frame[:length])
        assert found.before <= length
        assert found.whole <= length - found.before


def jumbogram(length: int, payload_length: int) -> bytes:
    packet = ETHER / IPv6(plen=payload_length) / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=length)]) / UDP()
    return bytes(packet)


@pytest.mark.parametrize(
    ("frame", "whole"),
    [
        (jumbogram(0x10000, 0), 56),
        (jumbogram(0xFFFF, 0), 0),
        (jumbogram(0, 0), 0),
        (jumbogram(0x10000, 16), 0),
        (bytes(ETHER / IPv6(plen=0, nh=59)) + bytes(6), 40),
    ],
    ids=["jumbogram", "would have fitted", "of nothing", "beside a payload length", "no payload, padding"],
)
def test_a_payload_length_of_zero_needs_an_explanation(frame: bytes, whole: int) -> None:
    assert read(frame).whole == whole
