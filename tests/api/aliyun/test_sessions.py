"""Sessions through the SDK. The errors of making one are in test_rows."""

import re
from pathlib import Path
from typing import Any

import pytest

from mirrorplane.control.resources import Session
from tests.api.aliyun.cloud import Cloud, refused, running, wanted

CREATE, UPDATE = "CreateTrafficMirrorSession", "UpdateTrafficMirrorSessionAttribute"
ADD, REMOVE = "AddSourcesToTrafficMirrorSession", "RemoveSourcesFromTrafficMirrorSession"


def only(cloud: Cloud, **parameters: Any) -> dict[str, Any]:
    (session,) = cloud.sessions(**parameters)
    return session


def test_a_session_is_made_shown_and_deleted(cloud: Cloud) -> None:
    name = cloud.filter()
    cloud.clock.hold()
    made = cloud(
        CREATE,
        **wanted(name, TrafficMirrorSourceIds=["eni-b", "eni-a"]),
        TrafficMirrorSessionName="s",
        TrafficMirrorSessionDescription="d",
        ResourceGroupId="rg-1",
        VirtualNetworkId=77,
        PacketLength=128,
        Enabled=True,
        Tag=[{"Key": "k", "Value": "v"}],
    )
    session = made["TrafficMirrorSessionId"]
    assert re.fullmatch(r"tms-[a-z0-9]{20,21}", session)
    assert made["ResourceGroupId"] == "rg-1"
    shown = only(cloud)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\dZ", shown.pop("CreationTime"))
    assert shown == {
        "TrafficMirrorSessionId": session,
        "TrafficMirrorSessionName": "s",
        "TrafficMirrorSessionDescription": "d",
        "TrafficMirrorSessionStatus": "Creating",
        "TrafficMirrorSessionBusinessStatus": "Normal",
        "ResourceGroupId": "rg-1",
        "Tags": [{"Key": "k", "Value": "v"}],
        "TrafficMirrorTargetId": "eni-sensor",
        "TrafficMirrorTargetType": "NetworkInterface",
        "TrafficMirrorFilterId": name,
        "TrafficMirrorSourceIds": ["eni-b", "eni-a"],
        "VirtualNetworkId": 77,
        "PacketLength": 128,
        "Priority": 1,
        "Enabled": True,
    }
    own = {"TrafficMirrorSessionId": session}
    for action, more in (
        (UPDATE, {"Priority": 2}),
        (ADD, {"TrafficMirrorSourceIds": ["eni-c"]}),
        (REMOVE, {"TrafficMirrorSourceIds": ["eni-a"]}),
        ("DeleteTrafficMirrorSession", {}),
    ):
        with refused(
            "IncorrectStatus.TrafficMirrorSession", "The status of traffic mirror session is incorrect."
        ):
            cloud(action, **own, **more)
    cloud.clock.go()
    cloud.settled()
    assert only(cloud)["TrafficMirrorSessionStatus"] == "Created"
    cloud.clock.hold()
    cloud("DeleteTrafficMirrorSession", **own)
    assert only(cloud)["TrafficMirrorSessionStatus"] == "Deleting"
    cloud.clock.go()
    cloud.settled()
    assert cloud.sessions() == []


def test_what_is_not_said_of_a_session(cloud: Cloud) -> None:
    cloud.session(**wanted(cloud.filter()))
    session = only(cloud)
    assert 0 < session["VirtualNetworkId"] < 1 << 24
    assert (session["Enabled"], session["PacketLength"]) == (False, 1500)
    assert (session["TrafficMirrorSessionName"], session["TrafficMirrorSessionDescription"]) == ("", "")
    assert (session["ResourceGroupId"], session["Tags"]) == ("default", [])


def test_a_session_is_changed(cloud: Cloud) -> None:
    session = cloud.session(**wanted(cloud.filter(), VirtualNetworkId=1))
    own = {"TrafficMirrorSessionId": session}
    changes = {
        "TrafficMirrorSessionName": "n",
        "TrafficMirrorSessionDescription": "d",
        "TrafficMirrorTargetId": "lb-sensors",
        "TrafficMirrorTargetType": "SLB",
        "TrafficMirrorFilterId": cloud.filter(),
        "VirtualNetworkId": 0,
        "Priority": 2,
        "Enabled": True,
        "PacketLength": 64,
    }
    cloud.clock.hold()
    cloud(UPDATE, **own, **changes)
    assert only(cloud)["TrafficMirrorSessionStatus"] == "Modifying"
    cloud.clock.go()
    cloud.settled()
    before = only(cloud)
    assert before.items() >= changes.items()
    assert before["TrafficMirrorSessionStatus"] == "Created"
    cloud(UPDATE, **own, Priority=2, Enabled=False)
    cloud.settled()
    assert only(cloud) == {**before, "Enabled": False}


