"""Sessions: what is refused, in which order, and what changes."""

from dataclasses import replace
from typing import Any

import pytest

from mirrorplane.control import Why, operations
from mirrorplane.control.resources import Scope, Status
from mirrorplane.control.state import By
from tests.control.desk import HERE, OTHER, SMALL, THERE, VOLC, Desk, create, refused


def test_a_session_is_made_as_ordered() -> None:
    desk = Desk().subscribed()
    order = desk.order(
        HERE,
        priority=7,
        sources=("eni-a", "eni-b"),
        vni=0,
        packet_length=64,
        enabled=False,
        name="n",
        description="d",
        group="rg-1",
        tags={"k": "v"},
    )
    made = desk.do(operations.create_session, HERE, order)
    assert {key: getattr(made, key) for key in order.__dict__} == order.__dict__
    assert made.id.startswith("tms-")
    assert made.life.status is Status.CREATING
    assert desk.wait().sessions(HERE)[0].life.status is Status.READY


def test_a_vni_is_drawn_and_a_name_is_the_id() -> None:
    desk = Desk().subscribed()
    first, second = desk.session(priority=1), desk.session(priority=2)
    assert first.name == first.id
    assert first.vni != second.vni
    assert 1 <= first.vni < 1 << 24


def test_the_account_comes_first() -> None:
    desk = Desk()
    with refused(Why.NOT_SUBSCRIBED):
        create(desk, sources=("eni-none", "eni-none"), filter="tmf-none")
    locked = Desk("{aliyun: {business_status: FinancialLocked}}")
    for desk in (locked, locked.subscribed()):
        with refused(Why.BUSINESS_STATUS):
            create(desk)
    other = Desk()
    create(other, VOLC, target=other.target().id)


def test_subscriptions_are_a_scopes_own() -> None:
    desk = Desk().subscribed(THERE)
    with refused(Why.NOT_SUBSCRIBED):
        create(desk)
    create(desk, THERE)


SOURCES = [
    ("eni-none", Why.INTERFACE_NOT_FOUND),
    ("lb-pair", Why.INTERFACE_NOT_FOUND),
    ("eni-free", Why.INTERFACE_NOT_ATTACHED),
    ("eni-orphan", Why.INSTANCE_NOT_FOUND),
    ("eni-old", Why.INSTANCE_UNSUPPORTED),
    ("eni-down", Why.INTERFACE_UNAVAILABLE),
    ("eni-odd", Why.BUSINESS_TYPE),
]


@pytest.mark.parametrize(("source", "why"), SOURCES)
def test_sources_that_cannot_be_mirrored(source: str, why: Why) -> None:
    desk = Desk().subscribed()
    with refused(why, "source", source):
        create(desk, sources=("eni-a", source))
    session = desk.session()
    with refused(why, "source", source):
        desk.do(operations.add_sources, HERE, session.id, ["eni-b", source])


TARGETS = [
    ("interface", "eni-none", Why.INTERFACE_NOT_FOUND),
    ("interface", "lb-pair", Why.INTERFACE_NOT_FOUND),
    ("interface", "eni-free", Why.INTERFACE_NOT_ATTACHED),
    ("interface", "eni-orphan", Why.INSTANCE_NOT_FOUND),
    ("interface", "eni-bond", Why.TARGET_IS_BOND),
    ("interface", "eni-nat", Why.TARGET_TYPE),
    ("interface", "eni-down", Why.INTERFACE_UNAVAILABLE),
    ("load_balancer", "lb-none", Why.LOAD_BALANCER_NOT_FOUND),
    ("load_balancer", "eni-sensor", Why.LOAD_BALANCER_NOT_FOUND),
    ("load_balancer", "lb-gateway", Why.LOAD_BALANCER_TYPE),
    ("load_balancer", "lb-classic", Why.LOAD_BALANCER_CLASSIC),
    ("load_balancer", "lb-internal", Why.LOAD_BALANCER_CLASSIC),
    ("load_balancer", "lb-public", Why.LOAD_BALANCER_NOT_IN_VPC),
    ("load_balancer", "lb-down", Why.LOAD_BALANCER_UNAVAILABLE),
]


@pytest.mark.parametrize(("kind", "instance", "why"), TARGETS)
def test_what_cannot_be_a_target(kind: str, instance: str, why: Why) -> None:
    desk = Desk().subscribed()
    with refused(why, "target", instance):
        create(desk, kind=kind, instance=instance)
    with refused(why, "target", instance):
        desk.do(operations.create_target, VOLC, kind, instance)
    session = desk.session()
    with refused(why, "target", instance):
        desk.do(operations.change_session, HERE, session.id, kind=kind, instance=instance)


