"""The network that the live tests run in: a guest, the host that mirrors it, and a sensor.

Guest eth0 (10.1.0.2) - gst (10.1.0.1) host, up (10.9.0.1, fd09::1) - eth0 (10.9.0.2, fd09::2) sensor.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import wraps
from socket import AF_INET, SOCK_DGRAM, socket
from struct import Struct
from time import monotonic, sleep
from typing import Any, NamedTuple

import yaml

from mirrorplane.engines.report import SourceReport
from mirrorplane.engines.userspace import Userspace
from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.lab.recorder import Recorder
from mirrorplane.model import Configuration, read
from tests.engines.running import check_conservation

NUMBER = Struct("!I")
PORT = 5000
IPV4, UDP = b"\x08\x00", 17
INGRESS, EGRESS = 11, 22
"""VNIs of the two sessions."""

AT_ONCE = 250
"""Datagrams, well below net.core.netdev_max_backlog."""

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


def configuration(said: dict[str, Any]) -> Configuration:
    """Return what *said* means."""
    return read(yaml.safe_dump(said), "live.yaml")


class Network:
    """The three hosts; `lines` is what engines said."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
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

    def rings_on_host(self) -> int:
        """Return how many packet sockets the host has."""
        return self.host.run(["cat", "/proc/net/packet"]).stdout.count("\n") - 1

    @contextmanager
    def engine(self, said: dict[str, Any]) -> Iterator[Userspace]:
        """Run an engine in this thread, which must be on the host; check that it lost count of nothing."""
        with Userspace(configuration(said), self.lines.append) as engine:
            settle(engine)
            yield engine
            check_conservation(engine.counters())
        assert self.rings_on_host() == 0

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

    engine: Userspace
    talk: "Talkers"
    received: Recorder
    sent: Recorder


def on_host(test: Callable[[Network], None]) -> Callable[[Network], None]:
    """Have a test run in a thread on the host: an engine and its netlink socket belong there."""

    @wraps(test)
    def runs_there(network: Network) -> None:
        network.host.call(test, network)

    return runs_there


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


def until(engine: Userspace, condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Poll *engine* until *condition* holds; fail after so many seconds."""
    end = monotonic() + seconds
    while not condition():
        assert monotonic() < end, engine.counters()
        engine.poll(0.005)


def settle(engine: Userspace, seconds: float = 0.05) -> None:
    """Poll *engine* for so long."""
    end = monotonic() + seconds
    while monotonic() < end:
        engine.poll(0.005)


def guest(engine: Userspace) -> SourceReport:
    """Return what is counted of the guest."""
    return engine.counters()["sources"]["eni-guest"]
