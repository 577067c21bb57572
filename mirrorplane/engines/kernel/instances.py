"""Instances: who runs, what one left behind, and taking it away.

Owns an instance's name (its tag), the lock that says that its control process lives, finding what is in the
kernel of it, and removing that. Must not know plans or packets.

An instance belongs to what the user calls it (a configuration file's path) and to a network namespace: the
same file run again there adopts what is left. Its lock is an abstract unix socket (unix(7)), which is bound
to the namespace and vanishes with its process, so no lock can be stale.
"""

import re
from collections.abc import Callable
from contextlib import ExitStack, suppress
from hashlib import blake2b
from socket import AF_UNIX, SOCK_DGRAM, socket
from typing import NamedTuple, ParamSpec, Self

from pyroute2 import IPRoute

from mirrorplane.capture.device import NAMES, inside, namespace_id
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel.bpf.libbpf import KernelError
from mirrorplane.engines.kernel.bpf.programs import Program
from mirrorplane.engines.kernel.host import hooks
from mirrorplane.engines.kernel.host.refusals import asking
from mirrorplane.engines.kernel.host.staging import devices_of, remove
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.register import Register
from mirrorplane.engines.kernel.tables import Switchboard
from mirrorplane.engines.kernel.taps import MADE, release

HOME = re.compile(r"(?:s[ab]|\db)$")
"""How the names of those devices end that are in the namespace of the control process."""

P = ParamSpec("P")


class RunningError(KernelError):
    """An instance of that name has a control process already."""


class Lock:
    """Held by the control process of an instance; while it lives nobody else is."""

    def __init__(self, tag: str) -> None:
        """Take it. Raises RunningError."""
        self._socket = socket(AF_UNIX, SOCK_DGRAM)
        try:
            self._socket.bind(_address(tag))
        except OSError:
            self._socket.close()
            raise RunningError(
                "is running already, with this configuration, in this network namespace"
            ) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()

    def release(self) -> None:
        """Give it back."""
        self._socket.close()


def _address(tag: str) -> str:
    return f"\0mirrorplane/{tag}"


def tag_of(words: str) -> str:
    """Return the tag of the instance that the user calls *words*."""
    return blake2b(words.encode(), digest_size=4).hexdigest()


def is_running(tag: str) -> bool:
    """Return whether the instance has a control process in this network namespace."""
    with socket(AF_UNIX, SOCK_DGRAM) as asked:  # to bind would keep the instance from being started
        return asked.connect_ex(_address(tag)) == 0


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
    """What was taken away of an instance: its devices, and the devices that it had tapped."""

    devices: tuple[str, ...]
    taps: tuple[str, ...]


def sweep(tag: str, *, everywhere: bool = False) -> Removed:
    """Remove all that is left of an instance, in whatever state it is. Who calls has its lock.

    Where its register can be read, that says what there is. With *everywhere*, taps are looked for even so,
    in every namespace that has a name. Whatever is refused, the rest is done. Raises KernelError.
    """
    taps: list[str] = []
    devices: list[str] = []
    found = adopt(tag)
    with ExitStack() as steps:  # the last one first
        if found is None or everywhere:
            for netns in _namespaces():
                steps.callback(_collect, taps, _detach_everywhere, tag, netns)
        steps.callback(_collect, devices, _remove_devices, tag)
        if found is not None:
            loaded, register = found
            loaded.close()
            for number, namespace in enumerate(register.namespaces):
                spots = [spot for spot in register.spots if spot.namespace == number]
                if spots:
                    steps.callback(_collect, taps, release, tag, spots, namespace)
    return Removed(tuple(sorted(devices)), tuple(sorted(taps)))


def _collect(into: list[str], work: Callable[P, list[str]], *args: P.args, **kwargs: P.kwargs) -> None:
    into += work(*args, **kwargs)


def _remove_devices(tag: str) -> list[str]:
    with IPRoute(ext_ack=True) as netlink:
        devices = devices_of(netlink).get(tag, [])
        remove(netlink, tag)
        return devices


def make_way(tag: str) -> bool:
    """Remove what an earlier process of the instance left at work here; return whether there was anything.

    Raises RunningError where it has a process, KernelError.
    """
    if tag not in _at_home():
        return False
    with Lock(tag):
        removed = sweep(tag)
    return bool(removed.devices or removed.taps)


def running() -> list[str]:
    """Return the tags of the instances of this network namespace that have a control process.

    Raises KernelError.
    """
    return sorted(tag for tag in _at_home() if is_running(tag))


def leftovers() -> list[str]:
    """Return the tags of the instances that were at work here and have no control process any more.

    Raises KernelError.
    """
    tags = _at_home()
    for netns in _namespaces():
        tags |= _orphans(netns)
    return sorted(tag for tag in tags if not is_running(tag))


def _at_home() -> set[str]:
    """Return the tags of the instances whose control process is or was in this namespace.

    Of the others there is nothing but the first ends of relays, through which they mirror from here.
    """
    with IPRoute(ext_ack=True) as netlink:
        return {tag for tag, names in devices_of(netlink).items() if any(HOME.search(name) for name in names)}


def _namespaces() -> list[str | None]:
    """Return this namespace, and those that have a name."""
    with suppress(OSError):
        own = namespace_id("/proc/thread-self/ns/net")
        return [None, *(path.name for path in sorted(NAMES.iterdir()) if namespace_id(path.name) != own)]
    return [None]


def _orphans(netns: str | None) -> set[str]:
    """Return whose taps are in a namespace where no device of theirs is, through which copies could leave."""

    def look() -> set[str]:
        with IPRoute(ext_ack=True) as netlink:
            kept = {found.tag for _, _, found in _all_filters(netlink)}
            return kept - set(devices_of(netlink))

    try:
        return inside(netns, look)
    except CaptureError:
        return set()


def _detach_everywhere(tag: str, netns: str | None) -> list[str]:
    """Detach what there still is of an instance in a namespace; return from which devices."""

    def detach() -> list[str]:
        with IPRoute(ext_ack=True) as netlink:
            if netns is not None and tag in devices_of(netlink):
                return []  # at work, from another namespace than this one
            done = {}
            for index, name, found in _all_filters(netlink):
                if found.tag == tag:
                    hooks.detach(netlink, index, found)
                    done[index] = name
                    if found.name.endswith(MADE):
                        hooks.release_clsact(netlink, index)
            return list(done.values())

    try:
        return inside(netns, detach)
    except CaptureError:
        return []


def _all_filters(netlink: IPRoute) -> list[tuple[int, str, hooks.Filter]]:
    """Return our filters with the index and the name of each one's device."""
    with asking("listing devices"):
        links = [(int(link["index"]), str(link.get("IFLA_IFNAME"))) for link in netlink.get_links()]
    return [(index, name, found) for index, name in links for found in hooks.filters(netlink, index)]
