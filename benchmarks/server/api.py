"""The server: durable creates a second, listing, and how soon a session mirrors.

Owns what is measured. Must not know how requests are made. A create is answered when it is on the disk of the
temporary folder (TMPDIR); for comparison, how many commits a second SQLite makes there, one after the other,
is measured too: requests at the same time share commits.
"""

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket
from threading import Event, Thread

from benchmarks.figures import Column, LeftOut, Measurement, Row, row
from benchmarks.live.network import DEVICE, GUEST, HOST, SENSOR, SOURCE, Network, missing, network
from benchmarks.measure import Options, seconds
from benchmarks.server.calls import Call, Client, call, client, serving, together, write
from mirrorplane.lab.decoding import unwrap
from mirrorplane.lab.namespaces import LabError
from mirrorplane.lab.recorder import Recorder

N_CREATED, N_QUICK = 10_000, 1000
N_CLIENTS = 16
PAGE = 100

PER_SOURCE, PER_TARGET, PER_FILTER = 3, 20, 2000
"""How many sessions share a source, a target and a filter: as many as Alibaba Cloud's quotas let."""

N_COMMITS = 200

N_OTHERS, N_FIRSTS, N_QUICK_FIRSTS = 100, 15, 3
"""Sessions that there are when another is made, and how often that is done."""

EVERY = 0.0005
"""Seconds between two packets of the source whose mirroring is waited for."""

LONGEST = 10.0
"""Seconds that anything may take."""

CREATED = "Created"

LIVE = {
    "eni-source": {"device": SOURCE, "addresses": [GUEST]},
    "eni-target": {"addresses": [SENSOR]},
}
ACCEPT = {
    "EgressRules.1.Action": "accept",
    "EgressRules.1.Protocol": "ALL",
    "EgressRules.1.Priority": 1,
    "EgressRules.1.SourceCidrBlock": "0.0.0.0/0",
    "EgressRules.1.DestinationCidrBlock": "0.0.0.0/0",
}


NAME, FIRST = "api", "api-first-packet"
FIGURE, WAIT = "figure", "wait"
COMMITS = "SQLite commits in that folder, one after the other [a second]"
CREATES = f"durable creates over HTTP, {N_CLIENTS} clients [a second]"
LISTED = f"all of them listed by pages of {PAGE} [s]"


def measure(options: Options) -> list[Measurement]:
    """Measure all of it; the last figure where there can be namespaces."""
    throughput = _throughput(N_QUICK if options.quick else N_CREATED)
    why = missing()
    if why is not None:
        return [throughput, _first_packets([], LeftOut(what=FIRST, why=why))]
    n_times = N_QUICK_FIRSTS if options.quick else N_FIRSTS
    return [throughput, _first_packets([_waited(engine, n_times) for engine in ("kernel", "userspace")])]


