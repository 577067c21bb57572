"""Every action by the SDK: what it does, defaults, bounds, and the errors that are derived."""

from datetime import datetime, timedelta
from typing import Any

import pytest
import volcenginesdkcore

from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.actions import ACTIONS
from mirrorplane.control import Control
from mirrorplane.control.resources import Scope
from tests.api.volcengine.clients import (
    ANYWHERE,
    call,
    described,
    filter_,
    model,
    one,
    ready,
    refused,
    rule,
    rules,
    session,
    target,
    until,
)
from tests.api.volcengine.conftest import Connect

RULE = {"traffic_direction": "ingress", "policy": "accept", "protocol": "all", **ANYWHERE}
PORTS = {"source_port_range": "1/65535", "destination_port_range": "80/80"}
ALL = [
    f"{verb}TrafficMirror{noun}{more}"
    for noun in ("Target", "Filter", "FilterRule", "Session")
    for verb, more in (("Create", ""), ("Describe", "s"), ("Modify", "Attributes"), ("Delete", ""))
    if (verb, noun) != ("Describe", "FilterRule")
]


def both(api: Any) -> dict[str, str]:
    """Return what a session needs beside its source."""
    return {"traffic_mirror_target_id": target(api), "traffic_mirror_filter_id": filter_(api)}


def tags(action: str, **pairs: str) -> list[Any]:
    return [model(f"TagFor{action}Input", key=key, value=value) for key, value in pairs.items()]


def wanted(action: str, **keys: list[str]) -> list[Any]:
    return [model(f"TagFilterFor{action}Input", key=key, values=values) for key, values in keys.items()]


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


def test_a_session_from_beginning_to_end(api: Any, control: Control, scope: Scope) -> None:
    needed = both(api)
    made = call(
        api, "create_traffic_mirror_session", network_interface_id="eni-web", priority=5, **needed
    ).traffic_mirror_session_id
    assert one(api, "session", made).status == "Creating"
    found = ready(api, "session", made)
    assert found.traffic_mirror_session_name == made
    assert found.traffic_mirror_source_ids == ["eni-web"]
    assert found.traffic_mirror_target_id == needed["traffic_mirror_target_id"]
    assert found.traffic_mirror_filter_id == needed["traffic_mirror_filter_id"]
    assert (found.priority, found.packet_length) == (5, 1500)
    assert 0 < found.virtual_network_id < 1 << 24
    assert (found.business_status, found.lock_reason) == ("Normal", "")
    assert (found.description, found.project_name, found.tags) == ("", "default", [])
    (kept,) = control.snapshot().sessions(scope)
    assert kept.enabled
    other = target(api, "lb-sensors", "ClbInstance")
    call(
        api,
        "modify_traffic_mirror_session_attributes",
        traffic_mirror_session_id=made,
        traffic_mirror_session_name="s",
        description="d",
        traffic_mirror_target_id=other,
        priority=6,
        virtual_network_id=0,
        packet_length=64,
    )
    assert one(api, "session", made).status == "Pending"
    found = ready(api, "session", made)
    assert (found.traffic_mirror_session_name, found.description) == ("s", "d")
    assert (found.traffic_mirror_target_id, found.priority) == (other, 6)
    assert (found.virtual_network_id, found.packet_length) == (0, 64)
    assert found.traffic_mirror_filter_id == needed["traffic_mirror_filter_id"]
    call(api, "delete_traffic_mirror_session", traffic_mirror_session_id=made)
    assert one(api, "session", made).status == "Deleting"
    until(lambda: one(api, "session", made) is None)
    call(api, "delete_traffic_mirror_target", traffic_mirror_target_id=other)


@pytest.mark.parametrize(
    ("parameter", "low", "high"),
    [("Priority", 1, 32766), ("VirtualNetworkId", 0, 16777215), ("PacketLength", 64, 9600)],
)
def test_a_sessions_numbers(parameter: str, low: int, high: int, lenient: Any) -> None:
    """At both bounds they are taken and shown, one beyond refused; created and changed."""
    name = {"Priority": "priority", "VirtualNetworkId": "virtual_network_id"}.get(parameter, "packet_length")
    needed: dict[str, Any] = {**both(lenient), "priority": 7}
    for value in (low - 1, high + 1):
        with refused(errors.malformed(parameter)):
            session(lenient, **{**needed, name: value})
    made = session(lenient, **{**needed, name: low})
    assert getattr(one(lenient, "session", made), name) == low
    change = "modify_traffic_mirror_session_attributes"
    for value in (low - 1, high + 1):
        with refused(errors.malformed(parameter)):
            call(lenient, change, traffic_mirror_session_id=made, **{name: value})
    for value in (high, low):
        call(lenient, change, traffic_mirror_session_id=made, **{name: value})
        assert getattr(ready(lenient, "session", made), name) == value
    made = session(lenient, **{**needed, "priority": 8, name: high})
    assert getattr(one(lenient, "session", made), name) == high


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("eni-nobody", errors.INTERFACE_NOT_FOUND),
        ("eni-free", errors.ENI_INSTANCE_MISMATCH),
        ("eni-lost", errors.ENI_INSTANCE_MISMATCH),
        ("eni-down", errors.ENI_STATUS),
        ("eni-old", errors.NETWORK_INTERFACE_TYPE),
        ("eni-odd", errors.NETWORK_INTERFACE_TYPE),
        ("eni-nat", errors.NETWORK_INTERFACE_TYPE),
        ("eni-sensor", errors.NETWORK_INTERFACE_ROLE),
    ],
)
def test_sources_that_are_none(source: str, error: errors.Error, api: Any) -> None:
    with refused(error):
        session(api, source, priority=1, **both(api))
    assert described(api, "session") == []


