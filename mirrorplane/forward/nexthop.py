"""How a target is reached: route, then neighbour, as the kernel itself would send there (rtnetlink(7)).

Owns the lookups in the caller's network namespace, and asking a neighbour to show itself. Must not know
templates, rings, or who waits for the answer: `resolve` never waits, it is to be called again, at least once
a second.

Packets of a packet socket do not pass the kernel's neighbour table, so nothing there learns that an address
is in use: a missing entry would stay missing, and a stale one would never be verified. `resolve` has the
kernel solicit both (NTF_USE), the way any other traffic would, at most once a second for each neighbour.

A target that is an address of this very host leads to the loopback device. A frame sent there comes in
again, and any capture on `lo` sees it, but over IPv4 the kernel's own sockets (a VXLAN device, say) take it
only if neither address is in 127.0.0.0/8 and the source is not one of this host's: else it is a martian (RFC
1812, section 5.3.7). Mirroring containers or guests to a sensor on their host works so; mirroring the host's
own interface to a socket of the host does over IPv6 only.
"""

import time
from errno import EACCES, EHOSTUNREACH, EINVAL, ENETUNREACH, ENOENT, EPERM
from ipaddress import IPv4Address, IPv6Address, ip_address
from os import strerror
from socket import AF_INET, AF_INET6
from typing import NamedTuple

from pyroute2 import IPRoute
from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.counters import Reason

Address = IPv4Address | IPv6Address

IPV4, IPV6 = 4, 6
FAMILIES = {IPV4: AF_INET, IPV6: AF_INET6}

RTN_UNICAST, RTN_LOCAL = 1, 2
"""include/uapi/linux/rtnetlink.h: the route types that lead to one host."""

REFUSALS = {
    ENETUNREACH: "no route",
    EHOSTUNREACH: "an unreachable route",
    EACCES: "a prohibiting route",
    EINVAL: "a blackhole route",
}
"""How the kernel answers where no route leads on."""

ARPHRD_ETHER, ARPHRD_LOOPBACK = 1, 772
"""include/uapi/linux/if_arp.h: the device types whose frames begin with an Ethernet header."""

IFF_UP, IFF_LOOPBACK, IFF_NOARP, IFF_LOWER_UP = 0x1, 0x8, 0x80, 0x1_0000
"""include/uapi/linux/if.h."""

NUD_NONE, NUD_STALE = 0x00, 0x04
NUD_VALID = 0x02 | NUD_STALE | 0x08 | 0x10 | 0x40 | 0x80
"""Reachable, stale, delay, probe, noarp, permanent (include/uapi/linux/neighbour.h): the MAC can be used."""

NTF_USE = 0x01
"""include/uapi/linux/neighbour.h: treat the entry as if a packet had just been sent by it."""

SOLICIT_EVERY = 1.0
"""Seconds between two solicitations of one neighbour."""

MAX_MTU = 65535
"""An IP packet is no longer, whatever the loopback device says."""


MIN_MTU = {IPV4: 256, IPV6: 1280}
"""What a way must carry: over IPv6 what any link must (RFC 8200, section 5); over IPv4, where 68 bytes would
do (RFC 791), what leaves room for a mirrored packet's headers behind the envelope's."""


class NextHop(NamedTuple):
    """How to send to a target: `source_address` is what the kernel would send from, `mtu` counts IP bytes.

    `is_here`: the target is an address of this host.
    """

    device: str
    ifindex: int
    source_mac: bytes
    destination_mac: bytes
    source_address: Address | None
    mtu: int
    is_here: bool


class Unreachable(NamedTuple):
    """Why a target cannot be reached now: NO_ROUTE or NO_NEIGHBOUR, and the same in words."""

    reason: Reason
    why: str


class _Dead(Exception):  # noqa: N818 - a lookup that leads nowhere is no error
    """A lookup ends here, with the Unreachable that it carries."""


