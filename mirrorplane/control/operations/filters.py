"""Filters and their rules.

Owns what may become of them. Must not know sessions but as users of a filter.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from mirrorplane.control.draft import Draft
from mirrorplane.control.operations.checks import changed, group, ready, tags, within
from mirrorplane.control.operations.names import rename
from mirrorplane.control.orders import ANY_PORT, DEFAULT_GROUP, NewRule
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.resources import Filter, Rule, Scope, Status
from mirrorplane.control.state import By

WITH_PORTS = frozenset({"TCP", "UDP"})


def create_filter(
    draft: Draft,
    scope: Scope,
    name: str | None = None,
    description: str = "",
    group: str = DEFAULT_GROUP,
    tags: Mapping[str, str] | None = None,
    rules: Sequence[NewRule] = (),
) -> Filter:
    """Make a filter with *rules*; *name* None stands for its id.

    Refuses, in this order: a group that is not there, too many tags, filters or rules (QUOTA_RULES, also of
    one direction in one request), a priority that two rules of a direction share.
    """
    made = _new_filter(draft, scope, name, description, group, tags or {})
    _check_rules(draft, made, rules)
    draft.put(made)
    _put_rules(draft, made, rules)
    return made


def _new_filter(
    draft: Draft, scope: Scope, name: str | None, description: str, place: str, labels: Mapping[str, str]
) -> Filter:
    group(draft, scope, place)
    labels = tags(draft, scope, labels, "filter")
    within(draft, scope, "filters", draft.count("filter", scope) + 1, Why.QUOTA_FILTERS, "filter")
    own = draft.new_id("filter")
    return Filter(
        id=own,
        scope=scope,
        name=own if name is None else name,
        description=description,
        group=place,
        life=draft.new_life(),
        tags=dict(labels),
    )


def create_rules(draft: Draft, scope: Scope, filter_id: str, rules: Sequence[NewRule]) -> list[Rule]:
    """Add *rules* to a filter; return them in that order.

    Refuses a filter that is not there, or not READY; then as `create_filter` does.
    """
    owner = ready(draft.find(Filter, scope, filter_id))
    _check_rules(draft, owner, rules)
    return _put_rules(draft, owner, rules)


def _check_rules(draft: Draft, owner: Filter, rules: Sequence[NewRule]) -> None:
    for direction in ("ingress", "egress"):
        n_rules = sum(rule.direction == direction for rule in rules)
        within(draft, owner.scope, "rules_per_direction", n_rules, Why.QUOTA_RULES, "rule", direction)
    total = draft.count("rule", owner.id) + len(rules)
    within(draft, owner.scope, "rules_per_filter", total, Why.QUOTA_RULES, "rule")


def _put_rules(draft: Draft, owner: Filter, rules: Iterable[NewRule]) -> list[Rule]:
    made = []
    for order in rules:
        new = Rule(
            id=draft.new_id("rule"),
            scope=owner.scope,
            filter=owner.id,
            life=draft.new_life(),
            **asdict(order),
        )
        made.append(_put_rule(draft, new))
    return made


def _put_rule(draft: Draft, rule: Rule) -> Rule:
    """Have *rule*, with ports only where its protocol has some, unless its priority is taken."""
    if any(
        other.id != rule.id
        for other in draft.found(By.PRIORITY, (rule.filter, rule.direction, rule.priority))
    ):
        raise Refusal(Why.PRIORITY_TAKEN, "rule", rule.id)
    if rule.protocol not in WITH_PORTS:
        rule = replace(rule, source_port_range=ANY_PORT, destination_port_range=ANY_PORT)
    draft.put(rule)
    return rule


def change_rule(draft: Draft, scope: Scope, rule_id: str, **changes: Any) -> Rule:
    """Give a rule other values of any field of `NewRule`; what is left out stays.

    Refuses a rule that is not there, or not READY, or whose filter is not, and a priority that is taken.
    """
    rule = ready(draft.find(Rule, scope, rule_id))
    ready(draft.find(Filter, scope, rule.filter))
    if not changed(rule, changes):
        return rule
    return _put_rule(draft, replace(rule, **changes, life=draft.turned(rule.life, Status.MODIFYING)))


def delete_rules(draft: Draft, scope: Scope, rule_ids: Iterable[str], filter_id: str | None = None) -> None:
    """Delete rules; with *filter_id*, of this filter. One that is named twice is meant once.

    Refuses a filter that is not there, or not READY, and a rule that is not there, or not READY.
    """
    if filter_id is not None:
        ready(draft.find(Filter, scope, filter_id))
    rules = [draft.find(Rule, scope, name) for name in dict.fromkeys(rule_ids)]
    for rule in rules:
        if filter_id not in {None, rule.filter}:
            raise Refusal(Why.NOT_FOUND, "rule", rule.id)
        draft.put(replace(ready(rule), life=draft.turned(rule.life, Status.DELETING)))


def change_filter(
    draft: Draft, scope: Scope, filter_id: str, name: str | None = None, description: str | None = None
) -> Filter:
    """Give a filter another name or description, at once; None leaves it as it is.

    Refuses a filter that is not there, or not READY.
    """
    return rename(draft, draft.find(Filter, scope, filter_id), name, description)


def delete_filter(draft: Draft, scope: Scope, filter_id: str) -> None:
    """Delete a filter, and its rules with it.

    Refuses, in this order: a filter that is not there, or not READY; one that a session has (IN_USE, as long
    as the session is there at all); one with a rule that is under way.
    """
    found = ready(draft.find(Filter, scope, filter_id))
    if draft.sessions(By.FILTER, filter_id):
        raise Refusal(Why.IN_USE, "filter", filter_id)
    for rule in draft.rules(filter_id):
        if rule.life.status is not Status.DELETING:
            draft.put(replace(ready(rule), life=draft.turned(rule.life, Status.DELETING)))
    draft.put(replace(found, life=draft.turned(found.life, Status.DELETING)))
