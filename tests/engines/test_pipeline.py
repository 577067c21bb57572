"""The contract: every vector, and the oracle's verdict on many random packets, through the pipeline."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrorplane.plan.listing import LARGE
from tests.engines.running import Run, replayed
from tests.generate import Scenario, random_scenario, scenarios
from tests.oracle import Outcome, mirror
from tests.vectors import CASES
from tests.vectors.case import Case, stream_complaints

SCENARIOS, PACKETS = 500, 200
"""100,000 packets over 500 configurations; seeds are fixed here, hypothesis varies them below."""

LOOKUPS = {"tries": LARGE, "lists": 0}
"""Bytes of tries from which on lists are used: by each of the two the rules are looked up."""


@pytest.mark.parametrize("lookup", LOOKUPS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_vector(case: Case, lookup: str) -> None:
    run = replayed(case.config, case.packets, case.direction, LOOKUPS[lookup])
    assert stream_complaints(case, run.outers, dict(run.report)) == []


def check(scenario: Scenario) -> None:
    """Assert that the pipeline does what the oracle says: each frame, in order, and each count."""
    outcome = mirror(scenario.config, scenario.packets, direction=scenario.direction)
    for lists_from in LOOKUPS.values():
        run = replayed(scenario.config, scenario.packets, scenario.direction, lists_from)
        compare(scenario, outcome, run)


def compare(scenario: Scenario, outcome: Outcome, run: Run) -> None:
    """Assert that *run* is what the oracle says."""
    expected = [(index, verdict.outer) for index, verdict in enumerate(outcome.verdicts) if verdict.outer]
    assert list(zip(run.of, run.outers, strict=True)) == expected, f"seed {scenario.seed}"
    for section in ("sources", "sessions"):
        for name, wanted in outcome.counters[section].items():
            report: dict[str, Any] = {**run.report}
            found = report[section].get(name, {})
            assert {key: found.get(key) for key in wanted} == wanted, f"seed {scenario.seed}, {name}"
    for (source, direction), seen in outcome.seen.items():
        assert run.report["sources"][source]["directions"][direction]["seen"] == seen
    for (source, direction, reason), count in outcome.not_mirrored.items():
        assert run.report["sources"][source]["directions"][direction]["not_mirrored"][reason] == count


@pytest.mark.parametrize("first", range(0, SCENARIOS, 50))
def test_the_oracle_agrees(first: int) -> None:
    for seed in range(first, first + 50):
        check(random_scenario(seed, PACKETS))


@settings(max_examples=30)
@given(scenarios())
def test_the_oracle_agrees_on_what_hypothesis_finds(scenario: Scenario) -> None:
    check(scenario)


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_batches_do_not_matter(seed: int) -> None:
    """More packets than a batch has rows are mirrored as they are one by one."""
    scenario = random_scenario(seed, 60)
    whole = replayed(scenario.config, scenario.packets * 80, scenario.direction)
    once = replayed(scenario.config, scenario.packets, scenario.direction)
    assert whole.outers == once.outers * 80
