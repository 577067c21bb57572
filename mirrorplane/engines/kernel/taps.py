"""The taps of an instance: its programs on the devices of its sources, in any network namespace.

Owns attaching them, and finding out whether they are still there. Must not know plans, targets or counters.

What is going to be done to a device is written into the register, in the kernel, before it is done: whoever
comes after a crash knows what to undo. A tap that is attached does nothing until its device is described to
the programs: so all that can be refused is asked for first, and has no effect until all of it is there.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import TypeVar

import numpy as np
from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.capture.device import Device, inside, namespace_id
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel.bpf.libbpf import KernelError, RefusedError
from mirrorplane.engines.kernel.host import hooks
from mirrorplane.engines.kernel.loading import TAPS, Loaded
from mirrorplane.engines.kernel.records import DEVICE, MAX_CPUS, PLACE, rows
from mirrorplane.engines.kernel.register import Namespace, Register, Spot
from mirrorplane.engines.kernel.relays import Relays
from mirrorplane.engines.kernel.tables import Switchboard

OWN_NAMESPACE = "/proc/thread-self/ns/net"
DIRECTIONS: dict[str, hooks.Direction] = {"tap_ingress": "ingress", "tap_egress": "egress"}

MADE = "/clsact"
"""How the name of a tap ends where the device's clsact is ours to remove: the last of ours there does it."""

T = TypeVar("T")


class State(Enum):
    """What has become of a source's device."""

    TAPPED = auto()
    BARE = auto()
    GONE = auto()


class Taps:
    """The taps; the register says where they are."""

    def __init__(
        self, tag: str, loaded: Loaded, board: Switchboard, register: Register, relays: Relays
    ) -> None:
        self._tag, self._loaded, self._board, self._register = tag, loaded, board, register
        self._relays = relays

    def prepare(self, devices: Mapping[str, Device]) -> list[Spot]:
        """Attach the programs to those of *devices*, by source, that lack them, and return which were new.

        They do nothing before `turn_to`. Raises KernelError, and CaptureError for a device that is not there
        or has two sources, both of which name the interface; nothing new is left then.
        """
        fresh: list[Spot] = []
        try:
            for number, group in self._by_namespace(devices).items():
                with _interface(next(iter(group))):
                    self._relays.of(number)
                self._attach_missing(number, group, fresh)
        except BaseException:
            self.withdraw(fresh)
            raise
        return fresh

    def withdraw(self, spots: Iterable[Spot]) -> None:
        """Take the taps at *spots* away, and each clsact if it is ours and unused. Raises KernelError."""
        gone = list(spots)
        for number in {spot.namespace for spot in gone}:
            of_one = [spot for spot in gone if spot.namespace == number]
            release(self._tag, of_one, self._register.namespaces[number])
            for spot in of_one:
                self._loaded.maps["devices"].delete(_key(spot))
                self._register.drop(spot)
        if gone:
            self._board.write_ledger(self._register)

    def turn_to(self, devices: Mapping[str, Device]) -> None:
        """Mirror from *devices*, which are prepared, and from nothing else. Raises KernelError."""
        wanted = {}
        for number, group in self._by_namespace(devices).items():
            for source, device in group.items():
                noted = self._register.at((number, device.ifindex))
                made = noted is not None and noted.made_clsact
                spot = Spot(source, number, device.name, device.ifindex, made)
                wanted[spot.place] = spot
                self._register.put(spot)
        self._board.write_ledger(self._register)
        for spot in wanted.values():
            self._describe(spot)
        self.withdraw([spot for spot in self._register.spots if spot.place not in wanted])
        used = {number for number, _ in wanted}
        self._loaded.prune(used)
        if self._relays.prune(used):
            self._board.write_ledger(self._register)

    def look(self, devices: Mapping[str, Device]) -> dict[str, State]:
        """Return what has become of the device of each source. Raises KernelError."""
        found: dict[str, State] = {}
        for netns in {device.netns for device in devices.values()}:
            group = {source: device for source, device in devices.items() if device.netns == netns}
            try:
                number = self._register.known(namespace_of(netns))
                found |= inside(netns, lambda: self._states(number, group))  # noqa: B023 - called at once
            except CaptureError:
                found |= dict.fromkeys(group, State.GONE)
        return {source: found[source] for source in devices}

    def _states(self, number: int | None, group: Mapping[str, Device]) -> dict[str, State]:
        with IPRoute(ext_ack=True) as netlink:
            return {source: self._state(netlink, number, source, device) for source, device in group.items()}

    def _state(self, netlink: IPRoute, number: int | None, source: str, device: Device) -> State:
        index = index_of(netlink, device.name)
        if index is None:
            return State.GONE
        spot = None if number is None else self._register.at((number, index))
        is_known = spot is not None and spot.source == source
        return State.TAPPED if is_known and self._is_attached(netlink, index) else State.BARE

    def _is_attached(self, netlink: IPRoute, ifindex: int) -> bool:
        kept = hooks.filters(netlink, ifindex, self._tag)
        return len({found.direction for found in kept}) == len(TAPS)

    def _by_namespace(self, devices: Mapping[str, Device]) -> dict[int, dict[str, Device]]:
        """Return *devices* by the number of their namespace. Raises CaptureError."""
        found: dict[int, dict[str, Device]] = {}
        owners: dict[tuple[int, int], str] = {}
        for source, device in devices.items():
            with _interface(source):
                number = self._register.number(namespace_of(device.netns))
                owner = owners.setdefault((number, device.ifindex), source)
                if owner != source:
                    raise CaptureError(f"device {device.name} is mirrored for {owner} already")
            found.setdefault(number, {})[source] = device
        return found

    def _attach_missing(self, number: int, group: Mapping[str, Device], fresh: list[Spot]) -> None:
        """Attach to the devices of one namespace, adding to *fresh* before anything new is done."""
        netns = self._register.namespaces[number].name
        with _interface(next(iter(group))):
            bare = _asked(netns, lambda netlink: self._bare(netlink, number, group))
            if not bare:
                return
            fresh += [spot for spot in bare if self._register.at(spot.place) is None]
            for spot in bare:
                self._register.put(spot)
            self._board.write_ledger(self._register)
            self._loaded.taps(number)
            _asked(netns, lambda netlink: self._attach_all(netlink, bare))

    def _bare(self, netlink: IPRoute, number: int, group: Mapping[str, Device]) -> list[Spot]:
        """Return what is to be noted of the devices that lack a tap."""
        bare = []
        for source, device in group.items():
            noted = self._register.at((number, device.ifindex))
            if noted is not None and self._is_attached(netlink, device.ifindex):
                continue
            with _interface(source):
                made = (
                    (noted is not None and noted.device == device.name and noted.made_clsact)
                    or not hooks.has_clsact(netlink, device.ifindex)
                    or any(kept.name.endswith(MADE) for kept in hooks.filters(netlink, device.ifindex))
                )
            owner = source if noted is None else noted.source
            bare.append(Spot(owner, number, device.name, device.ifindex, made))
        return bare

    def _attach_all(self, netlink: IPRoute, bare: list[Spot]) -> None:
        for spot in bare:
            with _interface(spot.source):
                self._attach(netlink, spot)

    def _attach(self, netlink: IPRoute, spot: Spot) -> None:
        programs = self._loaded.taps(spot.namespace)
        hooks.ensure_clsact(netlink, spot.ifindex)
        for found in hooks.filters(netlink, spot.ifindex, self._tag):  # one of two, of whoever crashed
            hooks.detach(netlink, spot.ifindex, found)
        for name, direction in DIRECTIONS.items():
            filter_name = hooks.filter_name(self._tag, name + (MADE if spot.made_clsact else ""))
            hooks.attach(netlink, spot.ifindex, direction, programs[name].fd, filter_name)

    def _describe(self, spot: Spot) -> None:
        """Tell the programs what the device is: from now on they mirror it."""
        staging, relays = self._relays.staging, self._relays.known(spot.namespace)
        row = rows(DEVICE)
        row["source"] = self._register.sources.index(spot.source)
        row["staging"] = 0 if spot.namespace or staging is None else staging.a_index
        row["n_relays"] = len(relays)
        for index, relay in enumerate(relays):
            row["relay"][0][index] = relay.a_index
            row["cpu"][0][index] = MAX_CPUS if relay.cpu is None else relay.cpu
        self._loaded.maps["devices"].update(_key(spot), row.tobytes())


