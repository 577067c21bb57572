"""The clouds' own SDKs, unmodified, each doing the same: what an end-to-end test asks of any of them."""

import json
import time
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

import volcenginesdkcore
import volcenginesdkvpc
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428 import models
from alibabacloud_vpc20160428.client import Client
from aliyunsdkcore.client import AcsClient

KEY, SECRET = "AKEXAMPLE", "SKEXAMPLE"
REGION = "cn-hongkong"
PATIENCE = 20.0
"""Seconds that something may take that should take a hundredth of that."""

EVERYTHING = {"SourceCidrBlock": "0.0.0.0/0", "DestinationCidrBlock": "0.0.0.0/0"}


class Cloud(Protocol):
    """A client of one of the SDKs, for a server at an address."""

    switches: bool
    """Whether sessions can be switched off, and their sources changed."""

    def filter(self, *directions: str) -> str:
        """Make a filter that accepts everything of *directions*, wait for it; return its id."""

    def session(self, source: str, chosen: str, instance: str, **more: Any) -> str:
        """Make a session, enabled; return its id. *more*: priority, vni, length, token."""

    def change(self, session: str, **changes: Any) -> None:
        """Change priority, length, filter or enabled."""

    def status(self, session: str) -> str | None:
        """Return what state a session is in, None if there is none."""

    def wait(self, session: str) -> None:
        """Wait until a session is ready."""

    def sources(self, session: str, change: str, source: str) -> None:
        """Change is `Add` or `Remove`."""

    def delete(self, session: str) -> None:
        """Delete a session, and wait until it is gone."""


def until(holds: Callable[[], object]) -> None:
    """Wait until *holds*."""
    limit = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.01)


def _alibaba_words(words: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "priority": "Priority",
        "vni": "VirtualNetworkId",
        "length": "PacketLength",
        "filter": "TrafficMirrorFilterId",
        "enabled": "Enabled",
        "token": "ClientToken",
    }
    return {names[name]: value for name, value in words.items()}


class Aliyun:
    """Alibaba Cloud, by its present SDK."""

    switches = True

    def __init__(self, address: str) -> None:
        self._client = Client(
            Config(
                access_key_id=KEY,
                access_key_secret=SECRET,
                endpoint=address,
                protocol="http",
                region_id=REGION,
            )
        )
        self.open()

    def open(self) -> None:
        """Have the service open."""
        if not self.ask("GetTrafficMirrorServiceStatus")["Enabled"]:
            self.ask("OpenTrafficMirrorService")

    def ask(self, action: str, **parameters: Any) -> dict[str, Any]:
        """Return the members of the answer."""
        method = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action)[1:]
        request = getattr(models, f"{action}Request")().from_map({"RegionId": REGION, **parameters})
        answer: dict[str, Any] = getattr(self._client, method)(request).body.to_map()
        return answer

    def filter(self, *directions: str) -> str:
        rule = {"Priority": 1, "Action": "accept", "Protocol": "ALL", "IpVersion": "IPv4", **EVERYTHING}
        rules = {f"{direction.title()}Rules": [rule] for direction in directions}
        made = str(self.ask("CreateTrafficMirrorFilter", **rules)["TrafficMirrorFilterId"])
        until(lambda: self.is_ready(made))
        return made

    def is_ready(self, name: str) -> bool:
        """Return whether the filter *name* is Created."""
        (found,) = self.ask("ListTrafficMirrorFilters", TrafficMirrorFilterIds=[name])["TrafficMirrorFilters"]
        return bool(found["TrafficMirrorFilterStatus"] == "Created")

    def session(self, source: str, chosen: str, instance: str, **more: Any) -> str:
        kind = "SLB" if instance.startswith("lb-") else "NetworkInterface"
        answer = self.ask(
            "CreateTrafficMirrorSession",
            TrafficMirrorSourceIds=[source],
            TrafficMirrorFilterId=chosen,
            TrafficMirrorTargetId=instance,
            TrafficMirrorTargetType=kind,
            Enabled=True,
            **_alibaba_words(more),
        )
        return str(answer["TrafficMirrorSessionId"])

    def change(self, session: str, **changes: Any) -> None:
        words = _alibaba_words(changes)
        self.ask("UpdateTrafficMirrorSessionAttribute", TrafficMirrorSessionId=session, **words)

    def status(self, session: str) -> str | None:
        found = self.ask("ListTrafficMirrorSessions", TrafficMirrorSessionIds=[session])
        return next(
            (str(each["TrafficMirrorSessionStatus"]) for each in found["TrafficMirrorSessions"]), None
        )

    def wait(self, session: str) -> None:
        until(lambda: self.status(session) == "Created")

    def sources(self, session: str, change: str, source: str) -> None:
        way = {"Add": "AddSourcesTo", "Remove": "RemoveSourcesFrom"}[change]
        named = {"TrafficMirrorSessionId": session, "TrafficMirrorSourceIds": [source]}
        self.ask(f"{way}TrafficMirrorSession", **named)

    def delete(self, session: str) -> None:
        self.ask("DeleteTrafficMirrorSession", TrafficMirrorSessionId=session)
        until(lambda: self.status(session) is None)