def _throughput(n_sessions: int) -> Measurement:
    with tempfile.TemporaryDirectory() as folder:
        commits = _commits(Path(folder))
        path = write(Path(folder, "api.yaml"), _interfaces(n_sessions))
        with serving(path, "none") as address, client(address) as ask:
            filters = [_filter(ask) for _ in range(1 + n_sessions // PER_FILTER)]
            requests = [_one_of_many(address, filters, number) for number in range(n_sessions)]
            creating = seconds(lambda: together(address, requests, N_CLIENTS))
            listing = seconds(lambda: _list(ask, n_sessions))
    figures = {COMMITS: commits, CREATES: n_sessions / creating, LISTED: listing}
    return Measurement(
        name=NAME,
        title=f"HTTP API, one process, {n_sessions:,} sessions",
        labels=("what",),
        columns=(Column(name=FIGURE),),
        rows=tuple(row((name,), {FIGURE: [value]}) for name, value in figures.items()),
    )


def _interfaces(n_sessions: int) -> dict[str, object]:
    kinds = {"source": n_sessions // PER_SOURCE, "target": n_sessions // PER_TARGET}
    return {
        f"eni-{kind}-{number}": {"addresses": [f"10.{at}.{number // 250}.{number % 250 + 1}"]}
        for at, (kind, count) in enumerate(kinds.items())
        for number in range(count + 1)
    }


def _one_of_many(address: str, filters: list[str], number: int) -> Call:
    source, target = f"eni-source-{number // PER_SOURCE}", f"eni-target-{number // PER_TARGET}"
    return _session(address, filters[number // PER_FILTER], number + 1, source, target)


def _commits(folder: Path) -> float:
    """Return how many transactions of a row each SQLite makes durable in a second."""
    with closing(sqlite3.connect(folder / "commits.db", isolation_level=None)) as store:
        store.execute("PRAGMA journal_mode=WAL")
        store.execute("PRAGMA synchronous=FULL")
        store.execute("CREATE TABLE made (number INTEGER)")

        def commit() -> None:
            for number in range(N_COMMITS):
                store.execute("INSERT INTO made VALUES (?)", (number,))

        return N_COMMITS / seconds(commit)


def _filter(ask: Client, **rules: object) -> str:
    if not ask("GetTrafficMirrorServiceStatus")["Enabled"]:
        ask("OpenTrafficMirrorService")
    made = str(ask("CreateTrafficMirrorFilter", **rules)["TrafficMirrorFilterId"])
    named = {"TrafficMirrorFilterIds.1": made}
    _until(
        lambda: (
            ask("ListTrafficMirrorFilters", **named)["TrafficMirrorFilters"][0]["TrafficMirrorFilterStatus"]
            == CREATED
        )
    )
    return made


def _session(
    address: str,
    chosen: str,
    number: int,
    source: str = "eni-source",
    target: str = "eni-target",
    enabled: bool = False,
) -> Call:
    return call(
        address,
        "CreateTrafficMirrorSession",
        **{"TrafficMirrorSourceIds.1": source},
        TrafficMirrorFilterId=chosen,
        TrafficMirrorTargetId=target,
        TrafficMirrorTargetType="NetworkInterface",
        Priority=number,
        VirtualNetworkId=number,
        Enabled=enabled,
        PacketLength=100,
        ClientToken=f"token-{number}",
    )


def _list(ask: Client, n_sessions: int) -> None:
    """Raises LabError if there are not so many."""
    token, found = "", set[str]()
    while True:
        page = ask("ListTrafficMirrorSessions", MaxResults=PAGE, NextToken=token)
        found |= {session["TrafficMirrorSessionId"] for session in page["TrafficMirrorSessions"]}
        token = page.get("NextToken") or ""
        if not token:
            break
    if len(found) != n_sessions:
        raise LabError(f"{len(found)} sessions were listed of {n_sessions}")


def _until(holds: Callable[[], bool]) -> None:
    limit = time.monotonic() + LONGEST
    while not holds():
        if time.monotonic() > limit:
            raise LabError("what was waited for did not happen")
        time.sleep(0.005)


def _waited(engine: str, n_times: int) -> Row:
    with network() as net, tempfile.TemporaryDirectory() as folder, _flow(net):
        path = write(Path(folder, "live.yaml"), LIVE)
        with serving(path, engine, net.host.spawn) as address:
            return row((engine,), {WAIT: net.host.call(_waits, net, address, n_times)})


def _first_packets(rows: list[Row], *left_out: LeftOut) -> Measurement:
    return Measurement(
        name=FIRST,
        title="HTTP API: from CreateTrafficMirrorSession's answer to the first mirrored packet",
        about=(f"With {N_OTHERS} other sessions; the median of {N_FIRSTS}.",),
        labels=("engine",),
        columns=(Column(name=WAIT, unit="ms"),),
        rows=tuple(rows),
        left_out=left_out,
    )


@contextmanager
def _flow(net: Network) -> Iterator[None]:
    """Have the guest send while the block runs."""
    stop = Event()

    def send() -> None:
        with socket(AF_INET, SOCK_DGRAM) as sender:
            while not stop.wait(EVERY):
                sender.sendto(bytes(100), (HOST, 9))

    sending = Thread(target=lambda: net.guest.call(send))
    sending.start()
    try:
        yield
    finally:
        stop.set()
        sending.join()


def _waits(net: Network, address: str, n_times: int) -> list[float]:
    """Return the milliseconds of each time; sessions after the first N_OTHERS see what those leave."""
    with client(address) as ask, Recorder(net.sensor, DEVICE, outgoing=False) as sensor:
        nothing, everything = _filter(ask), _filter(ask, **ACCEPT)
        for number in range(N_OTHERS):
            ask.make(_session(address, nothing, number + 1, enabled=True))
        _until(lambda: _states(ask) == {CREATED})
        return [_wait(ask, sensor, address, everything, N_OTHERS + 1 + number) for number in range(n_times)]


def _wait(ask: Client, sensor: Recorder, address: str, chosen: str, number: int) -> float:
    made = ask.make(_session(address, chosen, number, enabled=True))["TrafficMirrorSessionId"]
    answered = time.time_ns()
    _until(lambda: _first(sensor, number) is not None)
    _until(lambda: _states(ask, made) == {CREATED})
    ask("DeleteTrafficMirrorSession", TrafficMirrorSessionId=made)
    _until(lambda: not _states(ask, made))
    return ((_first(sensor, number) or 0) - answered) / 1e6


def _states(ask: Client, *names: str) -> set[str]:
    """Return the states of the sessions *names* that there are."""
    wanted = {f"TrafficMirrorSessionIds.{at}": name for at, name in enumerate(names, 1)}
    page = ask("ListTrafficMirrorSessions", MaxResults=PAGE, **wanted)
    return {session["TrafficMirrorSessionStatus"] for session in page["TrafficMirrorSessions"]}


def _first(sensor: Recorder, vni: int) -> int | None:
    """Return when the first copy with *vni* arrived, in nanoseconds since the epoch."""
    return next((seen.time for seen in list(sensor.frames) if _vni(seen.frame) == vni), None)


def _vni(frame: bytes) -> int | None:
    copy = unwrap(frame)
    return copy.vni if copy else None
