"""Opening the service, and what the SDKs need of any answer."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_vpc20160428 import models
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest
from aliyunsdkvpc.request.v20160428.CreateTrafficMirrorFilterRequest import CreateTrafficMirrorFilterRequest
from aliyunsdkvpc.request.v20160428.CreateTrafficMirrorSessionRequest import (
    CreateTrafficMirrorSessionRequest,
)
from aliyunsdkvpc.request.v20160428.DeleteTrafficMirrorSessionRequest import (
    DeleteTrafficMirrorSessionRequest,
)
from aliyunsdkvpc.request.v20160428.ListTrafficMirrorFiltersRequest import ListTrafficMirrorFiltersRequest
from aliyunsdkvpc.request.v20160428.ListTrafficMirrorSessionsRequest import ListTrafficMirrorSessionsRequest
from aliyunsdkvpc.request.v20160428.OpenTrafficMirrorServiceRequest import OpenTrafficMirrorServiceRequest

from mirrorplane.api.aliyun.dialect import ACTIONS
from tests.api.aliyun.cloud import KEY, OTHER_REGION, REGION, SECRET, Cloud, refused, running


@pytest.fixture
def closed(tmp_path: Path) -> Any:
    with running(tmp_path) as cloud:
        yield cloud


def test_the_service_is_opened_in_each_region_once(closed: Cloud) -> None:
    assert closed("GetTrafficMirrorServiceStatus") == {"Enabled": False}
    assert closed("OpenTrafficMirrorService") == {"Code": "200", "Message": "successful"}
    assert closed("GetTrafficMirrorServiceStatus", ClientToken="t") == {"Enabled": True}
    assert closed("GetTrafficMirrorServiceStatus", RegionId=OTHER_REGION) == {"Enabled": False}
    with refused("ORDER.OPEND"):
        closed("OpenTrafficMirrorService")
    assert closed("GetTrafficMirrorServiceStatus") == {"Enabled": True}


def test_opening_twice_with_one_token(closed: Cloud) -> None:
    first = closed("OpenTrafficMirrorService", ClientToken="t")
    assert closed("OpenTrafficMirrorService", ClientToken="t") == first


def test_without_a_region_the_first_is_meant(tmp_path: Path) -> None:
    with running(tmp_path, "{regions: [cn-beijing, cn-hongkong]}") as cloud:
        cloud("OpenTrafficMirrorService", RegionId=None)
        assert cloud("GetTrafficMirrorServiceStatus", RegionId="") == {"Enabled": True}
        assert cloud("GetTrafficMirrorServiceStatus", RegionId="cn-beijing") == {"Enabled": True}
        assert cloud("GetTrafficMirrorServiceStatus") == {"Enabled": False}
        with refused("UnsupportedRegion"):
            cloud("GetTrafficMirrorServiceStatus", RegionId="cn-hangzhou")


def test_the_older_signature_of_the_sdk(cloud: Cloud) -> None:
    older = cloud.client_of(KEY, SECRET, signature_algorithm="v2")
    made = cloud("CreateTrafficMirrorFilter", older, TrafficMirrorFilterName="名 a+b&c=/~*")
    (only,) = cloud.filters()
    assert only["TrafficMirrorFilterId"] == made["TrafficMirrorFilterId"]
    assert only["TrafficMirrorFilterName"] == "名 a+b&c=/~*"
    with refused("SignatureDoesNotMatch"):
        cloud("ListTrafficMirrorFilters", cloud.client_of(KEY, "wrong", signature_algorithm="v2"))


def test_the_sdks_wrong_secret_and_key(cloud: Cloud) -> None:
    with refused("SignatureDoesNotMatch"):
        cloud("ListTrafficMirrorFilters", cloud.client_of(KEY, "wrong"))
    with refused("InvalidAccessKeyId.NotFound", "Specified access key is not found.", 404):
        cloud("ListTrafficMirrorFilters", cloud.client_of("AKNOBODY", SECRET))


def test_the_sdk_in_an_event_loop(cloud: Cloud) -> None:
    async def ask() -> Any:
        request = models.ListTrafficMirrorFiltersRequest(region_id=REGION)
        return await cloud.client.list_traffic_mirror_filters_async(request)

    assert asyncio.run(ask()).body.total_count == "0"


class Core:
    """The older SDK."""

    def __init__(self, address: str, secret: str = SECRET) -> None:
        self._client, self._address = AcsClient(KEY, secret, REGION), address

    def __call__(self, request: RpcRequest, **settings: Any) -> dict[str, Any]:
        for name, value in settings.items():
            getattr(request, f"set_{name}")(value)
        request.set_endpoint(self._address)
        answer: dict[str, Any] = json.loads(self._client.do_action_with_exception(request))
        return answer


def test_the_older_sdk(closed: Cloud) -> None:
    core = Core(closed.address)
    assert core(OpenTrafficMirrorServiceRequest())["Code"] == "200"
    rule = {"Action": "accept", "Protocol": "TCP", "Priority": 1, "DestinationPortRange": "80/80"}
    made = core(
        CreateTrafficMirrorFilterRequest(),
        TrafficMirrorFilterName="名 a+b&c=/~*",
        IngressRuless=[rule],
        Tags=[{"Key": "k", "Value": ""}],
    )
    closed.settled()
    listed = core(ListTrafficMirrorFiltersRequest(), TrafficMirrorFilterIdss=[made["TrafficMirrorFilterId"]])
    (only,) = listed["TrafficMirrorFilters"]
    assert (only["TrafficMirrorFilterName"], only["Tags"]) == ("名 a+b&c=/~*", [{"Key": "k", "Value": ""}])
    assert only["IngressRules"][0]["DestinationPortRange"] == "80/80"
    session = core(
        CreateTrafficMirrorSessionRequest(),
        TrafficMirrorSourceIdss=["eni-a", "eni-b"],
        TrafficMirrorTargetId="eni-sensor",
        TrafficMirrorTargetType="NetworkInterface",
        TrafficMirrorFilterId=made["TrafficMirrorFilterId"],
        Priority=1,
        Enabled=True,
    )["TrafficMirrorSessionId"]
    closed.settled()
    (shown,) = core(ListTrafficMirrorSessionsRequest())["TrafficMirrorSessions"]
    assert (shown["TrafficMirrorSessionId"], shown["Enabled"]) == (session, True)
    assert shown["TrafficMirrorSourceIds"] == ["eni-a", "eni-b"]
    core(DeleteTrafficMirrorSessionRequest(), TrafficMirrorSessionId=session)


def test_errors_of_the_older_sdk(cloud: Cloud) -> None:
    with pytest.raises(ServerException) as caught:
        Core(cloud.address)(DeleteTrafficMirrorSessionRequest(), TrafficMirrorSessionId="tms-nobody")
    assert caught.value.get_http_status() == 400
    assert caught.value.get_error_code() == "ResourceNotFound.TrafficMirrorSession"
    assert caught.value.get_error_msg() == "The specified resource of traffic mirror session is not found."
    assert len(caught.value.get_request_id()) == 36


def test_the_older_sdk_explains_a_wrong_secret(cloud: Cloud) -> None:
    """It tells a wrong secret by what follows the colon of the message: what it had signed itself."""
    with pytest.raises(ServerException) as caught:
        Core(cloud.address, "wrong")(ListTrafficMirrorFiltersRequest())
    assert caught.value.get_error_code() == "InvalidAccessKeySecret"


def test_every_parameter_of_the_sdk_is_declared() -> None:
    """All but those that no page documents, which are ignored."""
    legacy = {"OwnerAccount", "OwnerId", "ResourceOwnerAccount", "ResourceOwnerId"}
    for action in ACTIONS:
        request = getattr(models, f"{action.name}Request")()
        sent = _names(request) - legacy
        assert sent == {parameter.name for parameter in action.parameters}, action.name


def test_every_member_of_the_sdks_answers_is_declared() -> None:
    for action in ACTIONS:
        body = getattr(models, f"{action.name}ResponseBody")()
        assert _names(body) - {"RequestId"} == {field.name for field in action.response}, action.name


def _names(model: Any) -> set[str]:
    """Return the members of one of the SDK's models, as they are sent."""
    words = {name: name for name in vars(model) if not name.startswith("_")}
    return {"".join(part.capitalize() for part in word.split("_")) for word in words}