class AliyunCore(Aliyun):
    """Alibaba Cloud, by its older SDK, which signs by RPC v1."""

    def __init__(self, address: str) -> None:
        self._address, self._acs = address, AcsClient(KEY, SECRET, REGION)
        self.open()

    def ask(self, action: str, **parameters: Any) -> dict[str, Any]:
        module = import_module(f"aliyunsdkvpc.request.v20160428.{action}Request")
        request = getattr(module, f"{action}Request")()
        request.set_endpoint(self._address)
        for name, value in parameters.items():
            setter = getattr(request, f"set_{name}", None) or getattr(request, f"set_{name}s")
            setter(value)
        answer: dict[str, Any] = json.loads(self._acs.do_action_with_exception(request))
        return answer


class Volcengine:
    """Volcengine, by its SDK."""

    switches = False

    def __init__(self, address: str) -> None:
        configuration = volcenginesdkcore.Configuration()
        configuration.ak, configuration.sk, configuration.region = KEY, SECRET, "cn-beijing"
        configuration.scheme, configuration.host = "http", address
        self._api = volcenginesdkvpc.VPCApi(volcenginesdkcore.ApiClient(configuration))
        self._targets: dict[str, str] = {}

    def ask(self, action: str, **parameters: Any) -> Any:
        """Return the answer; *action* in the SDK's spelling."""
        name = "".join(word.title() for word in action.split("_")) + "Request"
        return getattr(self._api, action)(getattr(volcenginesdkvpc, name)(**parameters))

    def filter(self, *directions: str) -> str:
        made = str(self.ask("create_traffic_mirror_filter").traffic_mirror_filter_id)
        until(lambda: self._filter(made).status == "Available")
        for direction in directions:
            self.ask(
                "create_traffic_mirror_filter_rule",
                traffic_mirror_filter_id=made,
                traffic_direction=direction,
                policy="accept",
                protocol="all",
                priority=1,
                source_cidr_block="0.0.0.0/0",
                destination_cidr_block="0.0.0.0/0",
            )
        until(lambda: all(rule.status == "Available" for rule in self._rules(made)))
        return made

    def _filter(self, name: str) -> Any:
        found = self.ask("describe_traffic_mirror_filters", traffic_mirror_filter_ids=[name])
        return found.traffic_mirror_filters[0]

    def _rules(self, name: str) -> list[Any]:
        found = self._filter(name)
        return [*(found.ingress_filter_rules or ()), *(found.egress_filter_rules or ())]

    def _target(self, instance: str) -> str:
        if instance not in self._targets:
            kind = "ClbInstance" if instance.startswith("lb-") else "NetworkInterface"
            made = self.ask("create_traffic_mirror_target", instance_type=kind, instance_id=instance)
            name = str(made.traffic_mirror_target_id)
            until(lambda: self._target_status(name) == "Available")
            self._targets[instance] = name
        return self._targets[instance]

    def _target_status(self, name: str) -> str:
        found = self.ask("describe_traffic_mirror_targets", traffic_mirror_target_ids=[name])
        return str(found.traffic_mirror_targets[0].status)

    def session(self, source: str, chosen: str, instance: str, **more: Any) -> str:
        answer = self.ask(
            "create_traffic_mirror_session",
            network_interface_id=source,
            traffic_mirror_filter_id=chosen,
            traffic_mirror_target_id=self._target(instance),
            **_volcengine_words(more),
        )
        return str(answer.traffic_mirror_session_id)

    def change(self, session: str, **changes: Any) -> None:
        words = _volcengine_words(changes)
        self.ask("modify_traffic_mirror_session_attributes", traffic_mirror_session_id=session, **words)

    def status(self, session: str) -> str | None:
        found = self.ask("describe_traffic_mirror_sessions", traffic_mirror_session_ids=[session])
        return next((str(each.status) for each in found.traffic_mirror_sessions), None)

    def wait(self, session: str) -> None:
        until(lambda: self.status(session) == "Active")

    def sources(self, session: str, change: str, source: str) -> None:
        raise AssertionError("sources of this cloud's sessions do not change")

    def delete(self, session: str) -> None:
        self.ask("delete_traffic_mirror_session", traffic_mirror_session_id=session)
        until(lambda: self.status(session) is None)


def _volcengine_words(words: Mapping[str, Any]) -> dict[str, Any]:
    names = {
        "priority": "priority",
        "vni": "virtual_network_id",
        "length": "packet_length",
        "filter": "traffic_mirror_filter_id",
        "token": "client_token",
    }
    return {names[name]: value for name, value in words.items()}


CLOUDS: Mapping[str, Callable[[str], Cloud]] = {
    "alibaba": Aliyun,
    "alibaba-core": AliyunCore,
    "volcengine": Volcengine,
}