class NextHops:
    """The lookups, over one netlink socket: to be made, used and closed by one thread."""

    def __init__(self) -> None:
        self._netlink = IPRoute()
        self._solicited: dict[tuple[int, Address], float] = {}

    def resolve(self, target: Address) -> NextHop | Unreachable:
        """Return how *target* is reached now, or why it is not. Does not wait for anything but the kernel."""
        try:
            return self._resolve(target)
        except _Dead as dead:
            (unreachable,) = dead.args
            return Unreachable(*unreachable)

    def is_martian(self, source: Address, target: Address) -> bool:
        """Return whether this host's sockets take nothing that goes to *target* on it from *source*."""
        if target.version != IPV4 or source.is_loopback or target.is_loopback:
            return target.version == IPV4
        try:
            return bool(self._route(source)["type"] == RTN_LOCAL)
        except _Dead:
            return False

    def close(self) -> None:
        """Close the netlink socket."""
        self._netlink.close()

    def _resolve(self, target: Address) -> NextHop:
        route = self._route(target)
        link = self._link(route.get("RTA_OIF"))
        own = _mac(link.get("IFLA_ADDRESS"))
        source = route.get("RTA_PREFSRC")
        mtu = _mtu(route, link, target)
        return NextHop(
            device=link.get("IFLA_IFNAME"),
            ifindex=link["index"],
            source_mac=own,
            destination_mac=own if _is_alone(link) else self._neighbour(link, _gateway(route) or target),
            source_address=ip_address(source) if source else None,
            mtu=mtu,
            is_here=route["type"] == RTN_LOCAL,
        )

    def _route(self, target: Address) -> nlmsg:
        try:
            (route,) = self._netlink.route("get", dst=str(target), family=FAMILIES[target.version])
        except NetlinkError as error:
            why = REFUSALS.get(error.code) or strerror(error.code)
            raise _Dead((Reason.NO_ROUTE, f"there is {why} to {target}")) from None
        if route["type"] not in (RTN_UNICAST, RTN_LOCAL):
            raise _Dead((Reason.NO_ROUTE, f"{target} is not the address of one host"))
        return route

    def _link(self, index: int) -> nlmsg:
        try:
            (link,) = self._netlink.link("get", index=index)
        except NetlinkError:
            raise _Dead((Reason.NO_ROUTE, "the outgoing device has just gone")) from None
        device = link.get("IFLA_IFNAME")
        if link["ifi_type"] not in (ARPHRD_ETHER, ARPHRD_LOOPBACK):
            raise _Dead((Reason.NO_ROUTE, f"{device} does not carry Ethernet frames"))
        if not (link["flags"] & IFF_UP and link["flags"] & IFF_LOWER_UP):
            raise _Dead((Reason.NO_ROUTE, f"{device} is down"))
        return link

    def _neighbour(self, link: nlmsg, address: Address) -> bytes:
        """Return the MAC of *address* on *link*; have it solicited where that is missing or stale."""
        index = link["index"]
        entry = self._entry(index, address)
        state = entry["state"] if entry is not None else NUD_NONE
        if not state & NUD_VALID or state & NUD_STALE:
            self._solicit(index, address)
        if entry is None or not state & NUD_VALID:
            raise _Dead((Reason.NO_NEIGHBOUR, f"{address} does not answer on {link.get('IFLA_IFNAME')}"))
        return _mac(entry.get("NDA_LLADDR"))

    def _entry(self, index: int, address: Address) -> nlmsg | None:
        try:
            (entry,) = self._netlink.neigh("get", **_key(index, address))
        except NetlinkError as error:
            if error.code == ENOENT:
                return None
            raise _Dead((Reason.NO_NEIGHBOUR, f"{address}: {strerror(error.code)}")) from None
        return entry

    def _solicit(self, index: int, address: Address) -> None:
        """Have the kernel verify a neighbour, as a packet to it would. Does nothing without CAP_NET_ADMIN."""
        now = time.monotonic()
        if now - self._solicited.get((index, address), -SOLICIT_EVERY) < SOLICIT_EVERY:
            return
        self._solicited[index, address] = now
        try:
            self._netlink.neigh("replace", **_key(index, address), state=NUD_NONE, flags=NTF_USE)
        except NetlinkError as error:
            if error.code != EPERM:
                raise _Dead((Reason.NO_NEIGHBOUR, f"{address}: {strerror(error.code)}")) from None


def _key(index: int, address: Address) -> dict[str, str | int]:
    return {"dst": str(address), "ifindex": index, "family": FAMILIES[address.version]}


def _gateway(route: nlmsg) -> Address | None:
    """Return the router on the way; RTA_VIA is one of the other family (RFC 5549)."""
    via = route.get("RTA_VIA")
    gateway = route.get("RTA_GATEWAY") or (via and via["addr"])
    return ip_address(gateway) if gateway else None


def _mtu(route: nlmsg, link: nlmsg, target: Address) -> int:
    """Return the longest IP packet that the way to *target* takes."""
    limits = (link.get("IFLA_MTU"), route.get(("metrics", "mtu")), MAX_MTU)
    mtu = min(int(limit) for limit in limits if limit)
    if mtu < MIN_MTU[target.version]:
        why = (
            f"MTU too small: {mtu} by {link.get('IFLA_IFNAME')}, at least {MIN_MTU[target.version]} is needed"
        )
        raise _Dead((Reason.NO_ROUTE, why))
    return mtu


def _is_alone(link: nlmsg) -> bool:
    """Return whether frames on *link* go to its own MAC, as in arp_constructor of net/ipv4/arp.c."""
    return bool(link["flags"] & (IFF_LOOPBACK | IFF_NOARP))


def _mac(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
