"""Pages: of whatever list, through the SDK and at random."""

from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirrorplane.api.aliyun.pages import Key, decode, encode, page
from mirrorplane.api.schema import Fault
from tests.api.aliyun.cloud import Cloud, refused, wanted

KEYS = st.tuples(st.floats(0, 1e10), st.text(max_size=8), st.text(max_size=8))


@given(st.sets(KEYS), st.integers(1, 9))
def test_pages_are_the_whole_list(keys: set[Key], most: int) -> None:
    ordered, seen, token = sorted(keys), [], ""
    while True:
        shown, token, total = page(ordered, lambda key: key, most, token)
        assert (len(shown) <= most, total) == (True, len(keys))
        seen += shown
        if not token:
            break
    assert seen == ordered


@given(st.lists(KEYS, unique=True, min_size=2), st.data())
def test_what_comes_and_goes_between_pages_does_no_harm(keys: list[Key], data: st.DataObject) -> None:
    before = sorted(keys)
    shown, token, _ = page(before, lambda key: key, 1, None)
    gone = data.draw(st.sets(st.sampled_from(keys)))
    after = sorted(set(before) - gone)
    rest, _, _ = page(after, lambda key: key, len(before), token)
    assert rest == [key for key in after if key > shown[0]]


@given(KEYS)
def test_a_token_holds_its_key(key: Key) -> None:
    assert decode(encode(key)) == key


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda octets: octets.hex()))
def test_nonsense_is_no_token(text: str) -> None:
    with pytest.raises(Fault):
        decode(text)


@pytest.mark.parametrize(
    "parts", ["[1,2,3]", '["a","b","c"]', '[1.0,"a"]', '[NaN,"a",""]', "{}", "[" * 99, "1"]
)
def test_other_json_is_no_token(parts: str) -> None:
    with pytest.raises(Fault):
        decode(urlsafe_b64encode(parts.encode()).decode().rstrip("="))


def walk(cloud: Cloud, action: str, **asked: Any) -> list[dict[str, Any]]:
    pages = [cloud(action, **asked, NextToken="")]
    while pages[-1]["NextToken"]:
        pages.append(cloud(action, **asked, NextToken=pages[-1]["NextToken"]))
    return pages


def test_sessions_by_pages(cloud: Cloud) -> None:
    name = cloud.filter()
    cloud.clock.hold()
    sources = ("eni-a", "eni-b", "eni-c")
    made = [
        cloud(
            "CreateTrafficMirrorSession",
            **wanted(cloud_filter, Priority=at + 1, TrafficMirrorSourceIds=[sources[at % 3]]),
        )["TrafficMirrorSessionId"]
        for at, cloud_filter in enumerate([name] * 9)
    ]
    pages = walk(cloud, "ListTrafficMirrorSessions", MaxResults=4)
    assert [len(each["TrafficMirrorSessions"]) for each in pages] == [4, 4, 1]
    assert {each["TotalCount"] for each in pages} == {"9"}
    listed = [each["TrafficMirrorSessionId"] for one in pages for each in one["TrafficMirrorSessions"]]
    assert listed == made
    narrow = walk(cloud, "ListTrafficMirrorSessions", MaxResults=2, TrafficMirrorSourceId="eni-b")
    assert [len(each["TrafficMirrorSessions"]) for each in narrow] == [2, 1]


def test_filters_by_pages(cloud: Cloud) -> None:
    made = [cloud("CreateTrafficMirrorFilter")["TrafficMirrorFilterId"] for _ in range(11)]
    first, second = walk(cloud, "ListTrafficMirrorFilters")
    assert (first["Count"], first["MaxResults"], first["TotalCount"]) == (10, 10, "11")
    assert (second["Count"], second["MaxResults"], second["TotalCount"]) == (1, 10, "11")
    listed = [
        each["TrafficMirrorFilterId"] for one in (first, second) for each in one["TrafficMirrorFilters"]
    ]
    assert listed == made
    (whole,) = walk(cloud, "ListTrafficMirrorFilters", MaxResults=11)
    assert whole["Count"] == 11


def test_tags_by_pages(cloud: Cloud) -> None:
    names = [
        cloud("CreateTrafficMirrorFilter", Tag=[{"Key": key} for key in "cab"])["TrafficMirrorFilterId"]
        for _ in range(2)
    ]
    asked = {"ResourceType": "TRAFFICMIRRORFILTER", "ResourceId": names}
    pages = walk(cloud, "ListTagResources", **asked, MaxResults=4)
    listed = [
        (row["ResourceId"], row["TagKey"]) for one in pages for row in one["TagResources"]["TagResource"]
    ]
    assert listed == [(name, key) for name in names for key in "abc"]
    assert len(pages) == 2


@pytest.mark.parametrize(
    ("action", "most", "more"),
    [
        ("ListTrafficMirrorSessions", 100, {}),
        ("ListTrafficMirrorFilters", 100, {}),
        ("ListTagResources", 50, {"ResourceType": "TRAFFICMIRRORFILTER", "ResourceId": ["tmf-1"]}),
    ],
)
def test_the_size_of_a_page_and_its_token(cloud: Cloud, action: str, most: int, more: dict[str, Any]) -> None:
    for size in (1, most):
        cloud(action, MaxResults=size, **more)
    for size in (0, most + 1, -1):
        with refused("IllegalParam.MaxResults"):
            cloud(action, MaxResults=size, **more)
    for token in ("abc", "x" * 600, "!"):
        with refused("IllegalParam.NextToken"):
            cloud(action, NextToken=token, **more)
