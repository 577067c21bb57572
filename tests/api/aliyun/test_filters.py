"""Filters and rules through the SDK."""

import re
from typing import Any

import pytest

from tests.api.aliyun.cloud import Cloud, refused, wanted

TCP = {
    "Action": "accept",
    "Protocol": "TCP",
    "IpVersion": "IPv4",
    "Priority": 1,
    "SourceCidrBlock": "0.0.0.0/0",
    "DestinationCidrBlock": "10.0.0.0/8",
    "SourcePortRange": "-1/-1",
    "DestinationPortRange": "80/80",
}


def rule(**others: Any) -> dict[str, Any]:
    return {key: value for key, value in {**TCP, **others}.items() if value is not None}


def shown(cloud: Cloud, direction: str = "IngressRules") -> list[dict[str, Any]]:
    """Return the rules of the only filter."""
    (only,) = cloud.filters()
    rules: list[dict[str, Any]] = only[direction]
    return rules


def test_a_filter_is_made_shown_changed_and_deleted(cloud: Cloud) -> None:
    cloud.clock.hold()
    made = cloud(
        "CreateTrafficMirrorFilter",
        TrafficMirrorFilterName="名 a+b&c=/~*",
        TrafficMirrorFilterDescription="it's d",
        ResourceGroupId="rg-1",
        Tag=[{"Key": "k1", "Value": "v1"}, {"Key": "k2"}],
        IngressRules=[rule(), rule(Priority=2, Action="drop")],
        EgressRules=[rule(Protocol="ICMP", DestinationPortRange=None)],
    )
    name = made["TrafficMirrorFilterId"]
    assert re.fullmatch(r"tmf-[a-z0-9]{20,21}", name)
    assert made["ResourceGroupId"] == "rg-1"
    (one,) = cloud.filters()
    rules = {key: one.pop(key) for key in ("IngressRules", "EgressRules")}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", one.pop("CreationTime"))
    assert one == {
        "TrafficMirrorFilterId": name,
        "TrafficMirrorFilterName": "名 a+b&c=/~*",
        "TrafficMirrorFilterDescription": "it's d",
        "TrafficMirrorFilterStatus": "Creating",
        "ResourceGroupId": "rg-1",
        "Tags": [{"Key": "k1", "Value": "v1"}, {"Key": "k2", "Value": ""}],
    }
    first, second = rules["IngressRules"]
    assert re.fullmatch(r"tmr-[a-z0-9]{20,21}", first.pop("TrafficMirrorFilterRuleId"))
    assert first == {
        **TCP,
        "TrafficMirrorFilterRuleStatus": "Creating",
        "TrafficMirrorFilterId": name,
        "TrafficDirection": "ingress",
    }
    assert (second["Action"], second["Priority"]) == ("drop", 2)
    (egress,) = rules["EgressRules"]
    assert (egress["TrafficDirection"], egress["DestinationPortRange"]) == ("egress", "-1/-1")
    cloud.clock.go()
    cloud.settled()
    (one,) = cloud.filters()
    assert one["TrafficMirrorFilterStatus"] == "Created"
    assert {each["TrafficMirrorFilterRuleStatus"] for each in shown(cloud)} == {"Created"}
    cloud(
        "UpdateTrafficMirrorFilterAttribute",
        TrafficMirrorFilterId=name,
        TrafficMirrorFilterDescription="other",
    )
    (one,) = cloud.filters()
    assert (one["TrafficMirrorFilterName"], one["TrafficMirrorFilterDescription"]) == (
        "名 a+b&c=/~*",
        "other",
    )
    cloud.clock.hold()
    cloud("DeleteTrafficMirrorFilter", TrafficMirrorFilterId=name)
    (one,) = cloud.filters()
    assert one["TrafficMirrorFilterStatus"] == "Deleting"
    cloud.clock.go()
    cloud.settled()
    cloud.nothing_is_there()


