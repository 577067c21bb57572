"""The boxes hold all that a rule can accept, in the direction that the device sees, and they are few."""

from random import Random

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mirrorplane.model import Configuration, read
from mirrorplane.plan.intervals import Range
from mirrorplane.plan.prefilter import ANY_PORTS, BOXES, Box, Wanted, everything, wanted
from tests.generate import random_configuration

TEXT = """
interfaces:
  eni-a: {addresses: [10.0.0.1, "fd00::1"]%s}
  eni-b: {addresses: [10.0.0.2]}
filters:
  tmf-a:
    ingress: [%s]
    egress: [%s]
  tmf-b:
    egress: [{priority: 1, action: accept, protocol: ICMP, source_cidr_block: "::/0",
              destination_cidr_block: fd00::/64}]
sessions:
  tms-a: {priority: 1, sources: [eni-a], target: eni-b, filter: tmf-a, virtual_network_id: 1, enabled: %s}
  tms-b: {priority: 2, sources: [eni-a], target: eni-b, filter: tmf-b, virtual_network_id: 2, enabled: false}
"""
TCP, UDP, HTTP, DHCP, DHCP6 = Range(6, 6), Range(17, 17), Range(80, 80), Range(67, 68), Range(546, 547)
WEB = everything(4)._replace(protocol=TCP, destination=Range(0x0A000000, 0x0AFFFFFF), destination_ports=HTTP)


def rule(
    priority: int,
    protocol: str = "TCP",
    action: str = "accept",
    ends: tuple[str, str] = ("0.0.0.0/0", "10.0.0.0/8"),
    ports: tuple[str, str] = ("-1/-1", "80/80"),
) -> str:
    return (
        f"{{priority: {priority}, action: {action}, protocol: {protocol}, source_cidr_block: '{ends[0]}', "
        f"destination_cidr_block: '{ends[1]}', source_port_range: {ports[0]}, "
        f"destination_port_range: {ports[1]}}}"
    )


def said(*ingress: str, egress: str = "", keys: str = "", enabled: str = "true") -> Configuration:
    return read(TEXT % (keys, ", ".join(ingress), egress, enabled), "test.yaml")


def test_a_direction_is_the_devices() -> None:
    configuration = said(rule(1))
    assert wanted(configuration, "eni-a", turned=False) == Wanted((WEB,), (), arp=False, non_ip=False)
    assert wanted(configuration, "eni-a", turned=True) == Wanted((), (WEB,), arp=False, non_ip=False)


def test_only_enabled_sessions_and_accepting_rules_of_the_source_count() -> None:
    nothing = Wanted((), (), arp=False, non_ip=False)
    dropping = said(rule(1, action="drop"), keys=", also_mirror: [arp, non-ip]")
    assert wanted(dropping, "eni-a", turned=False) == Wanted((), (), arp=True, non_ip=True)
    disabled = said(rule(1), keys=", also_mirror: [arp, dhcp, non-ip]", enabled="false")
    assert wanted(disabled, "eni-a", turned=False) == nothing
    assert wanted(said(rule(1)), "eni-b", turned=False) == nothing


def test_dhcp_is_a_box_of_each_version_and_direction() -> None:
    boxes = (
        everything(4)._replace(protocol=UDP, source_ports=DHCP, destination_ports=DHCP),
        everything(6)._replace(protocol=UDP, source_ports=DHCP6, destination_ports=DHCP6),
    )
    found = wanted(said(keys=", also_mirror: [dhcp]"), "eni-a", turned=False)
    assert found == Wanted(boxes, boxes, arp=False, non_ip=False)


def test_icmp_over_ipv6_is_both_of_its_numbers() -> None:
    found = wanted(
        said(rule(1, "ICMP", ends=("::/0", "fd00::/64"), ports=("-1/-1", "-1/-1"))), "eni-a", turned=False
    )
    assert [box.protocol for box in found.received] == [Range(1, 1), Range(58, 58)]
    assert {box.destination for box in found.received} == {Range(0xFD << 120, (0xFD << 120) + 2**64 - 1)}
    assert {box.version for box in found.received} == {6}


