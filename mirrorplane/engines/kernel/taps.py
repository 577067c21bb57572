"""The taps of an instance: its programs on the devices of its sources, in any network namespace.

Owns attaching them, and finding out whether they are still there. Must not know plans, targets or counters.

What is going to be done to a device is written into the register, in the kernel, before it is done: whoever
comes after a crash knows what to undo.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import numpy as np
from pyroute2 import IPRoute

from mirrorplane.capture.device import Device, inside, namespace_id
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel import hooks
from mirrorplane.engines.kernel.libbpf import KernelError
from mirrorplane.engines.kernel.loading import TAPS, Loaded
from mirrorplane.engines.kernel.programs import Program
from mirrorplane.engines.kernel.records import DEVICE, MAX_CPUS, PLACE, rows
from mirrorplane.engines.kernel.register import Register, Relay, Spot
from mirrorplane.engines.kernel.relays import Relays
from mirrorplane.engines.kernel.tables import Switchboard

OWN_NAMESPACE = "/proc/thread-self/ns/net"
DIRECTIONS: dict[str, hooks.Direction] = {"tap_ingress": "ingress", "tap_egress": "egress"}
T = TypeVar("T")


class Taps:
    """The taps; the register says where they are."""

    def __init__(
        self, tag: str, loaded: Loaded, board: Switchboard, register: Register, relays: Relays
    ) -> None:
        self._tag, self._loaded, self._board, self._register = tag, loaded, board, register
        self._relays = relays

    def tap(self, source: str, device: Device) -> None:
        """Tap *device* for *source*. Raises CaptureError, which names the interface; nothing is left then."""
        try:
            namespace = self._register.namespace(elsewhere(device.netns))
            self._refuse_two_of_one(source, namespace, device)
            relays = self._relays.of(namespace)
            lacks = _asked(device.netns, lambda netlink: not hooks.has_clsact(netlink, device.ifindex))
            spot = Spot(source, namespace, device.name, device.ifindex, made_clsact=lacks)
            self._register.put(spot)
            self._board.write_ledger(self._register)
        except (KernelError, CaptureError) as error:
            raise CaptureError(f"interface {source}: {error}") from error
        try:
            self._describe(spot, relays)
            programs = self._loaded.taps(namespace)
            _asked(device.netns, lambda netlink: self._attach(netlink, spot, programs))
        except (KernelError, CaptureError) as error:
            self.untap(source)
            raise CaptureError(f"interface {source}: {error}") from error

    def untap(self, source: str) -> None:
        """Take the taps of *source* away, and the clsact if it is ours and unused. Raises KernelError."""
        spot = self._register.spot(source)
        if spot is None:
            return
        release(self._tag, spot, self._register.namespaces[spot.namespace])
        self._loaded.maps["devices"].delete(_key(spot))
        self._register.drop(source)
        self._board.write_ledger(self._register)

    def is_tapped(self, source: str, device: Device) -> bool:
        """Return whether *source* is tapped there, by both programs. Raises KernelError."""
        spot = self._register.spot(source)
        if spot is None or spot.ifindex != device.ifindex:
            return False
        if self._register.namespaces[spot.namespace] != elsewhere(device.netns):
            return False
        kept = _asked(device.netns, lambda netlink: hooks.filters(netlink, spot.ifindex, self._tag))
        directions = {found.direction for found in kept}
        return len(directions) == len(TAPS) and self._loaded.maps["devices"].lookup(_key(spot)) is not None

    def refresh(self) -> None:
        """Have every tapped device use the relays of now. Raises KernelError and CaptureError."""
        for spot in self._register.spots:
            self._describe(spot, self._relays.of(spot.namespace))
        self._relays.prune({spot.namespace for spot in self._register.spots})
        self._board.write_ledger(self._register)

    def _refuse_two_of_one(self, source: str, namespace: int, device: Device) -> None:
        for spot in self._register.spots:
            if (spot.namespace, spot.ifindex) == (namespace, device.ifindex) and spot.source != source:
                raise CaptureError(f"device {device.name} is mirrored for {spot.source} already")

    def _describe(self, spot: Spot, relays: Sequence[Relay]) -> None:
        """Tell the programs what the device is."""
        staging = self._relays.staging
        row = rows(DEVICE)
        row["source"] = self._register.sources.index(spot.source)
        row["staging"] = 0 if spot.namespace or staging is None else staging.a_index
        row["n_relays"] = len(relays)
        for index, relay in enumerate(relays):
            row["relay"][0][index] = relay.a_index
            row["cpu"][0][index] = MAX_CPUS if relay.cpu is None else relay.cpu
        self._loaded.maps["devices"].update(_key(spot), row.tobytes())

    def _attach(self, netlink: IPRoute, spot: Spot, programs: Mapping[str, Program]) -> None:
        hooks.ensure_clsact(netlink, spot.ifindex)
        for found in hooks.filters(netlink, spot.ifindex, self._tag):  # one of two, of whoever crashed
            hooks.detach(netlink, spot.ifindex, found)
        for name, direction in DIRECTIONS.items():
            filter_name = hooks.filter_name(self._tag, name)
            hooks.attach(netlink, spot.ifindex, direction, programs[name].fd, filter_name)


def release(tag: str, spot: Spot, netns: str | None) -> None:
    """Detach the taps of *tag* from a device, and remove its clsact if it is ours and unused.

    Does nothing where the device or its namespace is gone. Raises KernelError.
    """

    def undo(netlink: IPRoute) -> None:
        for found in hooks.filters(netlink, spot.ifindex, tag):
            hooks.detach(netlink, spot.ifindex, found)
        if spot.made_clsact:
            hooks.release_clsact(netlink, spot.ifindex)

    try:
        _asked(netns, undo)
    except CaptureError:
        return  # the namespace is gone, and with it the device


def elsewhere(netns: str | None) -> str | None:
    """Return *netns*, or None where that is this thread's own namespace."""
    if netns is None or namespace_id(netns) == namespace_id(OWN_NAMESPACE):
        return None
    return netns


def _asked(netns: str | None, talk: Callable[[IPRoute], T]) -> T:
    """Return what *talk* returns, called with a netlink socket of *netns*. Raises CaptureError without it."""

    def conversation() -> T:
        with IPRoute(ext_ack=True) as netlink:
            return talk(netlink)

    return inside(netns, conversation)


def _key(spot: Spot) -> bytes:
    return np.array((spot.namespace, spot.ifindex), PLACE).tobytes()
