"""What must hold between the things of a configuration.

Owns every rule that takes more than one of them: that ids stand for something, that priorities differ, that
no interface is source and target. Must not know where they were read. A thing that is named but is not
right in itself is None here, and taken to be what others expect of it, so that one mistake is told once.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from mirrorplane.model.api import Api
from mirrorplane.model.faults import Path, Problem, near
from mirrorplane.model.filter import Filter
from mirrorplane.model.interface import Interface
from mirrorplane.model.load_balancer import LoadBalancer
from mirrorplane.model.session import MAX_SOURCES, Session


class Things(NamedTuple):
    """All that a configuration names, by id."""

    interfaces: Mapping[str, Interface | None]
    load_balancers: Mapping[str, LoadBalancer | None]
    filters: Mapping[str, Filter | None]
    sessions: Mapping[str, Session | None]


def problems(things: Things, api: Api) -> Iterator[Problem]:
    """Yield what does not hold between *things*; *api* may allow a session more than MAX_SOURCES sources."""
    max_sources = max(MAX_SOURCES, api.aliyun.quotas.sources_per_session)
    for balancer in filter(None, things.load_balancers.values()):
        yield from _backend_problems(balancer, things)
    sessions = [session for session in things.sessions.values() if session is not None]
    for session in sessions:
        yield from _target_problems(session, things)
        yield from _unknown(("sessions", session.id, "filter"), session.filter, "filter", things.filters)
        yield from _source_problems(session, things, max_sources)
    yield from _priority_problems(sessions)
    yield from _role_problems(sessions, things)


def _unknown(path: Path, name: str, what: str, known: Mapping[str, object]) -> Iterator[Problem]:
    if name not in known:
        prefix = name[: name.index("-") + 1]
        yield Problem(path, f"there is no {what} {name}{near(name, known, prefix)}")


def _backend_problems(balancer: LoadBalancer, things: Things) -> Iterator[Problem]:
    version = None
    for at, name in enumerate(balancer.backends):
        path = ("load_balancers", balancer.id, "backends", at)
        yield from _unknown(path, name, "interface", things.interfaces)
        backend = things.interfaces.get(name)
        if backend is None:
            continue
        yield from _addressless(path, backend)
        if backend.addresses:
            own = backend.addresses[0].version
            version = version or own
            if own != version:
                yield Problem(path, f"{name} has an IPv{own} address, backends before it have IPv{version}")


def _addressless(path: Path, interface: Interface) -> Iterator[Problem]:
    if not interface.addresses:
        yield Problem(path, f"{interface.id} has no address to send packets to")


def _target_problems(session: Session, things: Things) -> Iterator[Problem]:
    path = ("sessions", session.id, "target")
    if session.target.startswith("lb-"):
        yield from _unknown(path, session.target, "load balancer", things.load_balancers)
        return
    yield from _unknown(path, session.target, "interface", things.interfaces)
    target = things.interfaces.get(session.target)
    if target is not None:
        yield from _addressless(path, target)


def _source_problems(session: Session, things: Things, max_sources: int) -> Iterator[Problem]:
    path = ("sessions", session.id, "sources")
    if len(session.sources) > max_sources:
        yield Problem(path, f"lists {len(session.sources)} interfaces: at most {max_sources} in one session")
    for at, name in enumerate(session.sources):
        yield from _unknown((*path, at), name, "interface", things.interfaces)


def _priority_problems(sessions: list[Session]) -> Iterator[Problem]:
    first: dict[int, str] = {}
    for session in sessions:
        other = first.setdefault(session.priority, session.id)
        if other != session.id:
            yield Problem(("sessions", session.id, "priority"), f"{session.priority} is taken by {other}")


def _role_problems(sessions: list[Session], things: Things) -> Iterator[Problem]:
    """Yield each source that is a target too, of whatever session (the clouds' DuplicateRole)."""
    roles: dict[str, str] = {}
    for session in sessions:
        roles.setdefault(session.target, f"the target of {session.id}")
        balancer = things.load_balancers.get(session.target)
        for name in balancer.backends if balancer else ():
            roles.setdefault(name, f"a backend of {session.target}, the target of {session.id}")
    for session in sessions:
        for at, name in enumerate(session.sources):
            if name in roles:
                yield Problem(("sessions", session.id, "sources", at), f"{name} is also {roles[name]}")
