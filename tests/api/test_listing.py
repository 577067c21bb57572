"""The lists: all accounts' things, with what was counted of them between two looks."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mirrorplane.api import listing
from mirrorplane.api.listing import LISTS, NOTHING, Listing
from mirrorplane.control import Control, Draft, NewRule, NewSession
from mirrorplane.control.operations import create_filter, create_session, create_target, subscribe
from mirrorplane.control.resources import Scope
from mirrorplane.engines.report import Report
from mirrorplane.model import read

ALIYUN = Scope("aliyun", "AK1", "cn-hongkong")
VOLCENGINE = Scope("volcengine", "AK2", "cn-beijing")
RULE = NewRule("ingress", 1, "accept", "ALL", "0.0.0.0/0", "0.0.0.0/0")
INVENTORY = """
interfaces:
  eni-a: {device: a0, netns: guest, addresses: [10.0.0.1]}
  eni-b: {addresses: [10.0.0.2, fd00::2]}
  eni-c: {addresses: [10.0.0.3]}
load_balancers:
  lb-c: {backends: [eni-b, eni-c]}
"""


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LOOK", 0.01)


@pytest.fixture
def control(tmp_path: Path) -> Iterator[Control]:
    with Control(read(INVENTORY, "c.yaml"), tmp_path / "state.db", None) as control:
        yield control


def done(control: Control, work: Callable[[Draft], Any]) -> str:
    """Return the id of what *work* makes, once it is ready."""
    name = control.submit(lambda draft: {"id": work(draft).id})["id"]
    while control.snapshot().pending:
        time.sleep(0.01)
    return str(name)


@pytest.fixture
def made(control: Control) -> dict[str, str]:
    """A session of each cloud, the first one to an interface, the second to a named load balancer."""
    control.submit(lambda draft: {"new": subscribe(draft, ALIYUN)})
    one = done(control, lambda draft: create_filter(draft, ALIYUN, "one", rules=[RULE]))
    other = done(control, lambda draft: create_filter(draft, VOLCENGINE))
    target = done(control, lambda draft: create_target(draft, VOLCENGINE, "load_balancer", "lb-c"))
    first = NewSession(1, one, ("eni-a",), instance="eni-b", vni=7, packet_length=100, name="first")
    second = NewSession(2, other, ("eni-a",), target=target, vni=8, enabled=False)
    return {
        "one": one,
        "other": other,
        "target": target,
        "first": done(control, lambda draft: create_session(draft, ALIYUN, first)),
        "second": done(control, lambda draft: create_session(draft, VOLCENGINE, second)),
    }


def counting(session: str) -> Callable[[], Report]:
    """Return counters that grow by 10 packets of 100 bytes from one look to the next."""
    looks = iter(range(10, 1000, 10))

    def look() -> Report:
        packets = next(looks)
        mirrored = {"mirrored_packets": packets, "mirrored_bytes": 100 * packets, "truncated_packets": 0}
        source: Any = {"seen": 2 * packets, "mirrored": packets, "not_mirrored": {}, "directions": {}}
        return {"sources": {"eni-a": source}, "sessions": {session: mirrored}, "filters": {}}

    return look


def rows(
    control: Control, what: str, counters: Callable[[], Report] = lambda: NOTHING
) -> list[dict[str, Any]]:
    found = Listing(control.snapshot, lambda: control.inventory, counters).rows(what)
    return list(json.loads(json.dumps(found)))


def test_sessions_of_all_accounts_are_listed(control: Control, made: dict[str, str]) -> None:
    first, second = rows(control, "sessions", counting(made["first"]))
    assert (first.pop("packets_per_second") > 0, first.pop("bits_per_second") > 0) == (True, True)
    assert first == {
        "id": made["first"],
        "name": "first",
        "dialect": "aliyun",
        "account": "AK1",
        "region": "cn-hongkong",
        "status": "ready",
        "reason": "",
        "priority": 1,
        "enabled": True,
        "virtual_network_id": 7,
        "packet_length": 100,
        "filter": made["one"],
        "target": "eni-b",
        "sources": ["eni-a"],
        "mirrored_packets": 20,
        "mirrored_bytes": 2000,
    }
    assert (second["id"], second["enabled"], second["target"]) == (made["second"], False, made["target"])
    assert (second["mirrored_packets"], second["packets_per_second"], second["bits_per_second"]) == (0, 0, 0)


def test_filters_and_targets_have_what_their_sessions_mirror(control: Control, made: dict[str, str]) -> None:
    one, other = rows(control, "filters", counting(made["first"]))
    assert (one["id"], one["rules"], one["sessions"]) == (made["one"], 1, [made["first"]])
    assert (one["mirrored_packets"], one["packets_per_second"] > 0) == (20, True)
    assert (other["rules"], other["sessions"], other["mirrored_packets"]) == (0, [made["second"]], 0)
    (target,) = rows(control, "targets", counting(made["second"]))
    assert (target["kind"], target["instance"]) == ("load_balancer", "lb-c")
    assert (target["sessions"], target["mirrored_bytes"]) == ([made["second"]], 2000)


def test_interfaces_have_the_sessions_from_and_to_them(control: Control, made: dict[str, str]) -> None:
    a, b, c = rows(control, "enis", counting(made["first"]))
    assert (a["id"], a["device"], a["netns"], a["addresses"]) == ("eni-a", "a0", "guest", ["10.0.0.1"])
    assert (a["source_of"], a["target_of"]) == ([made["first"], made["second"]], [])
    assert (a["seen_packets"], a["mirrored_packets"], a["packets_per_second"] > 0) == (40, 20, True)
    assert (b["source_of"], b["target_of"]) == ([], [made["first"], made["second"]])
    assert (c["target_of"], c["seen_packets"]) == ([made["second"]], 0)


@pytest.mark.parametrize("what", LISTS)
def test_with_nothing_there_only_interfaces_are_listed(control: Control, what: str) -> None:
    assert [row["id"] for row in rows(control, what)] == (
        ["eni-a", "eni-b", "eni-c"] if what == "enis" else []
    )


def test_there_is_no_other_list(control: Control) -> None:
    with pytest.raises(KeyError):
        rows(control, "keys")
