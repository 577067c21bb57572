"""Another configuration while an engine runs: what stays loses nothing, what is refused changes nothing."""

from threading import Event, Thread
from time import sleep
from typing import Any

import pytest

from mirrorplane.capture.source import CaptureError
from mirrorplane.model import Configuration, ConfigurationError
from mirrorplane.plan import Changes, PlanError
from tests.engines.live.network import (
    EVERYTHING,
    Engine,
    Network,
    configuration,
    document,
    guest,
    numbers_in,
    on_host,
    session,
    settle,
    until,
)

N_RULES = 4096
"""In each direction, and two sessions of them."""

A_MOMENT = 0.0005

Outcomes = list[Changes | Exception]


def large() -> dict[str, Any]:
    """Return the document with another session, of many rules, none of which any packet satisfies."""
    said = document()
    rules = [
        EVERYTHING
        | {"priority": number, "protocol": "UDP", "destination_port_range": f"{number}/{number + 3}"}
        | {"source_cidr_block": f"172.16.{number >> 8}.{number & 255}/32"}
        for number in range(1, N_RULES + 1)
    ]
    said["filters"]["tmf-many"] = {"ingress": rules, "egress": rules}
    said["sessions"]["tms-many"] = session(3, "tmf-many", 33)
    return said


@on_host
def test_a_large_reload_under_traffic_loses_nothing_of_an_unchanged_session(network: Network) -> None:
    said, outcomes = large(), Outcomes()
    with network.mirroring(document()) as live:
        done, n_sent = Event(), [0]

        def talk() -> None:
            while not done.is_set():
                live.talk.guest_sends(range(n_sent[0], n_sent[0] + 10))
                n_sent[0] += 10
                sleep(A_MOMENT)

        live.talk.guest_sends(range(1))
        until(live.engine, lambda: len(numbers_in(live.sent)) == 1)
        sender = Thread(target=talk)
        sender.start()
        try:
            live.engine.reload_soon(lambda: configuration(said), outcomes.append)
            until(live.engine, lambda: bool(outcomes), 60)
            settle(live.engine, 0.2)
        finally:
            done.set()
            sender.join()
        until(live.engine, lambda: len(numbers_in(live.sent)) > n_sent[0])
        assert n_sent[0] > N_RULES, "there was traffic all the while"
        assert numbers_in(live.sent)[1:] == list(range(n_sent[0]))
        assert guest(live.engine)["not_mirrored"].keys() <= {"arp", "no_rule"}, "nothing is lost"
    nothing: frozenset[str] = frozenset()
    assert outcomes == [Changes(nothing, nothing, frozenset({"tms-many"}), nothing, nothing)]


@on_host
def test_what_cannot_be_done_is_told_and_changes_nothing(network: Network) -> None:
    def wrong() -> Configuration:
        raise ConfigurationError("c.yaml:1: is wrong")

    away, outcomes = document(), Outcomes()
    away["interfaces"]["eni-away"] = {"device": "no-such-dev"}
    away["sessions"]["tms-away"] = session(3, "tmf-in", 33) | {"sources": ["eni-away"]}
    with network.engine(document()) as engine:
        before = engine.counters()["sessions"].keys()
        engine.reload_soon(wrong, outcomes.append)
        until(engine, lambda: len(outcomes) == 1)
        engine.reload_soon(lambda: configuration(away), outcomes.append)
        until(engine, lambda: len(outcomes) == 2)
        assert engine.counters()["sessions"].keys() == before
    assert [type(outcome).__name__ for outcome in outcomes] == ["ConfigurationError", "CaptureError"]
    assert str(outcomes[1]) == "interface eni-away: device no-such-dev: not there"


@on_host
def test_a_device_that_comes_back_as_another_side_is_one(network: Network) -> None:
    with network.mirroring(document()) as (engine, _, _, _):
        assert engine.sides() == {"eni-guest": "host"}
        network.unplug()
        until(engine, lambda: len(network.lines) == 1)
        network.host.vxlan("gst", 77, port=4790)
        until(engine, lambda: len(network.lines) == 2)
        assert engine.sides() == {"eni-guest": "eni"}
    assert network.lines[1] == "interface eni-guest: device gst is back"


