"""The devices that copies pass: the staging pair, and the relays, with the programs on them.

Owns which relays there are: one for each CPU that copies are handed over to, and for a network namespace
other than the engine's at least one, because that is how copies leave it. Must not know sources or plans.
"""

from collections.abc import Sequence

from pyroute2 import IPRoute

from mirrorplane.capture.device import inside
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel import hooks
from mirrorplane.engines.kernel.libbpf import Descriptor, KernelError
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.register import Register, Relay
from mirrorplane.engines.kernel.staging import Pair, devices_of, make_relay, make_staging, remove_device
from mirrorplane.engines.targets import Say


class Relays:
    """The devices of one instance, in the namespace of the thread that uses this."""

    def __init__(self, tag: str, loaded: Loaded, register: Register, say: Say) -> None:
        self._tag, self._loaded, self._register, self._say = tag, loaded, register, say
        self._cpus: tuple[int, ...] = ()
        self.staging: Pair | None = None

    def stage(self) -> Pair:
        """Return the staging pair, with its programs; make what of it is missing. Raises KernelError."""
        with IPRoute(ext_ack=True) as netlink:
            pair = find_staging(netlink, self._tag) or make_staging(netlink, self._tag)
            attach(netlink, pair.a_index, "egress", self._loaded.gates["gate_egress"], self._tag)
            attach(netlink, pair.b_index, "ingress", self._loaded.gates["gate_ingress"], self._tag)
        self.staging = pair
        return pair

    def hand_over_to(self, cpus: Sequence[int]) -> None:
        """Have relays to these CPUs from now on, in every namespace where there are any."""
        self._cpus = tuple(cpus)

    def of(self, namespace: int) -> list[Relay]:
        """Return the relays of a namespace, by its number in the register; make what is missing.

        Raises KernelError and CaptureError where there must be one and cannot be. In the engine's own
        namespace there need not: what cannot be handed over is done by the sender's CPU.
        """
        wanted: list[int | None] = list(self._cpus) or ([None] if namespace else [])
        try:
            return [self._one(namespace, cpu) for cpu in wanted]
        except KernelError as error:
            if namespace and self._cpus:
                self._cpus = ()
                self._say(f"no hand-over to other CPUs: {error}")
                return self.of(namespace)
            if namespace:
                raise
            self._say(f"no hand-over to other CPUs: {error}")
            self._cpus = ()
            return []

    def prune(self, used: set[int]) -> bool:
        """Remove the relays of namespaces that are not *used*, and to CPUs that are not wanted any more.

        Return whether there were any. Raises KernelError.
        """
        kept = [
            relay
            for relay in self._register.relays
            if relay.namespace in used
            and (relay.cpu in self._cpus or (relay.cpu is None and not self._cpus and relay.namespace))
        ]
        gone = [relay for relay in self._register.relays if relay not in kept]
        with IPRoute(ext_ack=True) as netlink:
            for relay in gone:
                remove_device(netlink, f"mp-{self._tag}-{relay.number}b")
        self._register.relays = kept
        return bool(gone)

    def _one(self, namespace: int, cpu: int | None) -> Relay:
        relays, name = self._register.relays, self._register.namespaces[namespace]
        known = next((relay for relay in relays if (relay.namespace, relay.cpu) == (namespace, cpu)), None)
        with IPRoute(ext_ack=True) as netlink:
            if known is not None and self._is_there(netlink, known, name):
                return known
            if known is not None:
                relays.remove(known)
            number = next(n for n in range(100) if n not in {relay.number for relay in relays})
            remove_device(netlink, f"mp-{self._tag}-{number}b")  # what a crash may have left
            pair = make_relay(netlink, self._tag, number, cpu, name)
            attach(netlink, pair.b_index, "ingress", self._loaded.gates["relay"], self._tag)
        relays.append(Relay(number, namespace, cpu, pair.a_index))
        return relays[-1]

    def _is_there(self, netlink: IPRoute, relay: Relay, netns: str | None) -> bool:
        """Return whether a relay still is where it was made, with its program."""
        a, b = f"mp-{self._tag}-{relay.number}a", f"mp-{self._tag}-{relay.number}b"
        if b not in devices_of(netlink).get(self._tag, []):
            return False
        try:
            if inside(netns, lambda: index_of(a)) != relay.a_index:
                return False
        except CaptureError:
            return False
        index = netlink.link_lookup(ifname=b)
        return bool(index) and bool(hooks.filters(netlink, index[0], self._tag))


def attach(netlink: IPRoute, ifindex: int, direction: hooks.Direction, program: Descriptor, tag: str) -> None:
    """Attach a program to a device of ours, unless it is. Raises RefusedError."""
    hooks.ensure_clsact(netlink, ifindex)
    if not any(kept.direction == direction for kept in hooks.filters(netlink, ifindex, tag)):
        hooks.attach(netlink, ifindex, direction, program.fd, hooks.filter_name(tag, direction))


def find_staging(netlink: IPRoute, tag: str) -> Pair | None:
    """Return the staging pair of *tag*, None if it is not whole."""
    a, b = f"mp-{tag}-sa", f"mp-{tag}-sb"
    if not {a, b} <= set(devices_of(netlink).get(tag, [])):
        return None
    return Pair(a, netlink.link_lookup(ifname=a)[0], b, netlink.link_lookup(ifname=b)[0])


def index_of(name: str) -> int | None:
    """Return the index of a device in this thread's namespace, None if there is none."""
    with IPRoute() as netlink:
        found = netlink.link_lookup(ifname=name)
    return int(found[0]) if found else None


def dropped(staging: Pair) -> int:
    """Return how many segments did not fit the queue behind the staging pair.

    They are what its A end could not hand to its B end (drivers/net/veth.c, veth_xmit). Raises KernelError
    where the pair is gone.
    """
    with IPRoute() as netlink:
        links = netlink.get_links(ifname=staging.a)
    if not links:
        raise KernelError(f"{staging.a}: not there")
    return int(links[0].get("IFLA_STATS64")["tx_dropped"])
