"""The network that the live tests run in: a guest, the host that mirrors it, and a sensor.

Guest eth0 (10.1.0.2) - gst (10.1.0.1) host, up (10.9.0.1, fd09::1) - eth0 (10.9.0.2, fd09::2) sensor.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from itertools import count
from socket import AF_INET, SOCK_DGRAM, socket
from struct import Struct
from time import monotonic, sleep
from typing import Any, Literal, NamedTuple, ParamSpec

import yaml
from pyroute2 import IPRoute

from mirrorplane.engines.kernel.engine import Kernel
from mirrorplane.engines.report import SourceReport
from mirrorplane.engines.userspace import Userspace
from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.lab.recorder import Recorder
from mirrorplane.model import Configuration, read
from tests.engines.running import check_conservation

EngineName = Literal["userspace", "kernel"]
Engine = Userspace | Kernel
P = ParamSpec("P")

NUMBER = Struct("!I")
PORT = 5000
IPV4, UDP = b"\x08\x00", 17
INGRESS, EGRESS = 11, 22
"""VNIs of the two sessions."""

AT_ONCE = 250
"""Datagrams, well below net.core.netdev_max_backlog."""

SOON = 2.5
"""Seconds: a change that is looked for once a second is acted on by then."""

MTU = 1600
"""Of the uplink: a whole packet and its envelope fit."""

EVERYTHING = {
    "priority": 1,
    "action": "accept",
    "protocol": "ALL",
    "source_cidr_block": "0.0.0.0/0",
    "destination_cidr_block": "0.0.0.0/0",
}


def session(priority: int, chosen: str, vni: int, target: str = "eni-sensor") -> dict[str, Any]:
    """Return a session of the guest as the file has it."""
    return {
        "priority": priority,
        "sources": ["eni-guest"],
        "filter": chosen,
        "target": target,
        "virtual_network_id": vni,
    }


def document() -> dict[str, Any]:
    """Return what most tests begin with: a session for what the guest receives, one for what it sends."""
    return {
        "interfaces": {
            "eni-guest": {"device": "gst", "addresses": ["10.1.0.2"]},
            "eni-sensor": {"addresses": ["10.9.0.2"]},
        },
        "filters": {"tmf-in": {"ingress": [EVERYTHING]}, "tmf-out": {"egress": [EVERYTHING]}},
        "sessions": {"tms-in": session(1, "tmf-in", INGRESS), "tms-out": session(2, "tmf-out", EGRESS)},
    }


def inside(guest: Host) -> dict[str, Any]:
    """Return what the interface says of the guest's own device, in the guest's network namespace."""
    return {"device": "eth0", "side": "eni", "netns": guest.namespace.reference}


def configuration(said: dict[str, Any]) -> Configuration:
    """Return what *said* means."""
    return read(yaml.safe_dump(said), "live.yaml")


class Network:
    """The three hosts, and the engine that mirrors there; `lines` is what engines said."""

    def __init__(self, lab: Lab, engine: EngineName = "userspace") -> None:
        self.lab, self.engine_name = lab, engine
        self._numbers = count()
        self.host, self.guest, self.sensor = lab.host("host"), lab.host("guest"), lab.host("sensor")
        self.plug()
        self.join_sensor()
        for vni in (INGRESS, EGRESS):
            self.sensor.vxlan(f"vx{vni}", vni)
        self.lines: list[str] = []

    def plug(self) -> None:
        """Join the guest to the host."""
        self.lab.link(
            End(self.host, "gst", "02:00:00:00:01:01", ("10.1.0.1/24",)),
            End(self.guest, "eth0", "02:00:00:00:01:02", ("10.1.0.2/24",)),
        )

    def join_sensor(self) -> None:
        """Join the host to the sensor."""
        self.lab.link(
            End(self.host, "up", None, ("10.9.0.1/24", "fd09::1/64")),
            End(self.sensor, "eth0", "02:00:00:00:09:02", ("10.9.0.2/24", "fd09::2/64")),
            mtu=MTU,
        )

    def unplug(self) -> None:
        """Remove the guest's wire."""
        self.host.netlink(lambda netlink: netlink.link("del", ifname="gst"))

    def start(self, said: dict[str, Any], engine: EngineName | None = None) -> Engine:
        """Start an engine, the network's own if none is named, in this thread, which must be on the host."""
        if (engine or self.engine_name) == "userspace":
            return Userspace(configuration(said), self.lines.append)
        return Kernel(configuration(said), self.lines.append, f"{self.lab.name} {next(self._numbers)}")

    def traces(self) -> list[str]:
        """Return what an engine may have left on host and guest: rings, devices, places for filters."""
        return traces(self.host) + traces(self.guest)

    @contextmanager
    def engine(self, said: dict[str, Any]) -> Iterator[Engine]:
        """Run an engine in this thread, which must be on the host.

        Check that it lost count of nothing, and that nothing of it is left.
        """
        before = self.traces()
        with self.start(said) as engine:
            settle(engine)
            meet(engine)
            yield engine
            check_conservation(engine.counters())
        check_conservation(engine.counters())
        assert self.traces() == before

    @contextmanager
    def mirroring(self, said: dict[str, Any]) -> Iterator["Live"]:
        """Run an engine as `engine` does, with guest and host to talk and the sensor to listen."""
        with self.talkers() as talk, self.recorders() as (received, sent), self.engine(said) as engine:
            yield Live(engine, talk, received, sent)

    @contextmanager
    def talkers(self) -> Iterator["Talkers"]:
        """Open the sockets that guest and host talk with."""
        with ExitStack() as stack:
            guest = stack.enter_context(bound(self.guest, "10.1.0.2"))
            yield Talkers(guest, stack.enter_context(bound(self.host, "10.1.0.1")))

    @contextmanager
    def recorders(self) -> Iterator[tuple[Recorder, Recorder]]:
        """Record what the sensor's VXLAN devices hand out: what the guest received, and what it sent."""
        with ExitStack() as stack:
            devices = (f"vx{INGRESS}", f"vx{EGRESS}")
            received, sent = (
                stack.enter_context(Recorder(self.sensor, device, outgoing=False)) for device in devices
            )
            yield received, sent


