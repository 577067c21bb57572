"""Named targets."""

from dataclasses import replace

from mirrorplane.control import Why, operations
from mirrorplane.control.resources import Status
from tests.control.desk import HERE, VOLC, Desk, refused

ELSEWHERE = replace(VOLC, region="cn-shanghai")


def test_a_target_is_made_as_ordered() -> None:
    desk = Desk("{volcengine: {projects: [blue]}}")
    made = desk.do(operations.create_target, VOLC, "load_balancer", "lb-pair", "n", "d", "blue", {"k": "v"})
    assert (made.kind, made.instance, made.name, made.description, made.group, made.tags) == (
        "load_balancer",
        "lb-pair",
        "n",
        "d",
        "blue",
        {"k": "v"},
    )
    assert made.id.startswith("tmt-")
    assert made.life.status is Status.CREATING
    assert desk.wait().targets(VOLC)[0].life.status is Status.READY


def test_an_instance_has_one_target_in_a_scope() -> None:
    desk = Desk()
    first = desk.target()
    with refused(Why.TARGET_CONFLICT, "target", first.id):
        desk.target()
    desk.target(scope=ELSEWHERE)
    desk.do(operations.delete_target, VOLC, first.id)
    with refused(Why.TARGET_CONFLICT):
        desk.target()
    desk.wait()
    assert desk.target().name != first.name


def test_the_order_of_checks() -> None:
    desk = Desk("{volcengine: {quotas: {targets: 1}}}").subscribed()
    desk.session()
    desk.target("eni-b")
    tags = {str(at): "" for at in range(51)}
    for why, instance, group, labels in (
        (Why.INTERFACE_NOT_FOUND, "eni-none", "red", tags),
        (Why.DUPLICATE_ROLE, "eni-a", "red", tags),
        (Why.TARGET_CONFLICT, "eni-b", "red", tags),
        (Why.NOT_FOUND, "eni-sensor", "red", tags),
        (Why.QUOTA_TAGS, "eni-sensor", "default", tags),
        (Why.QUOTA_TARGETS, "eni-sensor", "default", {}),
    ):
        with refused(why):
            desk.do(operations.create_target, VOLC, "interface", instance, group=group, tags=labels)


def test_where_no_quota_is_said_there_is_none() -> None:
    desk = Desk("{volcengine: {quotas: {targets: 0}}}")
    desk.do(operations.create_target, HERE, "interface", "eni-sensor")
    with refused(Why.QUOTA_TARGETS, "target"):
        desk.target("eni-sensor2")


def test_names_change_at_once() -> None:
    desk = Desk()
    fresh = desk.do(operations.create_target, VOLC, "interface", "eni-sensor")
    with refused(Why.STATUS, "target", fresh.id):
        desk.do(operations.change_target, VOLC, fresh.id, "x")
    desk.wait()
    after = desk.do(operations.change_target, VOLC, fresh.id, "x", "")
    assert (after.name, after.description, after.life.status) == ("x", "", Status.READY)
    assert desk.do(operations.change_target, VOLC, fresh.id, "x") is after
    with refused(Why.NOT_FOUND, "target", fresh.id):
        desk.do(operations.change_target, ELSEWHERE, fresh.id, "y")


def test_a_target_in_use_stays_until_its_session_is_gone() -> None:
    desk = Desk()
    target = desk.target()
    session = desk.session(VOLC, target=target.id)
    with refused(Why.IN_USE, "target", target.id):
        desk.do(operations.delete_target, VOLC, target.id)
    desk.do(operations.delete_session, VOLC, session.id)
    with refused(Why.IN_USE, "target", target.id):
        desk.do(operations.delete_target, VOLC, target.id)
    desk.wait()
    desk.do(operations.delete_target, VOLC, target.id)
    with refused(Why.STATUS, "target", target.id):
        desk.do(operations.delete_target, VOLC, target.id)
    assert desk.wait().targets(VOLC) == ()
