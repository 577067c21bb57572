"""Hosts and the links between them, for as long as a `with` block runs.

Owns the topology, the programs run on it, and that nothing of either stays behind. Must not know what is
talked over it.

A host is a namespace, a link a veth pair whose ends are made inside the two hosts' namespaces and nowhere
else: the machine's own interfaces, routes and settings are never touched. IPv6 addresses are usable at once
(no duplicate address detection), and the hosts keep quiet by themselves (no router solicitations).
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from itertools import count
from os import environ, getpid
from pathlib import Path
from secrets import token_hex
from signal import SIG_DFL, SIG_IGN, SIGHUP, SIGINT, SIGTERM, getsignal, signal
from subprocess import PIPE, CompletedProcess, Popen, TimeoutExpired
from threading import current_thread, main_thread
from time import monotonic, sleep
from types import FrameType, TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from pyroute2 import Ethtool, IPRoute

from mirrorplane.lab.namespaces import MARK, PREFIX, LabError, Namespace, remove_names, sweep
from mirrorplane.wire.vxlan import PORT as VXLAN_PORT

GRACE = 2.0
"""Seconds that a program has between SIGTERM and SIGKILL when the lab ends."""

LINK_TIMEOUT = 5.0
"""Seconds that a link may take to come up."""

FIRST_INDEX = 1001
"""Index of a link's first end, counting up; the second end's is small, drawn by the kernel. Where both ends
of a pair have the same one, the kernel defers the news that the link is up by as much as a second
(net/core/link_watch.c, linkwatch_urgent_event)."""

LOOPBACK = 1
"""Index of `lo` in every namespace (include/net/net_namespace.h, LOOPBACK_IFINDEX)."""

IFA_F_NODAD = 0x02
"""include/uapi/linux/if_addr.h: use the address without looking for duplicates first."""

QUIET = {"accept_dad": "0", "disable_ipv6": "0", "router_solicitations": "0"}
"""Settings under net/ipv6/conf of every host, in force for devices made later."""

OFFLOADS = {
    "rx-gro",
    "tx-checksum-ip-generic",
    "tx-generic-segmentation",
    "tx-tcp-accecn-segmentation",
    "tx-tcp-ecn-segmentation",
    "tx-tcp-mangleid-segmentation",
    "tx-tcp-segmentation",
    "tx-tcp6-segmentation",
    "tx-udp-segmentation",
}
"""ethtool's names of what makes a veth carry other frames than a wire would; no kernel has all of them."""

P = ParamSpec("P")
T = TypeVar("T")


class Host:
    """A host of the lab: a namespace, the devices in it and the programs run on it."""

    def __init__(self, name: str, namespace: Namespace) -> None:
        """Take over *namespace*; *name* is for messages."""
        self.name = name
        self.namespace = namespace
        self._programs: list[Popen[str]] = []

    def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, called by a thread on this host; sockets it opens stay there."""
        return self.namespace.inside(function, *args, **kwargs)

    def netlink(self, talk: Callable[[IPRoute], T]) -> T:
        """Return what *talk* returns, called with a netlink socket of this host."""

        def conversation() -> T:
            with IPRoute() as netlink:
                return talk(netlink)

        return self.call(conversation)

    def settle(self) -> None:
        """Put a fresh namespace's settings in order, before it has any link."""
        for scope in ("all", "default"):
            for key, value in QUIET.items():
                self.sysctl(f"net/ipv6/conf/{scope}/{key}", value)
        self.netlink(lambda netlink: netlink.link("set", index=LOOPBACK, state="up"))

    def sysctl(self, key: str, value: str) -> None:
        """Set a kernel setting of this host; *key* is its path under /proc/sys, as in net/ipv4/ip_forward."""
        self.call(Path("/proc/sys", key).write_text, value, encoding="ascii")

    def route(self, destination: str, gateway: str) -> None:
        """Reach *destination* (a CIDR; 0.0.0.0/0 and ::/0 are everything) through *gateway*."""
        self.netlink(lambda netlink: netlink.route("add", dst=destination, gateway=gateway))

    def forward(self) -> None:
        """Forward packets between this host's links, as a router does."""
        self.sysctl("net/ipv4/ip_forward", "1")
        self.sysctl("net/ipv6/conf/all/forwarding", "1")

    def offloads(self, device: str, *, on: bool) -> None:
        """Switch a device's segmentation, receive and checksum offload: off, it carries what a wire would."""

        def change() -> None:
            ethtool = Ethtool()
            try:
                wanted = ethtool.get_features(device)
                for name in OFFLOADS & wanted.features.keys():
                    wanted.features[name].enable = on
                ethtool.set_features(device, wanted)
            finally:
                ethtool.close()

        self.call(change)

    def vxlan(self, device: str, vni: int, port: int = VXLAN_PORT) -> None:
        """Make a kernel VXLAN device that takes in what arrives for *vni*, from whoever sends it."""
        kind = {"kind": "vxlan", "vxlan_id": vni, "vxlan_port": port, "vxlan_learning": False}
        self.netlink(lambda netlink: netlink.link("add", ifname=device, state="up", **kind))

    def spawn(self, arguments: Sequence[str]) -> Popen[str]:
        """Start a program on this host, with pipes for its three streams.

        What still runs when the lab ends is ended with it. A Ctrl-C at the terminal reaches the lab only,
        not its programs.
        """
        environment = {**environ, MARK: self.namespace.reference}
        start = partial(Popen[str], stdin=PIPE, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True)
        program = self.call(start, arguments, env=environment)
        self._programs.append(program)
        return program

    def run(self, arguments: Sequence[str], *, timeout: float = 30.0) -> CompletedProcess[str]:
        """Run a program on this host to its end. Raises LabError if it fails or takes over *timeout* s."""
        program = self.spawn(arguments)
        what = f"{arguments[0]} on {self.name}"
        try:
            output, errors = program.communicate(timeout=timeout)
        except TimeoutExpired:
            raise LabError(f"{what} did not end within {timeout:g} s") from None
        if program.returncode:
            raise LabError(f"{what} failed ({program.returncode}): {last_line(errors)}")
        return CompletedProcess(arguments, program.returncode, output, errors)

    def close(self) -> None:
        """End this host's programs and give its namespace back. Further calls do nothing."""
        for program in self._programs:
            program.terminate()
        while self._programs:
            with self._programs.pop() as program:
                try:
                    program.wait(GRACE)
                except TimeoutExpired:
                    program.kill()
        self.namespace.close()