def test_what_is_not_there(lenient: Any) -> None:
    """Every action that names a thing says which kind is not there."""
    for kind, noun in (
        ("target", "target"),
        ("filter", "filter"),
        ("rule", "filter_rule"),
        ("session", "session"),
    ):
        named = {f"traffic_mirror_{noun}_id": "tm-nothing"}
        for action in (f"delete_traffic_mirror_{noun}", f"modify_traffic_mirror_{noun}_attributes"):
            with refused(errors.NOT_FOUND[kind]):
                call(lenient, action, **named)
            with refused(errors.MISSING_PARAMETER.about(f"TrafficMirror{noun.title().replace('_', '')}Id")):
                call(lenient, action)
    with refused(errors.NOT_FOUND["filter"]):
        rule(lenient, "tmf-nothing")
    needed: dict[str, Any] = {**both(lenient), "priority": 1}
    for kind in ("target", "filter"):
        with refused(errors.NOT_FOUND[kind]):
            session(lenient, **{**needed, f"traffic_mirror_{kind}_id": "tm-nothing"})
    with refused(errors.PROJECT_NOT_FOUND):
        session(lenient, **needed, project_name="nowhere")
    with refused(errors.PROJECT_NOT_FOUND):
        filter_(lenient, project_name="nowhere")


def test_what_is_not_ready(api: Any) -> None:
    made = call(api, "create_traffic_mirror_filter").traffic_mirror_filter_id
    with refused(errors.STATUS["filter"]):
        call(api, "delete_traffic_mirror_filter", traffic_mirror_filter_id=made)
    with refused(errors.STATUS["filter"]):
        rule(api, made)


def test_what_is_in_use(api: Any) -> None:
    needed = both(api)
    session(api, priority=1, **needed)
    for kind in ("target", "filter"):
        named = {name: value for name, value in needed.items() if kind in name}
        with refused(errors.IN_USE[kind]):
            call(api, f"delete_traffic_mirror_{kind}", **named)


def test_priorities_are_one_sessions(api: Any) -> None:
    needed = both(api)
    session(api, priority=1, **needed)
    with refused(errors.PRIORITY_CONFLICT["session"]):
        session(api, "eni-web2", priority=1, **needed)
    other = session(api, "eni-web2", priority=2, **needed)
    with refused(errors.PRIORITY_CONFLICT["session"]):
        call(
            api,
            "modify_traffic_mirror_session_attributes",
            traffic_mirror_session_id=other,
            priority=1,
        )


def test_quotas(api: Any) -> None:
    """As the configuration has them: 4 sessions, 2 of an interface, 3 rules, 4 filters."""
    needed = both(api)
    other = {**needed, "traffic_mirror_target_id": target(api, "lb-sensors", "ClbInstance")}
    owner = needed["traffic_mirror_filter_id"]
    for priority in range(1, 4):
        rule(api, owner, priority=priority)
    with refused(errors.QUOTA["rule"]):
        rule(api, owner, priority=4)
    session(api, priority=1, **needed)
    session(api, priority=2, **needed)
    with refused(errors.QUOTA_PER_INTERFACE):
        session(api, priority=3, **needed)
    session(api, "eni-web2", priority=3, **other)
    session(api, "eni-web2", priority=4, **other)
    with refused(errors.QUOTA["session"]):
        session(api, "eni-web3", priority=5, **other)
    for _ in range(3):
        filter_(api)
    with refused(errors.QUOTA["filter"]):
        filter_(api)


def test_sources_of_a_target(api: Any) -> None:
    needed = both(api)
    session(api, "eni-web", priority=1, **needed)
    session(api, "eni-web2", priority=2, **needed)
    session(api, "eni-web3", priority=3, **needed)
    with refused(errors.QUOTA_PER_TARGET):
        session(api, "eni-web4", priority=4, **needed)


