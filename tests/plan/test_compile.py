"""A configuration becomes the plan that it says: order, sources, routes, and what is refused."""

import pytest

from mirrorplane.batch import INGRESS
from mirrorplane.counters import Reason
from mirrorplane.model import Configuration, read
from mirrorplane.plan import PlanError, compile_plan, diff
from mirrorplane.plan.balance import SLOTS, spread
from mirrorplane.plan.compile import Balancer
from mirrorplane.plan.tables import NONE

TEXT = """
interfaces:
  eni-a: {addresses: [10.0.0.1, "2001:db8::1"], mac: 02:00:00:00:00:01, also_mirror: [arp]}
  eni-b: {addresses: [10.0.0.2], side: host}
  eni-x: {addresses: [10.9.0.1]}
  eni-y: {addresses: [10.9.0.2], mtu: 9000}
load_balancers:
  lb-z: {backends: [eni-x, eni-y]}
filters:
  tmf-all:
    ingress:
      - {priority: 7, action: accept, protocol: ALL,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}
      - {priority: 3, action: drop, protocol: TCP,
         source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0}
    egress:
      - {priority: 1, action: accept, protocol: ALL,
         source_cidr_block: "::/0", destination_cidr_block: "::/0"}
sessions:
  tms-late: {priority: 20, sources: [eni-a, eni-b], target: lb-z, filter: tmf-all, virtual_network_id: 2}
  tms-early: {priority: 10, sources: [eni-a], target: eni-x, filter: tmf-all, virtual_network_id: 1}
  tms-off: {priority: 30, sources: [eni-b], target: eni-x, filter: tmf-all, virtual_network_id: 3,
            enabled: false}
"""


@pytest.fixture
def configuration() -> Configuration:
    return read(TEXT, "test.yaml")


def test_routes_follow_sources_then_priorities_then_backends(configuration: Configuration) -> None:
    plan = compile_plan(configuration)
    assert plan.sources == ("eni-a", "eni-b")
    assert [(route.source, route.session, route.backend, route.mtu) for route in plan.routes] == [
        ("eni-a", "tms-early", "eni-x", None),
        ("eni-a", "tms-late", "eni-x", None),
        ("eni-a", "tms-late", "eni-y", 9000),
        ("eni-b", "tms-late", "eni-x", None),
        ("eni-b", "tms-late", "eni-y", 9000),
    ]


def test_decisions_follow_session_priority_then_rule_priority(configuration: Configuration) -> None:
    plan = compile_plan(configuration, ["eni-a"])
    # One classifier for each of (ingress, IPv4), (ingress, IPv6), (egress, IPv4), (egress, IPv6).
    assert plan.tables.classifiers["words"].tolist() == [1, 0, 0, 1]
    first, last = plan.tables.classifiers["first_decision"][[0, 1]]
    chosen = plan.tables.decisions[first:last]
    assert [plan.rules[row].priority for row in chosen["rule"]] == [3, 7, 3, 7]
    assert chosen["template"].tolist() == [NONE, 0, NONE, 1]
    assert chosen["slots"].tolist() == [NONE, NONE, NONE, 0]


def test_sources_say_their_side_and_what_is_also_mirrored(configuration: Configuration) -> None:
    sources = compile_plan(configuration, fallback=INGRESS).tables.sources
    assert sources["turned"].tolist() == [0, 1]
    assert sources["mac"].tolist() == [0x020000000001, 0]
    assert sources["also"].tolist() == [1, 0]
    assert sources["fallback"].tolist() == [INGRESS, INGRESS]
    assert compile_plan(configuration, host_ends=["eni-a"]).tables.sources["turned"].tolist() == [1, 1]


def test_a_source_with_only_disabled_sessions_says_so(configuration: Configuration) -> None:
    only_off = configuration.model_copy(update={"sessions": {"tms-off": configuration.sessions["tms-off"]}})
    sources = compile_plan(only_off, ["eni-a", "eni-b"]).tables.sources
    assert sources["unmatched"].tolist() == [Reason.NO_RULE, Reason.DISABLED]
    assert sources["default_template"].tolist() == [NONE, NONE]


def test_on_a_shared_wire_every_source_knows_all_tunnels(configuration: Configuration) -> None:
    alone = compile_plan(configuration).tables
    assert alone.sources["first_tunnel"].tolist() == [0, 3]
    assert alone.sources["last_tunnel"].tolist() == [3, 6]
    shared = compile_plan(configuration, shared_wire=True).tables
    assert shared.sources["first_tunnel"].tolist() == [0, 0]
    assert shared.sources["last_tunnel"].tolist() == [6, 6]
    assert shared.sources["low_port"].tolist() == shared.sources["high_port"].tolist() == [4789, 4789]


def test_sources_share_the_slots_of_the_same_backends(configuration: Configuration) -> None:
    plan = compile_plan(configuration)
    assert plan.balancers == (Balancer(template=1, backends=("eni-x", "eni-y")),)
    assert (plan.tables.slots == spread(("eni-x", "eni-y"))).all()
    assert set(plan.tables.decisions["slots"].tolist()) == {NONE, 0}


def test_a_source_without_an_address_has_slots_of_its_own() -> None:
    """It sends from what a device lends, so it may reach other backends than the rest."""
    lent = TEXT.replace("eni-b: {addresses: [10.0.0.2], side: host}", "eni-b: {addresses: [], side: host}")
    plan = compile_plan(read(lent, "test.yaml"))
    assert [(balancer.template, balancer.backends) for balancer in plan.balancers] == [
        (1, ("eni-x", "eni-y")),
        (3, ("eni-x", "eni-y")),
    ]
    assert plan.tables.sources["default_slots"].tolist() == [NONE, SLOTS]
    assert plan.tables.slots.size == 2 * SLOTS


def test_a_vni_must_have_been_drawn(configuration: Configuration) -> None:
    undrawn = read(TEXT.replace(", virtual_network_id: 1", ""), "test.yaml")
    with pytest.raises(PlanError, match="tms-early has no virtual_network_id"):
        compile_plan(undrawn)


def test_the_same_plan_changes_nothing(configuration: Configuration) -> None:
    plan = compile_plan(configuration)
    assert diff(plan, compile_plan(configuration)).is_empty


def test_changes_name_what_came_went_and_moved() -> None:
    old = compile_plan(read(TEXT, "old.yaml"))
    text = TEXT.replace("virtual_network_id: 1}", "virtual_network_id: 9}").replace("tms-off", "tms-on")
    changes = diff(old, compile_plan(read(text, "new.yaml")))
    assert changes.added_sessions == {"tms-on"}
    assert changes.removed_sessions == {"tms-off"}
    assert changes.changed_sessions == {"tms-early"}
    assert (changes.added_sources, changes.removed_sources) == (frozenset(), frozenset())
    assert not changes.is_empty
