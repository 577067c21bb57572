"""Counts are carried over by id, whatever becomes of the rows, and nothing counted is forgotten."""

from typing import Any

import pytest

from mirrorplane.counters import Reason
from mirrorplane.engines.userspace.ledger import Ledger
from mirrorplane.plan import Plan, compile_plan
from tests.engines.live.network import EVERYTHING, configuration, document, session
from tests.engines.running import check_conservation


def plan(*sessions: str) -> Plan:
    """Return a plan with those sessions, each with a source, a filter and a VNI of its own."""
    said: dict[str, Any] = {"filters": {}, "sessions": {}}
    said["interfaces"] = {"eni-sensor": {"addresses": ["10.9.0.2"]}}
    for number, name in enumerate(sessions, 1):
        said["interfaces"][f"eni-{name}"] = {"addresses": [f"10.1.0.{number}"]}
        said["filters"][f"tmf-{name}"] = {"ingress": [EVERYTHING], "egress": [EVERYTHING]}
        chosen = session(number, f"tmf-{name}", ord(name)) | {"sources": [f"eni-{name}"]}
        said["sessions"][f"tms-{name}"] = chosen
    return compile_plan(configuration(said))


def count(ledger: Ledger, by: int, worker: int = -1) -> None:
    """Have a worker, the last one, add *by* to everything counted of the running plan."""
    for column in ledger.counters[worker]:
        column[:] += by


def tallies(ledger: Ledger) -> dict[str, int]:
    return {name: found["mirrored_packets"] for name, found in ledger.report()["sessions"].items()}


@pytest.mark.parametrize("workers", [1, 3])
def test_counts_follow_their_ids(workers: int) -> None:
    ledger = Ledger(plan("a", "b"), workers)
    count(ledger, 1)
    ledger.turn_to(plan("c", "b"))
    count(ledger, 10)
    assert tallies(ledger) == {"tms-c": 10, "tms-b": 11, "tms-a": 1}
    found = ledger.report()
    seen = {name: source["seen"] for name, source in found["sources"].items()}
    assert seen == {"eni-c": 30, "eni-b": 33, "eni-a": 3}
    assert {name: rules["egress"]["1"] for name, rules in found["filters"].items()} == {
        "tmf-c": 10,
        "tmf-b": 11,
        "tmf-a": 1,
    }
    assert {name: found["virtual_network_id"] for name, found in found["sessions"].items()} == {
        "tms-c": ord("c"),
        "tms-b": ord("b"),
        "tms-a": ord("a"),
    }


def test_what_comes_back_goes_on() -> None:
    ledger = Ledger(plan("a", "b"))
    count(ledger, 1)
    ledger.turn_to(plan("b"))
    count(ledger, 1)
    ledger.turn_to(plan("a"))
    count(ledger, 1)
    assert tallies(ledger) == {"tms-a": 2, "tms-b": 2}
    ledger.turn_to(plan("a", "b"))
    count(ledger, 1)
    assert tallies(ledger) == {"tms-a": 3, "tms-b": 3}


def test_an_empty_plan_keeps_everything() -> None:
    ledger = Ledger(plan("a"))
    count(ledger, 5)
    before = ledger.report()
    ledger.turn_to(plan())
    assert ledger.report() == before


def test_the_running_counters_are_those_handed_out() -> None:
    ledger = Ledger(plan("a"), 2)
    assert ledger.turn_to(plan("a", "b")) is ledger.counters


def test_what_workers_count_adds_up() -> None:
    ledger = Ledger(plan("a"), 3)
    for worker in range(3):
        count(ledger, 10**worker, worker)
    ledger.drop(0, 1000)
    found = ledger.report()
    assert found["sources"]["eni-a"]["directions"]["unknown"]["seen"] == 1111
    assert found["filters"]["tmf-a"] == {"ingress": {"1": 111}, "egress": {"1": 111}}
    assert tallies(ledger) == {"tms-a": 111}


def test_drops_are_seen_and_not_mirrored() -> None:
    ledger = Ledger(plan("a", "b"))
    ledger.drop(1, 7)
    found = ledger.report()
    check_conservation(found)
    assert found["sources"]["eni-a"]["seen"] == 0
    assert found["sources"]["eni-b"]["not_mirrored"] == {Reason.RING_FULL.name.lower(): 7}


def test_a_plan_of_the_same_ids_changes_nothing() -> None:
    said = document()
    ledger = Ledger(compile_plan(configuration(said)))
    count(ledger, 3)
    before = ledger.report()
    ledger.turn_to(compile_plan(configuration(said)))
    assert ledger.report() == before
