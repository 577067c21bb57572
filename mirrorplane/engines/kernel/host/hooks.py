"""Where programs meet packets: cls_bpf filters in direct-action mode on a device's clsact (tc-bpf(8)).

Owns finding a place for a filter without touching anybody else's, and telling ours. Must not know what the
programs do. Sources: include/uapi/linux/pkt_cls.h, net/sched/cls_api.c, net/sched/cls_bpf.c.

Filters are asked by ascending *preference* (here: priority). The filters of one preference have one kind and
one protocol, and a *handle* each; among cls_bpf filters the youngest is asked first. So a filter of ours goes
to the first preference, beside any cls_bpf filters for all protocols that are there, else to the next one
that takes it. A filter's name, `mirrorplane/TAG/WHAT`, says whose it is.

Every function takes a netlink socket of the device's namespace; with IPRoute(ext_ack=True), an error also has
the kernel's own words.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from errno import EEXIST, EINVAL, ENOENT
from socket import htons
from struct import Struct
from typing import Any, Literal, NamedTuple

from pyroute2 import IPRoute
from pyroute2.netlink import nlmsg_base
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.engines.kernel.host.refusals import refused

Direction = Literal["ingress", "egress"]

DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")
PARENTS: dict[Direction, int] = {"ingress": 0xFFFF_FFF2, "egress": 0xFFFF_FFF3}
"""include/uapi/linux/pkt_sched.h: TC_H_CLSACT with TC_H_MIN_INGRESS and TC_H_MIN_EGRESS."""

TC_H_CLSACT = 0xFFFF_FFF1
"""The parent of a clsact or ingress qdisc: a device has at most one of either."""

ETH_P_ALL = 0x0003
"""include/uapi/linux/if_ether.h: packets of every protocol."""

FIRST, LAST = 1, 0xFFFF
"""The preferences there are; 0 has the kernel choose one, at the far end."""

TCA_CHAIN, TCA_BPF_ID = 11, 11
"""include/uapi/linux/rtnetlink.h and pkt_cls.h: attributes that pyroute2 has no names for."""

ATTRIBUTE = Struct("=HH")
"""struct nlattr: length, with this header, and type; the type's two highest bits are flags."""
NLA_TYPE_MASK = 0x3FFF
NUMBER = Struct("=I")

CLSACT = "clsact"
PREFIX = "mirrorplane"


class Filter(NamedTuple):
    """A filter of ours, as the kernel has it; `priority` and `handle` are its place."""

    direction: Direction
    name: str
    priority: int
    handle: int
    program_id: int

    @property
    def tag(self) -> str:
        """Whose it is."""
        return self.name.split("/")[1]


class _Seat(NamedTuple):
    """A filter of anybody's, or the head of a preference's filters, which has handle 0."""

    direction: Direction
    chain: int
    priority: int
    protocol: int
    kind: str
    handle: int
    name: str
    program_id: int


def filter_name(tag: str, what: str) -> str:
    """Return the name of a filter of the engine *tag*."""
    return f"{PREFIX}/{tag}/{what}"


def has_clsact(netlink: IPRoute, ifindex: int) -> bool:
    """Return whether there is a clsact qdisc on the device. Raises RefusedError."""
    with _refusals(netlink, ifindex, "looking for a clsact qdisc"):
        return _qdisc(netlink, ifindex) == CLSACT


def ensure_clsact(netlink: IPRoute, ifindex: int) -> bool:
    """Have a clsact qdisc on the device; return whether it was made just now.

    Raises RefusedError, also where there is an `ingress` qdisc, which has no egress.
    """
    with _refusals(netlink, ifindex, "adding a clsact qdisc"):
        if _qdisc(netlink, ifindex) == CLSACT:
            return False
        try:
            netlink.tc("add", CLSACT, ifindex)
        except NetlinkError as error:
            kind = _qdisc(netlink, ifindex)
            if kind == CLSACT:  # somebody was faster
                return False
            why = f"there is a qdisc of kind {kind}, which has no egress" if kind else error.args[1]
            raise NetlinkError(error.code, why) from None
    return True


