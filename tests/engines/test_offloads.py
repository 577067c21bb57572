"""What a live capture's frames lack is made up for.

The pipeline does with super-packets and unfinished checksums what the oracle says of their wire packets.
"""

from collections.abc import Callable, Sequence
from random import Random
from struct import pack
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from scapy.layers.inet import IP, TCP
from scapy.layers.l2 import Ether
from scapy.packet import Raw

from mirrorplane.batch import DIRECTIONS, EGRESS, ROWS, Copies, Frames
from mirrorplane.capture.memory import MemorySource
from mirrorplane.capture.memory import Packet as Captured
from mirrorplane.engines.pipeline import Pipeline
from mirrorplane.engines.replay import file_templates
from mirrorplane.engines.report import Report, report
from mirrorplane.forward.memory import MemorySink
from mirrorplane.forward.sink import ForwardError, Sink
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan
from tests.engines.running import check_conservation, plan_of
from tests.generate import Scenario, random_scenario, scenarios
from tests.oracle import Packet, mirror
from tests.oracle import segmentation as oracle
from tests.oracle.headers import MalformedError
from tests.oracle.headers import read as read_headers

DIVIDED = {"mirrored", "no_rule", "drop_rule", "dhcp", "disabled"}
"""Reasons that every wire packet of a super-packet has, where the first has it."""


def divisible(frame: bytes, size: int) -> oracle.SuperPacket | None:
    """Return *frame* as a super-packet; None unless it is TCP or UDP and says the truth about its lengths."""
    try:
        reading = read_headers(frame)
    except MalformedError:
        return None
    at = len(frame) - len(reading.l4)
    smallest = {oracle.TCP: 20, oracle.UDP: 8}.get(reading.protocol)
    whole = reading.l2_length + reading.l3_length == len(frame)
    if smallest is None or not whole or reading.piece or len(reading.l4) < smallest:
        return None
    if frame[reading.l2_length] >> 4 == 6 and frame[reading.l2_length + 4 :][:2] == b"\0\0":
        return None  # a jumbogram
    if reading.protocol == oracle.TCP:
        frame = frame[: at + 12] + b"\x50" + frame[at + 13 :]
    else:
        frame = frame[: at + 4] + pack(">H", len(reading.l4)) + frame[at + 6 :]
    return oracle.SuperPacket(frame, reading.l2_length, at, reading.protocol, size)


class Lacking(NamedTuple):
    """A packet as a capture has it, and its wire packets."""

    captured: Captured
    wire: list[Packet]


def lacking(rng: Random, packet: Packet, reason: str, source: int, index: int) -> Lacking:
    """Return *packet* as a super-packet, or with an unfinished checksum, if it may be either."""
    found = divisible(packet.frame, rng.choice((1, 7, 100, 536, 1448)))
    captured = Captured(packet.frame, source, index, DIRECTIONS.index(packet.direction))
    if found is None or reason not in DIVIDED:
        return Lacking(captured, [packet])
    unfinished = rng.random() < 0.7
    places = found.network, found.transport, found.protocol
    if unfinished:
        found = found._replace(frame=oracle.unfinished(found.frame, *places))
        checksum_at = found.transport + oracle.CHECKSUM[found.protocol]
        captured = captured._replace(unfinished=found.transport, checksum_at=checksum_at)
    captured = captured._replace(data=found.frame)
    if rng.random() < 0.6:
        wire = oracle.wire_packets(found)
        captured = captured._replace(super_packet=found.protocol, segment_size=found.size)
    else:
        wire = [oracle.finished(found.frame, *places) if unfinished else found.frame]
    return Lacking(captured, [Packet(packet.source, frame, len(frame), packet.direction) for frame in wire])


def through(plan: Plan, captured: Sequence[Captured], sink: Sink, *, wait: bool) -> Report:
    """Return what is counted when the packets have been through the pipeline."""
    counters, outlets = plan.counters(), np.zeros(len(plan.routes), np.int32)
    pipeline = Pipeline(
        plan, MemorySource(captured), file_templates(plan), [sink], outlets, counters, offloads=True
    )
    try:
        while pipeline.fill():
            pipeline.mirror()
            pipeline.forward(wait=wait)
            pipeline.flush()
    finally:
        found = report(plan, counters)
        check_conservation(found)
    return found


def check(scenario: Scenario) -> None:
    """Assert that the wire packets are mirrored, in order, and counted as the oracle says."""
    rng = Random(scenario.seed)
    packets = [packet for packet in scenario.packets if packet.wire_length == len(packet.frame)]
    first = mirror(scenario.config, packets, direction=scenario.direction)
    used = [
        source
        for session in (scenario.config.get("sessions") or {}).values()
        for source in session["sources"]
    ]
    names = list(dict.fromkeys([*(packet.source for packet in packets), *used]))
    made = [
        lacking(rng, packet, verdict.reason, names.index(packet.source), index)
        for index, (packet, verdict) in enumerate(zip(packets, first.verdicts, strict=True))
    ]
    wire = [(index, packet) for index, (_, packets) in enumerate(made) for packet in packets]
    outcome = mirror(scenario.config, [packet for _, packet in wire], direction=scenario.direction)
    sink = MemorySink()
    plan = plan_of(scenario.config, scenario.direction, names)
    found = through(plan, [frame.captured for frame in made], sink, wait=True)
    expected = [
        (index, verdict.outer)
        for (index, _), verdict in zip(wire, outcome.verdicts, strict=True)
        if verdict.outer
    ]
    assert [(copy.time, copy.data) for copy in sink.mirrored] == expected, f"seed {scenario.seed}"
    counted: dict[str, Any] = {**found}
    for section in ("sources", "sessions"):
        for name, wanted in outcome.counters[section].items():
            assert {key: counted[section].get(name, {}).get(key) for key in wanted} == wanted


