"""Live, in namespaces: the engines against `tc mirred` and `nft dup` into a VXLAN device, and against nobody.

Owns what is measured, and in which order. All of a round is compared within the round; every other round goes
the other way about, so that a drift of the machine meets them alike. What is not installed, or refused by the
kernel, is named and left out.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from benchmarks import measure, tables
from benchmarks.lab import network
from benchmarks.load import IPERF
from benchmarks.mirrors import (
    ALL_OVER,
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
from benchmarks.sample import COUNTED, FULL, HALF, SIZES, Bench, Case, Options, Sample, bench
from benchmarks.tables import Round
from mirrorplane.engines.kernel import requirements
from mirrorplane.lab import namespaces

LENGTHS, RULES = (128, 1500), (1, 1000)
PLAIN = LENGTHS[0], RULES[0]


def floods(lengths: tuple[int, ...]) -> list[Case]:
    """Return the floods to be measured, engines at each PacketLength; by rules the inline one only."""
    return [
        Case(str(size), *choice)
        for size in SIZES
        for choice in (
            *((mirror, 0, 0) for mirror in (NONE, TC, NFT)),
            *((INLINE, length, rules) for length in lengths for rules in RULES),
            (ALL_OVER, *PLAIN),
            *((USERSPACE, length, RULES[0]) for length in lengths),
        )
    ]


def of_everyone(load: str) -> list[Case]:
    """Return the cases of a load that is not varied."""
    return [
        Case(load, mirror, *(PLAIN if mirror in ENGINES else ())) for mirror in MIRRORS if mirror != ALL_OVER
    ]


def compare(options: Options, into: Path | None) -> None:
    """Measure, print the tables, and write every sample to *into* as JSON, also of what was interrupted.

    Raises LabError, FailedError, RefusedError, OSError.
    """
    why = namespaces.missing() or requirements.missing()
    if why is not None:
        print(f"left out: live ({why})")
        return
    rounds: list[Round] = []
    counted: Round = {}
    with network() as built, bench(built, options) as on:
        cases, last = _possible(on, options)
        try:
            for number in range(options.pairs):
                print(f"live: round {number + 1} of {options.pairs}", file=sys.stderr)
                rounds.append({})
                _measure(on, cases if number % 2 == 0 else cases[::-1], rounds[-1])
            _measure(on, last, counted)
        finally:
            if into is not None:
                into.write_text(json.dumps(_document(options, rounds, counted), indent=1) + "\n")
    tables.show(rounds, counted)


def _possible(on: Bench, options: Options) -> tuple[list[Case], list[Case]]:
    """Return the cases of a round, and those measured once, without what cannot be had; say what that is."""
    cases = floods(LENGTHS[:1] if options.quick else LENGTHS)
    if shutil.which(IPERF) is None:
        print(f"left out: TCP ({IPERF} is not installed)")
    else:
        cases += of_everyone(FULL)
    missing = {mirror for mirror in MIRRORS if not _is_there(on, mirror)}
    wanted = (cases, of_everyone(COUNTED)[1:])
    one, other = ([case for case in every if case.mirror not in missing] for every in wanted)
    return one, other


def _is_there(on: Bench, mirror: str) -> bool:
    one_cpu = mirror in (HANDED_OVER, ALL_OVER) and on.sender == on.other
    why = "there is one CPU" if one_cpu else why_not(mirror, on.network, on.other)
    if why is not None:
        print(f"left out: {mirror} ({why})")
    return why is None


def _measure(on: Bench, cases: list[Case], into: Round) -> None:
    """Measure *cases* in turn; a source that was measured flat out, at half of that rate too."""
    for case in cases:
        into[case] = on.sample(case)
        if case.load == FULL:
            at_half = case._replace(load=HALF)
            into[at_half] = on.sample(at_half, into[case].rate / 2)


def _document(options: Options, rounds: list[Round], counted: Round) -> dict[str, Any]:
    every = [_samples(each) for each in rounds]
    return {
        "machine": measure.machine(),
        "options": options._asdict(),
        "rounds": every,
        "counted": _samples(counted),
    }


def _samples(measured: Round) -> list[dict[str, Any]]:
    return [_named(sample) for sample in measured.values()]


def _named(sample: Sample) -> dict[str, Any]:
    """Return a sample by names, throughout."""
    return sample._asdict() | {
        "case": sample.case._asdict(),
        "window": sample.window._asdict(),
        "life": sample.life._asdict(),
    }
