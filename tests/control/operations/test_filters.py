"""Filters and rules."""

from dataclasses import replace

import pytest

from mirrorplane.control import NewRule, Refusal, Why, operations
from mirrorplane.control.resources import Protocol, Rule, Scope, Status
from tests.control.desk import HERE, OTHER, THERE, VOLC, Desk, refused, rule

SMALL = "{aliyun: {quotas: {filters: 2, rules_per_filter: 4, rules_per_direction: 3}}}"


def rules(desk: Desk, name: str) -> list[Rule]:
    return desk.draft().rules(name)


def test_a_filter_is_made_with_its_rules_in_order() -> None:
    desk = Desk()
    asked = (rule(2, protocol="TCP", source_port_range="1/9"), rule(1), rule(1, direction="egress"))
    made = desk.do(operations.create_filter, HERE, "web", "all", "rg-1", {"k": "v"}, asked)
    assert (made.name, made.description, made.group, made.tags) == ("web", "all", "rg-1", {"k": "v"})
    assert made.life.status is Status.CREATING
    found = rules(desk, made.id)
    assert [(each.priority, each.direction, each.filter) for each in found] == [
        (2, "ingress", made.id),
        (1, "ingress", made.id),
        (1, "egress", made.id),
    ]
    assert found[0].source_port_range == "1/9"
    assert made.id.startswith("tmf-")
    assert len(made.id) == 24
    assert {each.id[:4] for each in found} == {"tmr-"}
    snapshot = desk.wait()
    assert not snapshot.pending
    assert len(snapshot.rules(HERE, made.id)) == 3


@pytest.mark.parametrize(("name", "shown"), [(None, None), ("", ""), ("n", "n")])
def test_a_filter_without_name_is_called_by_its_id(name: str | None, shown: str | None) -> None:
    made = Desk().do(operations.create_filter, VOLC, name)
    assert made.name == (made.id if shown is None else shown)


def test_groups_are_made_by_use_but_projects_must_exist() -> None:
    desk = Desk("{volcengine: {projects: [blue]}}")
    assert desk.do(operations.create_filter, HERE, group="rg-new").group == "rg-new"
    assert desk.do(operations.create_filter, VOLC, group="blue").group == "blue"
    assert desk.do(operations.create_filter, VOLC).group == "default"
    with refused(Why.NOT_FOUND, "group", "red"):
        desk.do(operations.create_filter, VOLC, group="red")


@pytest.mark.parametrize(("scope", "most"), [(HERE, 20), (VOLC, 50)])
def test_tags_are_limited(scope: Scope, most: int) -> None:
    desk = Desk()
    desk.do(operations.create_filter, scope, tags={str(at): "" for at in range(most)})
    with refused(Why.QUOTA_TAGS, "filter"):
        desk.do(operations.create_filter, scope, tags={str(at): "" for at in range(most + 1)})


def test_filters_are_counted_by_scope() -> None:
    desk = Desk(SMALL)
    first = desk.filter()
    desk.filter()
    with refused(Why.QUOTA_FILTERS):
        desk.do(operations.create_filter, HERE)
    desk.do(operations.create_filter, THERE)
    desk.do(operations.create_filter, OTHER)
    desk.do(operations.delete_filter, HERE, first.id)
    desk.wait()
    desk.do(operations.create_filter, HERE)


def test_rules_of_one_request_and_of_one_filter_are_limited() -> None:
    desk = Desk(SMALL)
    with refused(Why.QUOTA_RULES, "rule", "egress"):
        desk.do(operations.create_filter, HERE, rules=[rule(at, direction="egress") for at in range(1, 5)])
    made = desk.filter(HERE, *(rule(at) for at in (1, 2, 3)))
    with refused(Why.QUOTA_RULES, "rule", ""):
        desk.do(operations.create_rules, HERE, made.id, [rule(4), rule(4, direction="egress")])
    (fourth,) = desk.do(operations.create_rules, HERE, made.id, [rule(4)])
    assert rules(desk, made.id)[-1] == fourth


def test_a_priority_is_taken_by_one_rule_of_a_direction() -> None:
    desk = Desk()
    with refused(Why.PRIORITY_TAKEN, "rule"):
        desk.do(operations.create_filter, HERE, rules=[rule(1), rule(1)])
    made = desk.filter(HERE, rule(1), rule(2))
    with refused(Why.PRIORITY_TAKEN, "rule"):
        desk.do(operations.create_rules, HERE, made.id, [rule(3), rule(2)])
    with refused(Why.PRIORITY_TAKEN, "rule", rules(desk, made.id)[0].id):
        desk.do(operations.change_rule, HERE, rules(desk, made.id)[0].id, priority=2)
    desk.do(operations.delete_rules, HERE, [rules(desk, made.id)[1].id])
    desk.do(operations.create_rules, HERE, made.id, [rule(2)])
    desk.do(operations.create_rules, HERE, made.id, [rule(2, direction="egress")])
    desk.do(operations.create_rules, HERE, desk.filter(HERE).id, [rule(2)])


@pytest.mark.parametrize("protocol", ["ALL", "ICMP", "TCP+UDP+ICMP"])
def test_only_tcp_and_udp_keep_ports(protocol: Protocol) -> None:
    desk = Desk()
    asked = rule(protocol="UDP", source_port_range="1/2", destination_port_range="3/4")
    made = desk.filter(HERE, asked)
    (kept,) = rules(desk, made.id)
    assert (kept.source_port_range, kept.destination_port_range) == ("1/2", "3/4")
    changed = desk.do(operations.change_rule, HERE, kept.id, protocol=protocol)
    assert (changed.source_port_range, changed.destination_port_range) == ("-1/-1", "-1/-1")
    other = desk.do(operations.create_filter, HERE, rules=[replace(asked, protocol=protocol)])
    assert rules(desk, other.id)[0].source_port_range == "-1/-1"