class Live(NamedTuple):
    """An engine, those who are mirrored, and the sensor's records of what the guest received and sent."""

    engine: Engine
    talk: "Talkers"
    received: Recorder
    sent: Recorder


def on_host(test: Callable[P, None]) -> Callable[P, None]:
    """Have a test of a `network` run in a thread on its host: there an engine and its sockets belong."""

    @wraps(test)
    def runs_there(*args: P.args, **kwargs: P.kwargs) -> None:
        network = kwargs["network"]
        assert isinstance(network, Network)
        network.host.call(test, *args, **kwargs)

    return runs_there


def traces(host: Host) -> list[str]:
    """Return a host's packet sockets, the devices named like ours, and the clsact qdiscs."""

    def look(netlink: IPRoute) -> list[str]:
        names = {link["index"]: str(link.get("IFLA_IFNAME")) for link in netlink.get_links()}
        clsacts = [qdisc for qdisc in netlink.get_qdiscs() if qdisc.get("TCA_KIND") == "clsact"]
        ours = [name for name in names.values() if name.startswith("mp-")]
        return ours + [f"clsact on {names[qdisc['index']]}" for qdisc in clsacts]

    rings = host.run(["cat", "/proc/net/packet"]).stdout.splitlines()[1:]
    return [f"{host.name}: {trace}" for trace in (f"{len(rings)} rings", *sorted(host.netlink(look)))]


def frames_passed(host: Host, device: str) -> int:
    """Return how many frames, super-packets or not, a device has carried."""
    statistics = host.netlink(lambda netlink: netlink.get_links(ifname=device)[0].get("IFLA_STATS64"))
    return int(statistics["rx_packets"] + statistics["tx_packets"])


class Talkers:
    """The guest and its host, who send one another numbered datagrams that nobody answers."""

    def __init__(self, guest: socket, host: socket) -> None:
        self._guest, self._host = guest, host

    def guest_sends(self, numbers: range, size: int = 40) -> None:
        send(self._guest, "10.1.0.1", numbers, size)

    def guest_receives(self, numbers: range, size: int = 40) -> None:
        send(self._host, "10.1.0.2", numbers, size)


def bound(host: Host, address: str) -> socket:
    receiver: socket = host.call(socket, AF_INET, SOCK_DGRAM)
    receiver.bind((address, PORT))
    return receiver


def send(sender: socket, to: str, numbers: range, size: int) -> None:
    """Send a datagram of *size* bytes for each number, the number at its end, AT_ONCE at once."""
    padding = bytes(size - NUMBER.size)
    for number in numbers:
        sender.sendto(padding + NUMBER.pack(number), (to, PORT))
        if number % AT_ONCE == AT_ONCE - 1:
            sleep(0.001)


def numbers_in(recorder: Recorder) -> list[int]:
    """Return the numbers of the datagrams recorded, in order."""
    frames = (seen.frame for seen in recorder.frames)
    datagrams = (frame for frame in frames if frame[12:14] == IPV4 and frame[23] == UDP)
    return [NUMBER.unpack(frame[-NUMBER.size :])[0] for frame in datagrams]


def until(engine: Engine, condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Poll *engine* until *condition* holds; fail after so many seconds."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, engine.counters()
        engine.poll(0.005)


def settle(engine: Engine, seconds: float = 0.05) -> None:
    """Poll *engine* for so long."""
    end = monotonic() + seconds
    while monotonic() < end:
        engine.poll(0.005)


def meet(engine: Engine, seconds: float = 1.0) -> None:
    """Poll *engine* until it knows a way to every target; for so long at most, for there may be none."""
    end = monotonic() + seconds
    while monotonic() < end and not all(way.startswith("by ") for way in engine.targets().values()):
        engine.poll(0.005)


def guest(engine: Engine) -> SourceReport:
    """Return what is counted of the guest."""
    return engine.counters()["sources"]["eni-guest"]
