"""Cases and scenarios through the pipeline, with captures and sinks in memory.

Owns the way from the judge's words (a configuration as a dict, packets, verdicts) to the pipeline's and back.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import yaml

from mirrorplane.batch import DIRECTIONS, UNKNOWN
from mirrorplane.capture.memory import MemorySource
from mirrorplane.capture.memory import Packet as Captured
from mirrorplane.engines.replay import Replay, file_templates, into
from mirrorplane.engines.report import Report, report
from mirrorplane.forward.memory import MemorySink
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan
from mirrorplane.plan.listing import LARGE
from tests.oracle import Packet


class Run(NamedTuple):
    """What left, in order, with the index of the packet that it is a copy of; and what was counted."""

    outers: list[bytes]
    of: list[int]
    report: Report


def plan_of(
    config: Mapping[str, Any],
    direction: str = "unknown",
    sources: Sequence[str] | None = None,
    lists_from: int = LARGE,
) -> Plan:
    """Compile a configuration given as the dict that its YAML stands for."""
    text = yaml.safe_dump(config, sort_keys=False)
    fallback = DIRECTIONS.index(direction) if direction else UNKNOWN
    return compile_plan(read(text, "case.yaml"), sources, fallback, lists_from=lists_from)


def replayed(
    config: Mapping[str, Any], packets: Sequence[Packet], direction: str = "unknown", lists_from: int = LARGE
) -> Run:
    """Run *packets* through the pipeline; a packet's time is its index, by which its copy is told."""
    named = dict.fromkeys(packet.source for packet in packets)
    sessions = config.get("sessions") or {}
    used = dict.fromkeys(source for session in sessions.values() for source in session["sources"])
    plan = plan_of(
        config, direction, [*named, *(source for source in used if source not in named)], lists_from
    )
    rows = {name: row for row, name in enumerate(plan.sources)}
    captured = [
        Captured(
            packet.frame, rows[packet.source], index, DIRECTIONS.index(packet.direction), packet.wire_length
        )
        for index, packet in enumerate(packets)
    ]
    sink = MemorySink()
    run = Replay(plan, MemorySource(captured), into(sink, file_templates(plan)))
    run.run()
    found = report(plan, run.counters)
    check_conservation(found)
    return Run([copy.data for copy in sink.mirrored], [copy.time for copy in sink.mirrored], found)


def check_conservation(found: Report) -> None:
    """Assert that every packet seen is mirrored or has a reason, in each direction, and sessions add up."""
    for source in found["sources"].values():
        ways = [source, *source["directions"].values()]
        for way in ways:
            assert way["seen"] == way["mirrored"] + sum(way["not_mirrored"].values())
    mirrored = sum(source["mirrored"] for source in found["sources"].values())
    assert mirrored == sum(session["mirrored_packets"] for session in found["sessions"].values())
