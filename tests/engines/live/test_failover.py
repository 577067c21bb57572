"""A load balancer's backend that cannot be reached loses its flows to the others, and gets them back."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from socket import AF_INET, SOCK_DGRAM, socket
from typing import Any

import pytest
from pyroute2 import IPRoute

from mirrorplane.lab.network import End, Host
from mirrorplane.lab.recorder import Recorder
from tests.engines.live.network import (
    EGRESS,
    NUMBER,
    PORT,
    Engine,
    Network,
    configuration,
    document,
    numbers_in,
    until,
)

FLOWS = 60
SENSORS = {"10.9.0.2": "up", "10.8.0.2": "up8", "10.7.0.2": "up7"}
"""The backends' addresses, each behind an uplink of its own."""

LOST = "10.8.0.2"
SOON = 3.0
"""Seconds: the next lookup of a target, and the answer of a neighbour that was asked before in vain."""


class Balanced:
    """The network with a load balancer of three sensors, and a guest that talks in many flows."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.sensors = {"10.9.0.2": network.sensor, LOST: self._join(8), "10.7.0.2": self._join(7)}

    def _join(self, subnet: int) -> Host:
        sensor = self.network.lab.host(f"sensor{subnet}")
        self.network.lab.link(
            End(self.network.host, f"up{subnet}", None, (f"10.{subnet}.0.1/24",)),
            End(sensor, "eth0", f"02:00:00:00:{subnet:02x}:02", (f"10.{subnet}.0.2/24",)),
        )
        sensor.vxlan(f"vx{EGRESS}", EGRESS)
        return sensor

    def document(self) -> dict[str, Any]:
        """Return a configuration that mirrors what the guest sends to all three."""
        said = document()
        del said["sessions"]["tms-in"]
        interfaces = {f"eni-{device}": {"addresses": [address]} for address, device in SENSORS.items()}
        said["interfaces"] |= interfaces
        said["load_balancers"] = {"lb-sensors": {"backends": list(interfaces)}}
        said["sessions"]["tms-out"]["target"] = "lb-sensors"
        return said

    @contextmanager
    def mirroring(self) -> Iterator["Live"]:
        """Run an engine, with a recorder on each sensor, in this thread, which must be on the host."""
        with ExitStack() as stack:
            recorders = {
                address: stack.enter_context(Recorder(sensor, f"vx{EGRESS}", outgoing=False))
                for address, sensor in self.sensors.items()
            }
            sockets = [
                stack.enter_context(self.network.guest.call(socket, AF_INET, SOCK_DGRAM))
                for _ in range(FLOWS)
            ]
            for number, sender in enumerate(sockets):
                sender.bind(("10.1.0.2", PORT + number))
            with self.network.engine(self.document()) as engine:
                live = Live(engine, recorders, sockets)
                live.await_reached(*SENSORS)
                yield live


class Live:
    """An engine, the sensors' records, and the guest's flows."""

    def __init__(self, engine: Engine, recorders: dict[str, Recorder], flows: list[socket]) -> None:
        self.engine, self._recorders, self._flows = engine, recorders, flows

    def await_reached(self, *addresses: str) -> None:
        """Go on until just these targets are reached."""
        until(
            self.engine,
            lambda: (
                {where for where, way in self.engine.targets().items() if way.startswith("by ")}
                == set(addresses)
            ),
            SOON,
        )

    def owners(self) -> list[str]:
        """Have each flow send a packet; return which sensor got each one's."""
        for recorder in self._recorders.values():
            recorder.frames.clear()
        for number, sender in enumerate(self._flows):
            sender.sendto(NUMBER.pack(number), ("10.1.0.1", PORT))
        until(self.engine, lambda: sum(len(numbers_in(each)) for each in self._recorders.values()) >= FLOWS)
        got = {number: where for where, each in self._recorders.items() for number in numbers_in(each)}
        assert sorted(got) == list(range(FLOWS)), "each once"
        return [got[number] for number in range(FLOWS)]


def link(host: Host, state: str) -> None:
    host.netlink(lambda netlink: netlink.link("set", index=index_of(netlink, "eth0"), state=state))


def index_of(netlink: IPRoute, device: str) -> int:
    return int(netlink.link_lookup(ifname=device)[0])


def lose_link(balanced: Balanced) -> Callable[[], None]:
    """Take the sensor's link down; return what brings it up."""
    sensor = balanced.sensors[LOST]
    link(sensor, "down")
    return lambda: link(sensor, "up")


def lose_neighbour(balanced: Balanced) -> Callable[[], None]:
    """Have the sensor answer no more; return what has it answer again."""
    sensor = balanced.sensors[LOST]
    address = {"address": LOST, "prefixlen": 24}
    sensor.netlink(lambda netlink: netlink.addr("del", index=index_of(netlink, "eth0"), **address))
    balanced.network.host.netlink(
        lambda netlink: netlink.neigh(
            "change", dst=LOST, ifindex=index_of(netlink, SENSORS[LOST]), state="failed"
        )
    )
    return lambda: sensor.netlink(
        lambda netlink: netlink.addr("add", index=index_of(netlink, "eth0"), **address)
    )


@pytest.mark.parametrize("lose", [lose_link, lose_neighbour])
def test_a_backend_out_of_reach_loses_its_flows_and_gets_them_back(
    network: Network, lose: Callable[[Balanced], Callable[[], None]]
) -> None:
    balanced = Balanced(network)

    def body() -> None:
        with balanced.mirroring() as live:
            before = live.owners()
            assert set(before) == set(SENSORS)
            find = lose(balanced)
            live.await_reached(*(SENSORS.keys() - {LOST}))
            without = live.owners()
            moved = [number for number in range(FLOWS) if without[number] != before[number]]
            assert {before[number] for number in moved} == {LOST}, "no others"
            assert LOST not in without
            live.engine.reload(configuration(balanced.document()))
            assert live.owners() == without, "a reload changes nothing of it"
            find()
            live.await_reached(*SENSORS)
            assert live.owners() == before

    network.host.call(body)
