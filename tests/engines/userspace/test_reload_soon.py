"""A change is prepared beside the packets: whatever it takes, unchanged sessions lose none."""

from threading import Event, Thread
from time import sleep
from typing import Any

from mirrorplane.engines.userspace import Userspace
from mirrorplane.model import Configuration, ConfigurationError
from mirrorplane.plan import Changes
from tests.engines.userspace.network import (
    EVERYTHING,
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
        assert "ring_full" not in guest(live.engine)["not_mirrored"]
    assert outcomes == [added("tms-many")]


def added(*sessions: str, removed: tuple[str, ...] = ()) -> Changes:
    nothing: frozenset[str] = frozenset()
    return Changes(nothing, nothing, frozenset(sessions), frozenset(removed), nothing)


def with_session(name: str) -> Configuration:
    said = document()
    said["sessions"][name] = session(3, "tmf-in", 33)
    return configuration(said)


@on_host
def test_of_those_asked_for_meanwhile_the_last_one_follows(network: Network) -> None:
    go, outcomes = Event(), Outcomes()

    def slowly() -> Configuration:
        go.wait()
        return with_session("tms-a")

    with network.engine(document()) as engine:
        engine.reload_soon(slowly, outcomes.append)
        engine.reload_soon(lambda: with_session("tms-b"), outcomes.append)
        engine.reload_soon(lambda: with_session("tms-c"), outcomes.append)
        settle(engine)
        assert not outcomes
        go.set()
        until(engine, lambda: len(outcomes) == 2)
        settle(engine)
    assert outcomes == [added("tms-a"), added("tms-c", removed=("tms-a",))]


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
def test_close_gives_back_what_is_being_prepared(network: Network) -> None:
    go, outcomes, moved = Event(), Outcomes(), document()
    moved["interfaces"]["eni-guest"] |= {"device": "up", "side": "eni"}

    def slowly() -> Configuration:
        go.wait()
        return configuration(moved)

    with Userspace(configuration(document()), network.lines.append) as engine:
        engine.reload_soon(slowly, outcomes.append)
    go.set()
    rings = network.rings_on_host
    sleep(0.5)
    assert (rings(), outcomes) == (0, [])


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
