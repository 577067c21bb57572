"""What is made of live samples.

Owns the figures. Must not know how a sample came about.

* Source kept: its rate, in per cent of that of the unmirrored source of the same round.
* Mirrored: the copies that had arrived at the sensor when the load ended. Of TCP, the kernel engine mirrors
  every segment; for all others a super-packet of up to 64 KB is one.
* A CPU-second: of the CPU that sends, the generator's own work included; stolen time is not counted.
* A copy's cost: what that CPU did beyond what the unmirrored source costs it for the same work.
* The limit: a clone of the packet, and one transmit of it by the uplink, with nothing in front of it.
"""

from collections.abc import Callable, Iterable, Sequence
from math import nan

from benchmarks.figures import (
    PERCENT,
    Column,
    LeftOut,
    Measurement,
    Plot,
    Row,
    Target,
    over,
    row,
    scaled,
    share,
)
from benchmarks.live.load import PACING
from benchmarks.live.mirrors import CLONE, ENGINES, NONE, TC
from benchmarks.live.sample import COUNTED, FULL, HALF, Case, Life, Sample

NAME = "live"
MANY = "live-rules-and-sessions"
Round = dict[Case, Sample]
Value = Callable[[Sample, Sample], float]
"""A figure of a sample and the unmirrored one of the same round."""

THOUSAND, MILLION, BILLION = 1e3, 1e6, 1e9
MUCH_STOLEN = 0.02
"""Of the time measured: above that, the figures are the machine's host's as much as ours."""

WHO = ("mirror", "PacketLength", "rules", "sessions")
TEN, THOUSANDS = 10, 1000
RULES_TARGET, SESSIONS_TARGET = 1.2, 1.3

SOURCE, KEPT, MIRRORED, PER_CPU = "source", "source kept", "mirrored", "mirrored in a CPU-second"
COST, OTHERS, TO_TC, TO_CLONE = (
    "a copy's cost",
    "other CPUs",
    "a CPU-second, times tc's",
    "share of a clone's",
)
AGAIN, COSTS_AGAIN = "CPU time a copy, times that of 10", "a copy's cost, times that of 10"


def measurements(rounds: list[Round], counted: Round, left_out: Sequence[LeftOut]) -> list[Measurement]:
    """Return all of it; what was left out is told with the first."""
    loads = dict.fromkeys(case.load for case in rounds[0])
    kinds = {FULL: _tcp, HALF: _half}
    first, *others = [kinds.get(load, _flood)(load, rounds) for load in loads]
    stolen = _stolen([sample for each in rounds for sample in each.values()])
    first = first.model_copy(update={"left_out": tuple(left_out), "about": (*first.about, *stolen)})
    return [first, *others, _many(rounds), _counted(counted)]


def nothing(why: LeftOut) -> Measurement:
    """Return what is left where nothing can be measured."""
    return Measurement(name=NAME, title="Live", labels=WHO, columns=(), rows=(), left_out=(why,))


def _per(one: float, other: float) -> float:
    """Return a quotient, or no number: what is too short to be measured takes 0 seconds."""
    return one / other if other else nan


def rate(sample: Sample, _none: Sample) -> float:
    """Return what the source sends a second: frames, of TCP bits."""
    return sample.rate


def kept(sample: Sample, none: Sample) -> float:
    """Return what is left of the source's rate."""
    return _per(sample.rate, none.rate)


def mirrored(sample: Sample, _none: Sample) -> float:
    """Return the copies a second."""
    return sample.window.arrived / sample.window.seconds


def per_cpu_second(sample: Sample, _none: Sample) -> float:
    """Return the copies for each second that the sender's CPU worked."""
    return _per(sample.window.arrived, sample.window.busy)


def cost(sample: Sample, none: Sample) -> float:
    """Return the seconds that a copy cost the sender's CPU."""
    unmirrored = sample.work * _per(none.window.busy, none.work)
    return _per(sample.window.busy - unmirrored, sample.window.arrived)


def others(sample: Sample, _none: Sample) -> float:
    """Return how many other CPUs were at work."""
    return sample.window.others / sample.window.seconds


def taken(rounds: list[Round], case: Case, value: Value) -> list[float]:
    """Return a case's figure of each round."""
    return [value(each[case], each[Case(case.load, NONE)]) for each in rounds]