def release_clsact(netlink: IPRoute, ifindex: int) -> bool:
    """Remove the device's clsact qdisc if no filter at all is left on it; return whether there is none now.

    Between look and removal somebody may add a filter, which is then lost: netlink cannot do both at once.
    Raises RefusedError.
    """
    with _refusals(netlink, ifindex, "removing the clsact qdisc"):
        if any(_seats(netlink, ifindex, direction) for direction in DIRECTIONS):
            return _qdisc(netlink, ifindex) != CLSACT
        try:
            netlink.tc("del", CLSACT, ifindex)
        except NetlinkError:
            if _qdisc(netlink, ifindex) == CLSACT:
                raise
    return True


def attach(
    netlink: IPRoute, ifindex: int, direction: Direction, program_fd: int, name: str, *, priority: int = FIRST
) -> Filter:
    """Attach a program as far in front as can be, from *priority* on; return where it is.

    *name* is a `filter_name`. The device must have a clsact. Raises RefusedError.
    """
    with _refusals(netlink, ifindex, f"attaching {name} to {direction}"):
        place = _place(netlink, ifindex, direction, priority)
        while True:
            try:
                _ask(netlink, "add-filter", ifindex, direction, place, fd=program_fd, name=name)
                break
            except NetlinkError as error:
                before, place = place, _place(netlink, ifindex, direction, priority)
                if error.code not in (EEXIST, EINVAL) or place == before:  # else: somebody took the place
                    raise
        return _find(netlink, ifindex, direction, name, place)


def exchange(netlink: IPRoute, ifindex: int, attached: Filter, program_fd: int) -> Filter:
    """Put another program into a filter of ours: every packet meets the old one or the new one.

    Raises RefusedError, also where the filter is gone; then none is made.
    """
    name, place = attached.name, (attached.priority, attached.handle)
    with _refusals(netlink, ifindex, f"exchanging {name} on {attached.direction}"):
        _find(netlink, ifindex, attached.direction, name, place)
        _ask(netlink, "change-filter", ifindex, attached.direction, place, fd=program_fd, name=name)
        return _find(netlink, ifindex, attached.direction, name, place)


def detach(netlink: IPRoute, ifindex: int, attached: Filter) -> None:
    """Detach a filter of ours, and no other. Does nothing where it, or the device, is gone.

    Raises RefusedError.
    """
    place = attached.priority, attached.handle
    with _refusals(netlink, ifindex, f"detaching {attached.name} from {attached.direction}"):
        if not _is_there(netlink, ifindex, attached):
            return
        try:
            _ask(netlink, "del-filter", ifindex, attached.direction, place)
        except NetlinkError:
            if _is_there(netlink, ifindex, attached):
                raise


def filters(netlink: IPRoute, ifindex: int, tag: str | None = None) -> list[Filter]:
    """Return our filters on a device, those of the engine *tag* or of every one; none where it is gone.

    Raises RefusedError.
    """
    start = f"{PREFIX}/" if tag is None else filter_name(tag, "")
    with _refusals(netlink, ifindex, "listing its filters"):
        seats = [seat for direction in DIRECTIONS for seat in _seats(netlink, ifindex, direction)]
    return [_filter(seat) for seat in seats if seat.name.startswith(start) and _takes_ours(seat)]


def _ask(
    netlink: IPRoute, command: str, ifindex: int, direction: Direction, place: tuple[int, int], **program: Any
) -> None:
    """Change the filter at *place*: preference and handle, neither of them 0, which would mean all."""
    priority, handle = place
    netlink.tc(
        command,
        "bpf",
        ifindex,
        handle,
        parent=PARENTS[direction],
        protocol=ETH_P_ALL,
        prio=priority,
        **program | ({"direct_action": True} if program else {}),
    )


