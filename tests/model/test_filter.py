"""Filters and rules."""

from ipaddress import ip_network

import pytest
from pydantic import ValidationError

from mirrorplane.model import ANY_PORT, Filter, PortRange, Rule, read
from tests.model.documents import RULE, only_problem, problems

ANY = "source_cidr_block: 0.0.0.0/0, destination_cidr_block: 0.0.0.0/0"


def rule(keys: str) -> Rule:
    return read(f"filters: {{tmf-a: {{ingress: [{{{keys}}}]}}}}\n", "lab.yaml").filters["tmf-a"].ingress[0]


def refused(keys: str) -> str:
    """Return what is wrong with a rule, after its path."""
    found = only_problem(f"filters:\n  tmf-a:\n    egress:\n    - {{{RULE}}}\n    - {{{keys}}}\n")
    return found.removeprefix("5: filters.tmf-a.egress[1].")


def test_defaults() -> None:
    assert rule(RULE) == Rule(
        priority=1,
        action="accept",
        protocol="TCP",
        source_cidr_block=ip_network("0.0.0.0/0"),
        destination_cidr_block=ip_network("10.0.0.0/8"),
        source_port_range=ANY_PORT,
        destination_port_range=ANY_PORT,
    )


def test_everything_said() -> None:
    found = rule(
        "priority: 16777216, action: drop, protocol: UDP, source_cidr_block: 'fd00::/8', "
        "destination_cidr_block: '::/0', "
        "source_port_range: 0/65535, destination_port_range: 53/53"
    )
    assert found == Rule(
        priority=16777216,
        action="drop",
        protocol="UDP",
        source_cidr_block=ip_network("fd00::/8"),
        destination_cidr_block=ip_network("::/0"),
        source_port_range=PortRange(0, 65535),
        destination_port_range=PortRange(53, 53),
    )
    assert found.version == 6
    assert rule(RULE).version == 4


@pytest.mark.parametrize("protocol", ["ALL", "ICMP"])
def test_any_port_may_be_said_where_there_are_no_ports(protocol: str) -> None:
    found = rule(
        f"priority: 1, action: accept, protocol: {protocol}, {ANY}, source_port_range: "
        f"-1/-1, destination_port_range: -1/-1"
    )
    assert found.source_port_range == found.destination_port_range == ANY_PORT


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        (f"action: accept, protocol: ALL, {ANY}", "priority: is required"),
        (f"priority: 2, protocol: ALL, {ANY}", "action: is required"),
        (f"priority: 2, action: accept, {ANY}", "protocol: is required"),
        (
            "priority: 2, action: accept, protocol: ALL, source_cidr_block: 0.0.0.0/0",
            "destination_cidr_block: is required",
        ),
        (
            "priority: 2, action: accept, protocol: ALL, destination_cidr_block: 0.0.0.0/0",
            "source_cidr_block: is required",
        ),
        (
            f"priority: 0, action: accept, protocol: ALL, {ANY}",
            "priority: must be a whole number from 1 to 16777216, not '0'",
        ),
        (
            f"priority: 16777217, action: accept, protocol: ALL, {ANY}",
            "priority: must be a whole number from 1 to 16777216, not '16777217'",
        ),
        (
            f"priority: 2, action: reject, protocol: ALL, {ANY}",
            "action: must be 'accept' or 'drop', not 'reject'",
        ),
        (
            f"priority: 2, action: accept, protocol: tcp, {ANY}",
            "protocol: must be 'ALL', 'TCP', 'UDP' or 'ICMP', not 'tcp'",
        ),
        (
            f"priority: 2, action: accept, protocol: 6, {ANY}",
            "protocol: must be 'ALL', 'TCP', 'UDP' or 'ICMP', not '6'",
        ),
        (
            "priority: 2, action: accept, protocol: ALL, source_cidr_block: 10.0.0.1/8, "
            "destination_cidr_block: 0.0.0.0/0",
            "source_cidr_block: 10.0.0.1/8 has host bits set: did you mean 10.0.0.0/8?",
        ),
        (
            "priority: 2, action: accept, protocol: ALL, source_cidr_block: 0.0.0.0/0, "
            "destination_cidr_block: '::/0'",
            "destination_cidr_block: ::/0 is IPv6, but source_cidr_block 0.0.0.0/0 is IPv4",
        ),
        (
            f"priority: 2, action: accept, protocol: TCP, {ANY}, source_port_range: 80",
            "source_port_range: must be a port range low/high of 0-65535, such as 80/80, or "
            "-1/-1 for any, not '80'",
        ),
        (
            f"priority: 2, action: accept, protocol: TCP, {ANY}, destination_port_range: 81/80",
            "destination_port_range: begins above its end: did you mean 80/81?",
        ),
        (
            f"priority: 2, action: accept, protocol: TCP, {ANY}, destination_port_range: 0/65536",
            "destination_port_range: must be a port range low/high of 0-65535, such as "
            "80/80, or -1/-1 for any, not '0/65536'",
        ),
        (
            f"priority: 2, action: accept, protocol: ALL, {ANY}, source_port_range: 80/80",
            "source_port_range: must be -1/-1 where the protocol is ALL, not 80/80",
        ),
        (
            f"destination_port_range: 0/65535, priority: 2, action: accept, protocol: ICMP, {ANY}",
            "destination_port_range: must be -1/-1 where the protocol is ICMP, not 0/65535",
        ),
        (
            f"priority: 2, action: accept, protocol: ALL, {ANY}, source_port_ranges: -1/-1",
            "source_port_ranges: unknown key (did you mean source_port_range?)",
        ),
        (
            f"priority: 1, action: accept, protocol: ALL, {ANY}",
            "priority: 1 is taken by the rule [0] of this direction",
        ),
    ],
)
def test_refused(keys: str, text: str) -> None:
    assert refused(keys) == text