def test_the_target_of_a_session_is_changed(cloud: Cloud) -> None:
    own = {"TrafficMirrorSessionId": cloud.session(**wanted(cloud.filter()))}
    for name, kind in (("lb-sensors", "SLB"), ("eni-sensor2", "NetworkInterface")):
        cloud(UPDATE, **own, TrafficMirrorTargetId=name)
        cloud.settled()
        assert only(cloud)["TrafficMirrorTargetType"] == kind
    for asked, code in (
        ({"TrafficMirrorTargetType": "SLB"}, "MissingParam.TrafficMirrorTargetId"),
        ({"TrafficMirrorTargetId": "eni-nobody"}, "ResourceNotFound.NetworkInterface"),
        ({"TrafficMirrorTargetId": "i-nobody"}, "ResourceNotFound.TargetInstance"),
        ({"TrafficMirrorTargetId": "lb-nobody"}, "ResourceNotFound.Slb"),
        (
            {"TrafficMirrorTargetId": "lb-sensors", "TrafficMirrorTargetType": "NetworkInterface"},
            "ResourceNotFound.TargetInstance",
        ),
        (
            {"TrafficMirrorTargetId": "eni-sensor", "TrafficMirrorTargetType": "SLB"},
            "InvalidLoadBalancerId.NotFound",
        ),
        ({"TrafficMirrorTargetId": "lb-down"}, "IncorrectStatus.Slb"),
        ({"TrafficMirrorTargetId": "eni-a"}, "OperationDenied.DuplicateRole"),
        ({"TrafficMirrorFilterId": "tmf-nobody"}, "ResourceNotFound.TrafficMirrorFilter"),
    ):
        with refused(code):
            cloud(UPDATE, **own, **asked)


def test_sources_are_added_and_removed(cloud: Cloud) -> None:
    own = {"TrafficMirrorSessionId": cloud.session(**wanted(cloud.filter()))}
    cloud.clock.hold()
    cloud(ADD, **own, TrafficMirrorSourceIds=["eni-c", "eni-b"])
    assert only(cloud)["TrafficMirrorSessionStatus"] == "Modifying"
    cloud.clock.go()
    cloud.settled()
    assert only(cloud)["TrafficMirrorSourceIds"] == ["eni-a", "eni-c", "eni-b"]
    cloud(REMOVE, **own, TrafficMirrorSourceIds=["eni-a", "eni-b", "eni-c"])
    cloud.settled()
    assert only(cloud)["TrafficMirrorSourceIds"] == []
    cloud(ADD, **own, TrafficMirrorSourceIds=["eni-b"])
    cloud.settled()
    assert only(cloud)["TrafficMirrorSourceIds"] == ["eni-b"]


@pytest.mark.parametrize(
    ("action", "sources", "code"),
    [
        (ADD, ["eni-a"], "DuplicatedParam.SourceInstanceIds"),
        (ADD, ["eni-b", "eni-b"], "DuplicatedParam.SourceInstanceIds"),
        (ADD, ["eni-nobody"], "ResourceNotFound.NetworkInterface"),
        (ADD, ["eni-sensor"], "OperationDenied.DuplicateRole"),
        (ADD, ["eni-nat"], "OperationDenied.UnsupportedTargetType"),
        (ADD, [], "MissingParam.TrafficMirrorSourceIds"),
        (REMOVE, ["eni-b"], "ResourceNotFound.NetworkInterface"),
        (REMOVE, ["eni-a", "eni-a"], "DuplicatedParam.SourceInstanceIds"),
        (REMOVE, [f"eni-{at}" for at in range(11)], "IllegalParam.TrafficMirrorSourceIds"),
        (REMOVE, [], "MissingParam.TrafficMirrorSourceIds"),
    ],
)
def test_sources_that_cannot_be(cloud: Cloud, action: str, sources: list[str], code: str) -> None:
    session = cloud.session(**wanted(cloud.filter()))
    with refused(code):
        cloud(action, TrafficMirrorSessionId=session, TrafficMirrorSourceIds=sources)
    assert only(cloud)["TrafficMirrorSourceIds"] == ["eni-a"]


