"""What every test of the lab has: the right to make one, and a machine that looks afterwards as before."""

from collections.abc import Iterator
from dataclasses import dataclass
from os import getpid

import pytest
from pyroute2 import IPRoute

from mirrorplane.capture.device import NAMES
from mirrorplane.lab.network import End, Host, Lab


def names(owner: int) -> set[str]:
    """Return the names of the namespaces of a process's labs."""
    return {path.name for path in NAMES.glob(f"mp-{owner}-*")}


def links() -> set[str]:
    """Return the names of this machine's own devices."""
    with IPRoute() as netlink:
        return {link.get("ifname") for link in netlink.get_links()}


@pytest.fixture(autouse=True)
def nothing_stays_behind(allowed: None) -> Iterator[None]:
    """Compare the machine before and after each test of a lab."""
    before = links()
    yield
    assert (names(getpid()), links()) == (set(), before)


@dataclass(frozen=True)
class Pair:
    """Two hosts and one link, in a lab."""

    lab: Lab
    left: Host
    right: Host


LEFT_MAC, RIGHT_MAC = "02:00:00:00:00:01", "02:00:00:00:00:02"


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two hosts, 10.0.0.1 and 10.0.0.2, fd00::1 and fd00::2, joined by a link without offloads."""
    with Lab() as lab:
        left, right = lab.host("left"), lab.host("right")
        lab.link(
            End(left, "eth0", LEFT_MAC, ("10.0.0.1/24", "fd00::1/64")),
            End(right, "eth0", RIGHT_MAC, ("10.0.0.2/24", "fd00::2/64")),
        )
        for host in (left, right):
            host.offloads("eth0", on=False)
        yield Pair(lab, left, right)
