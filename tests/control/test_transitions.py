"""Which turns are due, and what they do."""

from dataclasses import replace

from mirrorplane.control import operations
from mirrorplane.control.resources import Status
from mirrorplane.control.transitions import (
    SHOWN,
    Turn,
    carry_out,
    due,
    explained,
    explanations,
    next_due,
)
from tests.control.desk import HERE, Desk


def test_a_turn_is_due_after_it_was_seen() -> None:
    desk = Desk()
    made = desk.do(operations.create_filter, HERE)
    snapshot, since = desk.state.publish(), made.life.since
    assert due(snapshot, since + SHOWN - 0.001, ()) == []
    assert due(snapshot, since + SHOWN, ()) == [Turn(made.id, since)]
    assert due(snapshot, since + SHOWN, {made.id}) == []
    rest = next_due(snapshot, since + 0.02, ())
    assert rest is not None
    assert abs(rest - 0.03) < 1e-5
    assert next_due(snapshot, since, {made.id}) is None
    assert next_due(Desk().state.publish(), since, ()) is None


def test_a_clock_that_was_put_back_makes_it_due() -> None:
    desk = Desk()
    made = desk.do(operations.create_filter, HERE)
    assert due(desk.state.publish(), made.life.since - 10, ()) == [Turn(made.id, made.life.since)]


def test_a_thing_that_turned_meanwhile_is_left_alone() -> None:
    desk = Desk()
    made = desk.filter()
    desk.do(operations.delete_filter, HERE, made.id)
    carry_out(desk.draft(), [Turn(made.id, made.life.since), Turn("tmf-gone", 1.0)])
    found = desk.state.get(made.id)
    assert found is not None
    assert found.life.status is Status.DELETING


def test_reasons_are_given_once_and_taken_back() -> None:
    desk = Desk().subscribed()
    session = desk.session()
    first = explanations(desk.state.publish(), {session.id: "why"}, ())
    assert first == [Turn(session.id, session.life.since, "why")]
    carry_out(desk.draft(), first)
    snapshot = desk.state.settle()
    assert snapshot.sessions(HERE) == (replace(session, life=replace(session.life, reason="why")),)
    assert explained(snapshot) == {session.id}
    assert explanations(snapshot, {session.id: "why"}, {session.id}) == []
    carry_out(desk.draft(), explanations(snapshot, {}, {session.id}))
    assert desk.state.settle().sessions(HERE) == (session,)


def test_a_reason_for_what_is_gone_is_nobodys() -> None:
    desk = Desk()
    assert explanations(desk.state.publish(), {"tms-gone": "why"}, {"tms-gone2"}) == []
