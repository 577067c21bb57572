"""Instances: who runs, what one left behind, and taking it away.

Owns an instance's name (its tag), the lock that says that its control process lives, finding what is in the
kernel of it, and removing that. Must not know plans or packets.

An instance belongs to what the user calls it (a configuration file's path) and to a network namespace: the
same file run again there adopts what is left. Its lock is an abstract unix socket (unix(7)), which is bound
to the namespace and vanishes with its process, so no lock can be stale.
"""

from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from socket import AF_UNIX, SOCK_STREAM, socket
from typing import NamedTuple

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.capture.device import NAMES, inside, namespace_id
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel import hooks
from mirrorplane.engines.kernel.libbpf import KernelError
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.programs import Program
from mirrorplane.engines.kernel.register import Register
from mirrorplane.engines.kernel.staging import devices_of, remove
from mirrorplane.engines.kernel.tables import Switchboard
from mirrorplane.engines.kernel.taps import release


class RunningError(KernelError):
    """An instance of that name has a control process already."""


class Lock:
    """Held by the control process of an instance; while it lives nobody else is."""

    def __init__(self, tag: str) -> None:
        """Take it. Raises RunningError."""
        self._socket = socket(AF_UNIX, SOCK_STREAM)
        try:
            self._socket.bind(f"\0mirrorplane/{tag}")
        except OSError:
            self._socket.close()
            raise RunningError(
                "is running already, with this configuration, in this network namespace"
            ) from None

    def release(self) -> None:
        """Give it back."""
        self._socket.close()


def tag_of(words: str) -> str:
    """Return the tag of the instance that the user calls *words*."""
    return blake2b(words.encode(), digest_size=4).hexdigest()


def is_running(tag: str) -> bool:
    """Return whether the instance has a control process in this network namespace."""
    try:
        Lock(tag).release()
    except RunningError:
        return True
    return False


def adopt(tag: str) -> tuple[Loaded, Register] | None:
    """Return the programs and maps that an earlier process left at work, and its register.

    None if there are none, or not all, or none that can be read: then `sweep` removes what there is.
    """
    gates: dict[str, Program] = {}
    try:
        with IPRoute(ext_ack=True) as netlink:
            for name, number in _gate_ids(netlink, tag).items():
                gates[name] = Program.by_id(number)
        loaded = Loaded.adopted(gates)
    except KernelError:
        for program in gates.values():
            program.close()
        return None
    try:
        return loaded, Switchboard(loaded.maps).read_ledger()
    except (KernelError, ValueError):
        loaded.close()
        return None


def _gate_ids(netlink: IPRoute, tag: str) -> dict[str, int]:
    """Return the ids of the gate programs at work; any relay's will do."""
    found: dict[str, int] = {}
    for device in devices_of(netlink).get(tag, []):
        index = netlink.link_lookup(ifname=device)
        for kept in hooks.filters(netlink, index[0], tag) if index else []:
            name = "relay" if not device.endswith(("sa", "sb")) else f"gate_{kept.direction}"
            found[name] = kept.program_id
    return found


class Removed(NamedTuple):
    """What was taken away of an instance."""

    tag: str
    devices: tuple[str, ...]
    taps: tuple[str, ...]


def sweep(tag: str) -> Removed:
    """Remove all that is left of an instance which has no control process, in whatever state it is.

    Raises KernelError.
    """
    found = adopt(tag)
    spots: list[str] = []
    if found is not None:
        loaded, register = found
        loaded.close()
        for spot in register.spots:
            release(tag, spot, register.namespaces[spot.namespace])
            spots.append(spot.device)
    with IPRoute(ext_ack=True) as netlink:
        devices = devices_of(netlink).get(tag, [])
        remove(netlink, tag)
    for netns in _namespaces():
        spots += _detach_everywhere(tag, netns)
    return Removed(tag, tuple(sorted(devices)), tuple(spots))


def running() -> list[str]:
    """Return the tags of the instances of this network namespace that have a control process.

    Raises KernelError.
    """
    with IPRoute(ext_ack=True) as netlink:
        return sorted(tag for tag in devices_of(netlink) if is_running(tag))


def leftovers() -> list[str]:
    """Return the tags of the instances that were at work here and have no control process any more.

    Raises KernelError.
    """
    with IPRoute(ext_ack=True) as netlink:
        tags = set(devices_of(netlink))
    for netns in _namespaces():
        tags |= _orphans(netns)
    return sorted(tag for tag in tags if not is_running(tag))


def _namespaces() -> Iterable[str | None]:
    """Return this namespace, and those that have a name."""
    with suppress(OSError):
        own = namespace_id("/proc/self/ns/net")
        return [None, *(path.name for path in sorted(NAMES.iterdir()) if namespace_id(path.name) != own)]
    return [None]


def _orphans(netns: str | None) -> set[str]:
    """Return whose taps are in a namespace where no device of theirs is, through which copies could leave."""

    def look() -> set[str]:
        with IPRoute(ext_ack=True) as netlink:
            kept = {found.tag for _, found in _all_filters(netlink)}
            return kept - set(devices_of(netlink))

    try:
        return inside(netns, look)
    except CaptureError:
        return set()


def _detach_everywhere(tag: str, netns: str | None) -> list[str]:
    """Detach what there still is of an instance in a namespace; return from which devices."""

    def detach() -> list[str]:
        with IPRoute(ext_ack=True) as netlink:
            if tag in devices_of(netlink) and netns is not None:
                return []  # at work, from another namespace than this one
            done = []
            for index, found in _all_filters(netlink):
                if found.tag == tag:
                    hooks.detach(netlink, index, found)
                    hooks.release_clsact(netlink, index)
                    done.append(str(index))
            return done

    try:
        return inside(netns, detach)
    except CaptureError:
        return []


def _all_filters(netlink: IPRoute) -> list[tuple[int, hooks.Filter]]:
    try:
        indexes = [int(link["index"]) for link in netlink.get_links()]
    except NetlinkError as error:
        raise KernelError(f"listing devices: {error}") from None
    return [(index, found) for index in indexes for found in hooks.filters(netlink, index)]
