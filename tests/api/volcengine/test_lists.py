"""Lists, pages and tags by the SDK."""

from typing import Any

import pytest
import volcenginesdkcore

from mirrorplane.api.volcengine import errors
from tests.api.volcengine.clients import (
    both,
    call,
    described,
    filter_,
    one,
    refused,
    session,
    tags,
    target,
    wanted,
)
from tests.api.volcengine.conftest import Connect


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