def _labels(case: Case) -> tuple[str, ...]:
    choice = (case.packet_length, case.rules, case.sessions)
    return case.mirror, *(f"{number:,}" if number else "-" for number in choice)


def _effort(rounds: list[Round], case: Case) -> dict[str, list[float] | None]:
    """Return what mirroring does and costs; there is nothing to tell of an unmirrored source."""
    figures: dict[str, list[float] | None] = {
        KEPT: scaled(taken(rounds, case, kept), 100),
        OTHERS: taken(rounds, case, others),
    }
    if case.mirror == NONE:
        return figures
    return figures | {
        MIRRORED: scaled(taken(rounds, case, mirrored), 1 / THOUSAND),
        PER_CPU: scaled(taken(rounds, case, per_cpu_second), 1 / THOUSAND),
        COST: scaled(taken(rounds, case, cost), MILLION),
    }


def _beside_others(rounds: list[Round], case: Case) -> dict[str, list[float] | None]:
    """Return how a case's copies compare with the peer's and the limit's, which are packets of one size."""
    if case.mirror == NONE:
        return {}
    return {TO_TC: _beside(rounds, case, TC, over), TO_CLONE: _beside(rounds, case, CLONE, share)}


def _beside(
    rounds: list[Round], case: Case, peer: str, by: Callable[[Iterable[float], Iterable[float]], list[float]]
) -> list[float] | None:
    """Return a case's copies in a CPU-second beside a peer's, round by round."""
    other = Case(case.load, peer)
    if other not in rounds[0]:
        return None
    return by(taken(rounds, case, per_cpu_second), taken(rounds, other, per_cpu_second))


EFFORT = (
    Column(name=KEPT, unit=PERCENT),
    Column(name=MIRRORED, unit="kpps"),
    Column(name=PER_CPU, unit="thousands"),
    Column(name=COST, unit="us"),
    Column(name=OTHERS, unit="s/s"),
)


def _cases(rounds: list[Round], load: str) -> list[Case]:
    return [case for case in rounds[0] if case.load == load]


def _flood(load: str, rounds: list[Round]) -> Measurement:
    rows = [
        row(
            _labels(case),
            {
                SOURCE: scaled(taken(rounds, case, rate), 1 / THOUSAND),
                **_effort(rounds, case),
                **_beside_others(rounds, case),
            },
        )
        for case in _cases(rounds, load)
    ]
    return Measurement(
        name=f"{NAME}-{load}",
        title=f"Live: a flood of {load}-byte frames",
        about=(
            "clone: `tc mirred` to the uplink itself, without VXLAN: a clone and one transmit, the limit.",
        ),
        labels=WHO,
        columns=(
            Column(name=SOURCE, unit="kpps"),
            *EFFORT,
            Column(name=TO_TC),
            Column(name=TO_CLONE, unit=PERCENT),
        ),
        rows=tuple(rows),
        plots=(Plot(name=f"{NAME}-{load}", kind="bars", columns=(PER_CPU,), ours=tuple(ENGINES)),),
    )


def _resent(rounds: list[Round], case: Case) -> list[float]:
    return [each[case].retransmits for each in rounds]


RESENT = "sent again"


def _tcp(load: str, rounds: list[Round]) -> Measurement:
    rows = [
        row(
            _labels(case),
            {
                SOURCE: scaled(taken(rounds, case, rate), 1 / BILLION),
                **_effort(rounds, case),
                RESENT: _resent(rounds, case),
            },
        )
        for case in _cases(rounds, load)
    ]
    return Measurement(
        name=f"{NAME}-tcp",
        title="Live: iperf3 flat out",
        about=("mirrorplane's copies are wire segments; the others' are super-packets of up to 64 KB.",),
        labels=WHO,
        columns=(Column(name=SOURCE, unit="Gbit/s"), *EFFORT, Column(name=RESENT)),
        rows=tuple(rows),
        plots=(Plot(name=f"{NAME}-tcp", kind="bars", columns=(KEPT,), ours=tuple(ENGINES)),),
    )


COPIES, LOST = "copies", "lost"


