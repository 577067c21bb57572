"""The pipeline in memory by frame size and PacketLength, and its share of what memcpy does.

Owns that measurement. Must not know how frames come and go.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks import measure
from benchmarks.figures import PERCENT, Column, Measurement, Plot, Row, Target, over, row, scaled, share
from benchmarks.measure import Options
from benchmarks.pipeline.limits import Limits, limits
from benchmarks.pipeline.memory import Packed, enough, mirror
from benchmarks.traffic import SIZES, Traffic, configuration, of_one_source, rules, traffic
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan

NAME = "pipeline"
PACKETS, FEW = 400_000, 20_000
LENGTHS = (64, 128, 1500)
RULES = 10
MILLION, BILLION = 1e6, 1e9

RATE, LOOP, BLOCK = "mirrorplane", "memcpy of each copy", "one memcpy of all"
WRITTEN, SHARE, BLOCK_SHARE = "memcpy of each copy, bytes", "share of it", "share of one memcpy"
FULL_SIZE = ("1514", "1500")
LEAST_SHARE = 60.0
LEAST_RATES = {("IMIX", "128"): 12.0, ("IMIX", "1500"): 8.0}

ABOUT = (
    "Million packets a second through classify, select, truncate and encapsulate, one core, 10 rules; one"
    " in ten packets is dropped by rule. Seconds are those of the core that the thread had.",
    "memcpy of each copy: a compiled loop of one memcpy a copy, over the same offsets and lengths, from the"
    " same frames (more of them than the caches hold) to the same kind of buffer. It writes the kept bytes"
    " only; the pipeline reads the headers, decides, and writes an envelope of 50 bytes too.",
    "One memcpy of all: as many bytes in a single memcpy, to memory as large.",
)


class Side(NamedTuple):
    """What runs, and what one run of it does."""

    plan: Plan
    packets: Traffic
    limit: Limits

    def pipeline(self) -> float:
        """Return the seconds that the stages take."""
        return measure.cpu_seconds(mirror(self.plan, self.packets, Packed()).run)


def sizes(options: Options) -> list[Measurement]:
    """Measure it."""
    rows = [each for mix in SIZES for each in _rows(mix, options)]
    columns = [
        *(Column(name=name, unit="Mpps") for name in (RATE, LOOP, BLOCK)),
        Column(name=WRITTEN, unit="GB/s"),
        *(Column(name=name, unit=PERCENT) for name in (SHARE, BLOCK_SHARE)),
    ]
    return [
        Measurement(
            name=NAME,
            title="Pipeline in memory, one core, by frame size and PacketLength",
            about=ABOUT,
            labels=("frame [bytes]", "PacketLength"),
            columns=tuple(columns),
            rows=tuple(rows),
            targets=(
                *(
                    Target(labels=labels, column=RATE, at_least=least)
                    for labels, least in LEAST_RATES.items()
                ),
                Target(labels=FULL_SIZE, column=SHARE, at_least=LEAST_SHARE),
            ),
            plots=(
                Plot(name=NAME, kind="bars", columns=(RATE, LOOP, BLOCK), log=True),
                Plot(name=f"{NAME}-share", kind="bars", columns=(SHARE,)),
            ),
        )
    ]


def _rows(mix: str, options: Options) -> list[Row]:
    chosen = rules(RULES)
    count = FEW if options.quick else enough(PACKETS, float(np.mean(SIZES[mix])))
    packets = traffic(mix, count, of_one_source(chosen))
    sides = {}
    for length in LENGTHS:
        plan = compile_plan(read(configuration([chosen], length), NAME))
        sides[str(length)] = Side(plan, packets, limits(plan, packets))
    work: dict[str, Callable[[], float]] = {}
    for name, side in sides.items():
        work[f"{RATE} {name}"] = side.pipeline
        work[f"{LOOP} {name}"] = partial(measure.cpu_seconds, side.limit.each)
        work[f"{BLOCK} {name}"] = partial(measure.cpu_seconds, side.limit.block)
    taken = measure.alternating(work, options.pairs)
    return [_row(mix, name, side, taken) for name, side in sides.items()]


def _row(mix: str, length: str, side: Side, taken: dict[str, list[float]]) -> Row:
    ours, each, block = (taken[f"{name} {length}"] for name in (RATE, LOOP, BLOCK))
    millions = [side.packets.lengths.size / MILLION] * len(ours)
    figures = {
        name: over(millions, times) for name, times in ((RATE, ours), (LOOP, each), (BLOCK, block))
    } | {
        WRITTEN: scaled(over([1] * len(each), each), side.limit.n_bytes / BILLION),
        SHARE: share(each, ours),
        BLOCK_SHARE: share(block, ours),
    }
    return row((mix, length), figures)