@pytest.mark.parametrize("action", ["filter", "target", "session", "filter_rule"])
def test_tokens(action: str, api: Any) -> None:
    """The same request again gets the same answer and makes nothing; another is refused."""
    needed = both(api) if action in {"session", "filter_rule"} else {}
    if action == "filter_rule":
        needed.pop("traffic_mirror_target_id")
    words: dict[str, dict[str, Any]] = {
        "filter": {},
        "target": {"instance_type": "NetworkInterface", "instance_id": "eni-sensor"},
        "session": {"network_interface_id": "eni-web", "priority": 1},
        "filter_rule": RULE,
    }
    asked = {**needed, **words[action], "client_token": "t" * 64}
    first, again = (call(api, f"create_traffic_mirror_{action}", **asked) for _ in range(2))
    name = f"traffic_mirror_{action}_id"
    assert getattr(first, name) == getattr(again, name)
    assert first.request_id != again.request_id
    with refused(errors.IDEMPOTENT_PARAMETER_MISMATCH):
        call(api, f"create_traffic_mirror_{action}", **asked, description="another")


def test_lists_by_what_is_asked(api: Any) -> None:
    first = filter_(api, traffic_mirror_filter_name="a", tags=tags("CreateTrafficMirrorFilter", k="1", l=""))
    second = filter_(api, traffic_mirror_filter_name="b", project_name="lab")
    third = filter_(api, traffic_mirror_filter_name="a", tags=tags("CreateTrafficMirrorFilter", k="2"))

    def found(**asked: Any) -> list[str]:
        return [it.traffic_mirror_filter_id for it in described(api, "filter", **asked)]

    by = "DescribeTrafficMirrorFilters"
    assert found() == [first, second, third]
    assert found(traffic_mirror_filter_ids=[third, first, "tmf-nothing"]) == [first, third]
    assert found(traffic_mirror_filter_names=["b", "c"]) == [second]
    assert found(project_name="lab") == [second]
    assert found(tag_filters=wanted(by, k=[])) == [first, third]
    assert found(tag_filters=wanted(by, k=["2", "3"])) == [third]
    assert found(tag_filters=wanted(by, k=["1", "2"], l=[""])) == [first]
    assert found(traffic_mirror_filter_names=["a"], tag_filters=wanted(by, k=["9"])) == []


def test_targets_by_what_is_asked(api: Any) -> None:
    first = target(api, traffic_mirror_target_name="a")
    second = target(api, "eni-sensor2", project_name="lab", tags=tags("CreateTrafficMirrorTarget", k="v"))

    def found(**asked: Any) -> list[str]:
        return [it.traffic_mirror_target_id for it in described(api, "target", **asked)]

    assert found() == [first, second]
    assert found(traffic_mirror_target_name="a") == [first]
    assert found(project_name="lab") == [second]
    assert found(traffic_mirror_target_ids=["tmt-nothing"]) == []
    assert found(tag_filters=wanted("DescribeTrafficMirrorTargets", k=["v"])) == [second]


def test_sessions_by_what_is_asked(api: Any) -> None:
    needed = both(api)
    one_ = session(api, priority=1, virtual_network_id=7, **needed)
    two = session(api, "eni-web2", priority=2, packet_length=100, traffic_mirror_session_name="b", **needed)

    def found(**asked: Any) -> list[str]:
        return [it.traffic_mirror_session_id for it in described(api, "session", **asked)]

    assert found() == [one_, two]
    for asked, expected in (
        ({"traffic_mirror_session_ids": [two]}, [two]),
        ({"traffic_mirror_session_names": [one_]}, [one_]),
        ({"network_interface_id": "eni-web2"}, [two]),
        ({"traffic_mirror_target_id": needed["traffic_mirror_target_id"]}, [one_, two]),
        ({"traffic_mirror_filter_id": "tmf-nothing"}, []),
        ({"virtual_network_id": 7}, [one_]),
        ({"packet_length": 100}, [two]),
        ({"priority": 1}, [one_]),
        ({"priority": 1, "packet_length": 100}, []),
        ({"project_name": "lab"}, []),
        ({"tag_filters": wanted("DescribeTrafficMirrorSessions", k=[])}, []),
    ):
        assert found(**asked) == expected, asked


def test_pages(api: Any) -> None:
    made = [filter_(api) for _ in range(4)]
    found: list[str] = []
    token = ""
    while token or not found:
        page = call(api, "describe_traffic_mirror_filters", max_results=3, next_token=token)
        found += [it.traffic_mirror_filter_id for it in page.traffic_mirror_filters]
        token = page.next_token
    assert found == made
    assert call(api, "describe_traffic_mirror_filters", max_results=4).next_token == ""


