"""Sessions.

Owns what may become of them, and the order of the checks, which the clouds leave open: the account, the
sources, the target, their roles, the filter, the priority, the quotas. Must not know what a session does.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from mirrorplane.control.draft import Draft
from mirrorplane.control.operations import endpoints
from mirrorplane.control.operations.checks import changed, group, mendable, ready, repeated, tags, within
from mirrorplane.control.operations.subscriptions import open_account
from mirrorplane.control.orders import NewSession
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.resources import Filter, Scope, Session, Status, Target
from mirrorplane.control.state import By


def create_session(draft: Draft, scope: Scope, new: NewSession) -> Session:
    """Make a session; return it.

    Refuses, in this order: BUSINESS_STATUS, NOT_SUBSCRIBED; DUPLICATE_SOURCE; QUOTA_SOURCES_PER_SESSION;
    what `check_sources` does; a named target that is not there or not READY; what `check_target` does;
    DUPLICATE_ROLE; NAT_SOURCE_NEEDS_LOAD_BALANCER; a filter that is not there or not READY; a group that is
    not there; QUOTA_TAGS; PRIORITY_TAKEN; QUOTA_SESSIONS, _PER_FILTER, _PER_INTERFACE, _PER_LOAD_BALANCER,
    QUOTA_SOURCES_PER_TARGET.
    """
    open_account(draft, scope)
    session = _directed(draft, _drawn_up(draft, scope, new))
    _check_own_sources(draft, session, session.sources)
    _check(draft, session, None)
    draft.put(session)
    return session


def _drawn_up(draft: Draft, scope: Scope, new: NewSession) -> Session:
    own = draft.new_id("session")
    return Session(
        id=own,
        scope=scope,
        name=own if new.name is None else new.name,
        description=new.description,
        group=new.group,
        priority=new.priority,
        vni=draft.free_vni() if new.vni is None else new.vni,
        packet_length=new.packet_length,
        enabled=new.enabled,
        filter=new.filter,
        kind=new.kind,
        instance=new.instance,
        sources=new.sources,
        life=draft.new_life(),
        target=new.target,
        tags=dict(new.tags),
    )


def change_session(draft: Draft, scope: Scope, session_id: str, **changes: Any) -> Session:
    """Give a session other values of some fields; what is left out stays.

    They are `name`, `description`, `priority`, `vni`, `packet_length`, `enabled`, `filter`, and `target`, or
    `kind` and `instance` where the dialect has no named targets.

    Refuses a session that is not there or not READY; then as `create_session` does, from the target on, but
    only what is changed.
    """
    before = mendable(draft.find(Session, scope, session_id))
    if not changed(before, changes):
        return before
    return _turn(draft, before, replace(before, **changes))


def add_sources(draft: Draft, scope: Scope, session_id: str, sources: Sequence[str]) -> Session:
    """Add *sources* to a session.

    Refuses, in this order: BUSINESS_STATUS, NOT_SUBSCRIBED; a session that is not there or not READY;
    DUPLICATE_SOURCE; SOURCE_IS_THERE; then as `create_session` does from QUOTA_SOURCES_PER_SESSION on.
    """
    open_account(draft, scope)
    before = mendable(draft.find(Session, scope, session_id))
    _check_distinct(sources)
    for source in sources:
        if source in before.sources:
            raise Refusal(Why.SOURCE_IS_THERE, "source", source)
    after = replace(before, sources=before.sources + tuple(sources))
    _check_own_sources(draft, after, sources)
    return _turn(draft, before, after)


def remove_sources(draft: Draft, scope: Scope, session_id: str, sources: Sequence[str]) -> Session:
    """Take *sources* from a session; it may have none then, and mirrors nothing.

    Refuses a session that is not there or not READY, DUPLICATE_SOURCE, SOURCE_IS_NOT_THERE.
    """
    before = mendable(draft.find(Session, scope, session_id))
    _check_distinct(sources)
    for source in sources:
        if source not in before.sources:
            raise Refusal(Why.SOURCE_IS_NOT_THERE, "source", source)
    left = tuple(source for source in before.sources if source not in sources)
    return _turn(draft, before, replace(before, sources=left))


def delete_session(draft: Draft, scope: Scope, session_id: str) -> None:
    """Delete a session. Refuses one that is not there, or is under way, unless it is stuck."""
    session = mendable(draft.find(Session, scope, session_id))
    draft.put(replace(session, life=draft.turned(session.life, Status.DELETING)))


def _turn(draft: Draft, before: Session, after: Session) -> Session:
    """Have *after* in place of *before*, if it is right; return it. One that is CREATING stays so."""
    status = Status.CREATING if before.life.status is Status.CREATING else Status.MODIFYING
    after = replace(after, life=draft.turned(after.life, status))
    if after.target != before.target:
        after = _directed(draft, after)
    _check(draft, after, before)
    draft.put(after)
    return after


def _directed(draft: Draft, session: Session) -> Session:
    """Return *session* leading to what its named target stands for, where it has one."""
    if session.target is None:
        return session
    found = draft.get(session.target)
    if isinstance(found, Target) and found.scope == session.scope:
        return replace(session, kind=found.kind, instance=found.instance)
    return session


def _check_distinct(sources: Sequence[str]) -> None:
    if (twice := repeated(sources)) is not None:
        raise Refusal(Why.DUPLICATE_SOURCE, "source", twice)


def _check_own_sources(draft: Draft, session: Session, new: Sequence[str]) -> None:
    _check_distinct(session.sources)
    n_sources = len(session.sources)
    within(draft, session.scope, "sources_per_session", n_sources, Why.QUOTA_SOURCES_PER_SESSION, "session")
    endpoints.check_sources(draft, new)


def _check(draft: Draft, after: Session, before: Session | None) -> None:
    """Refuse what is wrong with *after* and was not said *before* already."""
    same_target = before is not None and _goal(before) == _goal(after)
    if not same_target:
        if after.target is not None:
            ready(draft.find(Target, after.scope, after.target))
        endpoints.check_target(draft, after.kind, after.instance)
    added = after.sources if before is None else set(after.sources) - set(before.sources)
    if added or not same_target:
        endpoints.check_roles(draft, after.sources, after.kind, after.instance, but=after.id)
        endpoints.check_nat_gateways(draft, after.sources, after.kind)
    if before is None or before.filter != after.filter:
        ready(draft.find(Filter, after.scope, after.filter))
    if before is None:
        group(draft, after.scope, after.group)
        tags(draft, after.scope, after.tags, "session")
    _check_priority(draft, after)
    _check_quotas(draft, after, before)


def _goal(session: Session) -> tuple[str | None, str, str]:
    return session.target, session.kind, session.instance


def _check_priority(draft: Draft, session: Session) -> None:
    for other in draft.found(By.PRIORITY, (session.scope, session.priority)):
        if other.id != session.id:
            raise Refusal(Why.PRIORITY_TAKEN, "session", session.id)


def _check_quotas(draft: Draft, after: Session, before: Session | None) -> None:
    """Refuse what goes beyond a quota, as far as it is more than *before*."""
    scope = after.scope
    if before is None:
        n_sessions = draft.count("session", scope) + 1
        within(draft, scope, "sessions", n_sessions, Why.QUOTA_SESSIONS, "session")
    if before is None or before.filter != after.filter:
        n_users = draft.tally(By.FILTER, after.filter) + 1
        within(
            draft,
            scope,
            "sessions_per_filter",
            n_users,
            Why.QUOTA_SESSIONS_PER_FILTER,
            "filter",
            after.filter,
        )
    for source in after.sources if before is None else set(after.sources) - set(before.sources):
        n_users = draft.tally(By.SOURCE_IN_SCOPE, (scope, source)) + 1
        within(
            draft,
            scope,
            "sessions_per_interface",
            n_users,
            Why.QUOTA_SESSIONS_PER_INTERFACE,
            "source",
            source,
        )
    _check_target_quotas(draft, after, before)


def _check_target_quotas(draft: Draft, after: Session, before: Session | None) -> None:
    """Refuse one session too many for a load balancer, or sources too many for an interface."""
    scope, goal = after.scope, (after.scope, after.instance)
    stays = before is not None and before.instance == after.instance
    if after.kind == "load_balancer":
        n_users = draft.tally(By.GOAL, goal) + (not stays)
        quota, why = "sessions_per_load_balancer", Why.QUOTA_SESSIONS_PER_LOAD_BALANCER
    else:
        n_before = len(before.sources) if before is not None and stays else 0
        n_users = draft.weight(By.GOAL, goal) - n_before + len(after.sources)
        quota, why = "sources_per_target", Why.QUOTA_SOURCES_PER_TARGET
        stays = stays and len(after.sources) <= n_before
    if not stays:
        within(draft, scope, quota, n_users, why, "target", after.instance)
