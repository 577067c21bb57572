"""The devices that copies pass: the staging pair, and the relays, with the programs on them.

Owns which relays there are: one for each CPU that copies are handed over to, and for a network namespace
other than the engine's at least one, because that is how copies leave it. Must not know sources or plans.
"""

from collections.abc import Sequence
from errno import ENODEV

from pyroute2 import IPRoute
from pyroute2.netlink import nlmsg
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.capture.device import IFF_UP
from mirrorplane.engines.kernel.bpf.libbpf import Descriptor, KernelError
from mirrorplane.engines.kernel.host import hooks
from mirrorplane.engines.kernel.host.refusals import refused
from mirrorplane.engines.kernel.host.staging import Pair, make_relay, make_staging, remove_device
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.register import Register, Relay
from mirrorplane.engines.targets import Say

AT_WORK = IFF_UP | 1 << 16
"""include/uapi/linux/if.h: IFF_LOWER_UP says that a veth's other end is up."""

MOST_RELAYS = 100
"""What two digits in a device's name can tell apart."""


class Relays:
    """The devices of one instance, in the namespace of the thread that uses this."""

    def __init__(self, tag: str, loaded: Loaded, register: Register, say: Say) -> None:
        self._tag, self._loaded, self._register, self._say = tag, loaded, register, say
        self._cpus: tuple[int, ...] = ()
        self.staging: Pair | None = None

    def stage(self) -> Pair:
        """Return the staging pair, with its programs; make what of it is missing. Raises KernelError."""
        a, b = self._staging_names()
        with IPRoute(ext_ack=True) as netlink:
            one, other = _at_work(netlink, a), _at_work(netlink, b)
            if one is None or other is None:
                for name in (a, b):
                    remove_device(netlink, name)
                pair = make_staging(netlink, self._tag)
            else:
                pair = Pair(a, one["index"], b, other["index"])
            attach(netlink, pair.a_index, "egress", self._loaded.gates["gate_egress"], self._tag)
            attach(netlink, pair.b_index, "ingress", self._loaded.gates["gate_ingress"], self._tag)
        self.staging = pair
        return pair

    def missing(self) -> list[str]:
        """Return the names of the devices that somebody removed, took down or robbed of their programs.

        Raises KernelError.
        """
        ends = [*self._staging_names(), *(self._end(relay.number) for relay in self._register.relays)]
        with IPRoute(ext_ack=True) as netlink:
            return [name for name in ends if not self._has_program(netlink, name)]

    def hand_over_to(self, cpus: Sequence[int]) -> tuple[int, ...]:
        """Have relays to these CPUs, and no others, wherever `of` is asked; return to which before."""
        before, self._cpus = self._cpus, tuple(cpus)
        return before

    def of(self, namespace: int) -> list[Relay]:
        """Return the relays of a namespace, by its number in the register; make what is missing.

        Raises KernelError where there must be one and cannot be. In the engine's own namespace there need
        not: what cannot be handed over is done by the sender's CPU.
        """
        try:
            return [self._one(namespace, cpu) for cpu in self._wanted(namespace)]
        except KernelError as error:
            if not self._cpus:
                raise
            self._cpus = ()
            self._say(f"no hand-over to other CPUs: {error}")
            return self.of(namespace)

    def known(self, namespace: int) -> list[Relay]:
        """Return those relays of a namespace that there are."""
        return [
            relay
            for relay in self._register.relays
            if relay.namespace == namespace and relay.cpu in self._wanted(namespace)
        ]

    def prune(self, used: set[int]) -> bool:
        """Remove the relays of namespaces that are not *used*, and to CPUs that are not wanted any more.

        Return whether there were any. Raises KernelError.
        """
        kept = [relay for number in sorted(used) for relay in self.known(number)]
        gone = [relay for relay in self._register.relays if relay not in kept]
        if not gone:
            return False
        with IPRoute(ext_ack=True) as netlink:
            for relay in gone:
                remove_device(netlink, self._end(relay.number))
        self._register.relays = kept
        return True

    def _wanted(self, namespace: int) -> list[int | None]:
        """Return the CPUs that a namespace has relays to; None is the sender's own."""
        return list(self._cpus) or ([None] if namespace else [])

    def _one(self, namespace: int, cpu: int | None) -> Relay:
        relays = self._register.relays
        known = next((relay for relay in relays if (relay.namespace, relay.cpu) == (namespace, cpu)), None)
        with IPRoute(ext_ack=True) as netlink:
            if known is not None and self._leads_to(netlink, known):
                return known
            if known is not None:
                relays.remove(known)
            taken = {relay.number for relay in relays}
            number = next((n for n in range(MOST_RELAYS) if n not in taken), None)
            if number is None:
                raise KernelError(f"more than {MOST_RELAYS} relays: one for each CPU and network namespace")
            remove_device(netlink, self._end(number))  # what a crash may have left
            name = self._register.namespaces[namespace].name
            pair = make_relay(netlink, self._tag, number, cpu, name)
            attach(netlink, pair.b_index, "ingress", self._loaded.gates["relay"], self._tag)
        relays.append(Relay(number, namespace, cpu, pair.a_index))
        return relays[-1]

    def _leads_to(self, netlink: IPRoute, relay: Relay) -> bool:
        """Return whether a relay still is what it was made as: its ends are each other's."""
        link = _at_work(netlink, self._end(relay.number))
        is_same = link is not None and link.get("IFLA_LINK") == relay.a_index
        return is_same and self._has_program(netlink, self._end(relay.number))

    def _has_program(self, netlink: IPRoute, name: str) -> bool:
        link = _at_work(netlink, name)
        return link is not None and bool(hooks.filters(netlink, link["index"], self._tag))

    def _staging_names(self) -> tuple[str, str]:
        return f"mp-{self._tag}-sa", f"mp-{self._tag}-sb"

    def _end(self, number: int) -> str:
        """Return the name of a relay's end in the engine's namespace."""
        return f"mp-{self._tag}-{number}b"


def attach(netlink: IPRoute, ifindex: int, direction: hooks.Direction, program: Descriptor, tag: str) -> None:
    """Attach a program to a device of ours, unless it is. Raises RefusedError."""
    hooks.ensure_clsact(netlink, ifindex)
    if not any(kept.direction == direction for kept in hooks.filters(netlink, ifindex, tag)):
        hooks.attach(netlink, ifindex, direction, program.fd, hooks.filter_name(tag, direction))


def _at_work(netlink: IPRoute, name: str) -> nlmsg | None:
    """Return a device that is there and up, and the other end too, else None. Raises RefusedError."""
    try:
        (link,) = netlink.link("get", ifname=name)
    except NetlinkError as error:
        if error.code != ENODEV:
            raise refused(f"{name}: looking for it", error) from None
        return None
    return link if link["flags"] & AT_WORK == AT_WORK else None


def dropped(staging: Pair) -> int:
    """Return how many segments did not fit the queue behind the staging pair.

    They are what its A end could not hand to its B end (drivers/net/veth.c, veth_xmit). Raises KernelError
    where the pair is gone.
    """
    with IPRoute() as netlink:
        link = _at_work(netlink, staging.a)
    if link is None or link["index"] != staging.a_index:
        raise KernelError(f"{staging.a}: not there")
    return int(link.get("IFLA_STATS64")["tx_dropped"])
