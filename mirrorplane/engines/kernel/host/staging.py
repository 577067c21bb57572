"""The engine's own devices: veth pairs that copies pass on their way out (DESIGN 4.2).

Owns their names, making them, and telling them from others' devices. Must not know programs, plans or
packets.

* the *staging pair*: `mp-TAG-sa` carries what a wire would, so that on the way into it the kernel segments
  a copy and completes its checksums; `mp-TAG-sb` is where wire frames come out;
* *relay pairs*: `mp-TAG-0a`, `mp-TAG-0b` and so on, which carry super-packets; what goes into the A end,
  which may be in a source's network namespace, comes out at the B end on another CPU.

TAG, 8 hexadecimal digits, tells one engine's devices from another's. A device is known as ours by its name
and an alias that says what it is. No device sends anything by itself: no ARP, no IPv6, no addresses. Nothing
else on the host is changed.

The kernel takes no alias when a device is made. A crash between making and naming so leaves a pair without
one, which is down, because no pair is brought up before it has its aliases: that is how it is known.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from errno import EAFNOSUPPORT, ENODEV, EOPNOTSUPP, EPERM, ETIMEDOUT
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.capture.device import IFF_UP, inside, namespace_path
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel.bpf.libbpf import RefusedError
from mirrorplane.engines.kernel.host.offloads import RECEIVING, SENDING, switch_off
from mirrorplane.engines.kernel.host.refusals import asking, refused
from mirrorplane.engines.kernel.host.steering import steer

NAME = re.compile(r"mp-([0-9a-f]{8})-(?:s|\d{1,2})[ab]")
ALIAS = "mirrorplane "
"""What the names of our devices look like, and what their aliases begin with."""

MTU = 65535
"""Bytes at the IP level, the most a veth allows: a copy is never too long for our devices."""

IN6_ADDR_GEN_MODE_NONE = 1
"""include/uapi/linux/if_link.h: the device gives itself no link-local address."""

UP_TIMEOUT = 5.0
"""Seconds that a pair may take to come up: up to one where its ends, in two namespaces, have the same index
(net/core/link_watch.c, linkwatch_urgent_event)."""

T = TypeVar("T")


class Pair(NamedTuple):
    """A veth pair: the names of its ends and their indexes, each in the namespace that the end is in."""

    a: str
    a_index: int
    b: str
    b_index: int


def make_staging(netlink: IPRoute, tag: str) -> Pair:
    """Make the staging pair of *tag*, up, in the namespace of this thread and of *netlink*.

    Raises RefusedError where a device of that name is there, or the kernel refuses anything of it, or leaves
    an offload on that would let anything but wire frames through. Nothing of the pair is left then.
    """
    a, b = f"mp-{tag}-sa", f"mp-{tag}-sb"
    with _made(netlink, a, b):
        left_on = switch_off(a, SENDING)
        if left_on:
            raise RefusedError(f"{a}: offloads that cannot be switched off: {', '.join(left_on)}", EOPNOTSUPP)
        for end in (a, b):
            switch_off(end, RECEIVING)
        a_index = _prepare(netlink, a, "copies go in, to be segmented")
        b_index = _prepare(netlink, b, "copies come out, to be encapsulated")
        for end in (a, b):
            _wait_until_up(netlink, end)
        return Pair(a, a_index, b, b_index)


def make_relay(netlink: IPRoute, tag: str, number: int, cpu: int | None, netns: str | None = None) -> Pair:
    """Make relay *number* (0-99) of *tag*, up: what goes into A comes out at B on CPU number *cpu*.

    With None that is the CPU it was on.

    A is made in *netns* (a name under /run/netns, a path, or None, the engine's own), B in the namespace of
    this thread and of *netlink*, the engine's. Raises RefusedError where A's namespace cannot be entered, a
    device of that name is there, or the kernel refuses anything of it: then copies cannot be handed over, and
    nothing of the pair is left.
    """
    a, b = f"mp-{tag}-{number}a", f"mp-{tag}-{number}b"
    with _namespace(netns) as there, _made(netlink, a, b, there):
        if cpu is not None:
            steer(b, cpu)
        where = "the same CPU" if cpu is None else f"CPU {cpu}"
        a_index = _at(there, netlink, lambda at_a: _prepare(at_a, a, f"copies go in, for {where}"))
        b_index = _prepare(netlink, b, f"copies come out on {where}")
        _at(there, netlink, lambda at_a: _wait_until_up(at_a, a))
        _wait_until_up(netlink, b)
        return Pair(a, a_index, b, b_index)


def devices_of(netlink: IPRoute) -> dict[str, list[str]]:
    """Return the names of our devices in the namespace of *netlink*, those of other engines too, by tag.

    A relay whose ends are in two namespaces has one name in each. Raises RefusedError.
    """
    found: dict[str, list[str]] = {}
    for tag, link in _ours(netlink):
        found.setdefault(tag, []).append(link.get("IFLA_IFNAME"))
    return found


def remove(netlink: IPRoute, tag: str) -> None:
    """Remove the devices of *tag* in the namespace of *netlink*, and with each the pair's other end.

    Does nothing where there are none. Raises RefusedError.
    """
    for owner, link in _ours(netlink):
        if owner == tag:
            _delete(netlink, link.get("IFLA_IFNAME"), index=link["index"])


def remove_device(netlink: IPRoute, name: str) -> None:
    """Remove one device of ours, and with it its other end. Does nothing if it is not there.

    Raises RefusedError.
    """
    for _, link in _ours(netlink):
        if link.get("IFLA_IFNAME") == name:
            _delete(netlink, name, index=link["index"])


def _ours(netlink: IPRoute) -> list[tuple[str, nlmsg]]:
    with asking("looking for our devices"):
        links = list(netlink.get_links())
    named = ((NAME.fullmatch(link.get("IFLA_IFNAME")), link) for link in links)
    return [(name[1], link) for name, link in named if name and _is_ours(link)]


def _is_ours(link: nlmsg) -> bool:
    """Return whether a device with a name like ours is: finished, with our alias, or half made, with none."""
    alias = link.get("IFLA_IFALIAS")
    if link.get(("linkinfo", "kind")) != "veth":
        return False
    return str(alias).startswith(ALIAS) if alias else not link["flags"] & IFF_UP


@contextmanager
def _made(netlink: IPRoute, a: str, b: str, there: int | None = None) -> Iterator[None]:
    """Make a pair, down, with A in the namespace *there*; remove it where the `with` block fails."""
    peer = {"ifname": a, "mtu": MTU} | ({} if there is None else {"net_ns_fd": there})
    with asking(f"{b}: making it and {a}"):
        netlink.link("add", kind="veth", ifname=b, mtu=MTU, peer=peer)
    try:
        yield
    except BaseException:
        _delete(netlink, b, ifname=b)
        raise


def _delete(netlink: IPRoute, name: str, **which: str | int) -> None:
    try:
        netlink.link("del", **which)
    except NetlinkError as error:
        if error.code != ENODEV:  # it went with the other end
            raise refused(f"{name}: removing it", error) from None


def _prepare(netlink: IPRoute, name: str, words: str) -> int:
    """Give a device its alias, see to it that it sends nothing by itself, bring it up; return its index."""
    with asking(f"{name}: setting it up"):
        (link,) = netlink.link("get", ifname=name)
        index = int(link["index"])
        netlink.link("set", index=index, ifalias=ALIAS + words, arp=False)
        _silence(netlink, name, index)
        netlink.link("set", index=index, state="up")
    return index


def _silence(netlink: IPRoute, name: str, index: int) -> None:
    """Switch IPv6 off on a device that is down.

    Where the host forwards, a device reports its multicast groups (RFC 3810) even without an address. Netlink
    has no word for that; where /proc/sys may not be written either, a report or two go in, which are no
    copies, and go no further than the other end.
    """
    mode = {"attrs": [("IFLA_INET6_ADDR_GEN_MODE", IN6_ADDR_GEN_MODE_NONE)]}
    try:
        netlink.link("set", index=index, IFLA_AF_SPEC={"attrs": [("AF_INET6", mode)]})
    except NetlinkError as error:
        if error.code != EAFNOSUPPORT:  # a host without IPv6
            raise
    with suppress(OSError):
        Path(f"/proc/sys/net/ipv6/conf/{name}/disable_ipv6").write_text("1", encoding="ascii")


def _wait_until_up(netlink: IPRoute, name: str) -> None:
    """Wait until the kernel has noticed that the other end is up too: what is sent before is dropped."""
    deadline = monotonic() + UP_TIMEOUT
    while not _is_up(netlink, name):
        if monotonic() > deadline:
            raise RefusedError(f"{name}: did not come up within {UP_TIMEOUT:g} s", ETIMEDOUT)
        sleep(0.002)


def _is_up(netlink: IPRoute, name: str) -> bool:
    with asking(f"{name}: waiting until it is up"):
        (link,) = netlink.link("get", ifname=name)
    return bool(link.get("IFLA_OPERSTATE") == "UP")


@contextmanager
def _namespace(netns: str | None) -> Iterator[int | None]:
    """Yield a descriptor of a namespace: it stays the same one, whatever becomes of its name."""
    if netns is None:
        yield None
        return
    with asking(f"network namespace {netns}"):
        descriptor = os.open(namespace_path(netns), os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _at(there: int | None, netlink: IPRoute, talk: Callable[[IPRoute], T]) -> T:
    """Return what *talk* returns, called with a netlink socket of the namespace *there*, or *netlink*."""
    if there is None:
        return talk(netlink)

    def conversation() -> T:
        with IPRoute(ext_ack=True) as other:
            return talk(other)

    try:
        return inside(f"/proc/self/fd/{there}", conversation)
    except CaptureError as error:
        raise RefusedError(str(error), EPERM) from None
