"""What tests of the control room share: an inventory, scopes, and a state to work on without a writer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import pytest

from mirrorplane.control import ALIYUN, VOLCENGINE, Draft, NewRule, NewSession, Refusal, Why, operations
from mirrorplane.control.accounts import accounts
from mirrorplane.control.inventory import Inventory
from mirrorplane.control.resources import Filter, Scope, Session, Target
from mirrorplane.control.snapshot import Snapshot
from mirrorplane.control.state import State
from mirrorplane.control.ticks import Ticks
from mirrorplane.control.transitions import carry_out, due
from mirrorplane.model import Configuration, read

T = TypeVar("T")
Kind = TypeVar("Kind", Filter, Session, Target)

HERE = Scope(ALIYUN, "AKONE", "cn-hongkong")
THERE = Scope(ALIYUN, "AKONE", "cn-beijing")
OTHER = Scope(ALIYUN, "AKTWO", "cn-hongkong")
VOLC = Scope(VOLCENGINE, "AKONE", "cn-beijing")

INTERFACES = """
interfaces:
  eni-a: {device: dev-a, addresses: [10.0.0.1]}
  eni-b: {device: dev-b, addresses: [10.0.0.2]}
  eni-c: {device: dev-c, addresses: [10.0.0.3]}
  eni-d: {device: dev-d, addresses: [10.0.0.4]}
  eni-sensor: {addresses: [10.9.0.1]}
  eni-sensor2: {addresses: [10.9.0.2]}
  eni-sensor3: {addresses: [10.9.0.3]}
  eni-free: {addresses: [10.0.1.1], attached: false}
  eni-orphan: {addresses: [10.0.1.2], instance: missing}
  eni-old: {addresses: [10.0.1.3], instance_supports_mirroring: false}
  eni-down: {addresses: [10.0.1.4], status: unavailable}
  eni-odd: {addresses: [10.0.1.5], business_type: unsupported}
  eni-bond: {addresses: [10.0.1.6], type: bond}
  eni-nat: {device: dev-nat, addresses: [10.0.1.7], type: nat_gateway}
load_balancers:
  lb-pair: {backends: [eni-sensor2, eni-sensor3], address: 10.9.0.100}
  lb-two: {backends: [eni-sensor3]}
  lb-down: {backends: [eni-sensor2], status: unavailable}
  lb-classic: {backends: [eni-sensor2], network: classic}
  lb-internal: {backends: [eni-sensor2], network: classic, address: 10.9.0.101}
  lb-public: {backends: [eni-sensor2], network: classic, address: 203.0.113.9}
  lb-gateway: {backends: [eni-sensor2], type: gwlbe}
"""


def configuration(api: str = "{}") -> Configuration:
    """Return the inventory, with the section *api*."""
    return read(f"{INTERFACES}\napi: {api}\n", "lab.yaml")


def rule(priority: int = 1, **words: Any) -> NewRule:
    """Return a rule that takes all IPv4 packets in, unless *words* say otherwise."""
    said: dict[str, Any] = {
        "direction": "ingress",
        "action": "accept",
        "protocol": "ALL",
        "source_cidr_block": "0.0.0.0/0",
        "destination_cidr_block": "0.0.0.0/0",
    }
    return NewRule(priority=priority, **said | words)


@dataclass
class Clock:
    """A clock that stands still until it is set."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


class Desk:
    """A state that work is done on at once; what is refused leaves nothing."""

    def __init__(self, api: str = "{}") -> None:
        said = configuration(api)
        self.clock, self.state = Clock(), State()
        self.inventory, self.accounts = Inventory(said), accounts(said.api)
        self.ticks = Ticks(self.clock)

    def draft(self) -> Draft:
        return Draft(self.state, self.inventory, self.accounts, self.ticks)

    def do(self, work: Callable[..., T], *given: Any, **named: Any) -> T:
        """Return what *work* on a draft returns, and keep what it did; or raise: nothing is left then."""
        before = contents(self.state.publish())
        try:
            result = work(self.draft(), *given, **named)
        except Refusal:
            self.state.undo()
            assert contents(self.state.publish()) == before
            raise
        self.state.settle()
        return result

    def ready(self, made: Kind) -> Kind:
        """Return what was *made* as it is once it is READY."""
        self.wait()
        found = self.state.get(made.id)
        assert isinstance(found, type(made))
        return found

    def wait(self) -> Snapshot:
        """Have everything that is under way over; return all there is."""
        self.clock.now += 1
        carry_out(self.draft(), due(self.state.publish(), self.clock.now, ()))
        return self.state.settle()

    def subscribed(self, *scopes: Scope) -> "Desk":
        for scope in scopes or (HERE,):
            self.do(operations.subscribe, scope)
        return self

    def filter(self, scope: Scope = HERE, *rules: NewRule) -> Filter:
        return self.ready(self.do(operations.create_filter, scope, rules=rules or (rule(),)))

    def session(self, scope: Scope = HERE, **words: Any) -> Session:
        """Return a session that is READY, from eni-a to eni-sensor unless *words* say otherwise."""
        return self.ready(self.do(operations.create_session, scope, self.order(scope, **words)))

    def order(self, scope: Scope = HERE, **words: Any) -> NewSession:
        """Return an order that nothing speaks against."""
        if "filter" not in words:
            words["filter"] = self.filter(scope).id
        if "target" not in words:
            words = {"instance": "eni-sensor"} | words
        said: dict[str, Any] = {"priority": 1, "sources": ("eni-a",)} | words
        return NewSession(**said)

    def target(self, instance: str = "eni-sensor", scope: Scope = VOLC) -> Target:
        kind = "load_balancer" if instance.startswith("lb-") else "interface"
        return self.ready(self.do(operations.create_target, scope, kind, instance))


@contextmanager
def refused(why: Why, kind: str | None = None, name: str | None = None) -> Iterator[None]:
    """Have something refused for *why*, about the thing *name* of a *kind* where these are given."""
    with pytest.raises(Refusal) as caught:
        yield
    assert caught.value.why is why
    assert kind is None or caught.value.kind == kind
    assert name is None or caught.value.id == name


def contents(snapshot: Snapshot) -> object:
    """Return what two snapshots of the same things have in common."""
    places = {place: list(things.items()) for place, things in snapshot.places.items()}
    return places, snapshot.subscriptions, snapshot.pending, snapshot.mirrored


SMALL = """{aliyun: {quotas: {sessions: 3, sessions_per_filter: 2, sessions_per_interface: 1,
 sessions_per_load_balancer: 1, sources_per_session: 2, sources_per_target: 3}}}"""


def create(desk: Desk, scope: Scope = HERE, **words: Any) -> None:
    """Have a session made, as ordered by *words*."""
    desk.do(operations.create_session, scope, desk.order(scope, **words))
