"""Tags and resource groups through the SDK."""

from typing import Any

import pytest

from tests.api.aliyun.cloud import Cloud, refused, wanted

FILTER, SESSION = "TRAFFICMIRRORFILTER", "TRAFFICMIRRORSESSION"


def rows(cloud: Cloud, **asked: Any) -> list[tuple[str, str, str]]:
    listed = cloud("ListTagResources", **{"ResourceType": FILTER, **asked})["TagResources"]["TagResource"]
    assert all(row["ResourceType"] in {FILTER, SESSION} for row in listed)
    return [(row["ResourceId"], row["TagKey"], row["TagValue"]) for row in listed]


def pairs(*keys: str) -> list[dict[str, str]]:
    return [{"Key": key, "Value": ""} for key in keys]


def test_tags_are_attached_listed_and_taken_away(cloud: Cloud) -> None:
    a, b = cloud.filter(), cloud.filter(Tag=[{"Key": "k", "Value": "old"}])
    both = {"ResourceType": FILTER, "ResourceId": [a, b]}
    cloud("TagResources", **both, Tag=[{"Key": "k", "Value": "v"}, {"Key": "j"}])
    assert rows(cloud, **both) == [(a, "j", ""), (a, "k", "v"), (b, "j", ""), (b, "k", "v")]
    assert cloud.filters()[1]["Tags"] == [{"Key": "k", "Value": "v"}, {"Key": "j", "Value": ""}]
    cloud("UnTagResources", ResourceType=FILTER, ResourceId=[a], TagKey=["j", "nobody"])
    assert rows(cloud, **both) == [(a, "k", "v"), (b, "j", ""), (b, "k", "v")]
    assert rows(cloud, Tag=[{"Key": "k", "Value": "v"}]) == rows(cloud, **both)
    assert rows(cloud, Tag=[{"Key": "k", "Value": "v"}, {"Key": "j"}]) == [(b, "j", ""), (b, "k", "v")]
    assert rows(cloud, Tag=[{"Key": "k", "Value": "w"}]) == []
    cloud("UnTagResources", **both, All=True)
    assert rows(cloud, **both) == []


def test_tags_of_sessions(cloud: Cloud) -> None:
    session = cloud.session(**wanted(cloud.filter()))
    own = {"ResourceType": "TrafficMirrorSession", "ResourceId": [session]}
    cloud("TagResources", **own, Tag=pairs("k"))
    assert rows(cloud, **own) == [(session, "k", "")]
    assert cloud.sessions(Tags=[{"Key": "k"}])[0]["TrafficMirrorSessionId"] == session
    with refused("ResourceNotFound.TrafficMirrorFilter"):
        cloud("TagResources", ResourceType=FILTER, ResourceId=[session], Tag=pairs("k"))
    with refused("ResourceNotFound.TrafficMirrorSession"):
        cloud("UnTagResources", ResourceType=SESSION, ResourceId=["tms-nobody"], All=True)
    assert rows(cloud, ResourceType=SESSION, ResourceId=["tms-nobody"]) == []


@pytest.mark.parametrize("key", ["x", "字" * 128, "Aliyun", "an aliyun key", "acs"])
def test_keys_that_may_be(cloud: Cloud, key: str) -> None:
    cloud.filter(Tag=[{"Key": key, "Value": key}])
    assert cloud.filters()[0]["Tags"] == [{"Key": key, "Value": key}]


@pytest.mark.parametrize("text", ["aliyun", "aliyun.x", "acs:x", "a http://", "ahttps://b", "x" * 129])
def test_keys_and_values_that_may_not_be(cloud: Cloud, text: str) -> None:
    name = cloud.filter()
    for tag, code in (
        ({"Key": text}, "IllegalParam.TagKey"),
        ({"Key": "k", "Value": text}, "IllegalParam.TagValue"),
    ):
        with refused(code):
            cloud("CreateTrafficMirrorFilter", Tag=[tag])
        with refused(code):
            cloud("CreateTrafficMirrorSession", **wanted(name), Tag=[tag])
        with refused(code):
            cloud("TagResources", ResourceType=FILTER, ResourceId=[name], Tag=[tag])
    assert cloud.filters()[0]["Tags"] == []


def test_a_tag_has_a_key_that_comes_once(cloud: Cloud) -> None:
    for key in ("", None):
        with refused("MissingParam.TagKey"):
            cloud("CreateTrafficMirrorFilter", Tag=[{"Key": key, "Value": "v"}])
    with refused("DuplicatedParam.TagKey"):
        cloud("CreateTrafficMirrorFilter", Tag=pairs("k", "k"))


def test_how_many_tags_there_may_be(cloud: Cloud) -> None:
    twenty = pairs(*(f"k{at}" for at in range(20)))
    with refused("IllegalParam.Tag"):
        cloud("CreateTrafficMirrorFilter", Tag=[*twenty, {"Key": "one more"}])
    name = cloud.filter(Tag=twenty)
    own = {"ResourceType": FILTER, "ResourceId": [name]}
    with refused("QuotaExceeded.TagNum"):
        cloud("TagResources", **own, Tag=pairs("one more"))
    cloud("TagResources", **own, Tag=[{"Key": "k0", "Value": "v"}])
    assert len(rows(cloud, **own)) == 20


def test_what_the_actions_on_tags_need(cloud: Cloud) -> None:
    name = cloud.filter()
    own = {"ResourceType": FILTER, "ResourceId": [name]}
    for action, asked, code in (
        ("TagResources", {"ResourceId": [name], "Tag": pairs("k")}, "MissingParam.ResourceType"),
        ("TagResources", {**own, "ResourceType": "VPC", "Tag": pairs("k")}, "IllegalParam.ResourceType"),
        ("TagResources", {"ResourceType": FILTER, "Tag": pairs("k")}, "MissingParam.ResourceId"),
        ("TagResources", own, "MissingParam.Tag"),
        ("UnTagResources", own, "MissingParam.TagKey"),
        ("UnTagResources", {**own, "TagKey": ["k"] * 21}, "IllegalParam.TagKey"),
        ("ListTagResources", {"ResourceType": FILTER}, "MissingParam.ResourceId"),
        ("ListTagResources", {"ResourceType": FILTER, "Tag": [{"Value": "v"}]}, "MissingParam.TagKey"),
        ("MoveResourceGroup", {"ResourceType": FILTER, "ResourceId": "x"}, "MissingParam.NewResourceGroupId"),
    ):
        with refused(code):
            cloud(action, **asked)
    many = {"ResourceType": FILTER, "ResourceId": [name] * 51}
    for action in ("TagResources", "UnTagResources", "ListTagResources"):
        with refused("IllegalParam.ResourceId"):
            cloud(action, **many, Tag=pairs("k"), TagKey=["k"])
    cloud("TagResources", ResourceType=FILTER, ResourceId=[name] * 50, Tag=pairs("k"))


@pytest.mark.parametrize("kind", ["TrafficMirrorFilter", "TRAFFICMIRRORFILTER"])
def test_a_thing_is_put_into_another_group(cloud: Cloud, kind: str) -> None:
    name = cloud.filter()
    cloud("MoveResourceGroup", ResourceType=kind, ResourceId=name, NewResourceGroupId="rg-2")
    assert cloud.filters(ResourceGroupId="rg-2")[0]["TrafficMirrorFilterId"] == name
    assert cloud.filters(ResourceGroupId="default") == []
    with refused("ResourceNotFound.TrafficMirrorFilter"):
        cloud("MoveResourceGroup", ResourceType=kind, ResourceId="tmf-nobody", NewResourceGroupId="rg-2")