def _half(load: str, rounds: list[Round]) -> Measurement:
    rows = []
    for case in _cases(rounds, load):
        lives = [each[case].life for each in rounds]
        figures: dict[str, Iterable[float] | None] = {
            SOURCE: scaled(taken(rounds, case, rate), 1 / BILLION),
            RESENT: _resent(rounds, case),
            COPIES: [life.arrived for life in lives],
            LOST: None if case.mirror == NONE else [missed(life) for life in lives],
        }
        rows.append(row((*_labels(case), _reasons(lives)), figures))
    columns = (Column(name=SOURCE, unit="Gbit/s"), *(Column(name=name) for name in (RESENT, COPIES, LOST)))
    return Measurement(
        name=f"{NAME}-tcp-half",
        title=f"Live: {load} that each mirror left it",
        about=(f"In bursts: iperf3 --pacing-timer {PACING}.",),
        labels=(*WHO, "not mirrored"),
        columns=columns,
        rows=tuple(rows),
    )


def missed(life: Life) -> int:
    """Return how many copies never came, of the packets that the mirror saw, or else the link carried."""
    return (life.carried if life.seen is None else life.seen) - life.arrived


def _reasons(lives: list[Life]) -> str:
    names = dict.fromkeys(name for life in lives for name in life.reasons)
    sums = {name: sum(life.reasons.get(name, 0) for life in lives) for name in names}
    return ", ".join(f"{name} {number}" for name, number in sums.items()) or "-"


def _many(rounds: list[Round]) -> Measurement:
    """Return what many rules and many sessions cost, times what ten cost."""
    rows, targets = [], []
    for case in rounds[0]:
        ten = _ten_of(case)
        if ten is None or ten not in rounds[0]:
            continue
        labels = (case.load, *_labels(case))
        rows.append(_again(rounds, case, ten, labels))
        limit = RULES_TARGET if case.sessions == 1 else SESSIONS_TARGET
        targets.append(Target(labels=labels, column=AGAIN, at_most=limit))
    return Measurement(
        name=MANY,
        title="Live: many rules, and many sessions with a rule each, on one source",
        about=("The very last rule decides.",),
        labels=("frame [bytes]", *WHO),
        columns=(Column(name=AGAIN), Column(name=COSTS_AGAIN)),
        rows=tuple(rows),
        targets=tuple(targets),
    )


def _ten_of(case: Case) -> Case | None:
    """Return the case that a case of many is compared with."""
    if case.rules != THOUSANDS:
        return None
    return case._replace(rules=TEN, sessions=1 if case.sessions == 1 else TEN)


def _again(rounds: list[Round], case: Case, ten: Case, labels: tuple[str, ...]) -> Row:
    figures = {
        AGAIN: over(taken(rounds, ten, per_cpu_second), taken(rounds, case, per_cpu_second)),
        COSTS_AGAIN: over(taken(rounds, case, cost), taken(rounds, ten, cost)),
    }
    return row(labels, figures)


COUNTS = ("sent", "arrived", "seen", "mirrored", "unexplained")


def _counted(counted: Round) -> Measurement:
    rows = []
    for case, (_, _, _, _, _, life) in counted.items():
        numbers: list[int | None] = [life.carried, life.arrived, life.seen, life.mirrored, unexplained(life)]
        figures = {
            name: None if number is None else [number] for name, number in zip(COUNTS, numbers, strict=True)
        }
        rows.append(row((case.mirror, _reasons([life])), figures))
    return Measurement(
        name=f"{NAME}-{COUNTED}",
        title=f"Live: {COUNTED}, a flood of 64-byte frames, flat out",
        labels=("mirror", "not mirrored"),
        columns=tuple(Column(name=name) for name in COUNTS),
        rows=tuple(rows),
    )


def unexplained(life: Life) -> int | None:
    """Return how many packets are not accounted for, None of a mirror that does not count.

    Those sent and not seen, seen and neither mirrored nor with a reason, mirrored and not arrived, and the
    other way about.
    """
    if life.seen is None or life.mirrored is None:
        return None
    reasons = sum(life.reasons.values())
    return (
        abs(life.carried - life.seen)
        + abs(life.seen - life.mirrored - reasons)
        + abs(life.mirrored - life.arrived)
    )


def _stolen(samples: list[Sample]) -> list[str]:
    shares = [_per(sample.window.stolen, sample.window.seconds) for sample in samples]
    noisy = [each for each in shares if each > MUCH_STOLEN]
    if not noisy:
        return []
    return [
        f"The machine's host took CPU time away in {len(noisy)} of {len(shares)} measurements,"
        f" up to {max(noisy):.0%}."
    ]
