"""The engine is brought to what there is, and things to what the engine does."""

import time
from pathlib import Path
from typing import Any

from mirrorplane.control import Control, NewSession, operations
from mirrorplane.control.resources import Session, Status
from mirrorplane.model import read
from tests.control.bench import Bench, not_from
from tests.control.desk import HERE, INTERFACES, THERE, Clock, rule
from tests.control.rig import new_filter, running, settled, submit, until

MANY = "{aliyun: {quotas: {sessions_per_interface: 1000, sources_per_target: 1000}}}"


def new_session(control: Control, priority: int = 1, **words: Any) -> str:
    """Return the id of a session that is asked for, as soon as there is a filter for it."""
    name = new_filter(control)
    until(lambda: name not in control.snapshot().pending)
    said: dict[str, Any] = {"sources": ("eni-a",), "instance": "eni-sensor", "filter": name} | words
    order = NewSession(priority=priority, **said)
    return submit(control, lambda draft: operations.create_session(draft, HERE, order))


def find(control: Control, name: str) -> Session:
    found = control.snapshot().find(HERE, "session", name)
    assert isinstance(found, Session)
    return found


def change(control: Control, name: str, **changes: Any) -> None:
    submit(control, lambda draft: operations.change_session(draft, HERE, name, **changes))


def test_a_session_is_ready_when_the_engine_runs_it(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        settled(control)
        bench.free.clear()
        name = new_session(control)
        time.sleep(0.2)
        assert find(control, name).life.status is Status.CREATING
        assert name not in bench.running
        bench.free.set()
        settled(control)
        assert find(control, name).life.status is Status.READY
        assert name in bench.running


def test_each_change_reaches_the_engine(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        name = new_session(control)
        settled(control)
        change(control, name, vni=77, packet_length=99)
        settled(control)
        found = bench.applied[-1].sessions[name]
        assert (found.virtual_network_id, found.packet_length) == (77, 99)
        rules = [rule(2, action="drop")]
        submit(control, lambda draft: operations.create_rules(draft, HERE, found.filter, rules)[0])
        settled(control)
        assert [each.action for each in bench.applied[-1].filters[found.filter].ingress] == ["accept", "drop"]
        change(control, name, enabled=False)
        settled(control)
        assert bench.running == {}
        change(control, name, enabled=True)
        settled(control)
        submit(control, lambda draft: operations.delete_session(draft, HERE, name))
        settled(control)
        assert bench.running == {}
        assert control.snapshot().sessions(HERE) == ()
    assert bench.is_closed


def test_the_engine_is_not_bothered_with_what_it_does_not_run(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        name = new_session(control)
        settled(control)
        before = bench.n_attempts
        change(control, name, description="new")
        new_session(control, 2, enabled=False)
        submit(control, lambda draft: operations.tag(draft, HERE, "session", [name], {"k": "v"}))
        settled(control)
        assert bench.n_attempts == before


def test_nobody_waits_for_the_engine_and_changes_meanwhile_are_one(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench, api=MANY) as control:
        used = new_filter(control)
        settled(control)
        bench.free.clear()
        made = [new_session(control, at, enabled=False, filter=used) for at in range(1, 30)]
        settled(control)
        before = bench.n_attempts
        for name in made:
            change(control, name, enabled=True)
        bench.free.set()
        settled(control)
        assert set(bench.running) == set(made)
        assert bench.n_attempts <= before + 3


def test_a_session_that_the_engine_refuses_is_explained_and_leaves_the_others(tmp_path: Path) -> None:
    bench = Bench(not_from("eni-b"))
    with running(tmp_path, bench) as control:
        good = new_session(control, 1)
        bad = new_session(control, 2, sources=("eni-b",))
        until(lambda: bool(find(control, bad).life.reason))
        later = new_session(control, 3, sources=("eni-c",))
        until(lambda: set(control.snapshot().pending) == {bad})
        life = find(control, bad).life
        assert (life.status, life.reason) == (Status.CREATING, "eni-b: device is not there")
        assert set(bench.running) == {good, later}
        bench.judge = not_from()
        snapshot = settled(control)
        assert find(control, bad).life.reason == ""
        assert set(bench.running) == {each.id for each in snapshot.sessions(HERE)} == {good, bad, later}


def test_a_change_that_is_refused_can_be_taken_back(tmp_path: Path) -> None:
    bench = Bench(not_from("eni-b"))
    with running(tmp_path, bench) as control:
        name = new_session(control)
        settled(control)
        submit(control, lambda draft: operations.add_sources(draft, HERE, name, ["eni-b"]))
        until(lambda: bool(find(control, name).life.reason))
        assert find(control, name).life.status is Status.MODIFYING
        assert bench.applied[-1].sessions[name].sources == ("eni-a",)
        submit(control, lambda draft: operations.remove_sources(draft, HERE, name, ["eni-b"]))
        settled(control)
        assert find(control, name).life.reason == ""
        assert bench.applied[-1].sessions[name].sources == ("eni-a",)


def test_a_session_that_is_refused_can_be_deleted(tmp_path: Path) -> None:
    bench = Bench(not_from("eni-b"))
    with running(tmp_path, bench) as control:
        name = new_session(control, sources=("eni-b",))
        until(lambda: bool(find(control, name).life.reason))
        submit(control, lambda draft: operations.delete_session(draft, HERE, name))
        assert settled(control).sessions(HERE) == ()


def test_what_is_left_out_is_explained_and_needs_no_engine_to_say_so(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        name = new_session(control, sources=("eni-sensor2",))
        until(lambda: bool(find(control, name).life.reason))
        assert find(control, name).life.reason == "interface eni-sensor2 has no device to mirror"
        good = new_session(control, 2)
        until(lambda: find(control, good).life.status is Status.READY)


def test_an_engine_that_takes_nothing_holds_everything_of_its_up(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        kept, gone = new_session(control, 1), new_session(control, 2)
        settled(control)
        bench.judge = lambda said: "broken"
        submit(control, lambda draft: operations.delete_session(draft, HERE, gone))
        change(control, kept, vni=5)
        until(lambda: {each.life.reason for each in control.snapshot().sessions(HERE)} == {"broken"})
        time.sleep(0.2)
        assert {name: find(control, name).life.status for name in (kept, gone)} == {
            kept: Status.MODIFYING,
            gone: Status.DELETING,
        }
        bench.judge = not_from()
        assert [each.id for each in settled(control).sessions(HERE)] == [kept]


def test_the_last_session_is_held_up_by_such_an_engine_too(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        name = new_session(control)
        settled(control)
        bench.judge = lambda said: "broken"
        submit(control, lambda draft: operations.delete_session(draft, HERE, name))
        until(lambda: bool(find(control, name).life.reason))
        assert find(control, name).life.status is Status.DELETING
        bench.judge = not_from()
        assert settled(control).sessions(HERE) == ()


def test_what_is_refused_does_not_get_in_the_way_of_others(tmp_path: Path) -> None:
    bench = Bench(not_from("eni-b"))
    with running(tmp_path, bench) as control:
        bad = [new_session(control, at, sources=("eni-b",)) for at in (1, 2, 3)]
        until(lambda: all(find(control, name).life.reason for name in bad))
        good = new_session(control, 4)
        until(lambda: good in bench.running)
        until(lambda: set(control.snapshot().pending) == set(bad))
        bench.judge = not_from()
        settled(control)
        assert set(bench.running) == {*bad, good}


def test_a_restart_tells_the_engine_everything(tmp_path: Path) -> None:
    first, second = Bench(), Bench(not_from("eni-b"))
    with running(tmp_path, first) as control:
        kept, refused = new_session(control, 1), new_session(control, 2, sources=("eni-b",))
        settled(control)
    with running(tmp_path, second) as control:
        until(lambda: bool(find(control, refused).life.reason))
        assert find(control, refused).life.status is Status.READY
        assert set(second.running) == {kept}
    third = Bench()
    with running(tmp_path, third) as control:
        until(lambda: not find(control, refused).life.reason)
        assert set(third.running) == {kept, refused}


def test_without_an_engine_nothing_is_held_up(tmp_path: Path) -> None:
    with running(tmp_path, Bench(not_from("eni-b"))) as control:
        name = new_session(control, sources=("eni-b",))
        until(lambda: bool(find(control, name).life.reason))
    with running(tmp_path) as control:
        settled(control)
        until(lambda: not find(control, name).life.reason)


def test_another_inventory_reaches_the_engine(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        paired = new_session(control, kind="load_balancer", instance="lb-pair")
        settled(control)
        assert bench.applied[-1].load_balancers["lb-pair"].backends == ("eni-sensor2", "eni-sensor3")
        less = INTERFACES.replace("[eni-sensor2, eni-sensor3]", "[eni-sensor2]").replace(
            "  eni-a:", "  eni-z:"
        )
        control.restock(read(less, "lab.yaml"))
        until(lambda: len(bench.applied[-1].load_balancers["lb-pair"].backends) == 1)
        until(lambda: find(control, paired).life.reason == "there is no interface eni-a")
        assert bench.running == {}


def test_priorities_of_all_scopes_are_one_order(tmp_path: Path) -> None:
    bench = Bench()
    with running(tmp_path, bench) as control:
        submit(control, lambda draft: operations.subscribe(draft, THERE))
        first = new_session(control, 5)
        other = new_filter(control, scope=THERE)
        settled(control)
        order = NewSession(5, other, ("eni-a",), instance="eni-sensor")
        second = submit(control, lambda draft: operations.create_session(draft, THERE, order))
        settled(control)
        found = bench.applied[-1].sessions
        assert (found[first].priority, found[second].priority) == (5, 6)


def test_an_error_of_the_engine_does_not_end_the_reconciler(tmp_path: Path, caplog: Any) -> None:
    def broken(said: object) -> str | None:
        raise ZeroDivisionError("a mistake in the engine")

    bench = Bench(broken)
    with running(tmp_path, bench) as control:
        until(lambda: "a mistake in the engine" in caplog.text)
        bench.judge = not_from()
        name = new_session(control)
        settled(control)
        assert set(bench.running) == {name}


def test_a_clock_that_stands_still_is_waited_for(tmp_path: Path) -> None:
    clock, bench = Clock(), Bench()
    with running(tmp_path, bench, clock) as control:
        used = new_filter(control)
        settled(control, clock)
        order = NewSession(1, used, ("eni-a",), instance="eni-sensor")
        name = submit(control, lambda draft: operations.create_session(draft, HERE, order))
        until(lambda: name in bench.running)
        assert find(control, name).life.status is Status.CREATING
        settled(control, clock)
        assert find(control, name).life.status is Status.READY
