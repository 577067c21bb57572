"""A host with many sources: started, looked after and taken down without long waits."""

from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest
from pyroute2 import IPRoute

from mirrorplane.engines.kernel.engine import Kernel
from mirrorplane.lab.network import Lab
from tests.engines.live.network import Network, configuration, document, on_host, session, until

pytestmark = pytest.mark.usefixtures("bpf", "allowed")

N_SOURCES, A_SESSION = 50, 10

LONG = 20.0
"""Seconds: many times as long as it takes, for a computer that does much else at once."""


@pytest.fixture
def network() -> Iterator[Network]:
    with Lab() as lab:
        yield Network(lab, "kernel")


def with_sources() -> dict[str, Any]:
    """Return a configuration of all of them, ten a session."""
    said = document()
    names = [f"eni-{number}" for number in range(N_SOURCES)]
    said["interfaces"] |= {name: {"device": f"tap{number}"} for number, name in enumerate(names)}
    for first in range(0, N_SOURCES, A_SESSION):
        sources = {"sources": names[first : first + A_SESSION]}
        said["sessions"][f"tms-{first}"] = session(10 + first, "tmf-in", 1000 + first) | sources
    return said


def plug_all(netlink: IPRoute) -> None:
    for number in range(N_SOURCES):
        netlink.link("add", kind="veth", ifname=f"tap{number}", state="up", peer={"ifname": f"far{number}"})


@on_host
def test_many_sources(network: Network) -> None:
    network.host.netlink(plug_all)
    before, began = network.traces(), monotonic()
    with network.start(with_sources()) as engine:
        assert monotonic() - began < LONG
        assert isinstance(engine, Kernel)
        began = monotonic()
        engine.reload(configuration(with_sources()))
        engine.poll(0)  # it looks after each of them
        assert monotonic() - began < LONG / 4
        assert engine.counters()["sources"].keys() >= {f"eni-{number}" for number in range(N_SOURCES)}
        network.host.run(["tc", "qdisc", "del", "dev", "tap7", "clsact"])
        network.host.run(["ip", "link", "del", "tap8"])
        until(engine, lambda: len(network.lines) == 2, LONG)
        began = monotonic()
    assert monotonic() - began < LONG / 2
    assert sorted(network.lines) == [
        "interface eni-7: device tap7 had lost our filters; they are back",
        "interface eni-8: device tap8 has gone; looking for it every 1 s",
    ]
    assert network.traces() == before