def test_sources_are_added_up_to_the_quota(tmp_path: Path) -> None:
    with running(tmp_path, "{quotas: {sources_per_session: 2}}") as cloud:
        cloud.open()
        own = {"TrafficMirrorSessionId": cloud.session(**wanted(cloud.filter()))}
        with refused("QuotaExceeded.SourceNumPerSession"):
            cloud(ADD, **own, TrafficMirrorSourceIds=["eni-b", "eni-c"])
        cloud(ADD, **own, TrafficMirrorSourceIds=["eni-b"])


NUMBERS = [
    ("Priority", 1, 32766, "IllegalParam.Priority"),
    ("VirtualNetworkId", 0, 16777215, "IllegalParam.VirtualNetworkId"),
    ("PacketLength", 64, 8500, "IllegalParam.PacketLength"),
]


@pytest.mark.parametrize(("name", "low", "high", "code"), NUMBERS)
def test_numbers_at_their_bounds(cloud: Cloud, name: str, low: int, high: int, code: str) -> None:
    filter_id = cloud.filter()
    session = cloud.session(**wanted(filter_id, **{"Priority": 2, name: low}))
    assert only(cloud)[name] == low
    for number in (high, low):
        cloud(UPDATE, TrafficMirrorSessionId=session, **{name: number})
        cloud.settled()
        assert only(cloud)[name] == number
    for number in (low - 1, high + 1):
        with refused(code):
            cloud(CREATE, **wanted(filter_id, **{"Priority": 9, name: number}))
        with refused(code):
            cloud(UPDATE, TrafficMirrorSessionId=session, **{name: number})
        if name != "PacketLength":
            with refused(code):
                cloud("ListTrafficMirrorSessions", **{name: number})
    assert only(cloud)[name] == low


@pytest.mark.parametrize("name", ["Priority", "VirtualNetworkId", "PacketLength", "Enabled", "DryRun"])
def test_what_is_no_number_or_flag(cloud: Cloud, name: str) -> None:
    with refused(f"IllegalParam.{name}"):
        cloud(CREATE, **{**wanted("tmf-1"), name: "one"})


@pytest.mark.parametrize(
    "name",
    [
        "TrafficMirrorTargetId",
        "TrafficMirrorTargetType",
        "TrafficMirrorFilterId",
        "TrafficMirrorSourceIds",
        "Priority",
    ],
)
def test_what_a_session_has_to_say(cloud: Cloud, name: str) -> None:
    said = {key: value for key, value in wanted("tmf-1").items() if key != name}
    with refused(f"MissingParam.{name}", f"The parameter {name} is mandatory."):
        cloud(CREATE, **said)


def test_a_region_has_to_be_said(cloud: Cloud) -> None:
    with refused("MissingParam.RegionId"):
        cloud("ListTrafficMirrorSessions", RegionId="")
    with refused("UnsupportedRegion", "The feature is not supported in current region."):
        cloud("ListTrafficMirrorSessions", RegionId="cn-nowhere")


@pytest.mark.parametrize(
    ("kind", "longest"), [("TrafficMirrorSessionName", 128), ("TrafficMirrorSessionDescription", 256)]
)
def test_names_and_descriptions(cloud: Cloud, kind: str, longest: int) -> None:
    session = cloud.session(**wanted(cloud.filter(), **{kind: "字" * longest}))
    assert only(cloud)[kind] == "字" * longest
    for text in ("", "x" * (longest + 1), "http://a", "https://a"):
        with refused(f"IllegalParam.{kind}"):
            cloud(CREATE, **wanted("tmf-1", **{kind: text}))
        with refused(f"IllegalParam.{kind}"):
            cloud(UPDATE, TrafficMirrorSessionId=session, **{kind: text})


@pytest.mark.parametrize(
    ("action", "more"),
    [
        (UPDATE, {}),
        (ADD, {"TrafficMirrorSourceIds": ["eni-a"]}),
        (REMOVE, {"TrafficMirrorSourceIds": ["eni-a"]}),
        ("DeleteTrafficMirrorSession", {}),
    ],
)
def test_an_unknown_session(cloud: Cloud, action: str, more: dict[str, Any]) -> None:
    with refused(
        "ResourceNotFound.TrafficMirrorSession",
        "The specified resource of traffic mirror session is not found.",
    ):
        cloud(action, TrafficMirrorSessionId="tms-nobody", **more)
    with refused("MissingParam.TrafficMirrorSessionId"):
        cloud(action, **more)


def test_priorities_are_an_accounts_in_a_region(cloud: Cloud) -> None:
    first = cloud.session(**wanted(cloud.filter()))
    cloud("OpenTrafficMirrorService", RegionId="cn-hangzhou")
    there = cloud("CreateTrafficMirrorFilter", RegionId="cn-hangzhou")["TrafficMirrorFilterId"]
    cloud.settled()
    cloud(CREATE, RegionId="cn-hangzhou", **wanted(there))
    cloud("DeleteTrafficMirrorSession", TrafficMirrorSessionId=first)
    cloud(CREATE, **wanted(cloud.filter()))