def test_rules_are_added_in_order_changed_and_deleted(cloud: Cloud) -> None:
    name = cloud.filter()
    made = cloud(
        "CreateTrafficMirrorFilterRules",
        TrafficMirrorFilterId=name,
        IngressRules=[rule(Priority=30), rule(Priority=20)],
        EgressRules=[rule(Priority=10)],
    )
    (thirty, twenty), (ten,) = (
        [each["InstanceId"] for each in made[key]] for key in ("IngressRules", "EgressRules")
    )
    cloud.settled()
    assert [(each["Priority"], each["TrafficMirrorFilterRuleId"]) for each in shown(cloud)] == [
        (20, twenty),
        (30, thirty),
    ]
    cloud.clock.hold()
    cloud(
        "UpdateTrafficMirrorFilterRuleAttribute",
        TrafficMirrorFilterRuleId=thirty,
        RuleAction="drop",
        Protocol="UDP",
        Priority=3,
        SourceCidrBlock="1.0.0.0/8",
        DestinationCidrBlock="2.0.0.0/8",
        SourcePortRange="1/2",
        DestinationPortRange="3/4",
    )
    (first, _) = shown(cloud)
    assert first == {
        "TrafficMirrorFilterRuleId": thirty,
        "TrafficMirrorFilterRuleStatus": "Modifying",
        "TrafficMirrorFilterId": name,
        "TrafficDirection": "ingress",
        "Action": "drop",
        "Protocol": "UDP",
        "Priority": 3,
        "IpVersion": "IPv4",
        "SourceCidrBlock": "1.0.0.0/8",
        "DestinationCidrBlock": "2.0.0.0/8",
        "SourcePortRange": "1/2",
        "DestinationPortRange": "3/4",
    }
    cloud.clock.go()
    cloud.settled()
    cloud.clock.hold()
    cloud(
        "DeleteTrafficMirrorFilterRules", TrafficMirrorFilterId=name, TrafficMirrorFilterRuleIds=[thirty, ten]
    )
    assert shown(cloud, "EgressRules")[0]["TrafficMirrorFilterRuleStatus"] == "Deleting"
    cloud.clock.go()
    cloud.settled()
    assert [each["TrafficMirrorFilterRuleId"] for each in shown(cloud)] == [twenty]
    assert shown(cloud, "EgressRules") == []


@pytest.mark.parametrize("direction", ["IngressRules", "EgressRules"])
@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"Action": None}, "MissingParam.{}Action"),
        ({"Action": "reject"}, "IllegalParam.{}Action"),
        ({"Protocol": None}, "MissingParam.{}Protocol"),
        ({"Protocol": "tcp"}, "IllegalParam.{}Protocol"),
        ({"IpVersion": "IPv5"}, "IllegalParam.{}IpVersion"),
        ({"IpVersion": "IPv6"}, "IllegalParam.{}IpVersion"),
        ({"Priority": 0}, "IllegalParam.{}Priority"),
        ({"Priority": 16777217}, "IllegalParam.{}Priority"),
        ({"SourceCidrBlock": "10.0.0.0"}, "IllegalParam.{}SourceCidrBlock"),
        ({"SourceCidrBlock": "10.0.0.1/8"}, "IllegalParam.{}SourceCidrBlock"),
        ({"SourceCidrBlock": "anywhere"}, "IllegalParam.{}SourceCidrBlock"),
        ({"DestinationCidrBlock": "10.0.0.0/33"}, "IllegalParam.{}DestinationCidrBlock"),
        ({"DestinationCidrBlock": "::/0"}, "IllegalParam.{}DestinationCidrBlock"),
        ({"SourcePortRange": "80"}, "IllegalParam.{}SourcePortRange"),
        ({"SourcePortRange": "2/1"}, "IllegalParam.{}SourcePortRange"),
        ({"SourcePortRange": "-1/5"}, "IllegalParam.{}SourcePortRange"),
        ({"DestinationPortRange": "1/65536"}, "IllegalParam.{}DestinationPortRange"),
        ({"Protocol": "ICMP"}, "IllegalParam.{}DestinationPortRange"),
        ({"Protocol": "ALL"}, "IllegalParam.{}DestinationPortRange"),
    ],
)
def test_a_rule_that_is_none(cloud: Cloud, direction: str, asked: dict[str, Any], code: str) -> None:
    name = cloud.filter()
    for action, others in (
        ("CreateTrafficMirrorFilter", {}),
        ("CreateTrafficMirrorFilterRules", {"TrafficMirrorFilterId": name}),
    ):
        with refused(code.format(direction)):
            cloud(action, **{direction: [rule(**asked)], **others})
    assert shown(cloud, direction) == []


