"""Devices of this host, as netlink describes them, in any network namespace.

Owns entering a namespace, finding a device in it, and which end of the wire a device is (DESIGN 3.1). Must
not know rings, sessions or targets.

A network namespace belongs to a thread, and so does what the thread opens: a socket stays in the namespace
it was made in, whoever uses it later. So a namespace is entered by a thread of its own that ends with the
work; the caller's thread never moves and nothing has to be restored, also where the work fails. A forked
child would do as well but costs a process, and is unsafe with threads about.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from ctypes import CDLL, get_errno
from errno import ENODEV
from ipaddress import IPv4Address, IPv6Address, ip_address
from os import strerror
from pathlib import Path
from typing import Literal, NamedTuple, TypeVar

from pyroute2 import IPRoute
from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.capture.source import CaptureError

CLONE_NEWNET = 0x4000_0000
"""include/uapi/linux/sched.h, for setns(2): the descriptor is a network namespace."""

NAMES = Path("/run/netns")
"""Where iproute2 keeps named namespaces (ip-netns(8))."""

ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
"""include/uapi/linux/if_arp.h: the device types whose frames begin with an Ethernet header."""

IFF_UP = 0x1
"""include/uapi/linux/if.h."""

TAP = 2
"""IFLA_TUN_TYPE of a tap device: IFF_TAP, include/uapi/linux/if_tun.h."""

LIBC = CDLL(None, use_errno=True)

Side = Literal["eni", "host"]
Address = IPv4Address | IPv6Address
T = TypeVar("T")


class Device(NamedTuple):
    """A network device. `side` is what 3.1 takes it for where nobody says; `addresses` are global ones first.

    At a host end `mac` and `addresses` are the host's, not the ENI's.
    """

    name: str
    netns: str | None
    ifindex: int
    mac: bytes
    addresses: tuple[Address, ...]
    kind: str
    side: Side
    mtu: int
    up: bool


def inspect(name: str, netns: str | None = None) -> Device:
    """Return the device *name* in *netns*: a name under /run/netns, a path, or None, the caller's namespace.

    Raises CaptureError where the namespace or the device is not there, or the device does not carry Ethernet
    frames.
    """
    return inside(netns, lambda: _inspect(name, netns))


def namespace_path(netns: str) -> Path:
    """Return the file that stands for a namespace: NAMES/netns for a plain name."""
    return NAMES / netns


def namespace_id(netns: str) -> tuple[int, int] | None:
    """Return what tells a namespace from every other one alive, None if its name is gone.

    A ring's socket keeps a namespace alive after the last name for it, with every device in it: who mirrors
    in a namespace must look whether others still want it.
    """
    try:
        status = namespace_path(netns).stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def inside(netns: str | None, work: Callable[[], T]) -> T:
    """Return what *work* returns, called in the namespace *netns*; None is the caller's own.

    Raises CaptureError if the namespace is not there or may not be entered, else what *work* raises.
    """
    if netns is None:
        return work()

    def entered() -> T:
        _enter(netns)
        return work()

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(entered).result()


def _enter(netns: str) -> None:
    try:
        with namespace_path(netns).open("rb") as file:
            error = get_errno() if LIBC.setns(file.fileno(), CLONE_NEWNET) else 0
    except OSError as refusal:
        raise CaptureError(f"network namespace {netns}: {refusal.strerror}") from None
    if error:
        raise CaptureError(f"network namespace {netns}: {strerror(error)}")


def _inspect(name: str, netns: str | None) -> Device:
    where = f"device {name}" if netns is None else f"device {name} in network namespace {netns}"
    with IPRoute() as netlink:
        try:
            (link,) = netlink.link("get", ifname=name)
        except NetlinkError as error:
            reason = "not there" if error.code == ENODEV else strerror(error.code)
            raise CaptureError(f"{where}: {reason}") from None
        addresses = list(netlink.get_addr(index=link["index"]))
    if link["ifi_type"] not in (ARPHRD_ETHER, ARPHRD_LOOPBACK):
        raise CaptureError(f"{where}: does not carry Ethernet frames (ARPHRD type {link['ifi_type']})")
    kind = _kind(link)
    return Device(
        name=name,
        netns=netns,
        ifindex=link["index"],
        mac=bytes.fromhex(link.get("IFLA_ADDRESS").replace(":", "")),
        addresses=tuple(_address(message) for message in sorted(addresses, key=_is_not_global)),
        kind=kind,
        side=_side(link, kind),
        mtu=link.get("IFLA_MTU"),
        up=bool(link["flags"] & IFF_UP),
    )


def _kind(link: nlmsg) -> str:
    """Return the kernel's word for what a device is (rtnl_link_ops.kind), empty for hardware."""
    return str(link.get(("linkinfo", "kind")) or "")


def _side(link: nlmsg, kind: str) -> Side:
    """Return which end a device is by default: the host's, of a guest's wire, or the ENI itself."""
    is_tap = kind == "tun" and link.get(("linkinfo", "data", "tun_type")) == TAP
    leads_elsewhere = kind == "veth" and link.get("IFLA_LINK_NETNSID") is not None
    return "host" if is_tap or leads_elsewhere else "eni"


def _is_not_global(message: nlmsg) -> bool:
    return bool(message["scope"])


def _address(message: nlmsg) -> Address:
    """Return the device's own address: IFA_ADDRESS is the other end's on a point-to-point link."""
    return ip_address(message.get("IFA_LOCAL") or message.get("IFA_ADDRESS"))
