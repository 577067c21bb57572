"""The whole of it: each cloud's SDK makes real packets flow, changes what flows, and stops it."""

import http.client
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from signal import SIGHUP
from threading import Event, Thread
from time import sleep
from typing import Any

import pytest
from darabonba.exceptions import UnretryableException

from mirrorplane.engines.kernel.requirements import missing
from mirrorplane.lab.network import Lab
from mirrorplane.lab.recorder import Seen
from tests.api.clouds import CLOUDS, PATIENCE, Aliyun, Cloud, until
from tests.api.serving import SENSORS, Mirrored, Place, Serving, document, mirrored, write
from tests.engines.live import wire
from tests.engines.live.checks import MTU

pytestmark = [
    pytest.mark.usefixtures("allowed"),
    pytest.mark.filterwarnings("ignore:datetime.datetime.utcnow:DeprecationWarning"),  # an SDK's
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),  # SDKs keep connections
]

QUIET = 0.3
"""Seconds without another copy, after which none is expected."""

N_SESSIONS, N_CLIENTS = 200, 16


@pytest.fixture(autouse=True)
def _direct(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=["userspace", "kernel"])
def engine(request: pytest.FixtureRequest) -> str:
    """Each engine that there can be here."""
    why = missing() if request.param == "kernel" else None
    if why is not None:
        pytest.skip(f"no kernel engine: {why}")
    return str(request.param)


@pytest.fixture
def place() -> Iterator[Place]:
    with Lab() as lab, ExitStack() as stack:
        yield Place(lab, stack)


class There:
    """A cloud's client, all of whose calls are made on the mirroring host, where the server listens."""

    def __init__(self, place: Place, make: Callable[[str], Cloud], address: str) -> None:
        self._place = place
        self._cloud = place.host.call(make, address)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._cloud, name)
        return lambda *words, **more: self._place.host.call(method, *words, **more)


def copies(place: Place, act: Callable[[], None], at_least: int = 0) -> Counter[Mirrored]:
    """Return what the sensor gets of what *act* sends: at least so many, and all that come soon after."""
    with place.sensing() as sensor:
        act()
        until(lambda: len(mirrored(sensor)) >= at_least)
        sleep(QUIET)
        return Counter(mirrored(sensor))


def outgoing(vni: int, length: int, to: str = "eni-sensor", source: str = "10.1.0.2") -> Mirrored:
    """Return the copy of a packet of a guest."""
    return Mirrored(SENSORS[to], vni, length, source, 5000)


@pytest.mark.parametrize(
    ("engine", "name"),
    [
        ("userspace", "alibaba-core"),
        ("userspace", "volcengine"),
        ("kernel", "alibaba"),
        ("kernel", "volcengine"),
    ],
    indirect=["engine"],
)
def test_a_session_is_made_changed_and_deleted(place: Place, tmp_path: Path, engine: str, name: str) -> None:
    before = place.traces()
    serving = Serving(place, write(tmp_path / "c.yaml", document()), "--engine", engine)
    cloud = There(place, CLOUDS[name], serving.address)
    out, inward = cloud.filter("egress"), cloud.filter("ingress")

    session = cloud.session("eni-guest", out, "eni-sensor", priority=10, vni=77, length=100)
    cloud.wait(session)
    assert copies(place, lambda: place.guest_sends(50), 50) == {outgoing(77, 100): 50}

    cloud.change(session, length=1500)
    cloud.wait(session)
    assert copies(place, lambda: place.guest_sends(20), 20) == {outgoing(77, 200): 20}

    cloud.change(session, filter=inward)
    cloud.wait(session)
    assert copies(place, lambda: place.guest_sends(20)) == {}
    found = copies(place, lambda: place.guest_receives(20), 20)
    assert found == {outgoing(77, 200, source="10.1.0.1"): 20}

    cloud.change(session, filter=out)
    other = cloud.session("eni-guest", out, "eni-sensor2", priority=20, vni=88, length=64)
    cloud.wait(session)
    cloud.wait(other)
    assert copies(place, lambda: place.guest_sends(20), 20) == {outgoing(77, 200): 20}
    cloud.change(session, priority=30)
    cloud.wait(session)
    assert copies(place, lambda: place.guest_sends(20), 20) == {outgoing(88, 64, "eni-sensor2"): 20}

    cloud.delete(other)
    assert copies(place, lambda: place.guest_sends(20), 20) == {outgoing(77, 200): 20}
    cloud.delete(session)
    assert copies(place, lambda: place.guest_sends(20)) == {}
    serving.stop()
    assert place.traces() == before