@pytest.mark.parametrize("seed", range(40))
def test_the_oracle_agrees(seed: int) -> None:
    check(random_scenario(seed, 200))


@settings(max_examples=20)
@given(scenarios())
def test_the_oracle_agrees_on_what_hypothesis_finds(scenario: Scenario) -> None:
    check(scenario)


PLAN = """
interfaces:
  eni-a: {addresses: [10.0.0.1]}
  eni-t: {addresses: [10.9.0.2]}
filters:
  tmf-a:
    egress:
      - {priority: 1, action: accept, protocol: TCP,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}
sessions:
  tms-a: {priority: 1, sources: [eni-a], target: eni-t, filter: tmf-a, packet_length: 64,
          virtual_network_id: 7}
"""
N_PACKETS = 3 * ROWS + 5
"""Wire packets of the super-packet below: three batches, and some."""

OUTER = 50 + 14 + 64


def captured(n_packets: int = N_PACKETS) -> list[Captured]:
    """Return a plain frame, a super-packet, a plain frame."""
    start = (
        Ether(src="02:00:00:00:00:02", dst="02:00:00:00:00:01") / IP(src="10.0.0.1", dst="10.0.0.2") / TCP()
    )
    plain = Captured(bytes(start / Raw(bytes(100))), direction=EGRESS)
    octets = bytes(start / Raw(bytes(n_packets * 10)))
    return [plain, Captured(octets, 0, 1, EGRESS, None, oracle.TCP, 10, 34, 50), plain]


def plan() -> Plan:
    return compile_plan(read(PLAN, "offloads.yaml"))


@pytest.mark.parametrize("room", [OUTER, 2 * OUTER + 1, 100 * OUTER, 1 << 20])
def test_a_sink_with_little_room_gets_everything_in_time(room: int) -> None:
    packets, all_at_once = captured(), MemorySink()
    through(plan(), packets, all_at_once, wait=True)
    assert len(all_at_once.mirrored) == N_PACKETS + 2
    sink = MemorySink(room)
    assert through(plan(), packets, sink, wait=True)["sessions"]["tms-a"]["mirrored_packets"] == N_PACKETS + 2
    assert sink.mirrored == all_at_once.mirrored


class Full(MemorySink):
    """Has room for ten packets; takes only seven of those that it has got."""

    def __init__(self) -> None:
        super().__init__(10 * OUTER)

    def send(self) -> int:
        refused = max(len(self._placed) - 7, 0)
        del self._placed[7:]
        super().send()
        return refused


def test_what_finds_no_room_is_counted() -> None:
    sink = Full()
    source = through(plan(), captured(), sink, wait=False)["sources"]["eni-a"]
    assert source["seen"] == N_PACKETS + 2
    assert source["mirrored"] == len(sink.mirrored) > 0
    assert set(source["not_mirrored"]) == {"ring_full", "send_failed"}


class Broken(MemorySink):
    """Fails after some calls of its methods."""

    def __init__(self, after: int, error: Callable[[], BaseException]) -> None:
        super().__init__(100 * OUTER)
        self._left, self._error = after, error
        self.taken = 0

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        self._count_down()
        return super().place(frames, copies, first)

    def send(self) -> int:
        self._count_down()
        return super().send()

    def _count_down(self) -> None:
        self._left -= 1
        if not self._left:
            raise self._error()


@pytest.mark.parametrize("after", [1, 2, 3, 20, 24, 25, 26, 27, 28])
@pytest.mark.parametrize(
    "error", [lambda: ForwardError("full"), KeyboardInterrupt], ids=["full", "interrupt"]
)
def test_what_is_left_when_a_sink_fails_is_counted(after: int, error: Callable[[], BaseException]) -> None:
    """`through` checks that it is."""
    with pytest.raises((ForwardError, KeyboardInterrupt)):
        through(plan(), captured(), Broken(after, error), wait=True)


def test_without_offloads_a_frame_is_mirrored_as_it_is() -> None:
    """As a replay does, whatever its columns say: they are those of a live capture."""
    packets = [packet._replace(super_packet=0, segment_size=0) for packet in captured(50)]
    compiled, sink = plan(), MemorySink()
    made = file_templates(compiled)
    pipeline = Pipeline(
        compiled, MemorySource(packets), made, [sink], np.zeros(1, np.int32), compiled.counters()
    )
    assert pipeline.fill() == len(packets)
    pipeline.mirror()
    pipeline.forward(wait=True)
    pipeline.flush()
    assert [copy.data[50:] for copy in sink.mirrored] == [packet.data[: 14 + 64] for packet in packets]
