"""Quotas of sessions: what is one too many, and what is not."""

from mirrorplane.control import Why, operations
from tests.control.desk import HERE, SMALL, THERE, Desk, create, refused


def test_sessions_of_a_scope_are_limited() -> None:
    desk = Desk(SMALL).subscribed(HERE, THERE)
    last = [desk.session(priority=at, sources=(f"eni-{name}",)) for at, name in enumerate("abc", 1)][-1]
    with refused(Why.QUOTA_SESSIONS):
        create(desk, priority=4, sources=("eni-d",))
    create(desk, THERE, priority=4, sources=("eni-d",))
    order = desk.order(priority=4, sources=("eni-d",), instance="eni-sensor2")
    desk.do(operations.delete_session, HERE, last.id)
    with refused(Why.QUOTA_SESSIONS):
        desk.do(operations.create_session, HERE, order)
    desk.wait()
    desk.do(operations.create_session, HERE, order)


def test_sessions_of_a_filter_are_limited() -> None:
    desk = Desk(SMALL).subscribed()
    name = desk.filter().id
    for at, source in enumerate("ab", 1):
        desk.session(priority=at, sources=(f"eni-{source}",), filter=name)
    with refused(Why.QUOTA_SESSIONS_PER_FILTER, "filter", name):
        create(desk, priority=3, sources=("eni-c",), filter=name)
    third = desk.session(priority=3, sources=("eni-c",))
    with refused(Why.QUOTA_SESSIONS_PER_FILTER, "filter", name):
        desk.do(operations.change_session, HERE, third.id, filter=name)


def test_sessions_of_an_interface_are_limited() -> None:
    desk = Desk(SMALL).subscribed(HERE, THERE)
    desk.session()
    with refused(Why.QUOTA_SESSIONS_PER_INTERFACE, "source", "eni-a"):
        create(desk, priority=2, sources=("eni-b", "eni-a"))
    second = desk.session(priority=2, sources=("eni-b",))
    with refused(Why.QUOTA_SESSIONS_PER_INTERFACE, "source", "eni-a"):
        desk.do(operations.add_sources, HERE, second.id, ["eni-a"])
    create(desk, THERE)


def test_sessions_of_a_load_balancer_are_limited() -> None:
    desk = Desk(SMALL).subscribed(HERE, THERE)
    first = desk.session(kind="load_balancer", instance="lb-pair")
    with refused(Why.QUOTA_SESSIONS_PER_LOAD_BALANCER, "target", "lb-pair"):
        create(desk, priority=2, sources=("eni-b",), kind="load_balancer", instance="lb-pair")
    second = desk.session(priority=2, sources=("eni-b",))
    with refused(Why.QUOTA_SESSIONS_PER_LOAD_BALANCER, "target", "lb-pair"):
        desk.do(operations.change_session, HERE, second.id, kind="load_balancer", instance="lb-pair")
    desk.do(operations.change_session, HERE, first.id, packet_length=99)
    create(desk, THERE, kind="load_balancer", instance="lb-pair")


def test_sources_of_a_target_are_limited() -> None:
    desk = Desk(SMALL).subscribed(HERE, THERE)
    first = desk.session(sources=("eni-a", "eni-b"))
    second = desk.session(priority=2, sources=("eni-c",))
    with refused(Why.QUOTA_SOURCES_PER_TARGET, "target", "eni-sensor"):
        create(desk, priority=3, sources=("eni-d",))
    with refused(Why.QUOTA_SOURCES_PER_TARGET, "target", "eni-sensor"):
        desk.do(operations.add_sources, HERE, second.id, ["eni-d"])
    third = desk.session(priority=3, sources=("eni-d",), instance="eni-sensor2")
    with refused(Why.QUOTA_SOURCES_PER_TARGET, "target", "eni-sensor"):
        desk.do(operations.change_session, HERE, third.id, instance="eni-sensor")
    create(desk, THERE, sources=("eni-d",))
    desk.do(operations.remove_sources, HERE, first.id, ["eni-b"])
    desk.do(operations.change_session, HERE, third.id, instance="eni-sensor")


def test_a_quota_that_shrank_leaves_other_changes_alone() -> None:
    desk = Desk().subscribed()
    session = desk.session(sources=("eni-a", "eni-b"))
    small = Desk("{aliyun: {quotas: {sessions_per_filter: 0, sources_per_target: 1, sessions: 0}}}")
    desk.accounts = small.accounts
    desk.do(operations.change_session, HERE, session.id, packet_length=77)
    desk.wait()
    desk.do(operations.remove_sources, HERE, session.id, ["eni-a"])
