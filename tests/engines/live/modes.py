"""The ways in which an engine can be at work, each of which mirrors the same.

Owns what they are, and a network with one of them at work in it. Must not know what is mirrored.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from pyroute2 import IPRoute

from mirrorplane.lab.network import IFA_F_NODAD, Lab
from tests.engines.live.mirror import Mirror
from tests.engines.live.network import EngineName, Network, document

ONLINE = sorted(os.sched_getaffinity(0))
LAST = ONLINE[-1:]

GUEST6, HOST6 = "fd01::2", "fd01::1"


class Mode(NamedTuple):
    """An engine, what the file says to it, how many CPUs that takes, and the megabytes that are enough."""

    engine: EngineName
    settings: dict[str, Any]
    n_cpus: int = 1
    enough: int = 50


MODES = {
    "inline": Mode("kernel", {"kernel": {"cpus": "inline"}}),
    "handed over": Mode("kernel", {"kernel": {"cpus": LAST}}, 2),
    "userspace": Mode("userspace", {"userspace": {"cpus": LAST}}),
    "two workers": Mode("userspace", {"userspace": {"workers": 2}}, 2, enough=10),
}
"""The sender's CPU does everything, or the last one; a thread on the last one, or one on each."""


def names(engine: EngineName) -> list[str]:
    """Return the modes of an engine."""
    return [name for name, mode in MODES.items() if mode.engine == engine]


@contextmanager
def at_work(mode: Mode) -> Iterator[Mirror]:
    """Have the engine at work in that mode; it leaves nothing behind. The guest's link has IPv6 too."""
    if mode.n_cpus > len(ONLINE):
        pytest.skip("there is one CPU: none to hand copies over to, nor for another worker")
    with Lab() as lab:
        network = with_ipv6(Network(lab, mode.engine))
        before = network.traces()
        with Mirror(network, document(), mode.settings) as running:
            yield running
        assert network.traces() == before


def with_ipv6(network: Network) -> Network:
    """Return *network*, in which guest and host have IPv6 addresses for one another."""
    for host, device, address in ((network.host, "gst", HOST6), (network.guest, "eth0", GUEST6)):
        host.netlink(_adding(device, address))
    return network


def _adding(device: str, address: str) -> Callable[[IPRoute], None]:
    """Return what gives a device an IPv6 address, usable at once."""

    def add(netlink: IPRoute) -> None:
        index = netlink.link_lookup(ifname=device)[0]
        netlink.addr("add", index=index, address=address, prefixlen=64, flags=IFA_F_NODAD)

    return add