@pytest.mark.parametrize(
    "asked",
    [
        {"Priority": 16777216},
        {"SourcePortRange": "0/65535"},
        {"SourcePortRange": "65535/65535"},
        {"SourceCidrBlock": "10.0.0.1/32"},
        {"IpVersion": None},
        {"IpVersion": "IPv6", "SourceCidrBlock": "::/0", "DestinationCidrBlock": "2001:db8::/32"},
    ],
)
def test_a_rule_at_the_bounds(cloud: Cloud, asked: dict[str, Any]) -> None:
    cloud.filter(IngressRules=[rule(**asked)])
    (only,) = shown(cloud)
    assert asked.items() - only.items() <= {("IpVersion", None)}


@pytest.mark.parametrize(
    ("asked", "source", "destination", "version"),
    [
        ({}, "0.0.0.0/0", "0.0.0.0/0", "IPv4"),
        ({"IpVersion": "IPv6"}, "::/0", "::/0", "IPv6"),
        ({"DestinationCidrBlock": "2001:db8::/32"}, "::/0", "2001:db8::/32", "IPv6"),
    ],
)
def test_a_rule_that_says_little_is_for_all(
    cloud: Cloud, asked: dict[str, Any], source: str, destination: str, version: str
) -> None:
    cloud.filter(IngressRules=[{"Action": "accept", "Protocol": "ALL", **asked}])
    (only,) = shown(cloud)
    assert (only["SourceCidrBlock"], only["DestinationCidrBlock"], only["IpVersion"]) == (
        source,
        destination,
        version,
    )
    assert (only["Priority"], only["SourcePortRange"], only["DestinationPortRange"]) == (1, "-1/-1", "-1/-1")


def test_a_rule_without_a_priority_gets_the_first_free_one(cloud: Cloud) -> None:
    bare = {"Action": "accept", "Protocol": "ALL"}
    name = cloud.filter(IngressRules=[bare, {**bare, "Priority": 2}, bare], EgressRules=[bare])
    assert [each["Priority"] for each in shown(cloud)] == [1, 2, 3]
    cloud(
        "CreateTrafficMirrorFilterRules",
        TrafficMirrorFilterId=name,
        EgressRules=[bare, {**bare, "Priority": 3}],
    )
    assert [each["Priority"] for each in shown(cloud, "EgressRules")] == [1, 2, 3]


def test_priorities_of_rules_are_unique_in_a_direction(cloud: Cloud) -> None:
    with refused("IllegalParam.Priority"):
        cloud("CreateTrafficMirrorFilter", IngressRules=[rule(), rule()])
    name = cloud.filter(IngressRules=[rule(), rule(Priority=2)], EgressRules=[rule()])
    with refused("IllegalParam.Priority"):
        cloud("CreateTrafficMirrorFilterRules", TrafficMirrorFilterId=name, EgressRules=[rule()])
    (_, second) = shown(cloud)
    own = {"TrafficMirrorFilterRuleId": second["TrafficMirrorFilterRuleId"]}
    with refused("IllegalParam.Priority"):
        cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, Priority=1)
    cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, Priority=2, RuleAction="drop")


def test_how_many_rules_there_may_be(cloud: Cloud) -> None:
    ten = [rule(Priority=priority) for priority in range(1, 11)]
    with refused("QuotaExceeded.RuleNumPerFilter"):
        cloud("CreateTrafficMirrorFilter", IngressRules=[*ten, rule(Priority=11)])
    name = cloud.filter(IngressRules=ten, EgressRules=ten)
    with refused("QuotaExceeded.RuleNumPerFilter"):
        cloud("CreateTrafficMirrorFilterRules", TrafficMirrorFilterId=name, IngressRules=[rule(Priority=11)])
    with refused("MissingParam.IngressRules"):
        cloud("CreateTrafficMirrorFilterRules", TrafficMirrorFilterId=name)


def test_a_changed_rule_still_has_to_fit_together(cloud: Cloud) -> None:
    cloud.filter(IngressRules=[rule()])
    (only,) = shown(cloud)
    own = {"TrafficMirrorFilterRuleId": only["TrafficMirrorFilterRuleId"]}
    with refused("IllegalParam.DestinationCidrBlock"):
        cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, SourceCidrBlock="::/0")
    cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, Protocol="ICMP")
    cloud.settled()
    (only,) = shown(cloud)
    assert only["DestinationPortRange"] == "-1/-1"
    with refused("IllegalParam.SourcePortRange"):
        cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, SourcePortRange="1/2")
    with refused("IllegalParam.RuleAction"):
        cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, RuleAction="mirror")


