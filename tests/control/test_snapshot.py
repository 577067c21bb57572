"""Looking things up."""

from mirrorplane.control import operations
from tests.control.desk import HERE, THERE, VOLC, Desk, rule


def test_each_scope_sees_its_own() -> None:
    desk = Desk().subscribed()
    session, target, here = desk.session(), desk.target(), desk.filter()
    there = desk.filter(THERE, rule(1), rule(2))
    snapshot = desk.wait()
    assert [each.id for each in snapshot.filters(HERE)] == [session.filter, here.id]
    assert snapshot.filters(THERE) == (there,)
    assert snapshot.sessions(HERE) == (session,)
    assert snapshot.sessions(VOLC) == snapshot.sessions(THERE) == ()
    assert snapshot.targets(VOLC) == (target,)
    assert snapshot.targets(HERE) == ()
    assert len(snapshot.rules(THERE, there.id)) == 2
    assert snapshot.rules(HERE, there.id) == snapshot.rules(HERE, "tmf-none") == ()
    assert set(snapshot.scopes()) == {HERE, THERE, VOLC}


def test_a_thing_is_found_in_its_scope_by_its_kind() -> None:
    desk = Desk()
    made = desk.filter()
    snapshot = desk.wait()
    assert snapshot.find(HERE, "filter", made.id) == made
    assert snapshot.find(THERE, "filter", made.id) is None
    assert snapshot.find(HERE, "session", made.id) is None


def test_lists_are_in_the_order_of_creation_whatever_changes() -> None:
    desk = Desk()
    made = [desk.filter().id for _ in range(3)]
    desk.do(operations.change_filter, HERE, made[0], "new")
    snapshot = desk.wait()
    assert [each.id for each in snapshot.filters(HERE)] == made
    assert snapshot.filters(HERE) is snapshot.filters(HERE)