def test_a_rule_is_changed_field_by_field() -> None:
    desk = Desk()
    made = desk.filter()
    (before,) = rules(desk, made.id)
    desk.clock.now += 1
    after = desk.do(operations.change_rule, HERE, before.id, direction="egress", description="x")
    assert after.life.status is Status.MODIFYING
    assert after.life.created == before.life.created < after.life.updated == after.life.since
    assert after == replace(before, direction="egress", description="x", life=after.life)
    with refused(Why.STATUS, "rule", before.id):
        desk.do(operations.change_rule, HERE, before.id, priority=3)
    desk.wait()
    (ready,) = rules(desk, made.id)
    assert desk.do(operations.change_rule, HERE, before.id, direction="egress") == ready


def test_rules_are_deleted_together_or_not_at_all() -> None:
    desk = Desk()
    made, other = desk.filter(HERE, rule(1), rule(2)), desk.filter()
    first, second = rules(desk, made.id)
    (stranger,) = rules(desk, other.id)
    with refused(Why.NOT_FOUND, "rule", stranger.id):
        desk.do(operations.delete_rules, HERE, [first.id, stranger.id], made.id)
    with refused(Why.NOT_FOUND, "rule", "tmr-none"):
        desk.do(operations.delete_rules, HERE, [first.id, "tmr-none"])
    with refused(Why.NOT_FOUND, "filter", "tmf-none"):
        desk.do(operations.delete_rules, HERE, [first.id], "tmf-none")
    desk.do(operations.delete_rules, HERE, [first.id, second.id, first.id], made.id)
    assert [each.life.status for each in rules(desk, made.id)] == [Status.DELETING] * 2
    with refused(Why.STATUS, "rule", first.id):
        desk.do(operations.delete_rules, HERE, [first.id])
    assert desk.wait().rules(HERE, made.id) == ()


def test_a_filter_that_is_not_ready_takes_no_rules() -> None:
    desk = Desk()
    made = desk.do(operations.create_filter, HERE, rules=[rule()])
    for work in (
        lambda: desk.do(operations.create_rules, HERE, made.id, [rule(2)]),
        lambda: desk.do(operations.delete_rules, HERE, [rules(desk, made.id)[0].id], made.id),
        lambda: desk.do(operations.change_filter, HERE, made.id, "x"),
        lambda: desk.do(operations.delete_filter, HERE, made.id),
    ):
        with refused(Why.STATUS, "filter", made.id):
            work()


def test_names_change_at_once() -> None:
    desk = Desk()
    made = desk.filter()
    desk.clock.now += 1
    after = desk.do(operations.change_filter, HERE, made.id, "new")
    assert (after.name, after.description, after.life.status) == ("new", "", Status.READY)
    assert after.life.updated > made.life.updated
    assert desk.do(operations.change_filter, HERE, made.id, "new") is after
    assert desk.do(operations.change_filter, HERE, made.id, description="d").description == "d"


def test_a_filter_in_use_stays_until_its_session_is_gone() -> None:
    desk = Desk().subscribed()
    session = desk.session()
    with refused(Why.IN_USE, "filter", session.filter):
        desk.do(operations.delete_filter, HERE, session.filter)
    desk.do(operations.delete_session, HERE, session.id)
    with refused(Why.IN_USE, "filter", session.filter):
        desk.do(operations.delete_filter, HERE, session.filter)
    desk.wait()
    desk.do(operations.delete_filter, HERE, session.filter)
    snapshot = desk.wait()
    assert (snapshot.filters(HERE), snapshot.rules(HERE, session.filter)) == ((), ())


def test_a_filter_is_not_deleted_under_a_rule_that_is_under_way() -> None:
    desk = Desk()
    made = desk.filter()
    (added,) = desk.do(operations.create_rules, HERE, made.id, [rule(2)])
    with refused(Why.STATUS, "rule", added.id):
        desk.do(operations.delete_filter, HERE, made.id)
    desk.wait()
    desk.do(operations.delete_rules, HERE, [added.id])
    desk.do(operations.delete_filter, HERE, made.id)


@pytest.mark.parametrize("scope", [THERE, OTHER, VOLC])
def test_another_scope_sees_nothing(scope: Scope) -> None:
    desk = Desk()
    made = desk.filter()
    (own,) = rules(desk, made.id)
    for kind, name, work in (
        ("filter", made.id, lambda: desk.do(operations.delete_filter, scope, made.id)),
        ("filter", made.id, lambda: desk.do(operations.create_rules, scope, made.id, [rule(2)])),
        ("filter", made.id, lambda: desk.do(operations.change_filter, scope, made.id, "x")),
        ("rule", own.id, lambda: desk.do(operations.change_rule, scope, own.id, priority=7)),
        ("rule", own.id, lambda: desk.do(operations.delete_rules, scope, [own.id])),
        ("filter", own.id, lambda: desk.do(operations.delete_filter, HERE, own.id)),
    ):
        with refused(Why.NOT_FOUND, kind, name):
            work()


def test_what_is_ordered_is_a_whole_rule() -> None:
    asked = NewRule("egress", 9, "drop", "TCP", "10.0.0.0/8", "::/0", "1/2", "3/4", "text")
    desk = Desk()
    made = desk.filter(HERE, asked)
    (found,) = rules(desk, made.id)
    assert {name: getattr(found, name) for name in asked.__dict__} == asked.__dict__


def test_a_refusal_says_what_it_is_about() -> None:
    with pytest.raises(Refusal, match="NOT_FOUND filter tmf-x"):
        Desk().do(operations.delete_filter, HERE, "tmf-x")
