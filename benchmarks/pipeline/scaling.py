"""The pipeline in memory by number of rules, and by number of sessions in the shapes that users have.

Owns these two measurements. Must not know how frames come and go. Every rule accepts, so that the same work
follows each decision, and every packet is decided by a rule that was drawn for it: all of them, and all
sources, are really hit. A time is a multiple of that of ten, pair by pair.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks import measure
from benchmarks.figures import Column, Measurement, Plot, Row, Target, over, row, scaled
from benchmarks.measure import Options
from benchmarks.pipeline.memory import Packed, enough, mirror
from benchmarks.traffic import (
    SIZES,
    Rule,
    Session,
    Traffic,
    configuration,
    of_one_source,
    rules,
    source_name,
    traffic,
)
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan

RULES, SESSIONS = "rules", "sessions"
N_RULES = (1, 4, 10, 16, 64, 256, 1000, 4096)
N_SESSIONS = (1, 10, 100, 1000)
TEN, MANY = 10, 1000
RULES_TARGET, SESSIONS_TARGET = 1.2, 1.3
MIX, PACKET_LENGTH = "IMIX", 128
PACKETS, FEW = 400_000, 20_000
NANO, MILLION = 1e9, 1e6

RATE, TIME, AGAIN = "rate", "time a packet", "times that of 10"


class Setting(NamedTuple):
    """What is configured, and which (source, rule) the traffic is drawn from."""

    filters: Sequence[list[Rule]]
    sessions: Sequence[Session]
    choices: Sequence[tuple[int, Rule]]


def a_source_each(count: int) -> Setting:
    """Return sessions that have a source each and share a filter."""
    by = rules(TEN, drops=False)
    sessions = [Session(number, 0) for number in range(count)]
    return Setting([by], sessions, [(number, rule) for number in range(count) for rule in by])


def a_source_and_filter_each(count: int) -> Setting:
    """Return sessions that have a source each, and ten rules of their own each."""
    filters = [rules(TEN, drops=False, seed=number) for number in range(count)]
    sessions = [Session(number, number) for number in range(count)]
    return Setting(filters, sessions, [(number, rule) for number, by in enumerate(filters) for rule in by])


def one_source(count: int) -> Setting:
    """Return sessions on one source with a rule of their own each, all of which are hit."""
    every = rules(count, drops=False)
    return Setting([[rule] for rule in every], _on_one_source(count), of_one_source(every))


def last_accepts(count: int) -> Setting:
    """Return the same, where only the last session's rule is ever hit."""
    every = rules(count, drops=False)
    return Setting([[rule] for rule in every], _on_one_source(count), of_one_source(every[-1:]))


def _on_one_source(count: int) -> list[Session]:
    return [Session(0, number) for number in range(count)]


SHAPES: dict[str, Callable[[int], Setting]] = {
    "a source each, one filter of 10 rules": a_source_each,
    "a source and 10 rules of its own each": a_source_and_filter_each,
    "one source, a filter each, all hit": one_source,
    "one source, a filter each, the last accepts": last_accepts,
}


def by_rules(options: Options) -> list[Measurement]:
    """Measure the numbers of rules."""
    settings = {
        number: Setting([by := rules(number, drops=False)], [Session(0, 0)], of_one_source(by))
        for number in N_RULES
    }
    return [
        Measurement(
            name=RULES,
            title=f"Pipeline in memory by number of rules: {MIX}, PacketLength {PACKET_LENGTH}",
            about=("One session; every packet is accepted by a rule drawn from all of them.",),
            labels=(RULES,),
            columns=_columns(),
            rows=tuple(_measured(settings, (), options)),
            targets=(Target(labels=(_shown(MANY),), column=AGAIN, at_most=RULES_TARGET),),
            plots=(Plot(name=RULES, kind="lines", columns=(AGAIN,), along=RULES),),
        )
    ]


def by_sessions(options: Options) -> list[Measurement]:
    """Measure the numbers of sessions, in each shape."""
    rows = [
        each
        for shape, make in SHAPES.items()
        for each in _measured({number: make(number) for number in N_SESSIONS}, (shape,), options)
    ]
    targets = (
        Target(labels=(shape, _shown(MANY)), column=AGAIN, at_most=SESSIONS_TARGET) for shape in SHAPES
    )
    return [
        Measurement(
            name=SESSIONS,
            title=f"Pipeline in memory by number of sessions: {MIX}, PacketLength {PACKET_LENGTH}",
            about=(
                "Each session has a VNI, and so a header template, of its own.",
                "The packets are spread evenly over all sources and rules, in no order; in the last shape"
                " all of them are accepted by the last session.",
            ),
            labels=("shape", SESSIONS),
            columns=_columns(),
            rows=tuple(rows),
            targets=tuple(targets),
            plots=(Plot(name=SESSIONS, kind="lines", columns=(AGAIN,), along=SESSIONS),),
        )
    ]


def _columns() -> tuple[Column, ...]:
    return (
        Column(name=RATE, unit="Mpps"),
        Column(name=TIME, unit="ns"),
        Column(name=AGAIN),
    )


def _shown(number: int) -> str:
    return f"{number:,}"


def _measured(settings: dict[int, Setting], shape: tuple[str, ...], options: Options) -> list[Row]:
    count = FEW if options.quick else enough(PACKETS, float(np.mean(SIZES[MIX])))
    sides = {}
    for number, setting in settings.items():
        sides[_shown(number)] = partial(_seconds, plan(setting), traffic(MIX, count, setting.choices))
    taken = measure.alternating(sides, options.pairs)
    return [_row((*shape, name), times, taken[_shown(TEN)], count) for name, times in taken.items()]


def plan(setting: Setting) -> Plan:
    """Return the plan, whose sources are numbered as the traffic's."""
    read_ = read(configuration(setting.filters, PACKET_LENGTH, setting.sessions), SESSIONS)
    numbers = dict.fromkeys(session.source for session in setting.sessions)
    return compile_plan(read_, [source_name(number) for number in numbers])


def _seconds(by: Plan, packets: Traffic) -> float:
    return measure.cpu_seconds(mirror(by, packets, Packed()).run)


def _row(labels: tuple[str, ...], times: list[float], ten: list[float], count: int) -> Row:
    figures = {
        RATE: over([count / MILLION] * len(times), times),
        TIME: scaled(times, NANO / count),
        AGAIN: over(times, ten),
    }
    return row(labels, figures)