def test_a_filter_or_rule_under_way_is_left_alone(cloud: Cloud) -> None:
    name = cloud.filter(IngressRules=[rule()])
    (only,) = shown(cloud)
    own = {"TrafficMirrorFilterRuleId": only["TrafficMirrorFilterRuleId"]}
    cloud.clock.hold()
    cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, RuleAction="drop")
    with refused(
        "IncorrectStatus.TrafficMirrorRule", "The status of traffic mirror filter rule is incorrect."
    ):
        cloud("UpdateTrafficMirrorFilterRuleAttribute", **own, RuleAction="accept")
    with refused("IncorrectStatus.TrafficMirrorRule"):
        cloud("DeleteTrafficMirrorFilter", TrafficMirrorFilterId=name)
    other = cloud("CreateTrafficMirrorFilter")["TrafficMirrorFilterId"]
    for action, more in (
        ("CreateTrafficMirrorFilterRules", {"IngressRules": [rule()]}),
        ("UpdateTrafficMirrorFilterAttribute", {"TrafficMirrorFilterName": "x"}),
        ("DeleteTrafficMirrorFilter", {}),
    ):
        with refused(
            "IncorrectStatus.TrafficMirrorFilter", "The status of traffic mirror filter is incorrect."
        ):
            cloud(action, TrafficMirrorFilterId=other, **more)


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("CreateTrafficMirrorFilterRules", {"IngressRules": [rule()]}),
        ("DeleteTrafficMirrorFilterRules", {"TrafficMirrorFilterRuleIds": ["tmr-nobody"]}),
        ("UpdateTrafficMirrorFilterAttribute", {}),
        ("DeleteTrafficMirrorFilter", {}),
    ],
)
def test_an_unknown_filter(cloud: Cloud, action: str, more: dict[str, Any]) -> None:
    with refused(
        "ResourceNotFound.TrafficMirrorFilter",
        "The specified resource of traffic mirror filter is not found.",
    ):
        cloud(action, TrafficMirrorFilterId="tmf-nobody", **more)
    with refused("MissingParam.TrafficMirrorFilterId", "The parameter TrafficMirrorFilterId is mandatory."):
        cloud(action, **more)


def test_an_unknown_rule(cloud: Cloud) -> None:
    name = cloud.filter()
    with refused("ResourceNotFound.TrafficMirrorFilterRule"):
        cloud("UpdateTrafficMirrorFilterRuleAttribute", TrafficMirrorFilterRuleId="tmr-nobody")
    with refused("ResourceNotFound.TrafficMirrorFilterRule"):
        cloud(
            "DeleteTrafficMirrorFilterRules",
            TrafficMirrorFilterId=name,
            TrafficMirrorFilterRuleIds=["tmr-nobody"],
        )


def test_a_filter_in_use_is_not_deleted(cloud: Cloud) -> None:
    name = cloud.filter()
    session = cloud.session(**wanted(name))
    with refused("DependencyViolation.TrafficMirrorSession"):
        cloud("DeleteTrafficMirrorFilter", TrafficMirrorFilterId=name)
    cloud("DeleteTrafficMirrorSession", TrafficMirrorSessionId=session)
    cloud.settled()
    cloud("DeleteTrafficMirrorFilter", TrafficMirrorFilterId=name)


@pytest.mark.parametrize(
    ("kind", "longest"), [("TrafficMirrorFilterName", 128), ("TrafficMirrorFilterDescription", 256)]
)
def test_names_and_descriptions(cloud: Cloud, kind: str, longest: int) -> None:
    name = cloud.filter(**{kind: "x"})
    for text in ("字" * longest, " http://", "HTTP://", "1", "x"):
        cloud("UpdateTrafficMirrorFilterAttribute", TrafficMirrorFilterId=name, **{kind: text})
        assert cloud.filters()[0][kind] == text
    for text in ("", "字" * (longest + 1), "http://a", "https://a"):
        with refused(f"IllegalParam.{kind}", f"The param of {kind} is illegal."):
            cloud("CreateTrafficMirrorFilter", **{kind: text})
        with refused(f"IllegalParam.{kind}"):
            cloud("UpdateTrafficMirrorFilterAttribute", TrafficMirrorFilterId=name, **{kind: text})
    assert cloud.filters()[0][kind] == "x"