@pytest.mark.parametrize(
    ("engine", "name"), [("userspace", "alibaba"), ("kernel", "alibaba-core")], indirect=["engine"]
)
def test_sources_come_and_go_and_sessions_are_switched(
    place: Place, tmp_path: Path, engine: str, name: str
) -> None:
    serving = Serving(place, write(tmp_path / "c.yaml", document()), "--engine", engine)
    cloud = There(place, CLOUDS[name], serving.address)
    session = cloud.session("eni-guest", cloud.filter("egress"), "eni-sensor", priority=1, vni=7, length=80)
    cloud.wait(session)
    assert copies(place, lambda: place.other_sends(20)) == {}

    cloud.sources(session, "Add", "eni-other")
    cloud.wait(session)
    found = copies(place, lambda: place.other_sends(20), 20)
    assert found == {outgoing(7, 80, source="10.2.0.2"): 20}
    cloud.sources(session, "Remove", "eni-guest")
    cloud.wait(session)
    assert copies(place, lambda: place.guest_sends(20)) == {}

    cloud.change(session, enabled=False)
    cloud.wait(session)
    assert copies(place, lambda: place.other_sends(20)) == {}
    cloud.change(session, enabled=True)
    cloud.wait(session)
    assert copies(place, lambda: place.other_sends(20), 20) == found
    serving.stop()


PAGE = b"x" * 100_000
"""Super-packets, of which a sensor gets the segments."""


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *words: object) -> None:
        """Say nothing."""


def _get() -> bytes:
    connection = http.client.HTTPConnection("10.1.0.1", 8000, timeout=PATIENCE)
    connection.request("GET", "/", headers={"X-Mark": "mirrored"})
    return connection.getresponse().read()


def test_http_through_a_source_is_mirrored_whole(place: Place, tmp_path: Path, engine: str) -> None:
    serving = Serving(place, write(tmp_path / "c.yaml", document()), "--engine", engine)
    cloud = There(place, Aliyun, serving.address)
    both = cloud.filter("ingress", "egress")
    cloud.wait(cloud.session("eni-guest", both, "eni-sensor", priority=1, vni=80, length=1500))
    server = place.host.call(HTTPServer, ("10.1.0.1", 8000), _Page)
    with server, place.sensing() as sensor:
        Thread(target=server.handle_request, daemon=True).start()
        assert place.guest.call(_get) == PAGE
        until(lambda: _served(sensor.frames) >= len(PAGE))
        frames = [seen.frame for seen in sensor.frames]
    assert any(b"GET / HTTP/1.1" in frame and b"X-Mark: mirrored" in frame for frame in frames)
    assert all(wire.said_length(copy.frame) <= MTU for copy in wire.copies(frames))
    serving.stop()


def _served(frames: Sequence[Seen]) -> int:
    """Return how many bytes the server sent in the segments that the sensor got."""
    found = (wire.tcp(copy.frame) for copy in wire.copies(seen.frame for seen in frames))
    return sum(segment.size for segment in found if segment.source_port == 8000)


def _spread(place: Place, flows: int) -> dict[int, str]:
    """Return which sensor gets each flow, by its source port."""
    found = copies(place, lambda: place.guest_sends_flows(flows), flows)
    assert sum(found.values()) == flows
    return {copy.inner_port: copy.to for copy in found}


@pytest.mark.parametrize(
    ("engine", "name"), [("userspace", "alibaba"), ("kernel", "volcengine")], indirect=["engine"]
)
def test_a_load_balancer_spreads_flows_and_loses_only_those_of_a_backend_that_goes(
    place: Place, tmp_path: Path, engine: str, name: str
) -> None:
    said = document()
    path = write(tmp_path / "c.yaml", said)
    serving = Serving(place, path, "--engine", engine)
    cloud = There(place, CLOUDS[name], serving.address)
    session = cloud.session("eni-guest", cloud.filter("egress"), "lb-sensors", priority=1, vni=9, length=100)
    cloud.wait(session)
    before = _spread(place, 300)
    shares = Counter(before.values())
    assert set(shares) == set(SENSORS.values())
    assert min(shares.values()) > 50

    gone = said["load_balancers"]["lb-sensors"]["backends"].pop()
    write(path, said)
    serving.process.send_signal(SIGHUP)
    serving.await_line("reloaded")
    until(lambda: SENSORS[gone] not in _spread(place, 50).values())
    after = _spread(place, 300)
    moved = {port for port in before if before[port] != after[port]}
    assert moved == {port for port, to in before.items() if to == SENSORS[gone]}
    serving.stop()


class _Burst:
    """Sessions asked for by many clients at once, each with a token, by number."""

    def __init__(self, address: str, filters: list[str], enough: int) -> None:
        self._address, self._filters, self._enough = address, filters, enough
        self.ids: dict[int, str] = {}
        self.reached = Event()

    def __call__(self) -> None:
        numbers = iter(range(N_SESSIONS))
        with ThreadPoolExecutor(N_CLIENTS) as clients:
            clouds = [Aliyun(self._address) for _ in range(N_CLIENTS)]
            for done in [clients.submit(self._ask, cloud, numbers) for cloud in clouds]:
                done.result()

    def _ask(self, cloud: Aliyun, numbers: Iterator[int]) -> None:
        for number in numbers:
            with suppress(UnretryableException):  # the server is killed meanwhile
                words = {"priority": number + 1, "vni": number + 1, "length": 100, "token": f"token-{number}"}
                self.ids[number] = cloud.session("eni-guest", self._filters[number], "eni-sensor", **words)
            if len(self.ids) >= self._enough:
                self.reached.set()


