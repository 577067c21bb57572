"""A server that speaks the dialect over a real socket, and clients of it: the cloud's own SDKs."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alibabacloud_tea_openapi.exceptions import AlibabaCloudException
from alibabacloud_tea_openapi.models import Config
from alibabacloud_vpc20160428 import models
from alibabacloud_vpc20160428.client import Client

from mirrorplane.api.aliyun import Aliyun
from mirrorplane.api.endpoint import Endpoint
from mirrorplane.api.keys import configured
from mirrorplane.api.server import Server, listen
from mirrorplane.control import Control
from mirrorplane.model import Configuration, read

KEY, SECRET = "AKEXAMPLE", "SKEXAMPLE"
OTHER_KEY, OTHER_SECRET = "AKOTHER", "SKOTHER"
REGION, OTHER_REGION = "cn-hongkong", "cn-hangzhou"

INVENTORY = """
interfaces:
  eni-a: {addresses: [10.0.0.1]}
  eni-b: {addresses: [10.0.0.2]}
  eni-c: {addresses: [10.0.0.3]}
  eni-sensor: {addresses: [10.9.0.1]}
  eni-sensor2: {addresses: [10.9.0.2]}
  eni-free: {addresses: [10.0.1.1], attached: false}
  eni-down: {addresses: [10.0.1.2], status: unavailable}
  eni-nat: {addresses: [10.0.1.3], type: nat_gateway}
  eni-bond: {addresses: [10.0.1.4], type: bond}
  eni-orphan: {addresses: [10.0.1.5], instance: missing}
  eni-old: {addresses: [10.0.1.6], instance_supports_mirroring: false}
  eni-managed: {addresses: [10.0.1.7], business_type: unsupported}
load_balancers:
  lb-sensors: {backends: [eni-sensor2], address: 10.9.0.100}
  lb-classic: {backends: [eni-sensor2], network: classic}
  lb-public: {backends: [eni-sensor2], network: classic, address: 203.0.113.1}
  lb-endpoint: {backends: [eni-sensor2], type: gwlbe}
  lb-down: {backends: [eni-sensor2], status: unavailable}
"""
KEYS = f"[{{id: {KEY}, secret: {SECRET}}}, {{id: {OTHER_KEY}, secret: {OTHER_SECRET}}}]"

SECONDS = 20.0
"""How long something may take that should take a twentieth of one."""


def configuration(account: str = "{}") -> Configuration:
    """Return the inventory, with *account* for the section `aliyun`."""
    return read(f"{INVENTORY}\napi: {{access_keys: {KEYS}, aliyun: {account}}}\n", "cloud.yaml")


class Clock:
    """The control plane's time: the real one, until it is held."""

    def __init__(self) -> None:
        self._held: float | None = None

    def __call__(self) -> float:
        return time.time() if self._held is None else self._held

    def hold(self) -> None:
        """Have things stay as they are: whatever begins now goes on until `go`."""
        self._held = time.time()

    def go(self) -> None:
        """Go on with the real time."""
        self._held = None


class Cloud:
    """The server, and calls through the SDK: `cloud("ListTrafficMirrorFilters", MaxResults=1)`."""

    def __init__(self, control: Control, address: str, clock: Clock) -> None:
        self.control, self.address, self.clock = control, address, clock
        self.client = self.client_of(KEY, SECRET)

    def client_of(self, key: str, secret: str, **settings: Any) -> Client:
        """Return an SDK's client."""
        return Client(
            Config(
                access_key_id=key,
                access_key_secret=secret,
                endpoint=self.address,
                protocol="http",
                region_id=REGION,
                **settings,
            )
        )

    def __call__(self, action: str, client: Client | None = None, **parameters: Any) -> dict[str, Any]:
        """Return the answer's members; *parameters* by their names in the API."""
        method, request = _request(action)
        asked = request().from_map({"RegionId": REGION, **parameters})
        answer = getattr(client or self.client, method)(asked)
        assert answer.status_code == 200
        body: dict[str, Any] = answer.body.to_map()
        assert len(body.pop("RequestId")) == 36
        return body

    def settled(self) -> None:
        """Wait until nothing is under way."""
        until(lambda: not self.control.snapshot().pending)

    def open(self) -> None:
        """Open the service."""
        self("OpenTrafficMirrorService")

    def filter(self, **parameters: Any) -> str:
        """Return the id of a new filter, Created."""
        name: str = self("CreateTrafficMirrorFilter", **parameters)["TrafficMirrorFilterId"]
        self.settled()
        return name

    def session(self, **parameters: Any) -> str:
        """Return the id of a new session, Created."""
        name: str = self("CreateTrafficMirrorSession", **parameters)["TrafficMirrorSessionId"]
        self.settled()
        return name

    def sessions(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return the sessions of the first page."""
        listed: list[dict[str, Any]] = self("ListTrafficMirrorSessions", **parameters)[
            "TrafficMirrorSessions"
        ]
        return listed

    def filters(self, **parameters: Any) -> list[dict[str, Any]]:
        """Return the filters of the first page."""
        listed: list[dict[str, Any]] = self("ListTrafficMirrorFilters", **parameters)["TrafficMirrorFilters"]
        return listed

    def nothing_is_there(self) -> None:
        """Check that no account has anything."""
        snapshot = self.control.snapshot()
        assert not any(snapshot.places.values())


def _request(action: str) -> tuple[str, Callable[[], Any]]:
    method = {"UnTagResources": "un_tag_resources"}.get(
        action, "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in action)[1:]
    )
    return method, getattr(models, f"{action}Request")


@contextmanager
def running(folder: Path, account: str = "{}") -> Iterator[Cloud]:
    """Run a server that keeps its state in *folder*, with *account* for the section `aliyun`."""
    described, clock = configuration(account), Clock()
    with Control(described, folder / "state.db", None, clock) as control:
        dialect = Aliyun(control, configured(described.api), described.api.aliyun)
        with Server(Endpoint([dialect]), listen("127.0.0.1", 0)) as server:
            yield Cloud(control, server.address, clock)


def until(holds: Callable[[], object]) -> None:
    """Wait until *holds*."""
    limit = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < limit, "it never happened"
        time.sleep(0.002)


@contextmanager
def refused(code: str, message: str | None = None, status: int = 400) -> Iterator[None]:
    """Expect an error of the API."""
    with pytest.raises(AlibabaCloudException) as caught:
        yield
    data = caught.value.data
    assert (caught.value.status_code, caught.value.code) == (status, code)
    assert len(data["RequestId"]) == 36
    assert data["RequestId"] == data["RequestId"].upper()
    if message is not None:
        assert data["Message"] == message


def wanted(filter_id: str, **others: Any) -> Mapping[str, Any]:
    """Return the parameters of a session that can be made, but for *others*."""
    return {
        "TrafficMirrorSourceIds": ["eni-a"],
        "TrafficMirrorTargetId": "eni-sensor",
        "TrafficMirrorTargetType": "NetworkInterface",
        "TrafficMirrorFilterId": filter_id,
        "Priority": 1,
        **others,
    }
