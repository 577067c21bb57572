"""All 21 rows of the page of CreateTrafficMirrorTarget, each with status, code and message, by the SDK."""

from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event
from typing import Any

import pytest

from mirrorplane.api.volcengine import errors
from mirrorplane.api.volcengine.errors import Error
from mirrorplane.api.volcengine.refusals import error_of
from mirrorplane.control import Control, Draft, Refusal, Why
from mirrorplane.control.resources import Scope
from tests.api.volcengine.clients import call, described, filter_, model, refused, session, target

SENSOR = {"instance_type": "NetworkInterface", "instance_id": "eni-sensor"}
TOKEN = {"client_token": "t"}
PAGE: list[tuple[int, str, str]] = [
    (
        400,
        "IdempotentParameterMismatch",
        "Arguments on this idempotent request are inconsistent with arguments used in previous request(s).",
    ),
    (
        400,
        "InvalidClb.InvalidStatus",
        "The specified CLB is not in the correct status for the request. Current CLB has been frozen.",
    ),
    (400, "InvalidDescription.Malformed", "The specified description is malformed."),
    (
        400,
        "InvalidDescription.Malformed",
        "The specified description is malformed. Ensure the maximum length of description is 255.",
    ),
    (
        400,
        "InvalidEni.InstanceMismatch",
        "The specified elastic network interface is not attached to the specified instance.",
    ),
    (
        400,
        "InvalidEni.InvalidStatus",
        "The specified elastic network interface is not in the correct status for the request.",
    ),
    (400, "InvalidInstanceType.Malformed", "The specified InstanceType is malformed."),
    (400, "InvalidName.Malformed", "The specified name is malformed."),
    (
        400,
        "InvalidName.Malformed",
        "The specified name is malformed. Ensure the maximum length of name is 128.",
    ),
    (
        400,
        "InvalidNetworkInterface.InvalidType",
        "The type of specified elastic network interface is illegal for the request.",
    ),
    (400, "InvalidParameter.ClientTokenMalformed", "The specified parameter ClientToken is malformed."),
    (
        400,
        "InvalidParameter.NetworkInterfaceId",
        "The network interface must not be the source and the target of traffic mirror sessions at the same "
        "time.",
    ),
    (400, "InvalidTag.Disorder", "The specified index order of tag is malformed."),
    (400, "InvalidTagKey.Malformed", "The specified parameter tag key is invalid."),
    (400, "InvalidTagValue.Malformed", "The specified parameter tag value is invalid."),
    (
        400,
        "LimitExceeded.Tags",
        "You've reached the limit on the number of tags that you can operate at one time.",
    ),
    (
        400,
        "QuotaExceeded.TrafficMirrorTarget",
        "You've reached the limit on the number of traffic mirror targets that you can create.",
    ),
    (404, "InvalidInstanceId.NotFound", "The specified instance does not exist."),
    (404, "InvalidProject.NotFound", "The specified Project does not exist."),
    (
        409,
        "InvalidTrafficMirrorTarget.Conflict",
        "The specified traffic mirror target conflicts with that of another traffic mirror target.",
    ),
    (
        412,
        "IdempotentProcessing",
        "The request uses the same client token as a previous one that is still in process.",
    ),
]
"""As the page has them, in its order."""


def nothing(api: Any) -> None:
    """Prepare nothing."""


def one_with_a_token(api: Any) -> None:
    target(api, **TOKEN)


def one_source(api: Any) -> None:
    session(
        api,
        "eni-web",
        traffic_mirror_target_id=target(api),
        traffic_mirror_filter_id=filter_(api),
        priority=1,
    )


def one_target(api: Any) -> None:
    target(api)


def two_targets(api: Any) -> None:
    target(api)
    target(api, "eni-sensor2")


def tags(*pairs: tuple[str, str]) -> list[Any]:
    return [model("TagForCreateTrafficMirrorTargetInput", key=key, value=value) for key, value in pairs]


@dataclass
class Row:
    at: int
    given: Mapping[str, Any]
    prepare: Callable[[Any], None] = field(default=nothing)


