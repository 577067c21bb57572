"""Tags and groups."""

import pytest

from mirrorplane.control import Why, operations
from mirrorplane.control.resources import Kind, Status
from tests.control.desk import HERE, THERE, VOLC, Desk, refused


def test_tags_are_added_and_replaced_on_each_thing() -> None:
    desk = Desk()
    ids = [desk.filter().id, desk.filter().id]
    desk.do(operations.tag, HERE, "filter", ids, {"a": "1", "b": "2"})
    desk.do(operations.tag, HERE, "filter", [ids[0], ids[0]], {"b": "3", "c": ""})
    found = desk.wait().filters(HERE)
    assert [each.tags for each in found] == [{"a": "1", "b": "3", "c": ""}, {"a": "1", "b": "2"}]
    assert [each.id for each in found] == ids
    desk.do(operations.untag, HERE, "filter", ids, ["a", "z"])
    assert [each.tags for each in desk.wait().filters(HERE)] == [{"b": "3", "c": ""}, {"b": "2"}]
    desk.do(operations.untag, HERE, "filter", ids, None)
    assert [each.tags for each in desk.wait().filters(HERE)] == [{}, {}]


def test_too_many_tags_leave_all_as_they_were() -> None:
    desk = Desk()
    first, second = desk.filter().id, desk.filter().id
    desk.do(operations.tag, HERE, "filter", [second], {str(at): "" for at in range(20)})
    with refused(Why.QUOTA_TAGS, "filter", second):
        desk.do(operations.tag, HERE, "filter", [first, second], {"one more": ""})
    desk.do(operations.tag, HERE, "filter", [first, second], {"0": "known"})


def test_status_is_none_of_a_tags_business() -> None:
    desk = Desk().subscribed()
    session = desk.do(operations.create_session, HERE, desk.order())
    desk.do(operations.tag, HERE, "session", [session.id], {"a": "1"})
    desk.do(operations.move, HERE, "session", session.id, "rg-2")
    (found,) = desk.state.publish().sessions(HERE)
    assert (found.tags, found.group, found.life) == ({"a": "1"}, "rg-2", session.life)
    assert found.life.status is Status.CREATING


@pytest.mark.parametrize("kind", ["filter", "session", "target"])
def test_a_thing_must_be_there_and_of_that_kind(kind: Kind) -> None:
    desk = Desk().subscribed()
    made = {"filter": desk.filter().id, "session": desk.session().id, "target": desk.target(scope=HERE).id}
    others = [name for other, name in made.items() if other != kind]
    for scope, name in ((THERE, made[kind]), (HERE, "tmx-none"), *((HERE, other) for other in others)):
        with refused(Why.NOT_FOUND, kind, name):
            desk.do(operations.tag, scope, kind, [name], {"a": "1"})
        with refused(Why.NOT_FOUND, kind, name):
            desk.do(operations.untag, scope, kind, [name], ["a"])
        with refused(Why.NOT_FOUND, kind, name):
            desk.do(operations.move, scope, kind, name, "rg-2")


def test_a_project_must_be_there() -> None:
    desk = Desk("{volcengine: {projects: [blue]}}")
    made = desk.filter(VOLC)
    desk.do(operations.move, VOLC, "filter", made.id, "blue")
    with refused(Why.NOT_FOUND, "group", "red"):
        desk.do(operations.move, VOLC, "filter", made.id, "red")


def test_a_subscription_is_made_once() -> None:
    desk = Desk()
    assert desk.do(operations.subscribe, HERE) is True
    assert desk.do(operations.subscribe, HERE) is False
    snapshot = desk.wait()
    assert snapshot.subscribed(HERE)
    assert not snapshot.subscribed(THERE)
