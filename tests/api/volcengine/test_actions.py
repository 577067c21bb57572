"""Actions on targets, filters and rules by the SDK: what they do, defaults, bounds, derived errors."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import volcenginesdkcore

from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.actions import ACTIONS
from tests.api.volcengine.clients import (
    PORTS,
    RULE,
    call,
    filter_,
    model,
    one,
    ready,
    refused,
    rule,
    rules,
    tags,
    target,
    until,
)

ALL = [
    f"{verb}TrafficMirror{noun}{more}"
    for noun in ("Target", "Filter", "FilterRule", "Session")
    for verb, more in (("Create", ""), ("Describe", "s"), ("Modify", "Attributes"), ("Delete", ""))
    if (verb, noun) != ("Describe", "FilterRule")
]


def test_all_actions_are_there() -> None:
    assert set(ACTIONS) == {*ALL, "TagResources", "UntagResources", "ListTagsForResources"}
    assert len(ALL) == 15


@pytest.mark.parametrize("name", [name for name in ACTIONS if name in ALL])
def test_what_an_action_takes_and_gives_is_what_the_sdk_has(name: str) -> None:
    """But for AsyncTaskId and OrderId, which no page has."""
    snake = {half: set(model(f"{name}{half}").attribute_map.values()) for half in ("Request", "Response")}
    assert {parameter.name for parameter in ACTIONS[name].parameters} == snake["Request"]
    assert {field.name for field in ACTIONS[name].response} == snake["Response"] - {"AsyncTaskId", "OrderId"}


def test_a_target_from_beginning_to_end(api: Any) -> None:
    made = call(
        api,
        "create_traffic_mirror_target",
        instance_type="NetworkInterface",
        instance_id="eni-sensor",
        tags=tags("CreateTrafficMirrorTarget", a="1", b=""),
    )
    name = made.traffic_mirror_target_id
    assert made.request_id == made.metadata().request_id
    assert name.startswith("tmt-")
    assert one(api, "target", name).status == "Creating"
    found = ready(api, "target", name)
    assert found.traffic_mirror_target_name == name
    assert (found.instance_type, found.instance_id) == ("NetworkInterface", "eni-sensor")
    assert (found.description, found.project_name) == ("", "default")
    assert {tag.key: tag.value for tag in found.tags} == {"a": "1", "b": ""}
    assert datetime.fromisoformat(found.created_at).utcoffset() == timedelta(hours=8)
    change = "modify_traffic_mirror_target_attributes"
    call(api, change, traffic_mirror_target_id=name, traffic_mirror_target_name="目的", description="d")
    call(api, change, traffic_mirror_target_id=name)
    found = ready(api, "target", name)
    assert (found.traffic_mirror_target_name, found.description) == ("目的", "d")
    call(api, change, traffic_mirror_target_id=name, description="")
    assert one(api, "target", name).description == ""
    call(api, "delete_traffic_mirror_target", traffic_mirror_target_id=name)
    assert one(api, "target", name).status == "Deleting"
    until(lambda: one(api, "target", name) is None)


def test_a_load_balancer_is_a_target(api: Any) -> None:
    name = target(api, "lb-sensors", "ClbInstance", project_name="lab")
    assert one(api, "target", name).instance_type == "ClbInstance"
    assert one(api, "target", name).project_name == "lab"


@pytest.mark.parametrize("instance", ["lb-classic", "lb-gateway"])
def test_load_balancers_that_are_none(instance: str, lenient: Any) -> None:
    with refused(errors.CLB_TYPE):
        target(lenient, instance, "ClbInstance")


def test_a_filter_from_beginning_to_end(api: Any) -> None:
    made = call(api, "create_traffic_mirror_filter", description="d").traffic_mirror_filter_id
    assert one(api, "filter", made).status == "Creating"
    found = ready(api, "filter", made)
    assert (found.traffic_mirror_filter_name, found.description) == (made, "d")
    assert (found.ingress_filter_rules, found.egress_filter_rules, found.tags) == ([], [], [])
    assert (found.project_name, found.created_at) == ("default", found.updated_at)
    change = "modify_traffic_mirror_filter_attributes"
    call(api, change, traffic_mirror_filter_id=made, traffic_mirror_filter_name="f")
    found = one(api, "filter", made)
    assert (found.traffic_mirror_filter_name, found.description) == ("f", "d")
    rule(api, made)
    call(api, "delete_traffic_mirror_filter", traffic_mirror_filter_id=made)
    until(lambda: one(api, "filter", made) is None)


def test_a_rule_from_beginning_to_end(api: Any, lenient: Any) -> None:
    owner = filter_(api)
    made = rule(api, owner, description="d")
    rule(api, owner, priority=2, protocol="udp", traffic_direction="egress", policy="reject", **PORTS)
    first, second = rules(api, owner).values()
    assert first.traffic_mirror_filter_rule_id == made
    assert first.traffic_mirror_filter_id == owner
    assert (first.priority, first.protocol, first.policy, first.description) == (1, "all", "accept", "d")
    assert (first.source_port_range, first.destination_port_range) == ("-1/-1", "-1/-1")
    assert (first.source_cidr_block, first.destination_cidr_block) == ("0.0.0.0/0", "0.0.0.0/0")
    assert first.created_at
    assert first.updated_at
    assert (second.priority, second.protocol, second.policy) == (2, "udp", "reject")
    assert (second.traffic_direction, second.description) == ("egress", "")
    assert (second.source_port_range, second.destination_port_range) == ("1/65535", "80/80")
    change = "modify_traffic_mirror_filter_rule_attributes"
    call(lenient, change, traffic_mirror_filter_rule_id=made, protocol="tcp", priority=7, **PORTS)
    assert rules(api, owner)[made].status == "Pending"
    until(lambda: rules(api, owner)[made].status == "Available")
    found = rules(api, owner)[made]
    assert (found.protocol, found.priority, found.destination_port_range) == ("tcp", 7, "80/80")
    assert (found.policy, found.description) == ("accept", "d")
    call(lenient, change, traffic_mirror_filter_rule_id=made, protocol="icmp", description="")
    until(lambda: rules(api, owner)[made].status == "Available")
    found = rules(api, owner)[made]
    assert (found.protocol, found.destination_port_range, found.description) == ("icmp", "-1/-1", "")
    call(api, "delete_traffic_mirror_filter_rule", traffic_mirror_filter_rule_id=made)
    assert rules(api, owner)[made].status == "Deleting"
    until(lambda: made not in rules(api, owner))


@pytest.mark.parametrize("protocol", [" udp", " icmp", " all"])
def test_the_sdks_protocols(protocol: str, api: Any) -> None:
    """Where it modifies a rule, the SDK knows all but tcp with a space before them only."""
    owner = filter_(api)
    made = rule(api, owner, protocol="tcp", **PORTS)
    change = volcenginesdk_request(traffic_mirror_filter_rule_id=made, protocol=protocol)
    api.modify_traffic_mirror_filter_rule_attributes(change)
    assert rules(api, owner)[made].protocol == protocol.strip()


def volcenginesdk_request(**values: Any) -> Any:
    """Return a request that the SDK checks."""
    configuration = volcenginesdkcore.Configuration()
    return model("ModifyTrafficMirrorFilterRuleAttributesRequest", _configuration=configuration, **values)


TCP = {**RULE, "protocol": "tcp", **PORTS}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({**RULE, "priority": 1}, None),
        ({**RULE, "priority": 1000}, None),
        ({**RULE, "priority": 0}, errors.malformed("Priority")),
        ({**RULE, "priority": 1001}, errors.malformed("Priority")),
        ({**RULE, "protocol": "TCP", **PORTS}, None),
        ({**RULE, "protocol": "gre"}, errors.malformed("Protocol")),
        ({**RULE, "policy": "drop"}, errors.malformed("Policy")),
        ({**RULE, "traffic_direction": "both"}, errors.malformed("TrafficDirection")),
        ({**RULE, "source_port_range": "-1/-1"}, None),
        ({**RULE, "source_port_range": "1/1"}, errors.malformed("SourcePortRange")),
        ({**TCP, "destination_port_range": "65535/65535"}, None),
        ({**TCP, "destination_port_range": "1/1"}, None),
        ({**TCP, "destination_port_range": "0/1"}, errors.malformed("DestinationPortRange")),
        ({**TCP, "destination_port_range": "1/65536"}, errors.malformed("DestinationPortRange")),
        ({**TCP, "destination_port_range": "2/1"}, errors.malformed("DestinationPortRange")),
        ({**TCP, "destination_port_range": "80"}, errors.malformed("DestinationPortRange")),
        ({**TCP, "destination_port_range": "-1/-1"}, errors.malformed("DestinationPortRange")),
        ({**TCP, "source_port_range": None}, errors.MISSING_PARAMETER.about("SourcePortRange")),
        ({**TCP, "destination_port_range": None}, errors.MISSING_PARAMETER.about("DestinationPortRange")),
        ({**RULE, "source_cidr_block": "::/0", "destination_cidr_block": "2001:db8::/32"}, None),
        ({**RULE, "source_cidr_block": "::/0"}, errors.malformed("DestinationCidrBlock")),
        ({**RULE, "source_cidr_block": "10.0.0.1/8"}, errors.malformed("SourceCidrBlock")),
        ({**RULE, "source_cidr_block": "10.0.0.0/33"}, errors.malformed("SourceCidrBlock")),
        ({**RULE, "source_cidr_block": "10.0.0.0"}, errors.malformed("SourceCidrBlock")),
        ({**RULE, "source_cidr_block": None}, errors.MISSING_PARAMETER.about("SourceCidrBlock")),
        ({**RULE, "policy": None}, errors.MISSING_PARAMETER.about("Policy")),
        ({**RULE, "description": "a/b"}, errors.DESCRIPTION_MALFORMED),
    ],
)
def test_rules_values(values: dict[str, Any], error: errors.Error | None, lenient: Any) -> None:
    owner = filter_(lenient)
    if error is None:
        assert rule(lenient, owner, **values) in rules(lenient, owner)
        return
    with refused(error):
        rule(lenient, owner, **values)
    assert rules(lenient, owner) == {}


@pytest.mark.parametrize(
    ("before", "change", "error"),
    [
        (RULE, {"protocol": "tcp"}, errors.MISSING_PARAMETER.about("SourcePortRange")),
        (RULE, {"source_port_range": "1/2"}, errors.malformed("SourcePortRange")),
        (RULE, {"source_cidr_block": "::/0"}, errors.malformed("DestinationCidrBlock")),
        (TCP, {"protocol": "icmp", "source_port_range": "1/2"}, errors.malformed("SourcePortRange")),
        (TCP, {"source_port_range": "-1/-1"}, errors.malformed("SourcePortRange")),
        (TCP, {"priority": 0}, errors.malformed("Priority")),
        (TCP, {"priority": 1001}, errors.malformed("Priority")),
        (TCP, {"priority": 9}, errors.PRIORITY_CONFLICT["rule"]),
        (TCP, {"traffic_direction": "ingress", "protocol": "x"}, errors.malformed("Protocol")),
    ],
)
def test_rules_that_cannot_become(
    before: dict[str, Any], change: dict[str, Any], error: errors.Error, lenient: Any
) -> None:
    owner = filter_(lenient)
    made = rule(lenient, owner, **before)
    rule(lenient, owner, priority=9)
    was = rules(lenient, owner)
    with refused(error):
        call(
            lenient,
            "modify_traffic_mirror_filter_rule_attributes",
            traffic_mirror_filter_rule_id=made,
            **change,
        )
    assert rules(lenient, owner) == was


def test_a_rules_direction_can_be_changed(lenient: Any) -> None:
    owner = filter_(lenient)
    made = rule(lenient, owner, **TCP)
    action = "modify_traffic_mirror_filter_rule_attributes"
    call(lenient, action, traffic_mirror_filter_rule_id=made, traffic_direction="egress")
    (found,) = one(lenient, "filter", owner).egress_filter_rules
    assert (found.traffic_mirror_filter_rule_id, found.source_port_range) == (made, "1/65535")
