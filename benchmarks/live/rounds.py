"""Live, in namespaces: the engines against `tc mirred` and `nft dup` into a VXLAN device, and against nobody.

Owns what is measured, and in which order. All of a round is compared within the round; every other round goes
the other way about, so that a drift of the machine meets them alike. What is not installed, or refused by the
kernel, is left out, with the reason.
"""

import shutil

from benchmarks import measure
from benchmarks.figures import LeftOut, Measurement
from benchmarks.live import results
from benchmarks.live.load import IPERF
from benchmarks.live.mirrors import (
    ALL_OVER,
    CLONE,
    ENGINES,
    HANDED_OVER,
    INLINE,
    MIRRORS,
    NFT,
    NONE,
    TC,
    USERSPACE,
    why_not,
)
from benchmarks.live.network import missing, network
from benchmarks.live.results import Round
from benchmarks.live.sample import COUNTED, FULL, HALF, SIZES, Bench, Case, bench
from benchmarks.measure import Options

LENGTHS = (128, 1500)
PLAIN = LENGTHS[0], 1, 1
"""PacketLength, rules and sessions."""

BY_RULES = tuple((LENGTHS[0], number, 1) for number in (1, 10, 1000))
BY_SESSIONS = tuple((LENGTHS[0], number, number) for number in (10, 1000))


def floods() -> list[Case]:
    """Return the floods to be measured; by rules and sessions the inline engine only."""
    return [
        Case(str(size), *choice)
        for size in SIZES
        for choice in (
            *((mirror, 0, 0, 0) for mirror in (NONE, CLONE, TC, NFT)),
            *((INLINE, *setting) for setting in (*BY_RULES, *BY_SESSIONS)),
            (INLINE, LENGTHS[1], 1, 1),
            (ALL_OVER, *PLAIN),
            *((USERSPACE, length, 1, 1) for length in LENGTHS),
        )
    ]


def of_everyone(load: str) -> list[Case]:
    """Return the cases of a load that is not varied."""
    return [
        Case(load, mirror, *(PLAIN if mirror in ENGINES else ())) for mirror in MIRRORS if mirror != ALL_OVER
    ]


def compare(options: Options) -> list[Measurement]:
    """Measure all of it. Raises LabError, FailedError, RefusedError, OSError."""
    why = missing()
    if why is not None:
        return [results.nothing(LeftOut(what=results.NAME, why=why))]
    rounds: list[Round] = []
    counted: Round = {}
    with network() as built, bench(built, options) as on:
        cases, last, left_out = _possible(on)
        for number in range(options.pairs):
            measure.say(f"live: round {number + 1} of {options.pairs}")
            rounds.append({})
            _measure(on, cases if number % 2 == 0 else cases[::-1], rounds[-1])
        _measure(on, last, counted)
    return results.measurements(rounds, counted, left_out)


def _possible(on: Bench) -> tuple[list[Case], list[Case], list[LeftOut]]:
    """Return the cases of a round, those measured once, and what cannot be had, which is in neither."""
    cases, left_out = floods(), []
    if shutil.which(IPERF) is None:
        left_out.append(LeftOut(what="TCP", why=f"{IPERF} is not installed"))
    else:
        cases += of_everyone(FULL)
    reasons = {mirror: why for mirror in MIRRORS if (why := _why_not(on, mirror)) is not None}
    left_out += [LeftOut(what=mirror, why=why) for mirror, why in reasons.items()]
    wanted = (cases, of_everyone(COUNTED)[1:])
    one, other = ([case for case in every if case.mirror not in reasons] for every in wanted)
    return one, other, left_out


def _why_not(on: Bench, mirror: str) -> str | None:
    one_cpu = mirror in (HANDED_OVER, ALL_OVER) and on.sender == on.other
    return "there is one CPU" if one_cpu else why_not(mirror, on.network, on.other)


def _measure(on: Bench, cases: list[Case], into: Round) -> None:
    """Measure *cases* in turn; a source that was measured flat out, at half of that rate too."""
    for case in cases:
        into[case] = on.sample(case)
        if case.load == FULL:
            at_half = case._replace(load=HALF)
            into[at_half] = on.sample(at_half, into[case].rate / 2)