def _all_sessions(cloud: There) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    token = ""
    while True:
        answer = cloud.ask("ListTrafficMirrorSessions", MaxResults=100, NextToken=token)
        found += answer["TrafficMirrorSessions"]
        token = answer.get("NextToken") or ""
        if not token:
            return found


def _filter_of(cloud: Aliyun, number: int) -> str:
    """Return the id of a filter that takes what is sent to a port of its own."""
    ports = f"{10000 + number}/{10000 + number}"
    rule = {
        "Priority": 1,
        "Action": "accept",
        "Protocol": "UDP",
        "SourceCidrBlock": "0.0.0.0/0",
        "DestinationCidrBlock": "0.0.0.0/0",
        "DestinationPortRange": ports,
    }
    return str(cloud.ask("CreateTrafficMirrorFilter", EgressRules=[rule])["TrafficMirrorFilterId"])


def _filters(address: str) -> list[str]:
    cloud = Aliyun(address)
    made = [_filter_of(cloud, number) for number in range(N_SESSIONS)]
    until(lambda: cloud.is_ready(made[-1]))
    return made


def test_what_was_acknowledged_outlives_a_kill_in_the_middle_of_many_creates(
    place: Place, tmp_path: Path, engine: str
) -> None:
    said = document()
    said["api"]["aliyun"]["quotas"] |= {"filters": 1000}
    path = write(tmp_path / "c.yaml", said)
    serving = Serving(place, path, "--engine", engine)
    filters = place.host.call(_filters, serving.address)

    burst = _Burst(serving.address, filters, enough=N_SESSIONS // 2)
    asking = Thread(target=lambda: place.host.call(burst))
    asking.start()
    assert burst.reached.wait(PATIENCE)
    serving.kill()
    asking.join()
    acknowledged = dict(burst.ids)
    assert N_SESSIONS // 2 <= len(acknowledged) < N_SESSIONS

    serving = Serving(place, path, "--engine", engine)
    cloud = There(place, Aliyun, serving.address)
    listed = {each["TrafficMirrorSessionId"]: each for each in _all_sessions(cloud)}
    for number, name in acknowledged.items():
        session = listed[name]
        assert session["TrafficMirrorFilterId"] == filters[number]
        assert (session["Priority"], session["VirtualNetworkId"]) == (number + 1, number + 1)
        assert (session["TrafficMirrorSourceIds"], session["Enabled"]) == (["eni-guest"], True)

    again = _Burst(serving.address, filters, N_SESSIONS)
    place.host.call(again)
    assert len(again.ids) == N_SESSIONS
    assert {number: again.ids[number] for number in acknowledged} == acknowledged
    listed_again = _all_sessions(cloud)
    assert sorted(each["TrafficMirrorSessionId"] for each in listed_again) == sorted(again.ids.values())

    until(lambda: {each["TrafficMirrorSessionStatus"] for each in _all_sessions(cloud)} == {"Created"})
    found = copies(place, lambda: place.guest_sends_to(range(10000, 10000 + N_SESSIONS)), N_SESSIONS)
    assert {copy.vni for copy in found} == set(range(1, N_SESSIONS + 1))
    serving.stop()


def test_the_command_line_lists_what_there_is_with_rates(place: Place, tmp_path: Path, engine: str) -> None:
    path = write(tmp_path / "c.yaml", document())
    serving = Serving(place, path, "--engine", engine)
    cloud = There(place, Aliyun, serving.address)
    session = cloud.session("eni-guest", cloud.filter("egress"), "eni-sensor", priority=1, vni=7, length=80)
    cloud.wait(session)
    stop = Event()

    def flood() -> None:
        while not stop.is_set():
            place.guest_sends(20)

    sending = Thread(target=flood)
    sending.start()
    rows = {what: _rows(place, what, path) for what in ("sessions", "enis")}
    stop.set()
    sending.join()
    (row,) = rows["sessions"]
    assert (row["id"], row["status"], row["sources"]) == (session, "ready", ["eni-guest"])
    assert row["mirrored_packets"] > 0
    assert row["packets_per_second"] > 0
    assert row["bits_per_second"] > 0
    interfaces = {each["id"]: each for each in rows["enis"]}
    assert interfaces["eni-guest"]["source_of"] == interfaces["eni-sensor"]["target_of"] == [session]
    assert interfaces["eni-guest"]["packets_per_second"] > 0
    serving.stop()


def _rows(place: Place, what: str, path: Path) -> list[dict[str, Any]]:
    done = place.host.run([sys.executable, "-m", "mirrorplane", what, str(path), "--json"])
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    return rows
