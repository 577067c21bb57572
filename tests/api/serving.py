"""`mirrorplane serve` as a process, in a network where its engine mirrors two guests to a sensor."""

import re
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from socket import AF_INET, SOCK_DGRAM, socket
from threading import Thread
from typing import Any, NamedTuple

import yaml
from pyroute2 import IPRoute

from mirrorplane.lab.network import End, Host, Lab
from mirrorplane.lab.recorder import Recorder
from mirrorplane.wire import ethernet, ipv4, udp, vxlan
from tests.api.clouds import KEY, SECRET
from tests.engines.live.network import Network

LONGEST = 60.0
SENSORS = {"eni-sensor": "10.9.0.2", "eni-sensor2": "10.9.0.3", "eni-sensor3": "10.9.0.4"}
PORT = 5000
OUTER = ethernet.HEADER_LEN + ipv4.HEADER_LEN + udp.HEADER_LEN + vxlan.HEADER_LEN


def document() -> dict[str, Any]:
    """Return the configuration: two guests, three sensors, a load balancer over them."""
    sensors = {name: {"addresses": [address]} for name, address in SENSORS.items()}
    quotas = {"sessions_per_interface": 1000, "sources_per_target": 1000}
    return {
        "interfaces": {
            "eni-guest": {"device": "gst", "addresses": ["10.1.0.2"]},
            "eni-other": {"device": "other", "addresses": ["10.2.0.2"]},
            **sensors,
        },
        "load_balancers": {"lb-sensors": {"backends": list(sensors)}},
        "api": {
            "access_keys": [{"id": KEY, "secret": SECRET}],
            "aliyun": {"quotas": quotas},
            "volcengine": {"quotas": quotas},
        },
    }


class Mirrored(NamedTuple):
    """A packet that the sensor got: whose, by which VNI, how long the inner IP packet is, its source port."""

    to: str
    vni: int
    inner_length: int
    inner_source: str
    inner_port: int


class Place:
    """The network of the live tests, with another guest, and a sensor that has three addresses."""

    def __init__(self, lab: Lab, stack: ExitStack) -> None:
        self._network = Network(lab)
        self.host, self.sensor, self.guest = self._network.host, self._network.sensor, self._network.guest
        other = lab.host("other")
        lab.link(
            End(self.host, "other", "02:00:00:00:02:01", ("10.2.0.1/24",)),
            End(other, "eth0", "02:00:00:00:02:02", ("10.2.0.2/24",)),
        )
        self.sensor.netlink(_more_addresses)
        self._stack = stack
        self._guest, self._other = (
            self._bound(self.guest, "10.1.0.2"),
            self._bound(other, "10.2.0.2"),
        )
        self._host = self._bound(self.host, "10.1.0.1")
        self._bound(self.host, "10.2.0.1")
        self._flows: list[socket] = []

    def _bound(self, host: Host, address: str, port: int = PORT) -> socket:
        opened: socket = self._stack.enter_context(host.call(socket, AF_INET, SOCK_DGRAM))
        opened.bind((address, port))
        return opened

    def traces(self) -> list[str]:
        """Return what an engine may have left."""
        return self._network.traces()

    def guest_sends(self, count: int, size: int = 200) -> None:
        """Have the guest send *count* datagrams that are IP packets of *size* bytes."""
        _send(self._guest, "10.1.0.1", count, size)

    def other_sends(self, count: int, size: int = 200) -> None:
        """Have the other guest send."""
        _send(self._other, "10.2.0.1", count, size)

    def guest_receives(self, count: int, size: int = 200) -> None:
        """Have the host send to the guest."""
        _send(self._host, "10.1.0.2", count, size)

    def guest_sends_flows(self, count: int) -> None:
        """Have the guest send a datagram of each of *count* flows; their source ports begin with 20000."""
        while len(self._flows) < count:
            self._flows.append(self._bound(self.guest, "10.1.0.2", 20000 + len(self._flows)))
        for flow in self._flows[:count]:
            _send(flow, "10.1.0.1", 1, 100)

    def guest_sends_to(self, ports: range) -> None:
        """Have the guest send a datagram to each of the host's *ports*."""
        for port in ports:
            self._guest.sendto(bytes(100), ("10.1.0.1", port))
            time.sleep(0.001)

    @contextmanager
    def sensing(self) -> Iterator[Recorder]:
        """Record what the sensor receives."""
        with Recorder(self.sensor, "eth0", outgoing=False) as recorder:
            yield recorder


def _more_addresses(netlink: IPRoute) -> None:
    index = netlink.link_lookup(ifname="eth0")[0]
    for address in list(SENSORS.values())[1:]:
        netlink.addr("add", index=index, address=address, prefixlen=24)


def _send(sender: socket, to: str, count: int, size: int) -> None:
    for number in range(count):
        sender.sendto(bytes(size - ipv4.HEADER_LEN - udp.HEADER_LEN), (to, PORT))
        if number % 100 == 99:
            time.sleep(0.002)


def mirrored(recorder: Recorder) -> list[Mirrored]:
    """Return what of the frames recorded was mirrored UDP over IPv4."""
    return [found for seen in list(recorder.frames) if (found := _mirrored(seen.frame)) is not None]


def _mirrored(frame: bytes) -> Mirrored | None:
    if ethernet.parse(frame).type != ethernet.IPV4:
        return None
    outer, length = ipv4.parse(frame[ethernet.HEADER_LEN :])
    at = ethernet.HEADER_LEN + length
    if udp.parse(frame[at:]).destination_port != vxlan.PORT:
        return None
    inner = frame[OUTER + ethernet.HEADER_LEN :]
    header, length = ipv4.parse(inner)
    vni = vxlan.parse(frame[at + udp.HEADER_LEN :])
    port = int.from_bytes(inner[length : length + 2], "big")
    return Mirrored(str(outer.destination), vni, len(inner), str(header.source), port)


class Serving:
    """A server started as a user does; `address` is where it listens."""

    def __init__(self, place: Place, path: Path, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "mirrorplane",
            "serve",
            str(path),
            "--listen",
            "127.0.0.1:0",
            *options,
        ]
        self.process = place.host.spawn(command)
        self.said: list[str] = []
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.await_line("ready")
        line = self.await_line("listening on")
        self.address = re.findall(r"http://(\S+)/", line)[0]

    def _read(self) -> None:
        assert self.process.stderr is not None
        self.said.extend(line.rstrip() for line in self.process.stderr)

    def await_line(self, part: str) -> str:
        """Return the first line on stderr with *part* in it, once it is there."""
        deadline = time.monotonic() + LONGEST
        while time.monotonic() < deadline:
            found = next((line for line in list(self.said) if part in line), None)
            if found is not None:
                return found
            time.sleep(0.01)
        raise AssertionError(self.said)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it, in the time that it has for it, and without a traceback."""
        self.process.send_signal(number)
        assert self.process.wait(5) == 0
        self._reader.join()
        assert not [line for line in self.said if "Traceback" in line]

    def kill(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait(5)


def write(path: Path, said: dict[str, Any]) -> Path:
    """Write *said* as a configuration file."""
    path.write_text(yaml.safe_dump(said))
    return path