def release(tag: str, spots: Sequence[Spot], namespace: Namespace) -> list[str]:
    """Detach the taps of *tag* from devices of a namespace, and remove each clsact if it is ours and unused.

    Return the names of the devices that there were any on. Does nothing where the device or its namespace is
    gone, or another one has its name. Raises KernelError.
    """
    with suppress(CaptureError):
        if namespace_of(namespace.name) == namespace:
            return _asked(namespace.name, lambda netlink: _release(netlink, tag, spots))
    return []


def _release(netlink: IPRoute, tag: str, spots: Sequence[Spot]) -> list[str]:
    done = []
    for spot in spots:
        kept = hooks.filters(netlink, spot.ifindex, tag)
        for found in kept:
            hooks.detach(netlink, spot.ifindex, found)
        # an index may have been given to another device meanwhile, whose clsact is not ours
        if spot.made_clsact and (kept or index_of(netlink, spot.device) == spot.ifindex):
            hooks.release_clsact(netlink, spot.ifindex)
        done += [spot.device] if kept else []
    return done


def namespace_of(netns: str | None) -> Namespace:
    """Return what *netns* is now; this thread's own namespace has no name. Raises CaptureError."""
    if netns is None:
        return Namespace()
    identity = namespace_id(netns)
    if identity is None:
        raise CaptureError(f"network namespace {netns}: not there")
    return Namespace() if identity == namespace_id(OWN_NAMESPACE) else Namespace(netns, *identity)


def index_of(netlink: IPRoute, name: str) -> int | None:
    """Return the index of a device, None if there is none of that name."""
    try:
        (link,) = netlink.link("get", ifname=name)
    except NetlinkError:
        return None
    return int(link["index"])


@contextmanager
def _interface(source: str) -> Iterator[None]:
    """Have what goes wrong in the `with` block name the interface, if it does not name one."""
    try:
        yield
    except RefusedError as error:
        raise RefusedError(_naming(source, error), error.code, error.log) from error
    except KernelError as error:
        raise KernelError(_naming(source, error)) from error
    except CaptureError as error:
        raise CaptureError(_naming(source, error)) from error


def _naming(source: str, error: Exception) -> str:
    line = str(error)
    return line if line.startswith("interface ") else f"interface {source}: {line}"


def _asked(netns: str | None, talk: Callable[[IPRoute], T]) -> T:
    """Return what *talk* returns, called with a netlink socket of *netns*. Raises CaptureError without it."""

    def conversation() -> T:
        with IPRoute(ext_ack=True) as netlink:
            return talk(netlink)

    return inside(netns, conversation)


def _key(spot: Spot) -> bytes:
    return np.array(spot.place, PLACE).tobytes()