@on_host
def test_counts_outlive_a_reload(network: Network) -> None:
    without = document()
    del without["sessions"]["tms-out"]
    without["filters"]["tmf-both"] = {"ingress": [EVERYTHING], "egress": [EVERYTHING]}
    without["sessions"]["tms-new"] = session(3, "tmf-both", 33)
    with network.mirroring(document()) as (engine, talk, received, sent):
        talk.guest_sends(range(10))
        talk.guest_receives(range(4))
        until(engine, lambda: guest(engine)["mirrored"] == 14)
        engine.reload(configuration(without))
        talk.guest_sends(range(10, 15))
        talk.guest_receives(range(4, 6))
        until(engine, lambda: guest(engine)["mirrored"] == 21)
        assert mirrored(engine) == {"tms-in": 6, "tms-out": 10, "tms-new": 5}
        engine.reload(configuration(document()))
        talk.guest_sends(range(15, 18))
        until(engine, lambda: guest(engine)["mirrored"] == 24)
        assert mirrored(engine) == {"tms-in": 6, "tms-out": 13, "tms-new": 5}
        rules = engine.counters()["filters"]
        assert rules["tmf-out"]["egress"] == {"1": 13}
        assert rules["tmf-both"] == {"ingress": {"1": 0}, "egress": {"1": 5}}
        until(engine, lambda: len(numbers_in(received)) == 6 and len(numbers_in(sent)) == 13)
        assert numbers_in(received) == list(range(6)), "a session that did not change lost nothing"


def mirrored(engine: Engine) -> dict[str, int]:
    return {name: session["mirrored_packets"] for name, session in engine.counters()["sessions"].items()}


def refused(**interface: str) -> dict[str, Any]:
    said = document()
    said["interfaces"]["eni-guest"] = {"addresses": ["10.1.0.2"], **interface}
    return said


REFUSALS = [
    (refused(), "interface eni-guest: has no device to mirror"),
    (refused(device="nope"), "interface eni-guest: device nope: not there"),
    (
        refused(device="gst", netns="mp-none"),
        "interface eni-guest: network namespace mp-none: No such file or directory",
    ),
]


@on_host
def test_a_source_that_is_not_there_is_refused(network: Network) -> None:
    before = network.traces()
    for said, line in REFUSALS:
        with pytest.raises(CaptureError) as refusal:
            network.start(said)
        assert str(refusal.value) == line
        assert network.traces() == before


@on_host
def test_a_reload_that_is_refused_changes_nothing(network: Network) -> None:
    missing, no_network = document(), document()
    missing["interfaces"] |= {"eni-a": {"device": "up"}, "eni-b": {"device": "nope"}}
    missing["sessions"]["tms-in"]["sources"] = ["eni-a", "eni-b"]
    del no_network["sessions"]["tms-in"]["virtual_network_id"]
    with network.mirroring(document()) as (engine, talk, received, _):
        talk.guest_receives(range(5))
        before, counted = network.traces(), engine.counters()["sessions"].keys()
        for said, error in ((missing, CaptureError), (no_network, PlanError)):
            with pytest.raises(error, match=r"eni-b|tms-in"):
                engine.reload(configuration(said))
        assert network.traces() == before
        assert engine.counters()["sessions"].keys() == counted
        talk.guest_receives(range(5, 10))
        until(engine, lambda: len(numbers_in(received)) >= 10)
        assert numbers_in(received) == list(range(10))


@on_host
def test_a_source_may_move_to_another_device(network: Network) -> None:
    moved = document()
    reference = network.guest.namespace.reference
    moved["interfaces"]["eni-guest"] |= {"device": "eth0", "netns": reference, "side": "eni"}
    with network.mirroring(document()) as (engine, talk, _, sent):
        talk.guest_sends(range(5))
        until(engine, lambda: len(numbers_in(sent)) == 5)
        engine.reload(configuration(moved))
        talk.guest_sends(range(5, 10))
        until(engine, lambda: len(numbers_in(sent)) >= 10)
        assert numbers_in(sent) == list(range(10))