@pytest.mark.parametrize("kind", ["target", "filter", "session"])
def test_the_bounds_of_a_page(kind: str, lenient: Any) -> None:
    action = f"describe_traffic_mirror_{kind}s"
    for most in (1, 100):
        assert call(lenient, action, max_results=most).next_token == ""
    for most in (0, 101):
        with refused(errors.malformed("MaxResults")):
            call(lenient, action, max_results=most)
    with refused(errors.malformed("NextToken")):
        call(lenient, action, next_token="AAAA")  # noqa: S106 -- no password
    ids = {f"traffic_mirror_{kind}_ids": ["x"] * 101}
    with refused(errors.malformed(f"TrafficMirror{kind.title()}Ids")):
        call(lenient, action, **ids)


def test_tags(lenient: Any) -> None:
    made = {
        "trafficmirrorfilter": filter_(lenient),
        "trafficmirrortarget": target(lenient),
    }
    made["trafficmirrorsession"] = session(
        lenient,
        priority=1,
        traffic_mirror_filter_id=made["trafficmirrorfilter"],
        traffic_mirror_target_id=made["trafficmirrortarget"],
    )

    for type_, name in made.items():
        about = {"resource_type": type_, "resource_ids": [name]}

        def listed(about: dict[str, Any] = about, **asked: Any) -> dict[str, str]:
            answer = call(lenient, "list_tags_for_resources", **{**about, **asked})
            assert {(it.resource_id, it.resource_type) for it in answer.resource_tags} <= {(name, type_)}  # noqa: B023
            return {it.tag_key: it.tag_value for it in answer.resource_tags}

        call(lenient, "tag_resources", **about, tags=tags("TagResources", b="2", a="1"))
        call(lenient, "tag_resources", **about, tags=tags("TagResources", a="", c="3"))
        assert listed() == listed(resource_ids=None) == {"a": "", "b": "2", "c": "3"}
        assert listed(tag_type="custom") == listed()
        assert listed(tag_type="system") == {}
        assert listed(tag_filters=wanted("ListTagsForResources", b=["2"])) == listed()
        assert listed(tag_filters=wanted("ListTagsForResources", b=["3"])) == {}
        page = call(lenient, "list_tags_for_resources", **about, max_results=2)
        assert [it.tag_key for it in page.resource_tags] == ["a", "b"]
        assert listed(next_token=page.next_token) == {"c": "3"}
        call(lenient, "untag_resources", **about, tag_keys=["a", "x"])
        assert listed() == {"b": "2", "c": "3"}


def test_tags_that_are_refused(lenient: Any) -> None:
    about = {"resource_type": "trafficmirrorfilter", "resource_ids": [filter_(lenient)]}

    def tag(**pairs: str) -> None:
        call(lenient, "tag_resources", **about, tags=tags("TagResources", **pairs))

    for prefix in ("volc:", "Sys:"):
        with refused(errors.TAG_KEY_MALFORMED):
            tag(**{prefix: ""})
    with refused(errors.LIMIT_TAGS):
        tag(**{str(at): "" for at in range(21)})
    for start in (0, 20):
        tag(**{str(at): "" for at in range(start, start + 20)})
    tag(**{str(at): "" for at in range(40, 50)})
    with refused(errors.LIMIT_TAGS):
        tag(k="")
    tag(**{"49": "again"})
    with refused(errors.MISSING_PARAMETER.about("Tags")):
        tag()
    with refused(errors.LIMIT_TAGS):
        call(lenient, "untag_resources", **about, tag_keys=[str(at) for at in range(21)])
    with refused(errors.malformed("ResourceType")):
        call(lenient, "tag_resources", **{**about, "resource_type": "vpc"}, tags=tags("TagResources", k=""))
    with refused(errors.NOT_FOUND["filter"]):
        call(
            lenient,
            "tag_resources",
            **{**about, "resource_ids": ["tmf-nothing"]},
            tags=tags("TagResources", k=""),
        )
    with refused(errors.malformed("ResourceIds")):
        call(lenient, "list_tags_for_resources", **{**about, "resource_ids": ["x"] * 51})


def test_tags_by_another_client_of_the_sdk(connect: Connect) -> None:
    """The SDK's own list of resource types has none of these, but for who calls an action by name."""
    api = connect()
    made = filter_(api)
    info = volcenginesdkcore.UniversalInfo(
        method="GET", service="vpc", version="2020-04-01", action="TagResources", content_type="text/plain"
    )
    universal = volcenginesdkcore.UniversalApi(api.api_client)
    universal.do_call(
        info,
        {
            "ResourceType": "trafficmirrorfilter",
            "ResourceIds": [made],
            "Tags": [{"Key": "k", "Value": "v"}],
        },
    )
    assert [(tag.key, tag.value) for tag in one(api, "filter", made).tags] == [("k", "v")]