@pytest.mark.parametrize("instance", ["eni-odd", "eni-old"])
def test_only_a_source_must_be_of_a_kind_that_is_mirrored(instance: str) -> None:
    create(Desk().subscribed(), instance=instance)


def test_duplicates_come_before_their_number() -> None:
    desk = Desk(SMALL).subscribed()
    with refused(Why.DUPLICATE_SOURCE, "source", "eni-a"):
        create(desk, sources=("eni-a", "eni-b", "eni-a"))
    with refused(Why.QUOTA_SOURCES_PER_SESSION):
        create(desk, sources=("eni-a", "eni-b", "eni-none"))
    session = desk.session()
    with refused(Why.DUPLICATE_SOURCE, "source", "eni-b"):
        desk.do(operations.add_sources, HERE, session.id, ["eni-b", "eni-b"])
    with refused(Why.SOURCE_IS_THERE, "source", "eni-a"):
        desk.do(operations.add_sources, HERE, session.id, ["eni-b", "eni-a"])
    with refused(Why.QUOTA_SOURCES_PER_SESSION):
        desk.do(operations.add_sources, HERE, session.id, ["eni-b", "eni-none"])
    desk.do(operations.add_sources, HERE, session.id, ["eni-b"])


def test_nothing_is_source_and_target() -> None:
    desk = Desk().subscribed(HERE, THERE)
    with refused(Why.DUPLICATE_ROLE, "source", "eni-a"):
        create(desk, instance="eni-a")
    desk.session()
    for scope in (HERE, THERE):
        with refused(Why.DUPLICATE_ROLE, "source", "eni-sensor"):
            create(desk, scope, priority=2, sources=("eni-b", "eni-sensor"), instance="eni-sensor2")
        with refused(Why.DUPLICATE_ROLE, "target", "eni-a"):
            create(desk, scope, priority=2, sources=("eni-b",), instance="eni-a")
    with refused(Why.DUPLICATE_ROLE, "target", "eni-a"):
        desk.target("eni-a")
    desk.target("eni-d")
    with refused(Why.DUPLICATE_ROLE, "source", "eni-d"):
        create(desk, priority=2, sources=("eni-d",))


def test_backends_are_targets() -> None:
    desk = Desk().subscribed()
    with refused(Why.DUPLICATE_ROLE, "source", "eni-sensor3"):
        create(desk, sources=("eni-sensor3",), kind="load_balancer", instance="lb-pair")
    create(desk, sources=("eni-sensor3",))
    for instance in ("lb-pair", "lb-two"):
        with refused(Why.DUPLICATE_ROLE, "target", "eni-sensor3"):
            create(desk, priority=2, kind="load_balancer", instance=instance)
    other = Desk().subscribed()
    create(other, kind="load_balancer", instance="lb-two")
    with refused(Why.DUPLICATE_ROLE, "source", "eni-sensor3"):
        create(other, priority=2, sources=("eni-sensor3",))


def test_roles_last_until_the_session_is_gone() -> None:
    desk = Desk().subscribed()
    session = desk.session()
    turned = desk.order(sources=("eni-sensor",), instance="eni-sensor2")
    desk.do(operations.delete_session, HERE, session.id)
    with refused(Why.DUPLICATE_ROLE, "source", "eni-sensor"):
        desk.do(operations.create_session, HERE, turned)
    desk.wait()
    desk.do(operations.create_session, HERE, turned)


def test_a_session_does_not_stand_in_its_own_way() -> None:
    desk = Desk().subscribed()
    session = desk.session(sources=("eni-a", "eni-b"))
    with refused(Why.DUPLICATE_ROLE, "source", "eni-b"):
        desk.do(operations.change_session, HERE, session.id, instance="eni-b")
    desk.do(operations.remove_sources, HERE, session.id, ["eni-b"])
    desk.wait()
    desk.do(operations.change_session, HERE, session.id, instance="eni-b")
    desk.wait()
    desk.do(operations.add_sources, HERE, session.id, ["eni-sensor"])


