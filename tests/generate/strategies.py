"""Hypothesis strategies over the generators: a seed makes a scenario, so that a failure names one number.

Owns the wrapping. Must not know what the generators make.
"""

from dataclasses import dataclass
from random import Random
from typing import Any

from hypothesis import strategies as st
from hypothesis.vendor.pretty import RepresentationPrinter

from tests.generate.configurations import random_configuration
from tests.generate.packets import random_packets
from tests.oracle import Direction, Packet

SEEDS = st.integers(min_value=0, max_value=2**32 - 1)
DIRECTIONS: tuple[Direction, ...] = ("unknown", "unknown", "unknown", "ingress", "egress")


@dataclass(frozen=True, repr=False)
class Scenario:
    """A configuration, an explicit `--direction` ("unknown": none), and packets; *seed* makes it again."""

    seed: int
    config: dict[str, Any]
    direction: Direction
    packets: list[Packet]

    def __repr__(self) -> str:
        return f"random_scenario({self.seed}, {len(self.packets)})"

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: object) -> None:
        """Tell hypothesis how to make it again; of a dataclass it would print every field."""
        printer.text(repr(self))


def random_scenario(seed: int, count: int) -> Scenario:
    """Return the scenario of *seed* with *count* packets."""
    rng = Random(seed)
    config = random_configuration(rng)
    direction = rng.choice(DIRECTIONS)
    return Scenario(seed, config, direction, random_packets(rng, config, count))


def configurations() -> st.SearchStrategy[dict[str, Any]]:
    """Return a strategy of configurations."""
    return SEEDS.map(lambda seed: random_configuration(Random(seed)))


def scenarios(count: int = 50) -> st.SearchStrategy[Scenario]:
    """Return a strategy of scenarios with *count* packets each."""
    return SEEDS.map(lambda seed: random_scenario(seed, count))