def test_any_port_is_more_than_every_port() -> None:
    found = wanted(said(rule(1, ports=("0/65535", "-1/-1"))), "eni-a", turned=False)
    assert [(box.source_ports, box.destination_ports) for box in found.received] == [
        (Range(0, 65535), ANY_PORTS)
    ]


def test_what_another_box_holds_is_left_out() -> None:
    narrow = rule(1, ends=("192.0.2.0/24", "10.1.0.0/16"), ports=("5/6", "80/80"))
    assert wanted(said(narrow, rule(2)), "eni-a", turned=False).received == (WEB,)
    every = rule(3, "ALL", ends=("0.0.0.0/0", "0.0.0.0/0"), ports=("-1/-1", "-1/-1"))
    assert wanted(said(narrow, rule(2), every), "eni-a", turned=False).received == (everything(4),)


def test_those_that_lose_least_become_one() -> None:
    near = [rule(1, ports=("-1/-1", "80/80")), rule(2, ports=("-1/-1", "81/81"))]
    far = [rule(3, "UDP", ports=("-1/-1", "53/53")), rule(4, ends=("::/0", "fd00::/8"))]
    found = wanted(said(*near, *far), "eni-a", turned=False, boxes=3).received
    assert [box.destination_ports for box in found] == [Range(80, 81), Range(53, 53), HTTP]
    alone = wanted(said(*near, *far), "eni-a", turned=False, boxes=2).received
    assert [(box.version, box.protocol, box.destination_ports) for box in alone] == [
        (4, Range(6, 17), Range(53, 81)),
        (6, TCP, HTTP),
    ]


def test_networks_become_the_smallest_network_around_both() -> None:
    ends = [("0.0.0.0/0", "10.0.0.0/24"), ("0.0.0.0/0", "10.0.3.0/24"), ("0.0.0.0/0", "192.0.2.0/24")]
    rules = [rule(1 + at, ends=pair) for at, pair in enumerate(ends)]
    found = wanted(said(*rules), "eni-a", turned=False, boxes=2).received
    assert [box.destination for box in found] == [
        Range(0x0A000000, 0x0A0003FF),
        Range(0xC0000200, 0xC00002FF),
    ]


def boxes_of(configuration: Configuration, source: str, direction: str) -> list[Box]:
    """Return each accepting rule as its own box: with room for all of them, none is merged."""
    found: list[Box] = []
    for session in configuration.sessions.values():
        alone = configuration.model_copy(update={"sessions": {session.id: session}})
        found += getattr(wanted(alone, source, turned=False, boxes=1000), direction)
    return found


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(2, 8))
def test_however_few_they_hold_everything(seed: int, most: int) -> None:
    text = yaml.safe_dump(random_configuration(Random(seed)), sort_keys=False)
    configuration = read(text, "random.yaml")
    for source in configuration.interfaces:
        few = wanted(configuration, source, turned=False, boxes=most)
        for direction in ("received", "sent"):
            left = getattr(few, direction)
            assert len(left) <= most
            every = boxes_of(configuration, source, direction)
            assert [box for box in every if not any(wide.holds(box) for wide in left)] == []


@pytest.mark.parametrize("same", [True, False], ids=["one service", "anything"])
def test_thousands_of_rules_become_few_boxes_that_are_not_everything(same: bool) -> None:
    rng = Random(4096)
    rules = [
        rule(
            1 + at,
            ends=("0.0.0.0/0", f"10.{rng.randrange(256)}.{rng.randrange(256)}.0/24"),
            ports=("-1/-1", "443/443" if same else f"{rng.randrange(1024)}/1024"),
        )
        for at in range(4096)
    ]
    found = wanted(said(*rules), "eni-a", turned=False).received
    assert 2 <= len(found) <= BOXES
    assert all(WEB._replace(destination_ports=Range(0, 1024)).holds(box) for box in found)
