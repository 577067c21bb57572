"""A server with this dialect alone, and the SDK pointed at it."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import volcenginesdkcore
import volcenginesdkvpc

from mirrorplane.api.endpoint import Endpoint
from mirrorplane.api.keys import Keys
from mirrorplane.api.server import Server, listen
from mirrorplane.api.volcengine import Volcengine
from mirrorplane.control import Control
from mirrorplane.control.resources import Scope
from mirrorplane.model import read
from tests.api.volcengine.asking import KEY, OTHER_KEY, SECRET, Asking

Send = Callable[[Asking], tuple[int, dict[str, Any]]]
_REGIONS = count(1)

DOCUMENT = """
interfaces:
  eni-web: {addresses: [10.0.0.1]}
  eni-web2: {addresses: [10.0.0.2]}
  eni-web3: {addresses: [10.0.0.3]}
  eni-web4: {addresses: [10.0.0.4]}
  eni-sensor: {addresses: [10.9.0.2]}
  eni-sensor2: {addresses: [10.9.0.3]}
  eni-free: {addresses: [10.9.0.4], attached: false}
  eni-down: {addresses: [10.9.0.5], status: unavailable}
  eni-bond: {addresses: [10.9.0.6], type: bond}
  eni-nat: {addresses: [10.9.0.7], type: nat_gateway}
  eni-lost: {addresses: [10.9.0.8], instance: missing}
  eni-old: {addresses: [10.9.0.9], instance_supports_mirroring: false}
  eni-odd: {addresses: [10.9.0.10], business_type: unsupported}
load_balancers:
  lb-sensors: {backends: [eni-sensor2], address: 10.9.0.100}
  lb-frozen: {backends: [eni-sensor2], status: unavailable}
  lb-classic: {backends: [eni-sensor2], network: classic}
  lb-gateway: {backends: [eni-sensor2], type: gwlbe}
api:
  volcengine:
    projects: [lab]
    quotas: {targets: 2, filters: 4, rules_per_filter: 3, sessions: 4, sessions_per_interface: 2,
      sources_per_target: 3}
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The SDK asks for the time in a way that newer Pythons warn of."""
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"))


@pytest.fixture(scope="session")
def control(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Control]:
    state = tmp_path_factory.mktemp("volcengine") / "state.db"
    with Control(read(DOCUMENT, "lab.yaml"), state, engine=None) as control:
        yield control


@pytest.fixture(scope="session")
def address(control: Control) -> Iterator[str]:
    dialect = Volcengine(control, Keys({KEY: SECRET, OTHER_KEY: SECRET}))
    with Server(Endpoint([dialect]), listen("127.0.0.1", 0)) as running:
        yield running.address


@pytest.fixture
def region() -> str:
    """Return a region of the test's own, where there is nothing."""
    return f"lab-{next(_REGIONS)}"


@pytest.fixture
def scope(region: str) -> Scope:
    return Scope("volcengine", KEY, region)


@pytest.fixture
def send(address: str, region: str) -> Send:
    """Return what sends a request, in the test's own region unless it names another."""

    def send(asking: Asking) -> tuple[int, dict[str, Any]]:
        asking.region = asking.region or region
        return asking.send(address)

    return send


Connect = Callable[..., Any]


@pytest.fixture
def connect(address: str, region: str) -> Connect:
    """Return what makes a client of the SDK, with the given settings of it."""

    def make(**settings: Any) -> Any:
        configuration = volcenginesdkcore.Configuration()
        right = {"ak": KEY, "sk": SECRET, "region": region, "host": address, "scheme": "http"}
        for name, value in {**right, "auto_retry": False, **settings}.items():
            setattr(configuration, name, value)
        return volcenginesdkvpc.VPCApi(volcenginesdkcore.ApiClient(configuration))

    return make


@pytest.fixture
def api(connect: Connect) -> Any:
    return connect()


@pytest.fixture
def lenient(connect: Connect) -> Any:
    """A client that checks nothing itself, so that the server has to."""
    return connect(client_side_validation=False)
