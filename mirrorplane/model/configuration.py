"""The whole of what a user says.

Owns how the things are found by id and which VNI a session ends up with. Must not know files, nor what is
done with it.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Protocol, Self, TypeVar

from pydantic import AfterValidator, Field, model_validator

from mirrorplane.model.api import Api
from mirrorplane.model.faults import Problem, refuse
from mirrorplane.model.filter import Filter
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.interface import Interface
from mirrorplane.model.kernel import Kernel
from mirrorplane.model.load_balancer import LoadBalancer
from mirrorplane.model.references import Things, problems
from mirrorplane.model.session import MAX_VNI, Session
from mirrorplane.model.userspace import Userspace

Thing = TypeVar("Thing", Interface, LoadBalancer, Filter, Session)


def _read_only(things: Mapping[str, Thing]) -> Mapping[str, Thing]:
    refuse(Problem((key,), f"stands for {thing.id}") for key, thing in things.items() if key != thing.id)
    return MappingProxyType(dict(things))


READ_ONLY = AfterValidator(_read_only)


class Configuration(Frozen):
    """All that was said: each kind of thing by id, in the order of saying, and the sections beside them."""

    interfaces: Annotated[Mapping[str, Interface], READ_ONLY] = Field(default={}, validate_default=True)
    load_balancers: Annotated[Mapping[str, LoadBalancer], READ_ONLY] = Field(
        default={}, validate_default=True
    )
    filters: Annotated[Mapping[str, Filter], READ_ONLY] = Field(default={}, validate_default=True)
    sessions: Annotated[Mapping[str, Session], READ_ONLY] = Field(default={}, validate_default=True)
    api: Api = Api()
    kernel: Kernel = Kernel()
    userspace: Userspace = Userspace()

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        refuse(problems(Things(self.interfaces, self.load_balancers, self.filters, self.sessions), self.api))
        return self

    def backends(self, session: Session) -> tuple[Interface, ...]:
        """Return where *session*'s packets may go: its target, or its load balancer's backends."""
        balancer = self.load_balancers.get(session.target)
        return tuple(self.interfaces[name] for name in (balancer.backends if balancer else (session.target,)))


class RandomNumbers(Protocol):
    """What `with_networks` draws with: a `random.Random`, say."""

    def randrange(self, start: int, stop: int, /) -> int:
        """Return a number from *start* up to, but not, *stop*."""


def with_networks(
    configuration: Configuration, kept: Mapping[str, int], random: RandomNumbers
) -> Configuration:
    """Return *configuration* with a VNI for each session that says none.

    It is the one *kept* for the session's id, else a random one; never one that another session has. 0 is not
    drawn, as some receivers take it for no VNI at all.
    """
    taken = {session.virtual_network_id for session in configuration.sessions.values()}
    undecided = [
        session.id for session in configuration.sessions.values() if session.virtual_network_id is None
    ]
    given: dict[str, int] = {}
    for name in undecided:
        if name in kept and kept[name] not in taken:
            given[name] = kept[name]
            taken.add(kept[name])
    for name in undecided:
        if name not in given:
            given[name] = _free(random.randrange(1, MAX_VNI + 1), taken)
            taken.add(given[name])
    sessions = {
        session.id: session.model_copy(update={"virtual_network_id": given[session.id]})
        if session.id in given
        else session
        for session in configuration.sessions.values()
    }
    return configuration.model_copy(update={"sessions": MappingProxyType(sessions)})


def _free(drawn: int, taken: set[int | None]) -> int:
    """Return *drawn* or the next number that is not *taken*; there are 500 times as many as sessions."""
    while drawn in taken:
        drawn = drawn % MAX_VNI + 1
    return drawn