def test_refused_filters() -> None:
    assert (
        only_problem("filters: {tmf-a: {ingress: {}}}")
        == "1: filters.tmf-a.ingress: must be a list, not a mapping"
    )
    assert (
        only_problem("filters: {tmf-a: {ingress: }}")
        == "1: filters.tmf-a.ingress: must be a list, not nothing"
    )
    assert (
        only_problem("filters: {tmf-a: {egress: [x]}}")
        == "1: filters.tmf-a.egress[0]: must be a mapping, not a text"
    )
    assert only_problem("filters: {tmf-a: {ingres: []}}") == (
        "1: filters.tmf-a.ingres: unknown key (did you mean ingress or egress?)"
    )


def test_one_wrong_cidr_is_told_once() -> None:
    text = RULE.replace("0.0.0.0/0", "10.0.0.1/8")
    assert len(problems(f"filters: {{tmf-a: {{ingress: [{{{text}}}]}}}}")) == 1


def test_rules_are_tried_by_priority() -> None:
    rules = "".join(
        f"    - {{{RULE.replace('priority: 1', f'priority: {priority}')}}}\n" for priority in (30, 10, 20)
    )
    found = read(f"filters:\n  tmf-a:\n    ingress:\n{rules}", "lab.yaml").filters["tmf-a"]
    assert [each.priority for each in found.ingress] == [10, 20, 30]
    assert found.egress == ()


def test_directions_count_their_priorities_apart() -> None:
    found = read(
        f"filters:\n  tmf-a:\n    ingress: [{{{RULE}}}]\n    egress: [{{{RULE}}}]\n", "lab.yaml"
    ).filters["tmf-a"]
    assert found.ingress == found.egress


def test_every_repeated_priority_is_told() -> None:
    rules = ", ".join(f"{{{RULE}}}" for _ in range(3))
    assert problems(f"filters:\n  tmf-a:\n    ingress: [{rules}]\n") == (
        "3: filters.tmf-a.ingress[1].priority: 1 is taken by the rule [0] of this direction",
        "3: filters.tmf-a.ingress[2].priority: 1 is taken by the rule [0] of this direction",
    )


def test_the_models_refuse_the_same_from_python() -> None:
    any_network = ip_network("0.0.0.0/0")
    with pytest.raises(ValidationError, match="where the protocol is ALL"):
        Rule(
            priority=1,
            action="accept",
            protocol="ALL",
            source_cidr_block=any_network,
            destination_cidr_block=any_network,
            source_port_range=PortRange(1, 1),
        )
    one = Rule(
        priority=1,
        action="accept",
        protocol="ALL",
        source_cidr_block=any_network,
        destination_cidr_block=any_network,
    )
    with pytest.raises(ValidationError, match="1 is taken"):
        Filter(id="tmf-a", ingress=(one, one))
