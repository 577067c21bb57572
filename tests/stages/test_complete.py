"""Checksums that were left to a card: finished where they can be, and nothing else touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import ICMPv6EchoRequest, IPv6
from scapy.layers.l2 import Dot1Q, Ether
from scapy.layers.sctp import SCTP, SCTPChunkData
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from mirrorplane import batch
from mirrorplane.stages import complete
from tests.oracle import internet_checksum

ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
ENDS = {"src": "10.1.0.2", "dst": "10.1.0.1"}
ENDS6 = {"src": "fd00::1", "dst": "fd00::2"}
BEFORE, BEHIND = b"\xa5" * 3, b"\x5a" * 5


def completed(
    frame: bytes, unfinished: int, checksum_at: int, *, super_packet: int = 0, cut: int = 0
) -> bytes:
    """Return *frame* afterwards; the bytes around it must not change."""
    data = np.frombuffer(bytearray(BEFORE + frame + BEHIND), np.uint8)
    frames, copies = batch.frames(2), batch.copies(2)
    frames.count[0], copies.count[0], copies.frame[0] = 2, 1, 1
    frames.offset[1], frames.length[1], frames.wire_length[1] = len(BEFORE), len(frame), len(frame) + cut
    frames.unfinished[:], frames.checksum_at[:] = unfinished, checksum_at
    frames.super_packet[1] = super_packet
    complete(data, frames, copies)
    assert bytes(data[: len(BEFORE)]) == BEFORE
    assert bytes(data[len(data) - len(BEHIND) :]) == BEHIND
    return bytes(data[len(BEFORE) : len(data) - len(BEHIND)])


def pseudo_sum(layer: Packet, protocol: int, length: int) -> int:
    """Return what a sender leaves in the field."""
    ends = bytes(layer)[12:20] if IP in layer and layer.name == "IP" else bytes(layer)[8:40]
    return 0xFFFF - internet_checksum(ends + protocol.to_bytes(4, "big") + length.to_bytes(4, "big"))


CONTENT = Raw(bytes(range(251)))
CASES = [
    (ETHER / IP(**ENDS) / TCP(flags="PA") / CONTENT, TCP, 16, 6),
    (ETHER / Dot1Q(vlan=3) / IP(**ENDS) / UDP(sport=1, dport=2) / CONTENT, UDP, 6, 17),
    (ETHER / IPv6(**ENDS6) / TCP(flags="S"), TCP, 16, 6),
    (ETHER / IPv6(**ENDS6) / UDP(sport=1, dport=2) / CONTENT, UDP, 6, 17),
    (ETHER / IPv6(**ENDS6) / ICMPv6EchoRequest(data=b"odd"), ICMPv6EchoRequest, 2, 58),
]


@pytest.mark.parametrize(
    ("frame", "kind", "field", "protocol"), CASES, ids=["tcp4", "udp4", "tcp6", "udp6", "icmp6"]
)
def test_the_checksum_is_scapys(frame: Packet, kind: type[Packet], field: int, protocol: int) -> None:
    octets = bytes(frame)
    layer, network = frame[kind], frame[IP] if IP in frame else frame[IPv6]
    at = len(octets) - len(layer)
    given_sum = pseudo_sum(network, protocol, len(layer)).to_bytes(2, "big")
    sent = octets[: at + field] + given_sum + octets[at + field + 2 :]
    assert completed(sent, at, at + field) == octets
    assert completed(sent, at, at + field, super_packet=6) == sent
    assert completed(sent, at, at + field, cut=1) == sent
    assert completed(sent, 0, at + field) == sent


def test_an_inner_checksum_is_finished_where_it_is() -> None:
    inner = ETHER / IP(**ENDS) / TCP(flags="PA") / CONTENT
    octets = bytes(ETHER / IP(**ENDS) / UDP(chksum=0) / VXLAN(vni=7) / inner)
    at = len(octets) - len(inner[TCP])
    pseudo = pseudo_sum(inner[IP], 6, len(inner[TCP])).to_bytes(2, "big")
    sent = octets[: at + 16] + pseudo + octets[at + 18 :]
    assert completed(sent, at, at + 16) == octets


def test_sctp_has_a_crc() -> None:
    octets = bytes(ETHER / IP(**ENDS) / SCTP(sport=1, dport=2) / SCTPChunkData(data=bytes(range(101))))
    at = len(octets) - len(Ether(octets)[SCTP])
    sent = octets[: at + 8] + bytes(4) + octets[at + 12 :]
    assert completed(sent, at, at + 8) == octets


def test_zero_is_written_as_ones() -> None:
    """Linux does so for every protocol: the one zero is as good as the other."""
    before, behind = bytes(ETHER / IP(**ENDS)) + b"\xff\xff", b"\xff\xff" + bytes(3)
    at = len(before)
    assert completed(before + b"\0\0" + behind, at - 2, at) == before + b"\xff\xff" + behind


@given(
    st.binary(max_size=40),
    st.integers(-5, 60) | st.integers(-(2**31), 2**31 - 1),
    st.integers(-5, 60) | st.integers(-(2**31), 2**31 - 1),
)
def test_offsets_that_lie_lead_nowhere(octets: bytes, unfinished: int, checksum_at: int) -> None:
    found = completed(octets, unfinished, checksum_at)
    width = 4 if checksum_at - unfinished == 8 else 2
    if 0 < unfinished <= checksum_at <= len(octets) - width:
        assert found[:checksum_at] == octets[:checksum_at]
        assert found[checksum_at + width :] == octets[checksum_at + width :]
        if width == 2:
            value = internet_checksum(octets[unfinished:]) or 0xFFFF
            assert found[checksum_at : checksum_at + 2] == value.to_bytes(2, "big")
    else:
        assert found == octets