def test_a_nat_gateway_is_mirrored_to_a_load_balancer() -> None:
    desk = Desk().subscribed()
    with refused(Why.NAT_SOURCE_NEEDS_LOAD_BALANCER, "source", "eni-nat"):
        create(desk, sources=("eni-a", "eni-nat"))
    session = desk.session(sources=("eni-a", "eni-nat"), kind="load_balancer", instance="lb-pair")
    with refused(Why.NAT_SOURCE_NEEDS_LOAD_BALANCER, "source", "eni-nat"):
        desk.do(operations.change_session, HERE, session.id, kind="interface", instance="eni-sensor")
    plain = desk.session(priority=2)
    with refused(Why.NAT_SOURCE_NEEDS_LOAD_BALANCER, "source", "eni-nat"):
        desk.do(operations.add_sources, HERE, plain.id, ["eni-nat"])


def test_the_filter_must_be_there_and_ready() -> None:
    desk = Desk().subscribed()
    with refused(Why.NOT_FOUND, "filter", "tmf-none"):
        create(desk, filter="tmf-none")
    with refused(Why.NOT_FOUND, "filter"):
        create(desk, filter=desk.filter(THERE).id)
    fresh = desk.do(operations.create_filter, HERE).id
    with refused(Why.STATUS, "filter", fresh):
        create(desk, filter=fresh)
    desk.wait()
    desk.do(operations.delete_filter, HERE, fresh)
    with refused(Why.STATUS, "filter", fresh):
        create(desk, filter=fresh)


def test_groups_and_tags_of_sessions() -> None:
    desk = Desk()
    target = desk.target().id
    with refused(Why.NOT_FOUND, "group", "red"):
        create(desk, VOLC, target=target, group="red")
    with refused(Why.QUOTA_TAGS, "session"):
        create(desk, VOLC, target=target, tags={str(at): "" for at in range(51)})


def test_priorities_are_a_scopes_own() -> None:
    desk = Desk().subscribed(HERE, THERE, OTHER)
    session = desk.session()
    with refused(Why.PRIORITY_TAKEN, "session"):
        create(desk)
    for scope in (THERE, OTHER, VOLC):
        desk.session(scope, sources=("eni-b",) if scope == VOLC else ("eni-a",))
    second = desk.session(priority=2)
    with refused(Why.PRIORITY_TAKEN, "session", second.id):
        desk.do(operations.change_session, HERE, second.id, priority=1)
    desk.do(operations.change_session, HERE, second.id, priority=2, packet_length=99)
    desk.do(operations.delete_session, HERE, session.id)
    create(desk, sources=("eni-b",))


def test_the_order_of_checks() -> None:
    """Each step mends what was refused, and the next reason appears."""
    desk = Desk("{aliyun: {quotas: {sessions: 1}}}")
    used = desk.subscribed().session()
    fresh = desk.do(operations.create_filter, HERE).id
    words: dict[str, Any] = {
        "sources": ("eni-none",) * 11,
        "instance": "eni-bond",
        "filter": "tmf-none",
        "tags": {str(at): "" for at in range(21)},
    }
    for why, mended in (
        (Why.DUPLICATE_SOURCE, {"sources": tuple(f"eni-none{at}" for at in range(11))}),
        (Why.QUOTA_SOURCES_PER_SESSION, {"sources": ("eni-none",)}),
        (Why.INTERFACE_NOT_FOUND, {"sources": ("eni-nat",)}),
        (Why.TARGET_IS_BOND, {"instance": "eni-nat"}),
        (Why.TARGET_TYPE, {"instance": "eni-a"}),
        (Why.DUPLICATE_ROLE, {"instance": "eni-sensor2"}),
        (Why.NAT_SOURCE_NEEDS_LOAD_BALANCER, {"sources": ("eni-b",)}),
        (Why.NOT_FOUND, {"filter": fresh}),
        (Why.STATUS, {"filter": used.filter}),
        (Why.QUOTA_TAGS, {"tags": {}}),
        (Why.PRIORITY_TAKEN, {"priority": 2}),
    ):
        with refused(why):
            create(desk, **words)
        words |= mended
    with refused(Why.QUOTA_SESSIONS):
        create(desk, **words)


def test_a_named_target_is_followed() -> None:
    desk = Desk()
    first, second = desk.target(), desk.target("lb-pair")
    session = desk.session(VOLC, target=first.id)
    assert (session.kind, session.instance, session.target) == ("interface", "eni-sensor", first.id)
    changed = desk.do(operations.change_session, VOLC, session.id, target=second.id)
    assert (changed.kind, changed.instance) == ("load_balancer", "lb-pair")
    with refused(Why.IN_USE, "target", second.id):
        desk.do(operations.delete_target, VOLC, second.id)
    desk.do(operations.delete_target, VOLC, first.id)
    desk.wait()
    with refused(Why.NOT_FOUND, "target", first.id):
        desk.do(operations.change_session, VOLC, session.id, target=first.id)


