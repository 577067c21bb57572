"""The whole room on a real file: what is kept, over changes and restarts."""

import itertools
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mirrorplane.control import Control, NewSession, Refusal, StoreError, Why, operations
from mirrorplane.control.resources import Status
from mirrorplane.model import Interface, read
from tests.control import desk
from tests.control.desk import HERE, Clock, configuration, contents, refused
from tests.control.rig import new_filter, running, settled, submit


def test_a_thing_is_seen_creating_for_a_moment_by_the_clock_given(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as control:
        name = new_filter(control)
        clock.now += 0.049
        for _ in range(20):
            control.submit(lambda draft: {})
            time.sleep(0.005)
        assert control.snapshot().filters(HERE)[0].life.status is Status.CREATING
        clock.now += 0.002
        snapshot = settled(control)
        found = snapshot.filters(HERE)[0]
        assert (found.id, found.life.status) == (name, Status.READY)
        assert found.life.created == found.life.updated < found.life.since


def test_what_is_deleted_is_seen_going_for_a_moment(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as control:
        name = new_filter(control)
        settled(control, clock)
        submit(control, lambda draft: operations.delete_filter(draft, HERE, name))
        assert [each.life.status for each in control.snapshot().filters(HERE)] == [Status.DELETING]
        snapshot = settled(control, clock)
        assert snapshot.filters(HERE) == ()
        assert not [place for place in snapshot.places if snapshot.places[place]]


def test_a_clock_that_is_put_back_holds_nothing_up(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as control:
        clock.now -= 3600
        new_filter(control)
        assert settled(control).filters(HERE)[0].life.status is Status.READY


def test_a_restart_goes_on_with_what_was_under_way(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as control:
        used, other = new_filter(control), new_filter(control)
        settled(control, clock)
        order = NewSession(1, used, ("eni-a",), instance="eni-sensor")
        changed = submit(control, lambda draft: operations.create_session(draft, HERE, order))
        settled(control, clock)
        submit(control, lambda draft: operations.change_session(draft, HERE, changed, vni=9))
        submit(control, lambda draft: operations.delete_filter(draft, HERE, other))
        new = new_filter(control)
        before = contents(control.snapshot())
    with running(tmp_path, clock=clock) as control:
        assert contents(control.snapshot()) == before
        snapshot = settled(control, clock)
        assert [each.id for each in snapshot.filters(HERE)] == [used, new]
        (session,) = snapshot.sessions(HERE)
        assert (session.id, session.vni, session.life.status) == (changed, 9, Status.READY)


def test_the_inventory_can_be_another_one(tmp_path: Path) -> None:
    clock = Clock()
    with running(tmp_path, clock=clock) as control:
        name = new_filter(control)
        settled(control, clock)
        order = NewSession(1, name, ("eni-new",), instance="eni-sensor")
        work: Any = lambda draft: operations.create_session(draft, HERE, order)  # noqa: E731
        with pytest.raises(Refusal, match="INTERFACE_NOT_FOUND"):
            submit(control, work)
        control.restock(read("interfaces: {eni-new: {device: n}, eni-sensor: {addresses: [10.0.0.9]}}", "x"))
        assert set(control.inventory.interfaces) == {"eni-new", "eni-sensor"}
        submit(control, work)


def test_what_was_found_stays_beside_another_inventory(tmp_path: Path) -> None:
    found = {"eni-found": Interface(id="eni-found", device="f")}
    with Control(configuration(), tmp_path / "m.db", None, found=found) as control:
        assert "eni-found" in control.inventory.interfaces
        control.restock(configuration())
        assert "eni-found" in control.inventory.interfaces


def test_a_store_that_cannot_be_read_is_let_go(tmp_path: Path) -> None:
    (tmp_path / "m.db").write_text("no database" * 100)
    with pytest.raises(StoreError):
        Control(configuration(), tmp_path / "m.db", None)
    (tmp_path / "m.db").unlink()
    with Control(configuration(), tmp_path / "m.db", None):
        pass


any_of = st.integers(0, 99)
"""Which of the things that there are: the number's remainder says it."""


class Life(RuleBasedStateMachine):
    """Creating, changing and deleting, with restarts between: all there is is what was done."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.clock, self.numbers = Clock(), itertools.count(1)
        self.filters: dict[str, dict[str, Any]] = {}
        self.sessions: dict[str, dict[str, Any]] = {}
        self.open()
        self.do(operations.subscribe)

    def open(self) -> None:
        quotas = "{aliyun: {quotas: {sessions_per_interface: 1000, sources_per_target: 1000}}}"
        self.control = Control(configuration(quotas), self.folder / "m.db", None, self.clock)

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.control.close()
            shutil.rmtree(self.folder)

    def do(self, work: Any, *given: Any, **named: Any) -> str:
        """Return the id of what *work* makes, after it is over."""
        own = submit(self.control, lambda draft: work(draft, HERE, *given, **named))
        settled(self.control, self.clock)
        return own

    @rule()
    def restart(self) -> None:
        self.control.close()
        self.open()

    @rule(name=st.text("ab", max_size=2), n_rules=st.integers(0, 3))
    def create_filter(self, name: str, n_rules: int) -> None:
        rules = [desk.rule(at) for at in range(1, n_rules + 1)]
        own = self.do(operations.create_filter, name, rules=rules)
        self.filters[own] = {"name": name, "rules": dict.fromkeys(range(1, n_rules + 1), "accept")}

    @precondition(lambda self: self.filters)
    @rule(which=any_of, name=st.text("cd", max_size=2))
    def rename(self, which: int, name: str) -> None:
        own = chosen(self.filters, which)
        self.do(operations.change_filter, own, name)
        self.filters[own]["name"] = name

    @precondition(lambda self: self.filters)
    @rule(which=any_of, action=st.sampled_from(["accept", "drop"]))
    def turn_rules(self, which: int, action: str) -> None:
        own = chosen(self.filters, which)
        for each in self.control.snapshot().rules(HERE, own):
            self.do(operations.change_rule, each.id, action=action)
        self.filters[own]["rules"] = dict.fromkeys(self.filters[own]["rules"], action)

    @precondition(lambda self: self.filters)
    @rule(which=any_of)
    def delete_filter(self, which: int) -> None:
        own = chosen(self.filters, which)
        if any(session["filter"] == own for session in self.sessions.values()):
            with refused(Why.IN_USE, "filter", own):
                self.do(operations.delete_filter, own)
        else:
            self.do(operations.delete_filter, own)
            del self.filters[own]

    @precondition(lambda self: self.filters)
    @rule(which=any_of, sources=st.sets(st.sampled_from("abc"), min_size=1))
    def create_session(self, which: int, sources: set[str]) -> None:
        number = next(self.numbers)
        said: dict[str, Any] = {
            "priority": number,
            "filter": chosen(self.filters, which),
            "sources": tuple(f"eni-{each}" for each in sorted(sources)),
            "vni": number,
            "enabled": True,
        }
        own = self.do(operations.create_session, NewSession(instance="eni-sensor", **said))
        self.sessions[own] = said

    @precondition(lambda self: self.sessions)
    @rule(which=any_of, vni=st.integers(0, 9), enabled=st.booleans())
    def change_session(self, which: int, vni: int, enabled: bool) -> None:
        own = chosen(self.sessions, which)
        self.do(operations.change_session, own, vni=vni, enabled=enabled)
        self.sessions[own] |= {"vni": vni, "enabled": enabled}

    @precondition(lambda self: self.sessions)
    @rule(which=any_of)
    def delete_session(self, which: int) -> None:
        own = chosen(self.sessions, which)
        self.do(operations.delete_session, own)
        del self.sessions[own]

    @invariant()
    def all_there_is_is_what_was_done(self) -> None:
        if not hasattr(self, "control"):
            return
        snapshot = self.control.snapshot()
        filters = {
            each.id: {
                "name": each.name,
                "rules": {own.priority: own.action for own in snapshot.rules(HERE, each.id)},
            }
            for each in snapshot.filters(HERE)
        }
        assert filters == self.filters
        assert list(filters) == list(self.filters)
        sessions = {each.id: each for each in snapshot.sessions(HERE)}
        assert list(sessions) == list(self.sessions)
        for own, said in self.sessions.items():
            assert {key: getattr(sessions[own], key) for key in said} == said


def chosen(things: dict[str, Any], which: int) -> str:
    return list(things)[which % len(things)]


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
