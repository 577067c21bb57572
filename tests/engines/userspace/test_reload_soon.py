"""A change is prepared by another thread, and may be asked for again, or given up, meanwhile."""

from threading import Event
from time import sleep

from mirrorplane.model import Configuration
from mirrorplane.plan import Changes
from tests.engines.live.network import (
    Network,
    configuration,
    document,
    on_host,
    session,
    settle,
    until,
)

Outcomes = list[Changes | Exception]


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
def test_close_gives_back_what_is_being_prepared(network: Network) -> None:
    go, outcomes, moved = Event(), Outcomes(), document()
    moved["interfaces"]["eni-guest"] |= {"device": "up", "side": "eni"}

    def slowly() -> Configuration:
        go.wait()
        return configuration(moved)

    before = network.traces()
    with network.start(document()) as engine:
        engine.reload_soon(slowly, outcomes.append)
    go.set()
    sleep(0.5)
    assert (network.traces(), outcomes) == (before, [])


@on_host
def test_a_reload_waits_for_the_one_before(network: Network) -> None:
    outcomes = Outcomes()
    with network.engine(document()) as engine:
        engine.reload_soon(lambda: with_session("tms-a"), outcomes.append)
        changes = engine.reload(with_session("tms-b"))
    assert [*outcomes, changes] == [added("tms-a"), added("tms-b", removed=("tms-a",))]