def test_a_named_target_must_be_ready_and_ones_own() -> None:
    desk = Desk()
    with refused(Why.NOT_FOUND, "target", "tmt-none"):
        create(desk, VOLC, target="tmt-none")
    with refused(Why.NOT_FOUND, "target"):
        create(desk, VOLC, target=desk.target(scope=replace(VOLC, region="cn-shanghai")).id)
    used = desk.filter(VOLC).id
    fresh = desk.do(operations.create_target, VOLC, "interface", "eni-sensor2")
    with refused(Why.STATUS, "target", fresh.id):
        create(desk, VOLC, target=fresh.id, filter=used)


def test_a_change_is_shown_and_excludes_others() -> None:
    desk = Desk().subscribed()
    session = desk.session()
    desk.clock.now += 1
    after = desk.do(operations.change_session, HERE, session.id, name="x", enabled=False, vni=5)
    assert after == replace(session, name="x", enabled=False, vni=5, life=after.life)
    assert after.life.status is Status.MODIFYING
    assert after.life.created == session.life.created < after.life.since
    for work in (
        lambda: desk.do(operations.change_session, HERE, session.id, vni=6),
        lambda: desk.do(operations.add_sources, HERE, session.id, ["eni-b"]),
        lambda: desk.do(operations.remove_sources, HERE, session.id, ["eni-a"]),
        lambda: desk.do(operations.delete_session, HERE, session.id),
    ):
        with refused(Why.STATUS, "session", session.id):
            work()
    ready = desk.wait().sessions(HERE)[0]
    assert desk.do(operations.change_session, HERE, session.id, vni=5) is ready


def test_a_session_may_lose_all_its_sources() -> None:
    desk = Desk().subscribed()
    session = desk.session(sources=("eni-a", "eni-b"))
    with refused(Why.SOURCE_IS_NOT_THERE, "source", "eni-c"):
        desk.do(operations.remove_sources, HERE, session.id, ["eni-a", "eni-c"])
    with refused(Why.DUPLICATE_SOURCE, "source", "eni-a"):
        desk.do(operations.remove_sources, HERE, session.id, ["eni-a", "eni-a"])
    after = desk.do(operations.remove_sources, HERE, session.id, ["eni-b", "eni-a"])
    assert after.sources == ()
    assert not desk.wait().mirrored
    assert desk.do(operations.add_sources, HERE, session.id, ["eni-b"]).sources == ("eni-b",)


def test_sources_are_added_to_an_open_account() -> None:
    desk = Desk().subscribed()
    session = desk.session()
    desk.accounts = Desk("{aliyun: {business_status: FinancialLocked}}").accounts
    with refused(Why.BUSINESS_STATUS):
        desk.do(operations.add_sources, HERE, session.id, ["eni-b"])
    desk.do(operations.remove_sources, HERE, session.id, ["eni-a"])


def test_what_is_stuck_for_a_reason_can_be_mended_and_deleted() -> None:
    desk = Desk().subscribed()
    session = desk.do(operations.create_session, HERE, desk.order())
    with refused(Why.STATUS, "session", session.id):
        desk.do(operations.delete_session, HERE, session.id)
    stuck = replace(session, life=replace(session.life, reason="no device"))
    desk.do(lambda draft: draft.put(stuck))
    mended = desk.do(operations.change_session, HERE, session.id, vni=9)
    assert (mended.life.status, mended.life.reason) == (Status.CREATING, "")
    desk.do(lambda draft: draft.put(stuck))
    desk.do(operations.delete_session, HERE, session.id)
    with refused(Why.STATUS):
        desk.do(operations.delete_session, HERE, session.id)


@pytest.mark.parametrize("scope", [THERE, OTHER, VOLC])
def test_another_scope_sees_nothing(scope: Scope) -> None:
    desk = Desk().subscribed(HERE, THERE, OTHER)
    session = desk.session()
    for work in (
        lambda: desk.do(operations.change_session, scope, session.id, vni=6),
        lambda: desk.do(operations.add_sources, scope, session.id, ["eni-b"]),
        lambda: desk.do(operations.remove_sources, scope, session.id, ["eni-a"]),
        lambda: desk.do(operations.delete_session, scope, session.id),
    ):
        with refused(Why.NOT_FOUND, "session", session.id):
            work()


def test_a_vni_that_is_asked_for_may_be_anothers() -> None:
    desk = Desk().subscribed()
    first = desk.session(vni=7)
    second = desk.session(priority=2, vni=7)
    assert desk.draft().sessions(By.VNI, 7) == [first, second]
