"""ClientToken and DryRun, on each action that has them."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from mirrorplane.api.aliyun.calls import Changes
from mirrorplane.api.aliyun.dialect import ACTIONS
from tests.api.aliyun.cloud import Cloud, refused, running, wanted
from tests.api.aliyun.test_filters import rule

PASSED = "Request validation has been passed with DryRun flag set."
MISMATCH = "The request uses the same client token as a previous, but non-identical request."


def world(cloud: Cloud) -> dict[str, dict[str, Any]]:
    """Return parameters for each action that takes a token, which it can be done with."""
    used, spare = cloud.filter(IngressRules=[rule()]), cloud.filter()
    session = cloud.session(**wanted(used))
    ((own,),) = (each["IngressRules"] for each in cloud.filters() if each["TrafficMirrorFilterId"] == used)
    rule_id = own["TrafficMirrorFilterRuleId"]
    mine = {"TrafficMirrorSessionId": session}
    return {
        "CreateTrafficMirrorFilter": {"TrafficMirrorFilterName": "x"},
        "CreateTrafficMirrorFilterRules": {"TrafficMirrorFilterId": used, "EgressRules": [rule()]},
        "DeleteTrafficMirrorFilterRules": {
            "TrafficMirrorFilterId": used,
            "TrafficMirrorFilterRuleIds": [rule_id],
        },
        "UpdateTrafficMirrorFilterRuleAttribute": {
            "TrafficMirrorFilterRuleId": rule_id,
            "RuleAction": "drop",
        },
        "UpdateTrafficMirrorFilterAttribute": {
            "TrafficMirrorFilterId": used,
            "TrafficMirrorFilterName": "y",
        },
        "DeleteTrafficMirrorFilter": {"TrafficMirrorFilterId": spare},
        "CreateTrafficMirrorSession": dict(wanted(used, Priority=2)),
        "UpdateTrafficMirrorSessionAttribute": {**mine, "Enabled": True},
        "AddSourcesToTrafficMirrorSession": {**mine, "TrafficMirrorSourceIds": ["eni-b"]},
        "RemoveSourcesFromTrafficMirrorSession": {**mine, "TrafficMirrorSourceIds": ["eni-a"]},
        "DeleteTrafficMirrorSession": mine,
    }


def everything(cloud: Cloud) -> Any:
    return cloud.filters(), cloud.sessions()


def test_a_dry_run_changes_nothing(cloud: Cloud) -> None:
    asked = world(cloud)
    before = everything(cloud)
    for action, parameters in asked.items():
        with refused("DryRunOperation", PASSED):
            cloud(action, **parameters, DryRun=True)
        with refused("DryRunOperation", PASSED):
            cloud(action, **parameters, DryRun=True, ClientToken="dry")
    assert everything(cloud) == before
    assert set(asked) == {
        action.name
        for action in ACTIONS
        if isinstance(action.handler, Changes) and any(each.name == "DryRun" for each in action.parameters)
    }


def test_a_dry_run_checks_everything(cloud: Cloud) -> None:
    name = cloud.filter()
    for asked, code in (
        ({"Priority": 0}, "IllegalParam.Priority"),
        ({"TrafficMirrorFilterId": "tmf-nobody"}, "ResourceNotFound.TrafficMirrorFilter"),
        ({"TrafficMirrorSourceIds": ["eni-sensor"]}, "OperationDenied.DuplicateRole"),
    ):
        with refused(code):
            cloud("CreateTrafficMirrorSession", **wanted(name, **asked), DryRun=True)


def test_the_same_token_does_the_same_thing_once(cloud: Cloud) -> None:
    for action, parameters in world(cloud).items():
        if action.startswith("Delete"):
            continue
        first = cloud(action, **parameters, ClientToken=action)
        cloud.settled()
        before = everything(cloud)
        assert cloud(action, **parameters, ClientToken=action) == first
        assert everything(cloud) == before


def test_what_is_deleted_is_deleted_once(cloud: Cloud) -> None:
    session = {"TrafficMirrorSessionId": cloud.session(**wanted(cloud.filter()))}
    for _ in range(2):
        cloud("DeleteTrafficMirrorSession", **session, ClientToken="t")
        cloud.settled()
    with refused("ResourceNotFound.TrafficMirrorSession"):
        cloud("DeleteTrafficMirrorSession", **session)


def test_the_same_token_for_something_else_is_refused(cloud: Cloud) -> None:
    cloud("CreateTrafficMirrorFilter", TrafficMirrorFilterName="a", ClientToken="t")
    for asked in (
        {"TrafficMirrorFilterName": "b"},
        {},
        {"TrafficMirrorFilterName": "a", "Tag": [{"Key": "k"}]},
    ):
        with refused("IdempotentParameterMismatch", MISMATCH):
            cloud("CreateTrafficMirrorFilter", **asked, ClientToken="t")
    assert len(cloud.filters()) == 1


def test_a_token_is_an_actions_in_a_region(cloud: Cloud) -> None:
    first = cloud("CreateTrafficMirrorFilter", ClientToken="t")
    assert cloud("CreateTrafficMirrorFilter", ClientToken="T") != first
    assert cloud("CreateTrafficMirrorFilter", ClientToken="t", RegionId="cn-hangzhou") != first
    cloud.settled()
    cloud("UpdateTrafficMirrorFilterAttribute", **_filter(first), ClientToken="t")


def _filter(made: dict[str, Any]) -> dict[str, Any]:
    return {"TrafficMirrorFilterId": made["TrafficMirrorFilterId"]}


def test_what_was_refused_uses_up_no_token(cloud: Cloud) -> None:
    with refused("ResourceNotFound.TrafficMirrorFilter"):
        cloud("CreateTrafficMirrorSession", **wanted("tmf-nobody"), ClientToken="t")
    name = cloud.filter()
    made = cloud("CreateTrafficMirrorSession", **wanted(name), ClientToken="t")
    assert cloud("CreateTrafficMirrorSession", **wanted(name), ClientToken="t") == made


@pytest.mark.parametrize(("token", "is_one"), [("x" * 64, True), ("x" * 65, False), ("é", False)])
def test_what_a_token_may_be(cloud: Cloud, token: str, is_one: bool) -> None:
    if is_one:
        first = cloud("CreateTrafficMirrorFilter", ClientToken=token)
        assert cloud("CreateTrafficMirrorFilter", ClientToken=token) == first
        return
    with refused("IllegalParam.ClientToken"):
        cloud("CreateTrafficMirrorFilter", ClientToken=token)


def test_an_empty_token_is_none(cloud: Cloud) -> None:
    first = cloud("CreateTrafficMirrorFilter", ClientToken="")
    assert cloud("CreateTrafficMirrorFilter", ClientToken="") != first


def test_a_token_is_still_good_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as cloud:
        first = cloud("CreateTrafficMirrorFilter", TrafficMirrorFilterName="a", ClientToken="t")
    with running(tmp_path) as cloud:
        assert cloud("CreateTrafficMirrorFilter", TrafficMirrorFilterName="a", ClientToken="t") == first
        assert len(cloud.filters()) == 1


def test_many_at_once_with_one_token_make_one(cloud: Cloud) -> None:
    def ask(_: int) -> str:
        try:
            made = cloud("CreateTrafficMirrorFilter", ClientToken="t")
        except Exception as error:  # noqa: BLE001 -- of the SDK, which one it is is looked at below
            return str(getattr(error, "code", error))
        return str(made["TrafficMirrorFilterId"])

    with ThreadPoolExecutor(8) as pool:
        said = set(pool.map(ask, range(40)))
    (only,) = cloud.filters()
    assert {only["TrafficMirrorFilterId"]} <= said
    assert said <= {only["TrafficMirrorFilterId"], "OperationFailed.LastTokenProcessing"}
