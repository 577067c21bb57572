"""One row a wire packet, in as many parts as one likes; and every wire packet counted that cannot be made."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.inet6 import IPv6, IPv6ExtHdrHopByHop, Jumbo
from scapy.layers.l2 import GRE, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw

from mirrorplane import batch
from mirrorplane.batch import EGRESS, Copies, Frames, Packets
from mirrorplane.capture.memory import MemorySource
from mirrorplane.capture.memory import Packet as Captured
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, Counters, Reason
from mirrorplane.model import read
from mirrorplane.plan import compile_plan, templates
from mirrorplane.stages import classify_offloaded, segment, select_offloaded, truncate

PLAN = """
interfaces:
  eni-a: {addresses: [10.0.0.1]}
  eni-t: {addresses: [10.9.0.2]}
filters:
  tmf-a:
    egress:
      - {priority: 1, action: accept, protocol: ALL,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}
      - {priority: 2, action: accept, protocol: ALL,
         source_cidr_block: "::/0", destination_cidr_block: "::/0"}
sessions:
  tms-a: {priority: 1, sources: [eni-a], target: eni-t, filter: tmf-a, virtual_network_id: 7}
"""

ETHER = Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01")
IP4, IP6 = {"src": "10.0.0.1", "dst": "10.0.0.2"}, {"src": "fd00::1", "dst": "fd00::2"}


class Chosen(NamedTuple):
    """A batch that `select` has been through."""

    source: MemorySource
    frames: Frames
    packets: Packets
    copies: Copies
    counters: Counters


def chosen(*captured: Captured) -> Chosen:
    plan = compile_plan(read(PLAN, "segment.yaml"))
    source, frames = MemorySource(captured), batch.frames()
    packets, copies, counters = batch.packets(), batch.copies(), plan.counters()
    source.fill(frames)
    classify_offloaded(source.data, frames, packets, plan.tables, counters)
    select_offloaded(source.data, frames, packets, plan.tables, templates.empty(1), copies, counters)
    assert counters.seen[EGRESS] == packets.segments[: len(captured)].sum()
    return Chosen(source, frames, packets, copies, counters)


def segmented(batch_of: Chosen, rows: int) -> list[tuple[int, int, int]]:
    """Return (frame, payload, whole) of every wire packet, asked for *rows* at a time."""
    source, frames, packets, given, counters = batch_of
    cursor, copies = np.zeros(2, np.int64), batch.copies(rows)
    found: list[tuple[int, int, int]] = []
    while cursor[0] < given.count[0]:
        copies.template[:] = 9
        segment(source.data, frames, packets, given, cursor, copies, counters)
        truncate(
            packets, templates.empty(1), copies
        )  # it fills `whole` of frames that are mirrored as they are
        count = int(copies.count[0])
        assert count == rows or cursor[0] == given.count[0]
        assert not copies.template[:count].any()
        columns = (copies.frame, copies.payload, copies.whole)
        found += zip(*(column[:count].tolist() for column in columns), strict=True)
    return found


def lost(batch_of: Chosen) -> int:
    return int(batch_of.counters.reasons[EGRESS * N_REASONS + Reason.UNSEGMENTED])


def captured(frame: Packet, size: int, kind: type[Packet] = TCP, **other: Any) -> Captured:
    """Return a super-packet whose checksum is to be finished from its header of *kind* on."""
    octets = bytes(frame)
    protocol = {TCP: 6, UDP: 17}[kind]
    said = {
        "super_packet": protocol,
        "segment_size": size,
        "unfinished": len(octets) - len(frame.lastlayer()),
    }
    layer = frame
    while layer.payload.haslayer(kind):
        layer = layer.payload
    said["unfinished"] = len(octets) - len(layer)
    return Captured(octets, direction=EGRESS, **{**said, **other})


def tcp(n_bytes: int, *before: Packet) -> Packet:
    frame = ETHER.copy()
    for header in before or (IP(**IP4),):
        frame /= header
    return frame / TCP(options=[("NOP", 0)] * 4) / Raw(bytes(n_bytes))


PLAIN = Captured(bytes(tcp(5)) + bytes(40), direction=EGRESS)
BATCH = (
    PLAIN,
    captured(tcp(1000), 300),
    captured(tcp(900, Dot1Q(), IPv6(**IP6)), 300),
    PLAIN,
    captured(tcp(1, IPv6(**IP6)), 300),
    captured(tcp(0), 300),
    captured(ETHER / IP(**IP4) / UDP(sport=1, dport=2) / Raw(bytes(21)), 10, UDP),
    PLAIN,
)
HEAD, HEAD6 = 14 + 20 + 24, 14 + 40 + 24
EXPECTED = [
    (0, 0, HEAD + 5),
    *((1, HEAD + at, HEAD + 300) for at in (0, 300, 600)),
    (1, HEAD + 900, HEAD + 100),
    *((2, HEAD6 + 4 + at, HEAD6 + 4 + 300) for at in (0, 300, 600)),
    (3, 0, HEAD + 5),
    (4, HEAD6, HEAD6 + 1),
    (5, HEAD, HEAD),
    *((6, 42 + at, 42 + 10) for at in (0, 10)),
    (6, 62, 43),
    (7, 0, HEAD + 5),
]


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5, 7, 14, 15, 16, 1024])
def test_a_row_for_each_wire_packet(rows: int) -> None:
    given = chosen(*BATCH)
    assert segmented(given, rows) == EXPECTED
    assert lost(given) == 0
    assert given.counters.seen[EGRESS] == len(EXPECTED)


def test_a_super_packet_of_more_wire_packets_than_a_batch() -> None:
    given = chosen(captured(tcp(60_000), 1))
    assert segmented(given, 1024) == [(0, HEAD + at, HEAD + 1) for at in range(60_000)]


def test_an_ipv4_packet_too_long_for_its_length() -> None:
    """Linux says 0 then (BIG TCP)."""
    given = chosen(captured(ETHER / IP(**IP4, len=0) / TCP(chksum=0) / Raw(bytes(70_000)), 1000))
    assert segmented(given, 64) == [(0, 54 + at, 54 + 1000) for at in range(0, 70_000, 1000)]


JUMBO = ETHER / IPv6(**IP6, plen=0) / IPv6ExtHdrHopByHop(options=[Jumbo(jumboplen=8 + 20 + 70_000)])
TUNNEL = ETHER / IP(**IP4) / UDP(dport=4789, chksum=0) / VXLAN(vni=3)
INNER = ETHER / IP(**IP4) / TCP() / Raw(bytes(1000))
DATAGRAM = ETHER / IP(**IP4) / UDP(sport=1, dport=2) / Raw(bytes(1000))

UNDIVIDED = {
    "TCP in VXLAN": (captured(TUNNEL / INNER, 100), 10),
    "UDP in VXLAN": (captured(TUNNEL / DATAGRAM, 100, UDP, unfinished=50 + 14 + 20), 10),
    "TCP in VXLAN, its checksum finished": (captured(TUNNEL / INNER, 100, unfinished=0), 1),
    "TCP in GRE": (captured(ETHER / IP(**IP4) / GRE() / INNER[IP], 100), 10),
    "TCP in IPv4": (captured(ETHER / IP(**IP4) / INNER[IP], 100), 10),
    "a jumbogram": (captured(JUMBO / TCP(chksum=0) / Raw(bytes(70_000)), 1000), 70),
    "a later fragment": (captured(tcp(1000, IP(**IP4, frag=5)), 100, unfinished=0), 1),
    "not all of it there": (captured(tcp(900), 100, wire_length=HEAD + 1000), 10),
    "its headers alone": (Captured(bytes(tcp(0)), 0, 0, EGRESS, HEAD + 1000, 6, 100), 10),
    "its header cut": (Captured(bytes(tcp(0))[:50], 0, 0, EGRESS, HEAD + 1000, 6, 100), 10),
    "its header's length cut off": (Captured(bytes(tcp(0))[:45], 0, 0, EGRESS, HEAD + 1000, 6, 100), 1),
    "a header longer than the frame": (captured(ETHER / IP(**IP4) / TCP(dataofs=15), 100), 1),
    "a header that lies": (captured(ETHER / IP(**IP4) / TCP(dataofs=4) / Raw(bytes(900)), 100), 1),
    "no size": (captured(tcp(1000), 0), 1),
    "a size below none": (captured(tcp(1000), -1), 1),
    "another protocol": (captured(DATAGRAM, 100, UDP, super_packet=6), 1),
    "a checksum from elsewhere on": (captured(tcp(1000), 100, unfinished=60_000), 1),
    "a plain frame that is cut": (Captured(bytes(tcp(100)), 0, 0, EGRESS, 1000), 1),
}


@pytest.mark.parametrize(("frame", "n_packets"), UNDIVIDED.values(), ids=UNDIVIDED.keys())
def test_what_cannot_be_divided_is_counted(frame: Captured, n_packets: int) -> None:
    given = chosen(PLAIN, frame, PLAIN)
    assert segmented(given, 2) == [(0, 0, HEAD + 5), (2, 0, HEAD + 5)]
    assert lost(given) == n_packets
    assert given.counters.seen[EGRESS] == n_packets + 2
    assert given.counters.rules.sum() == n_packets + 2


def test_a_reason_counts_every_wire_packet() -> None:
    """DHCP, say, in a super-packet."""
    given = chosen(captured(ETHER / IP(**IP4) / UDP(sport=68, dport=67) / Raw(bytes(1000)), 100, UDP))
    assert given.copies.count[0] == 0
    assert given.counters.reasons.reshape(-1, N_DIRECTIONS, N_REASONS)[0, EGRESS, Reason.DHCP] == 10