def _place(netlink: IPRoute, ifindex: int, direction: Direction, first: int) -> tuple[int, int]:
    """Return the first preference, from *first* on, that takes a filter of ours, and a handle free there."""
    taken: dict[int, list[_Seat]] = {}
    for seat in _seats(netlink, ifindex, direction):
        if seat.chain == 0:
            taken.setdefault(seat.priority, []).append(seat)
    for priority in range(first, LAST + 1):
        neighbours = taken.get(priority, [])
        if all(_takes_ours(seat) for seat in neighbours):
            handles = {seat.handle for seat in neighbours}
            return priority, next(handle for handle in range(1, len(handles) + 2) if handle not in handles)
    raise NetlinkError(EEXIST, f"no preference from {first} on is free")


def _takes_ours(seat: _Seat) -> bool:
    """Return whether a filter of ours can be beside another one: kind and protocol are one a preference."""
    return seat.chain == 0 and seat.kind == "bpf" and seat.protocol == ETH_P_ALL


def _find(netlink: IPRoute, ifindex: int, direction: Direction, name: str, place: tuple[int, int]) -> Filter:
    for seat in _seats(netlink, ifindex, direction):
        if _takes_ours(seat) and (seat.name, seat.priority, seat.handle) == (name, *place):
            return _filter(seat)
    raise NetlinkError(ENOENT, "it is gone")


def _is_there(netlink: IPRoute, ifindex: int, attached: Filter) -> bool:
    place = attached.priority, attached.handle
    try:
        _find(netlink, ifindex, attached.direction, attached.name, place)
    except NetlinkError as error:
        if error.code != ENOENT:
            raise
        return False
    return True


def _filter(seat: _Seat) -> Filter:
    return Filter(seat.direction, seat.name, seat.priority, seat.handle, seat.program_id)


def _seats(netlink: IPRoute, ifindex: int, direction: Direction) -> list[_Seat]:
    """Return every filter of a device, in every chain; none where the device or its clsact is not there."""
    messages = netlink.get_filters(index=ifindex, parent=PARENTS[direction])
    return [_seat(message, direction) for message in messages]


def _seat(message: nlmsg_base, direction: Direction) -> _Seat:
    kind = message.get("TCA_KIND")
    options = message.get("TCA_OPTIONS") if kind == "bpf" else None
    return _Seat(
        direction=direction,
        chain=_number(message, TCA_CHAIN),
        priority=message["info"] >> 16,
        protocol=htons(message["info"] & 0xFFFF),
        kind=kind,
        handle=message["handle"],
        name=str(options.get("TCA_BPF_NAME") or "") if options else "",
        program_id=_number(options, TCA_BPF_ID) if options else 0,
    )


def _number(message: nlmsg_base, kind: int) -> int:
    """Return an attribute that is a 32-bit number, 0 where there is none."""
    for slot in message["attrs"]:
        raw = slot.nla
        _, found = ATTRIBUTE.unpack_from(raw.data, raw.offset)
        if found & NLA_TYPE_MASK == kind:
            return int(NUMBER.unpack_from(raw.data, raw.offset + ATTRIBUTE.size)[0])
    return 0


def _qdisc(netlink: IPRoute, ifindex: int) -> str:
    """Return what kind of qdisc a device's filters would be on: clsact, ingress, empty for none."""
    qdiscs = netlink.get_qdiscs(index=ifindex)
    kinds = [str(qdisc.get("TCA_KIND")) for qdisc in qdiscs if qdisc["parent"] == TC_H_CLSACT]
    return kinds[0] if kinds else ""


@contextmanager
def _refusals(netlink: IPRoute, ifindex: int, what: str) -> Iterator[None]:
    """Turn a refusal into a RefusedError that says which device it is about."""
    try:
        yield
    except NetlinkError as error:
        raise refused(f"{_device(netlink, ifindex)}: {what}", error) from None


def _device(netlink: IPRoute, ifindex: int) -> str:
    try:
        (link,) = netlink.link("get", index=ifindex)
    except NetlinkError:
        return f"device {ifindex}"
    return str(link.get("IFLA_IFNAME"))
