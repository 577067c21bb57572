"""Who is not let in: unsigned, wrongly signed, stale, replayed, oversized; and that nothing is kept of it."""

from collections.abc import Callable
from typing import Any

import pytest

from mirrorplane.api.aliyun.dialect import ACTIONS
from mirrorplane.api.request import MAX_BODY, MAX_QUERY
from tests.api.aliyun.cloud import KEY, OTHER_KEY, OTHER_SECRET, REGION, SECRET, Cloud, refused
from tests.api.aliyun.wire import ASKED, FORM, acs3_headers, authorization, moment, rpc_parameters, send

CREATE = {"x-acs-action": "CreateTrafficMirrorFilter"}
WRONG = SECRET.lower()
STALE, FRESH = 905, 895

Answer = tuple[int, dict[str, Any]]
Way = Callable[..., Answer]


def code(answer: Answer) -> tuple[int, str]:
    """Return the status and the code of an error."""
    status, body = answer
    assert set(body) == {"RequestId", "HostId", "Code", "Message"}
    return status, body["Code"]


def acs3(cloud: Cloud, key: str = KEY, secret: str = SECRET, **others: str) -> Answer:
    changed = CREATE | {name.replace("_", "-"): value for name, value in others.items()}
    return send(cloud.address, acs3_headers(cloud.address, changed, key=key, secret=secret), ASKED)


def rpc(cloud: Cloud, method: str = "POST", key: str = KEY, secret: str = SECRET, **others: str) -> Answer:
    asked = {"Action": "CreateTrafficMirrorFilter", **others}
    return send(cloud.address, {}, rpc_parameters(method, key, secret, **asked), method=method)


WAYS: list[Way] = [acs3, rpc]


@pytest.mark.parametrize("way", WAYS)
def test_a_right_one_is_let_in(cloud: Cloud, way: Way) -> None:
    status, body = way(cloud)
    assert (status, body["ResourceGroupId"]) == (200, "default")


def test_an_unsigned_one_is_not(cloud: Cloud) -> None:
    headers = acs3_headers(cloud.address, CREATE)
    del headers["authorization"]
    assert code(send(cloud.address, headers, ASKED)) == (400, "MissingAccessKeyId")
    parameters = rpc_parameters(Action="CreateTrafficMirrorFilter")
    del parameters["Signature"]
    assert code(send(cloud.address, {}, parameters)) == (400, "IncompleteSignature")
    cloud.nothing_is_there()


@pytest.mark.parametrize("name", ["SignatureMethod", "SignatureVersion", "SignatureNonce", "Timestamp"])
def test_one_with_half_a_signature_is_not(cloud: Cloud, name: str) -> None:
    kept = {"SignatureMethod": "InvalidSignatureMethod", "SignatureVersion": "InvalidSignatureMethod"}
    assert code(rpc(cloud, **{name: ""})) == (400, kept.get(name, "IncompleteSignature"))
    cloud.nothing_is_there()


@pytest.mark.parametrize(
    "said",
    ["", "Bearer x", "ACS3-HMAC-SHA256", "ACS3-HMAC-SHA256 Credential=AK,SignedHeaders=host,Signature="],
)
def test_one_with_an_odd_header_is_not(cloud: Cloud, said: str) -> None:
    headers = acs3_headers(cloud.address, CREATE) | {"authorization": said}
    assert code(send(cloud.address, headers, ASKED)) == (400, "IncompleteSignature")
    cloud.nothing_is_there()


def test_one_with_an_uncovered_header_is_not(cloud: Cloud) -> None:
    headers = acs3_headers(cloud.address, CREATE)
    signature = headers["authorization"].rpartition("=")[2]
    covered = [name for name in headers if name not in {"authorization", "x-acs-action"}]
    headers["authorization"] = authorization(headers, covered, signature)
    assert code(send(cloud.address, headers, ASKED)) == (400, "IncompleteSignature")


@pytest.mark.parametrize("way", WAYS)
def test_one_of_an_unknown_key_is_not(cloud: Cloud, way: Way) -> None:
    assert code(way(cloud, key="AKNOBODY")) == (404, "InvalidAccessKeyId.NotFound")
    cloud.nothing_is_there()


@pytest.mark.parametrize("way", WAYS)
def test_one_of_a_wrong_secret_is_not(cloud: Cloud, way: Way) -> None:
    assert code(way(cloud, secret=WRONG)) == (400, "SignatureDoesNotMatch")
    assert code(way(cloud, secret=OTHER_SECRET)) == (400, "SignatureDoesNotMatch")
    cloud.nothing_is_there()


def test_one_whose_parameters_were_changed_is_not(cloud: Cloud) -> None:
    headers = acs3_headers(cloud.address, CREATE)
    changed = ASKED | {"TrafficMirrorFilterName": "x"}
    assert code(send(cloud.address, headers, changed)) == (400, "SignatureDoesNotMatch")
    changed = rpc_parameters(Action="CreateTrafficMirrorFilter") | {"RegionId": "cn-beijing"}
    assert code(send(cloud.address, {}, changed)) == (400, "SignatureDoesNotMatch")
    cloud.nothing_is_there()


def test_one_whose_body_was_changed_is_not(cloud: Cloud) -> None:
    name = b"TrafficMirrorFilterName=a"
    headers = acs3_headers(cloud.address, CREATE, body=name) | FORM
    assert code(send(cloud.address, headers, ASKED, b"TrafficMirrorFilterName=b")) == (
        400,
        "SignatureDoesNotMatch",
    )
    parameters = rpc_parameters(Action="CreateTrafficMirrorFilter")
    assert code(send(cloud.address, FORM, parameters, name)) == (400, "SignatureDoesNotMatch")
    for odd in ({}, acs3_headers(cloud.address, CREATE, body=b"more")):
        assert code(send(cloud.address, odd, parameters, b"more")) == (400, "InvalidParameter.Body")
    cloud.nothing_is_there()
    status, _ = send(cloud.address, headers, ASKED, name)
    assert status == 200


