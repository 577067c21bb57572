"""The table of errors of CreateTrafficMirrorSession: each of its 29 rows, met on a lab's inventory."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.api.aliyun.cloud import Cloud, refused, running, wanted

Prepare = Callable[[Cloud, str], object]


def _nothing(cloud: Cloud, name: str) -> None:
    """No other session is needed."""


def _going(cloud: Cloud, name: str) -> None:
    """The filter is Deleting, and stays so."""
    cloud.clock.hold()
    cloud("DeleteTrafficMirrorFilter", TrafficMirrorFilterId=name)


def _first(**others: Any) -> Prepare:
    """There is a session already."""
    return lambda cloud, name: cloud.session(**wanted(name, **{"Priority": 9, **others}))


@dataclass(frozen=True)
class Row:
    """A row: its number, code and message; what the session is asked for beside the usual.

    `account` is the configuration's, `prepare` makes what has to be there before.
    """

    number: int
    code: str
    message: str
    asked: Mapping[str, Any] = field(default_factory=dict)
    account: str = "{}"
    prepare: Prepare = _nothing


def _slb(name: str) -> dict[str, str]:
    return {"TrafficMirrorTargetId": name, "TrafficMirrorTargetType": "SLB"}


def _eni(name: str) -> dict[str, str]:
    return {"TrafficMirrorTargetId": name, "TrafficMirrorTargetType": "NetworkInterface"}


def _from(*names: str) -> dict[str, list[str]]:
    return {"TrafficMirrorSourceIds": list(names)}


def _quota(**limits: int) -> str:
    return f"{{quotas: {{{', '.join(f'{name}: {limit}' for name, limit in limits.items())}}}}}"


ROLE = (
    "The network interface must not be the source and the target of traffic mirror sessions at the same time."
)
UNKNOWN = "The specified resource of eni-nobody is not found."

ROWS = [
    Row(
        1,
        "IncorrectBusinessStatus.TrafficMirror",
        "The business status of traffic mirror is incorrect.",
        account="{business_status: FinancialLocked}",
    ),
    Row(2, "OptInRequired.TrafficMirror", "You need to subscribe to the traffic mirror service first."),
    Row(
        3,
        "DuplicatedParam.SourceInstanceIds",
        "The parameter of source instance IDs contains duplicate values.",
        _from("eni-a", "eni-b", "eni-a"),
    ),
    Row(4, "OperationDenied.DuplicateRole", ROLE, _from("eni-sensor")),
    Row(4, "OperationDenied.DuplicateRole", ROLE, _from("eni-sensor2") | _slb("lb-sensors")),
    Row(4, "OperationDenied.DuplicateRole", ROLE, _from("eni-b") | _eni("eni-a"), prepare=_first()),
    Row(
        4,
        "OperationDenied.DuplicateRole",
        ROLE,
        _from("eni-sensor") | _eni("eni-sensor2"),
        prepare=_first(),
    ),
    Row(5, "ResourceNotFound.NetworkInterface", UNKNOWN, _from("eni-a", "eni-nobody")),
    Row(5, "ResourceNotFound.NetworkInterface", UNKNOWN, _eni("eni-nobody")),
    Row(
        6,
        "ResourceNotFound.EcsInstance",
        "The specified resource of ECS instance is not found.",
        _from("eni-orphan"),
    ),
    Row(
        6,
        "ResourceNotFound.EcsInstance",
        "The specified resource of ECS instance is not found.",
        _eni("eni-orphan"),
    ),
    Row(7, "ResourceNotFound.Slb", "The specified resource of SLB is not found.", _slb("lb-nobody")),
    Row(8, "OperationDenied.SlbNotInVpc", "The specified SLB is not in any VPC.", _slb("lb-public")),
    Row(
        9,
        "ResourceNotFound.TrafficMirrorFilter",
        "The specified resource of traffic mirror filter is not found.",
        {"TrafficMirrorFilterId": "tmf-nobody"},
    ),
    Row(
        10,
        "IncorrectStatus.TrafficMirrorFilter",
        "The status of traffic mirror filter is incorrect.",
        prepare=_going,
    ),
    Row(
        11,
        "OperationDenied.EcsNotSupportTrafficMirror",
        "The ECS instance does not support traffic mirroring.",
        _from("eni-old"),
    ),
    Row(
        12,
        "QuotaExceeded.SessionNum",
        "The quota of the number of traffic mirror sessions is exceeded.",
        account=_quota(sessions=1),
        prepare=_first(),
    ),
    Row(
        13,
        "QuotaExceeded.FilterRelatedSession",
        "The quota of the number of traffic mirror sessions related to one filter is exceeded.",
        account=_quota(sessions_per_filter=1),
        prepare=_first(),
    ),
    Row(
        14,
        "QuotaExceeded.SourceNumPerSession",
        "The quota of the number of traffic mirror sources per session is exceeded.",
        _from("eni-a", "eni-b", "eni-c"),
        account=_quota(sources_per_session=2),
    ),
    Row(
        15,
        "QuotaExceeded.NetworkInterfaceRelatedSession",
        "The quota of the number of traffic mirror sessions related to one network interface is exceeded.",
        account=_quota(sessions_per_interface=1),
        prepare=_first(),
    ),
    Row(
        16,
        "QuotaExceeded.SlbRelatedSession",
        "The quota of the number of traffic mirror sessions related to one SLB is exceeded.",
        _slb("lb-sensors"),
        account=_quota(sessions_per_load_balancer=1),
        prepare=_first(**_slb("lb-sensors")),
    ),
    Row(
        17,
        "UnsupportedRegion",
        "The feature is not supported in current region.",
        {"RegionId": "cn-nowhere"},
    ),
    Row(
        18,
        "InvalidLoadBalancerId.NotFound",
        "The specified resource of load balancer is not found.",
        _slb("nlb-nobody"),
    ),
    Row(
        19,
        "OperationDenied.FreeNetworkInterface",
        "The network interface is not attached to any ECS instance.",
        _from("eni-free"),
    ),
    Row(
        20,
        "OperationDenied.ClassicSLB",
        "The operation is not allowed because of ClassicSLB.",
        _slb("lb-classic"),
    ),
    Row(
        21,
        "ResourceNotFound.TargetInstance",
        "The specified target instance for traffic mirroring is not found.",
        _eni("i-nobody"),
    ),
    Row(
        22,
        "QuotaExceeded.SourceNumPerTarget",
        "The maximum number of traffic mirror sources for a target is exceeded.",
        _from("eni-a", "eni-b"),
        account=_quota(sources_per_target=1),
    ),
    Row(
        23,
        "IncorrectStatus.NetworkInterface",
        "The status of network interface is incorrect.",
        _from("eni-down"),
    ),
    Row(
        24,
        "OperationFailed.NotSupportBizType",
        "The specified instance type does not support the operation.",
        _from("eni-managed"),
    ),
    Row(
        25,
        "IllegalParam.Priority",
        "The specified Priority is illegal or the same as other mirroring sessions.",
        {"Priority": 32767},
    ),
    Row(
        25,
        "IllegalParam.Priority",
        "The specified Priority is illegal or the same as other mirroring sessions.",
        {"Priority": 9},
        prepare=_first(),
    ),
    Row(
        26,
        "OperationDenied.UnsupportedTargetType",
        "Traffic mirror target must be SLB if traffic mirror sources contain nat gateway network interface.",
        _from("eni-a", "eni-nat"),
    ),
    Row(
        27,
        "OperationDenied.TargetTypeNotSupportGatewayLoadBalancerEndpoint",
        "Operation denied because of target type can not be GatewayLoadBalancerEndpoint.",
        _slb("lb-endpoint"),
    ),
    Row(
        27,
        "OperationDenied.TargetTypeNotSupportGatewayLoadBalancerEndpoint",
        "Operation denied because of target type can not be GatewayLoadBalancerEndpoint.",
        {"TrafficMirrorTargetId": "ep-1", "TrafficMirrorTargetType": "GatewayLoadBalancerEndpoint"},
    ),
    Row(
        28,
        "OperationDenied.TargetTypeNotSupportBondEni",
        "Operation denied because of target type can not be Bond Network Interface.",
        _eni("eni-bond"),
    ),
    Row(
        29,
        "OperationDenied.UnsupportedTargetType",
        "The operation is not allowed because the target type is not supported.",
        {"TrafficMirrorTargetId": "eni-sensor", "TrafficMirrorTargetType": "Instance"},
    ),
    Row(
        29,
        "OperationDenied.UnsupportedTargetType",
        "The operation is not allowed because the target type is not supported.",
        _eni("eni-nat"),
    ),
]


def test_all_rows_are_here() -> None:
    assert {row.number for row in ROWS} == set(range(1, 30))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}-{row.code}")
def test_a_row(row: Row, tmp_path: Path) -> None:
    with running(tmp_path, row.account) as cloud:
        if row.code != "OptInRequired.TrafficMirror":
            cloud.open()
        name = cloud.filter()
        row.prepare(cloud, name)
        before = len(cloud.sessions())
        with refused(row.code, row.message):
            cloud("CreateTrafficMirrorSession", **wanted(name, **row.asked))
        assert len(cloud.sessions()) == before