def test_a_list_is_narrowed(cloud: Cloud) -> None:
    first, second = cloud.filter(), cloud.filter()
    a = cloud.session(
        **wanted(first, TrafficMirrorSourceIds=["eni-a", "eni-b"], Enabled=True, VirtualNetworkId=5),
        TrafficMirrorSessionName="one",
        ResourceGroupId="rg-1",
        Tag=[{"Key": "k", "Value": "v"}, {"Key": "l", "Value": ""}],
    )
    b = cloud.session(
        **wanted(second, Priority=2, VirtualNetworkId=6),
        TrafficMirrorSessionName="one more",
        Tag=[{"Key": "k", "Value": "w"}],
    )
    c = cloud.session(
        **wanted(
            second,
            Priority=3,
            VirtualNetworkId=7,
            TrafficMirrorTargetId="lb-sensors",
            TrafficMirrorTargetType="SLB",
        )
    )
    for narrow, names in (
        ({}, [a, b, c]),
        ({"TrafficMirrorSessionIds": [c, a, "tms-nobody"]}, [a, c]),
        ({"TrafficMirrorSessionIds": ["tms-nobody"]}, []),
        ({"TrafficMirrorSessionName": "one"}, [a]),
        ({"TrafficMirrorSourceId": "eni-b"}, [a]),
        ({"TrafficMirrorTargetId": "lb-sensors"}, [c]),
        ({"TrafficMirrorFilterId": second}, [b, c]),
        ({"Enabled": True}, [a]),
        ({"Enabled": False}, [b, c]),
        ({"Priority": 2}, [b]),
        ({"VirtualNetworkId": 7}, [c]),
        ({"ResourceGroupId": "rg-1"}, [a]),
        ({"ResourceGroupId": "", "TrafficMirrorFilterId": "", "TrafficMirrorSourceId": ""}, [a, b, c]),
        ({"Tags": [{"Key": "k"}]}, [a, b]),
        ({"Tags": [{"Key": "k", "Value": "w"}]}, [b]),
        ({"Tags": [{"Key": "k", "Value": ""}]}, []),
        ({"Tags": [{"Key": "k"}, {"Key": "l", "Value": ""}]}, [a]),
        ({"Enabled": False, "TrafficMirrorFilterId": first}, []),
    ):
        listed = cloud("ListTrafficMirrorSessions", **narrow)
        assert [each["TrafficMirrorSessionId"] for each in listed["TrafficMirrorSessions"]] == names, narrow
        assert (listed["TotalCount"], listed["NextToken"]) == (str(len(names)), "")


def test_what_cannot_narrow_a_list(cloud: Cloud) -> None:
    for asked, code in (
        ({"TrafficMirrorSessionIds": ["tms-1"] * 101}, "IllegalParam.TrafficMirrorSessionIds"),
        ({"Tags": [{"Value": "v"}]}, "MissingParam.TagsKey"),
        ({"Tags": [{"Key": "k"}] * 21}, "IllegalParam.Tags"),
        ({"TrafficMirrorSessionName": "x" * 129}, "IllegalParam.TrafficMirrorSessionName"),
    ):
        with refused(code):
            cloud("ListTrafficMirrorSessions", **asked)
    assert cloud.sessions(TrafficMirrorSessionIds=["tms-1"] * 100, Tags=[{"Key": "k"}] * 20) == []


def test_a_locked_account_shows_it(tmp_path: Path) -> None:
    with running(tmp_path) as cloud:
        cloud.open()
        cloud.session(**wanted(cloud.filter()))
    with running(tmp_path, "{business_status: FinancialLocked}") as cloud:
        assert only(cloud)["TrafficMirrorSessionBusinessStatus"] == "FinancialLocked"
        with refused("IncorrectBusinessStatus.TrafficMirror"):
            cloud(ADD, TrafficMirrorSessionId="tms-nobody", TrafficMirrorSourceIds=["eni-b"])


def test_what_is_refused_leaves_nothing(cloud: Cloud) -> None:
    with refused("ResourceNotFound.TrafficMirrorFilter"):
        cloud(CREATE, **wanted("tmf-nobody"), ClientToken="t")
    assert not any(isinstance(thing, Session) for thing in cloud.control.snapshot().pending.values())
    cloud.nothing_is_there()
