"""The contract: every vector through each engine, each way that a packet can take through it."""

from dataclasses import replace
from itertools import groupby

import pytest

from mirrorplane.counters import N_REASONS, Reason
from mirrorplane.engines.replay import file_templates
from mirrorplane.engines.report import report
from mirrorplane.plan import Plan
from mirrorplane.plan.tables import HEADER_STRIDE, Templates
from tests.engines.kernel.rig import Rig, Segment
from tests.engines.live.bench import SENDABLE, Bench, Judged, Way, differences, hooked, live_plan, piped
from tests.oracle import mirror
from tests.vectors import CASES
from tests.vectors.case import Case, Result, Sent, complaints, stream_complaints


def met(case: Case) -> Case:
    """Return *case* with each packet as a device meets it."""
    packets = hooked(case.config, case.packets, case.direction)
    return replace(case, shots=tuple(zip(packets, case.expected, strict=True)), direction="unknown")


def configured(case: Case) -> str:
    """Return the configuration in words that sort."""
    return repr(case.config)


MET = [met(case) for case in CASES]
GROUPS = [list(group) for _, group in groupby(sorted(MET, key=configured), key=configured)]
"""The cases of each configuration: it is written into the maps once."""


def by(way: Way, case: Case) -> Case:
    """Return *case* with those packets that can go that way; what it says of several if all of them can."""
    shots = tuple(shot for shot in case.shots if way.takes(shot[0]))
    if len(shots) == len(case.shots):
        return case
    assert (case.alike, case.unlike, case.share) == ((), (), {})
    return replace(case, shots=shots)


def wrong_with(cases: list[Case], found: Judged) -> list[str]:
    """Return what is wrong with what became of the packets of *cases*, one behind the other."""
    copies, index, wrong = dict(found.copies), 0, []
    for case in cases:
        results = [
            Result(expected.reason, expected.session, copies.get(index + row))
            for row, expected in enumerate(case.expected)
        ]
        wrong += [f"{case.id}: {what}" for what in complaints(case, results)]
        index += len(results)
    return wrong


@pytest.mark.parametrize("cases", GROUPS, ids=lambda cases: f"{cases[0].id}, and {len(cases) - 1} more")
def test_vectors(bench: Bench, cases: list[Case]) -> None:
    plan = live_plan(cases[0].config)
    for way in bench.ways:
        chosen = [by(way, case) for case in cases]
        whole = Case("all", cases[0].config, tuple(shot for case in chosen for shot in case.shots))
        run = bench.run(plan, whole.packets, way)
        assert differences(run, piped(plan, whole.packets)) == [], way
        assert wrong_with(chosen, run) == [], way
        counted = dict(report(plan, run.counters))
        assert stream_complaints(whole, [copy for _, copy in run.copies], counted) == [], way
        if way is Way.STAGED:
            assert isinstance(bench, Rig)
            check_envelopes(bench, plan, whole)


def check_envelopes(rig: Rig, plan: Plan, case: Case) -> None:
    """Assert that what comes out of staging becomes what the pipeline makes of it."""
    packets, wanted = case.packets, piped(plan, case.packets)
    verdicts = mirror(case.config, packets).verdicts
    templates = headers(file_templates(plan))
    segments = [
        Segment(packets[index].frame, verdicts[index].direction, templates.index(header(copy)), port(copy))
        for index, copy in wanted.copies
    ]
    found = rig.wrap(plan, segments)
    assert [copy for _, copy in found.copies] == [copy for _, copy in wanted.copies]
    mirrored = found.counters.reasons.reshape(-1, N_REASONS)[:, Reason.MIRRORED]
    assert list(mirrored) == list(wanted.counters.reasons.reshape(-1, N_REASONS)[:, Reason.MIRRORED])
    assert list(found.counters.sessions) == list(wanted.counters.sessions)


def headers(templates: Templates) -> list[bytes]:
    """Return the outer header of each template."""
    lengths = templates.rows["length"]
    return [templates.header[row * HEADER_STRIDE :][:length].tobytes() for row, length in enumerate(lengths)]


def header(copy: bytes) -> bytes:
    """Return a copy's outer header as its template has it."""
    sent = Sent(copy)
    length, patched = (50, (16, 24, 34, 38)) if sent.version == 4 else (70, (18, 54, 58, 60))
    plain = bytearray(copy[:length])
    for at in patched:
        plain[at : at + 2] = bytes(2)
    return bytes(plain)


def port(copy: bytes) -> int:
    """Return the outer source port of a copy."""
    return Sent(copy).source_port


def test_what_no_device_meets() -> None:
    """Of all packets these are for captures only; the others go through the engines, nearly all each way."""
    packets = [packet for case in MET for packet in case.packets]
    left = [packet for packet in packets if not any(way.takes(packet) for way in Way)]
    told = [packet.frame for packet in left if packet.direction != "unknown"]
    assert len(left) - len(told) == 17
    assert sum(len(frame) < SENDABLE.start for frame in told) == 16
    assert [frame[12:] for frame in told if len(frame) == SENDABLE.start] == [b"\x81\x00"]
    assert [len(frame) for frame in told if len(frame) > SENDABLE.start] == [66062, 66082, 70054]
    assert [sum(way.takes(packet) for packet in packets) for way in Way] == [1337, 1337, 1337, 1344, 1344]
    assert len(packets) == 1388
