"""From sessions and rules to what an engine is told."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.control import operations
from mirrorplane.control.planning import Planned, Planner, spread
from mirrorplane.control.resources import Session
from mirrorplane.model import Configuration, PortRange
from tests.control.desk import HERE, THERE, VOLC, Desk, rule


def planned(desk: Desk) -> Planned:
    return Planner(desk.inventory).plan(desk.wait())


def force(desk: Desk, session: Session, **words: Any) -> None:
    """Have the session say what no API would let it say."""
    desk.do(lambda draft: draft.put(replace(session, **words)))


def test_a_session_is_told_as_it_is() -> None:
    desk = Desk().subscribed()
    made = desk.filter(
        HERE,
        rule(5, direction="egress", action="drop", protocol="ICMP", source_cidr_block="10.0.0.0/8"),
        rule(2, protocol="TCP", destination_port_range="80/81"),
        rule(1),
    )
    session = desk.session(
        priority=7,
        filter=made.id,
        sources=("eni-a", "eni-b"),
        vni=9,
        packet_length=128,
        instance="eni-sensor",
    )
    configuration, left_out = planned(desk)
    assert left_out == {}
    found = configuration.sessions[session.id]
    assert (found.priority, found.sources, found.target, found.filter) == (
        7,
        ("eni-a", "eni-b"),
        "eni-sensor",
        made.id,
    )
    assert (found.virtual_network_id, found.packet_length, found.enabled) == (9, 128, True)
    rules = configuration.filters[made.id]
    assert [(each.priority, each.protocol) for each in rules.ingress] == [(1, "ALL"), (2, "TCP")]
    assert rules.ingress[1].destination_port_range == PortRange(80, 81)
    (egress,) = rules.egress
    assert (egress.priority, egress.action, str(egress.source_cidr_block)) == (5, "drop", "10.0.0.0/8")
    assert configuration.interfaces == desk.inventory.interfaces
    assert configuration.load_balancers == desk.inventory.load_balancers
    Configuration.model_validate({key: getattr(configuration, key) for key in Configuration.model_fields})


def test_only_what_mirrors_is_told() -> None:
    desk = Desk().subscribed()
    unused = desk.filter()
    on, off, bare, going = (
        desk.session(
            priority=at, enabled=at != 2, sources=("eni-a",) if at < 3 else (f"eni-{'xxbc'[at - 1]}",)
        )
        for at in (1, 2, 3, 4)
    )
    desk.do(operations.remove_sources, HERE, bare.id, ["eni-b"])
    desk.wait()
    desk.do(operations.delete_session, HERE, going.id)
    configuration, _ = Planner(desk.inventory).plan(desk.state.publish())
    assert set(configuration.sessions) == {on.id}
    assert set(configuration.filters) == {on.filter}
    assert off.id not in configuration.sessions
    assert unused.id not in configuration.filters


def test_a_rule_that_goes_is_not_told() -> None:
    desk = Desk().subscribed()
    made = desk.filter(HERE, rule(1), rule(2))
    desk.session(filter=made.id)
    desk.do(operations.delete_rules, HERE, [desk.draft().rules(made.id)[0].id])
    configuration, _ = Planner(desk.inventory).plan(desk.state.publish())
    assert [each.priority for each in configuration.filters[made.id].ingress] == [2]


def test_tcp_udp_and_icmp_are_three_rules() -> None:
    desk = Desk().subscribed()
    made = desk.filter(HERE, rule(1, protocol="TCP+UDP+ICMP"), rule(2, protocol="UDP"), rule(9))
    desk.session(filter=made.id)
    configuration, _ = planned(desk)
    assert [(each.priority, each.protocol) for each in configuration.filters[made.id].ingress] == [
        (1, "TCP"),
        (2, "UDP"),
        (3, "ICMP"),
        (4, "UDP"),
        (9, "ALL"),
    ]


def test_host_bits_of_a_cidr_mean_its_network() -> None:
    desk = Desk().subscribed()
    made = desk.filter(HERE, rule(1, source_cidr_block="10.1.2.3/8"))
    desk.session(filter=made.id)
    (found,) = planned(desk).configuration.filters[made.id].ingress
    assert str(found.source_cidr_block) == "10.0.0.0/8"


def test_over_all_scopes_the_older_of_two_goes_first() -> None:
    desk = Desk().subscribed(HERE, THERE)
    first = desk.session(THERE, priority=5)
    second = desk.session(HERE, priority=5)
    third = desk.session(THERE, priority=6)
    low = desk.session(HERE, priority=4)
    configuration, _ = planned(desk)
    assert {name: each.priority for name, each in configuration.sessions.items()} == {
        low.id: 4,
        first.id: 5,
        second.id: 6,
        third.id: 7,
    }


def test_a_length_beyond_the_models_is_the_whole_packet() -> None:
    desk = Desk()
    target = desk.target().id
    session = desk.session(VOLC, target=target, packet_length=9600)
    assert planned(desk).configuration.sessions[session.id].packet_length == 8500


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ({"sources": ("eni-sensor2",)}, "interface eni-sensor2 has no device to mirror"),
        ({"sources": ("eni-none",)}, "there is no interface eni-none"),
        ({"instance": "lb-none"}, "there is no load balancer lb-none"),
        ({"instance": "odd"}, "must be eni- or lb-"),
        ({"vni": 1 << 24}, "must be a whole number"),
        ({"instance": "eni-c"}, "eni-c is also the target of"),
    ],
)
def test_what_cannot_be_run_is_left_out_and_explained(words: dict[str, Any], why: str) -> None:
    desk = Desk().subscribed()
    good = desk.session(priority=2, sources=("eni-b",))
    bad = desk.session(priority=1, sources=("eni-c",))
    force(desk, bad, **words)
    configuration, left_out = planned(desk)
    assert set(configuration.sessions) == {good.id}
    assert set(left_out) == {bad.id}
    assert why in left_out[bad.id]


def test_a_filter_that_cannot_be_had_leaves_out_its_sessions() -> None:
    desk = Desk().subscribed()
    made = desk.filter(HERE, rule(1, source_cidr_block="10.0.0.0/8", destination_cidr_block="::/0"))
    bad, good = desk.session(filter=made.id), desk.session(priority=2)
    configuration, left_out = planned(desk)
    assert set(configuration.sessions) == {good.id}
    assert set(configuration.filters) == {good.filter}
    assert "IPv6" in left_out[bad.id]


def test_what_did_not_change_is_the_same_object_again() -> None:
    desk = Desk().subscribed()
    first, second = desk.session(priority=1), desk.session(priority=2)
    planner = Planner(desk.inventory)
    before = planner.plan(desk.wait()).configuration
    desk.do(operations.change_session, HERE, second.id, vni=5)
    after = planner.plan(desk.wait()).configuration
    assert after.sessions[first.id] is before.sessions[first.id]
    assert after.sessions[second.id] != before.sessions[second.id]
    assert after.filters[second.filter] is before.filters[second.filter]


@given(st.lists(st.integers(1, 20), max_size=20).map(sorted))
def test_priorities_are_moved_as_little_as_is_needed(priorities: list[int]) -> None:
    found = spread(priorities, 20)
    assert found == sorted(set(found))
    assert all(1 <= each <= 20 for each in found)
    if len(set(priorities)) == len(priorities):
        assert found == priorities


def test_priorities_that_have_no_room_above_move_down() -> None:
    assert spread([1, 1, 9, 9, 10, 10], 10) == [1, 2, 7, 8, 9, 10]
    assert spread([], 10) == []