ROWS = [
    Row(0, {**SENSOR, **TOKEN, "description": "another"}, one_with_a_token),
    Row(1, {"instance_type": "ClbInstance", "instance_id": "lb-frozen"}),
    Row(2, {**SENSOR, "description": "a/b"}),
    Row(3, {**SENSOR, "description": "a" * 256}),
    Row(4, {**SENSOR, "instance_id": "eni-free"}),
    Row(4, {**SENSOR, "instance_id": "eni-lost"}),
    Row(5, {**SENSOR, "instance_id": "eni-down"}),
    Row(6, {**SENSOR, "instance_type": "Ecs"}),
    Row(7, {**SENSOR, "traffic_mirror_target_name": "-a"}),
    Row(8, {**SENSOR, "traffic_mirror_target_name": "a" * 129}),
    Row(9, {**SENSOR, "instance_id": "eni-bond"}),
    Row(9, {**SENSOR, "instance_id": "eni-nat"}),
    Row(10, {**SENSOR, "client_token": "a" * 65}),
    Row(10, {**SENSOR, "client_token": "目"}),
    Row(11, {**SENSOR, "instance_id": "eni-web"}, one_source),
    Row(13, {**SENSOR, "tags": tags(("volc:sys:a", ""))}),
    Row(13, {**SENSOR, "tags": tags(("a", ""), ("a", ""))}),
    Row(14, {**SENSOR, "tags": tags(("a", "*"))}),
    Row(15, {**SENSOR, "tags": tags(*((str(at), "") for at in range(51)))}),
    Row(16, {**SENSOR, "instance_type": "ClbInstance", "instance_id": "lb-sensors"}, two_targets),
    Row(17, {**SENSOR, "instance_id": "eni-nobody"}),
    Row(17, {**SENSOR, "instance_id": "lb-sensors"}),
    Row(17, {"instance_type": "ClbInstance", "instance_id": "eni-sensor"}),
    Row(18, {**SENSOR, "project_name": "nowhere"}),
    Row(19, {**SENSOR}, one_target),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.at + 1} {PAGE[row.at][1]}")
def test_a_row(row: Row, lenient: Any) -> None:
    row.prepare(lenient)
    before = described(lenient, "target")
    with refused(Error(*PAGE[row.at])):
        call(lenient, "create_traffic_mirror_target", **row.given)
    assert described(lenient, "target") == before


def test_row_13(lenient: Any) -> None:
    """The SDK's models number tags themselves, its own call does not."""
    query = [("InstanceType", "NetworkInterface"), ("InstanceId", "eni-sensor"), ("Tags.2.Key", "a")]
    with refused(Error(*PAGE[12])):
        lenient.api_client.call_api(
            "/CreateTrafficMirrorTarget/2020-04-01/vpc/get/",
            "GET",
            query_params=query,
            header_params={"Accept": "application/json", "Content-Type": "application/json"},
            response_type=object,
            auth_settings=["volcengineSign"],
        )


def test_row_21(lenient: Any, control: Control) -> None:
    """A first request with a token waits for the disk, here for a piece of work that takes its time."""
    working, go_on = Event(), Event()

    def work(_: Draft) -> dict[str, Any]:
        working.set()
        go_on.wait(20)
        return {}

    with ThreadPoolExecutor() as pool:
        slow = pool.submit(control.submit, work)
        assert working.wait(20)
        calls = [
            pool.submit(call, lenient, "create_traffic_mirror_target", **SENSOR, **TOKEN) for _ in range(2)
        ]
        refusals: list[Future[Any]] = []
        while not refusals:
            refusals = [one for one in calls if one.done()]
        with refused(Error(*PAGE[20])):
            refusals[0].result()
        go_on.set()
        slow.result()
        (first,) = (one for one in calls if one is not refusals[0])
        made = first.result().traffic_mirror_target_id
    again = call(lenient, "create_traffic_mirror_target", **SENSOR, **TOKEN)
    assert again.traffic_mirror_target_id == made


def test_every_row_has_its_test() -> None:
    assert {row.at for row in ROWS} | {12, 20} == set(range(21)) == set(range(len(PAGE)))


def test_the_table_is_the_pages() -> None:
    table = [
        each
        for each in vars(errors).values()
        if isinstance(each, Error) and not each.derived and each.number is None
    ]
    shown = [(each.status, each.code, each.message) for each in table]
    assert [each for each in shown if each in PAGE] == PAGE
    assert {code for _, code, _ in shown} - {code for _, code, _ in PAGE} == {
        "InvalidCredential",
        "InvalidSecretToken",
    }


@pytest.mark.parametrize("why", Why)
def test_every_reason_has_an_error(why: Why) -> None:
    """Those of other clouds alone are our own fault, were they ever met here."""
    kinds = ("source", "target", "filter", "rule", "session", "group")
    found = {error_of(Refusal(why, kind)) for kind in kinds}
    assert (found == {errors.INTERNAL}) == (why in ELSEWHERE)


ELSEWHERE = {
    Why.BUSINESS_STATUS,
    Why.NOT_SUBSCRIBED,
    Why.DUPLICATE_SOURCE,
    Why.SOURCE_IS_THERE,
    Why.SOURCE_IS_NOT_THERE,
    Why.QUOTA_SESSIONS_PER_FILTER,
    Why.QUOTA_SESSIONS_PER_LOAD_BALANCER,
    Why.QUOTA_SOURCES_PER_SESSION,
    Why.DRY_RUN,
}


def test_an_account_is_its_key_and_region(api: Any, control: Control, scope: Scope) -> None:
    target(api)
    assert [it.instance for it in control.snapshot().targets(scope)] == ["eni-sensor"]