@pytest.mark.parametrize(("way", "time"), [(acs3, "x_acs_date"), (rpc, "Timestamp")])
def test_a_stale_one_is_not(cloud: Cloud, way: Way, time: str) -> None:
    for seconds in (-STALE, STALE):
        assert code(way(cloud, **{time: moment(seconds)})) == (400, "InvalidTimeStamp.Expired")
    for text in ("yesterday", "2026-11-21 19:49:09", "2026-13-01T00:00:00Z"):
        assert code(way(cloud, **{time: text})) == (400, "InvalidTimeStamp.Format")
    cloud.nothing_is_there()
    for seconds in (-FRESH, FRESH):
        assert way(cloud, **{time: moment(seconds)})[0] == 200


def test_a_replayed_one_is_not(cloud: Cloud) -> None:
    headers = acs3_headers(cloud.address, CREATE)
    assert send(cloud.address, headers, ASKED)[0] == 200
    assert code(send(cloud.address, headers, ASKED)) == (400, "SignatureNonceUsed")
    parameters = rpc_parameters(Action="CreateTrafficMirrorFilter")
    assert send(cloud.address, {}, parameters)[0] == 200
    assert code(send(cloud.address, {}, parameters)) == (400, "SignatureNonceUsed")
    assert len(cloud.filters()) == 2


def test_a_nonce_is_used_up_by_who_signs_alone(cloud: Cloud) -> None:
    assert code(acs3(cloud, secret=WRONG, x_acs_signature_nonce="n"))[1] == "SignatureDoesNotMatch"
    assert acs3(cloud, x_acs_signature_nonce="n")[0] == 200
    assert acs3(cloud, x_acs_signature_nonce="n", key=OTHER_KEY, secret=OTHER_SECRET)[0] == 200
    assert code(acs3(cloud, x_acs_signature_nonce="n" * 129)) == (400, "IncompleteSignature")


def test_an_oversized_one_is_not(cloud: Cloud) -> None:
    long = "x" * MAX_QUERY
    answer = send(cloud.address, acs3_headers(cloud.address, CREATE), ASKED | {"ClientToken": long})
    assert code(answer) == (413, "RequestEntityTooLarge")
    body = b"x" * (MAX_BODY + 1)
    headers = acs3_headers(cloud.address, CREATE, body=body) | FORM
    assert code(send(cloud.address, headers, ASKED, body)) == (413, "RequestEntityTooLarge")
    cloud.nothing_is_there()


def test_an_unreadable_one_is_not(cloud: Cloud) -> None:
    headers = acs3_headers(cloud.address, CREATE, body=b"a=%ff") | FORM
    assert code(send(cloud.address, headers, ASKED, b"a=%ff")) == (400, "InvalidParameter")


def test_an_unknown_action_or_version_is_not(cloud: Cloud) -> None:
    assert code(acs3(cloud, x_acs_action="DeleteEverything")) == (404, "InvalidAction.NotFound")
    assert code(acs3(cloud, x_acs_version="2014-05-26")) == (400, "InvalidVersion")
    assert code(rpc(cloud, Action="DeleteEverything")) == (404, "InvalidAction.NotFound")
    assert code(rpc(cloud, Version="2014-05-26")) == (400, "InvalidVersion")


def test_the_action_is_the_one_that_was_signed(cloud: Cloud) -> None:
    parameters = rpc_parameters(Action="ListTrafficMirrorFilters")
    status, body = send(cloud.address, {"x-acs-action": "CreateTrafficMirrorFilter"}, parameters)
    assert (status, body["TotalCount"]) == (200, "0")


def test_a_parameter_that_comes_twice_is_refused(cloud: Cloud) -> None:
    pairs = [*ASKED.items(), *ASKED.items()]
    assert code(send(cloud.address, acs3_headers(cloud.address, CREATE), pairs)) == (
        400,
        "IllegalParam.RegionId",
    )


def test_parameters_come_in_query_or_form_by_get_or_post(cloud: Cloud) -> None:
    assert rpc(cloud, "GET")[0] == 200
    body = b"RegionId=cn-hongkong&TrafficMirrorFilterName=form"
    headers = acs3_headers(cloud.address, CREATE, query={}, body=body) | FORM
    assert send(cloud.address, headers, {}, body)[0] == 200
    assert [each["TrafficMirrorFilterName"] for each in cloud.filters()] == ["", "form"]


def test_each_account_and_region_has_its_own(cloud: Cloud) -> None:
    name = cloud.filter()
    other = cloud.client_of(OTHER_KEY, OTHER_SECRET)
    assert cloud("ListTrafficMirrorFilters", other)["TrafficMirrorFilters"] == []
    assert cloud.filters(RegionId="cn-hangzhou") == []
    with refused("ResourceNotFound.TrafficMirrorFilter"):
        cloud("DeleteTrafficMirrorFilter", other, TrafficMirrorFilterId=name)
    assert cloud("GetTrafficMirrorServiceStatus", other) == {"Enabled": False}
    assert [each["TrafficMirrorFilterId"] for each in cloud.filters(RegionId=REGION)] == [name]


def test_all_actions_are_declared_once() -> None:
    names = [action.name for action in ACTIONS]
    assert len(names) == len(set(names)) == 19
    assert all(action.about for action in ACTIONS)
