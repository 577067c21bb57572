"""What live engines share about targets: when they are looked up, and who gets a lost backend's flows."""

from collections.abc import Iterator
from contextlib import closing
from ipaddress import ip_address
from time import monotonic

import numpy as np
import pytest
from numpy.typing import NDArray

from mirrorplane.counters import Reason
from mirrorplane.engines.targets import FIRST_RETRY, LOOK_EVERY, Shares, Target
from mirrorplane.forward.nexthop import NextHops
from mirrorplane.lab.network import Host, Lab
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan, templates
from mirrorplane.plan.balance import SLOTS

TEXT = """
interfaces:
  eni-a: {addresses: [10.0.0.1]}
  eni-b: {addresses: [10.0.0.2]}
  eni-c: {addresses: [], side: host}
  eni-x: {addresses: [10.9.0.1]}
  eni-y: {addresses: [10.9.0.2]}
  eni-z: {addresses: [10.9.0.3]}
load_balancers:
  lb-two: {backends: [eni-x, eni-y]}
  lb-three: {backends: [eni-z, eni-y, eni-x]}
filters:
  tmf-all:
    ingress:
      - {priority: 1, action: accept, protocol: ALL,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}
sessions:
  tms-two: {priority: 1, sources: [eni-a, eni-b, eni-c], target: lb-two, filter: tmf-all,
            virtual_network_id: 1}
  tms-three: {priority: 2, sources: [eni-b], target: lb-three, filter: tmf-all, virtual_network_id: 2}
"""
TWO, THREE, LENT = 0, 1, 2
"""The load balancers of the plan: lb-two is one of its own for eni-c, which has no address."""


class Balanced:
    """A plan's flows, the backends of which come and go."""

    def __init__(self) -> None:
        self.plan: Plan = compile_plan(read(TEXT, "test.yaml"))
        self.shares = Shares(self.plan.tables.slots, self.plan.balancers)
        self.templates = templates.empty(len(self.plan.routes))
        assert [balancer.template for balancer in self.plan.balancers] == [0, 4, 7]

    def lose(self, *backends: str, of: str | None = None) -> None:
        """Have the templates of just these backends, of one source or of all, out of reach."""
        for row, route in enumerate(self.plan.routes):
            is_lost = route.backend in backends and of in (None, route.source)
            self.templates.rows["reason"][row] = Reason.NO_NEIGHBOUR if is_lost else Reason.MIRRORED
        self.shares.adapt(self.templates)

    def owners(self, balancer: int) -> NDArray[np.str_]:
        """Return which backend owns each slot."""
        slots = self.shares.slots[balancer * SLOTS : (balancer + 1) * SLOTS]
        return np.array(self.plan.balancers[balancer].backends)[slots]


def test_only_the_flows_of_a_lost_backend_move_and_they_come_back() -> None:
    balanced = Balanced()
    before = [balanced.owners(row) for row in (TWO, THREE, LENT)]
    balanced.lose("eni-y")
    for row, owners in zip((TWO, THREE, LENT), before, strict=True):
        moved = balanced.owners(row) != owners
        assert (owners[moved] == "eni-y").all()
        assert "eni-y" not in balanced.owners(row)
    balanced.lose()
    assert (balanced.shares.slots == balanced.plan.tables.slots).all()


def test_two_are_lost_one_after_the_other() -> None:
    balanced = Balanced()
    before = balanced.owners(THREE)
    balanced.lose("eni-y")
    balanced.lose("eni-y", "eni-z")
    assert (balanced.owners(THREE) == "eni-x").all()
    balanced.lose("eni-z")
    moved = balanced.owners(THREE) != before
    assert (before[moved] == "eni-z").all()
    assert set(balanced.owners(TWO)) == {"eni-x", "eni-y"}


def test_with_none_in_reach_all_keep_their_flows() -> None:
    balanced = Balanced()
    balanced.lose("eni-x", "eni-y", "eni-z")
    assert (balanced.shares.slots == balanced.plan.tables.slots).all()


def test_a_source_that_is_lent_no_address_moves_alone() -> None:
    balanced = Balanced()
    balanced.lose("eni-x", of="eni-c")
    assert (balanced.owners(LENT) == "eni-y").all()
    unmoved = slice(0, LENT * SLOTS)
    assert (balanced.shares.slots[unmoved] == balanced.plan.tables.slots[unmoved]).all()


def test_a_plans_own_slots_stay_as_they_are() -> None:
    balanced = Balanced()
    as_compiled = balanced.plan.tables.slots.copy()
    balanced.lose("eni-y")
    assert (balanced.plan.tables.slots == as_compiled).all()


@pytest.fixture
def host(allowed: None) -> Iterator[Host]:
    with Lab() as lab:
        yield lab.host("alone")


def test_a_target_out_of_reach_is_due_again_later_and_later(host: Host) -> None:
    def body() -> None:
        target = Target(ip_address("172.16.0.1"))
        with closing(NextHops()) as lookup:
            assert target.look(lookup), "it was not looked up before"
            for delay in (FIRST_RETRY * 2**doubled for doubled in range(1, 10)):
                target.due = monotonic()
                assert not target.look(lookup)
                assert target.due - monotonic() == pytest.approx(min(delay, LOOK_EVERY), abs=FIRST_RETRY)
        assert target.news() == (
            "target 172.16.0.1: there is no route to 172.16.0.1; looking again every 1 s"
        )
        assert target.news() is None

    host.call(body)


def test_a_look_before_it_is_due_postpones_nothing(host: Host) -> None:
    def body() -> None:
        target = Target(ip_address("172.16.0.1"))
        with closing(NextHops()) as lookup:
            target.look(lookup)
            target.due = due = monotonic() + LOOK_EVERY
            for _ in range(20):
                assert not target.look(lookup)
        assert target.due == due
        assert target.news() is None, "it has not been out of reach for long"

    host.call(body)