@dataclass(frozen=True)
class End:
    """One end of a link: a device on a host, its addresses (with prefix lengths), its MAC (drawn if None)."""

    host: Host
    device: str
    mac: str | None = None
    addresses: tuple[str, ...] = ()

    def attributes(self, mtu: int) -> dict[str, Any]:
        """Return what netlink is told of this end when the pair is made."""
        return {"ifname": self.device, "mtu": mtu} | ({"address": self.mac} if self.mac else {})

    def configure(self, netlink: IPRoute) -> None:
        """Give the device its addresses and bring it up, on its own host."""
        index = netlink.link_lookup(ifname=self.device)[0]
        for address in self.addresses:
            flags = {"flags": IFA_F_NODAD} if ":" in address else {}
            netlink.addr("add", index=index, address=address, **flags)
        netlink.link("set", index=index, state="up")

    def wait_until_up(self, netlink: IPRoute) -> None:
        """Wait until the kernel has noticed that the other end is up too: IPv6 does not work before."""
        deadline = monotonic() + LINK_TIMEOUT
        while netlink.get_links(ifname=self.device)[0].get("operstate") != "UP":
            if monotonic() > deadline:
                raise LabError(f"{self.device} on {self.host.name} did not come up within {LINK_TIMEOUT:g} s")
            sleep(0.005)


class Lab:
    """A network of hosts that exists while its `with` block runs, however that ends.

    Entering sweeps what killed labs left behind. Leaving ends the lab's programs and removes its
    namespaces, also after an exception, Ctrl-C, SIGTERM or SIGHUP (these two end the process as SystemExit,
    if it does not handle them itself). Only SIGKILL leaves anything: names, for the next lab's sweep.
    """

    def __init__(self) -> None:
        self.name = f"{PREFIX}{getpid()}-{token_hex(2)}"
        self._hosts: list[Host] = []
        self._handlers: dict[int, Any] = {}
        self._indexes = count(FIRST_INDEX)

    def __enter__(self) -> Self:
        sweep()
        if current_thread() is main_thread():
            for number in (SIGTERM, SIGHUP):
                if getsignal(number) is SIG_DFL:
                    self._handlers[number] = signal(number, _exit)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if current_thread() is main_thread():  # only there can signals be handled; a second Ctrl-C must wait
            for number in (SIGINT, *self._handlers):
                self._handlers.setdefault(number, signal(number, SIG_IGN))
        try:
            self._remove()
        finally:
            for number, handler in self._handlers.items():
                signal(number, handler)

    def _remove(self) -> None:
        with ExitStack() as stack:
            stack.callback(remove_names, f"{self.name}-")
            for host in self._hosts:
                stack.callback(host.close)

    def host(self, name: str) -> Host:
        """Add a host. Raises LabError where namespaces are not allowed."""
        host = Host(name, Namespace(f"{self.name}-{name}"))
        self._hosts.append(host)
        host.settle()
        return host

    def link(self, one: End, other: End, *, mtu: int = 1500) -> None:
        """Join two hosts by a veth pair of that MTU (bytes at the IP level); it is up when this returns."""
        peer = other.attributes(mtu) | {"net_ns_fd": other.host.namespace.descriptor}
        attributes = one.attributes(mtu) | {"index": next(self._indexes)}
        one.host.netlink(lambda netlink: netlink.link("add", kind="veth", peer=peer, **attributes))
        for end in (one, other):
            end.host.netlink(end.configure)
        for end in (one, other):
            end.host.netlink(end.wait_until_up)


def last_line(said: str) -> str:
    """Return where a program's complaint ends: a Python traceback says there what happened."""
    return said.strip().rpartition("\n")[2]


def _exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
