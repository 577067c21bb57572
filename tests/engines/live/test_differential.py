"""The engines beside the pipeline: random configurations and packets.

Every frame, in order, and every counter must be the same, each way that a packet can take.
"""

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from tests.engines.live.bench import Bench, differences, hooked, live_plan, piped
from tests.generate import random_scenario
from tests.generate.packets import random_packets
from tests.oracle import Packet
from tests.vectors.world import VLAN, http4, rule, setup

SCENARIOS, PACKETS = 100, 50
FIRST_SEED = 70_000
"""Other scenarios than those that the pipeline is compared with the oracle by."""

MOST_RULES = 4416
"""Of a source, a direction and an IP version: what check_size lets through."""


def check(bench: Bench, config: dict[str, Any], packets: list[Packet], what: str) -> None:
    """Assert that the engine does what the pipeline does with *packets*, whose directions are hooks."""
    plan = live_plan(config)
    for way in bench.ways:
        chosen = [packet for packet in packets if way.takes(packet)]
        assert differences(bench.run(plan, chosen, way), piped(plan, chosen)) == [], f"{what}, {way}"


def told(config: dict[str, Any], packets: list[Packet], rng: Random) -> list[Packet]:
    """Return *packets* as a device meets them, on either hook where a capture could not tell."""
    return [
        replace(packet, direction=rng.choice(("ingress", "egress")))
        if packet.direction == "unknown"
        else packet
        for packet in hooked(config, packets, "unknown")
    ]


MOST_TAGS = 8
"""What the kernel engine can put back."""


@pytest.mark.parametrize("first", range(FIRST_SEED, FIRST_SEED + SCENARIOS, 10))
def test_the_pipeline_agrees(bench: Bench, first: int) -> None:
    for seed in range(first, first + 10):
        scenario = random_scenario(seed, PACKETS)
        packets = told(scenario.config, scenario.packets, Random(seed))
        check(bench, scenario.config, packets, f"seed {seed}")


def many_rules(rng: Random, count: int) -> list[dict[str, Any]]:
    """Return rules that overlap in each field, so that many words of the bit vectors are looked at."""
    blocks = ("0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/16", "198.51.100.0/24", "10.0.0.1/32")
    ends = sorted(rng.sample(range(65536), 64))

    def ports() -> str:
        low, high = sorted(rng.sample(ends, 2))
        return f"{low}/{high if rng.random() < 0.2 else low}"

    return [
        rule(
            priority,
            rng.choice(("accept", "drop")),
            rng.choice(("TCP", "UDP")),
            source=rng.choice(blocks),
            destination=rng.choice(blocks),
            sports=ports(),
            dports=ports(),
        )
        for priority in range(1, count + 1)
    ]


def test_as_many_rules_as_there_may_be(bench: Bench) -> None:
    rng = Random(FIRST_SEED)
    config = setup(ingress=many_rules(rng, MOST_RULES), egress=many_rules(rng, 65))
    check(bench, config, told(config, random_packets(rng, config, 400), rng), "many rules")


def test_many_tags(bench: Bench) -> None:
    """Behind the first two tags nothing is looked at, but all of them are sent on."""
    config = setup(source={"also_mirror": ["non-ip"]})
    packets = [
        Packet("eni-web", http4(tags=(VLAN,) * count), 0, "ingress") for count in range(1, MOST_TAGS + 1)
    ]
    check(bench, config, packets, "tags")
