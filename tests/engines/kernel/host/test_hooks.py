"""Filters of ours on a device that others use too: found, exchanged and removed without touching theirs."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from ctypes import addressof, create_string_buffer, get_errno
from errno import ENODEV, ENOENT
from platform import machine
from shlex import split
from socket import AF_INET, SOCK_DGRAM, socket
from struct import pack
from threading import Event, Thread
from typing import Any, NamedTuple

import pytest
from pyroute2 import IPRoute

from mirrorplane.capture.device import LIBC
from mirrorplane.engines.kernel.bpf.libbpf import RefusedError
from mirrorplane.engines.kernel.host import hooks
from mirrorplane.engines.kernel.host.hooks import Direction, Filter, filter_name
from mirrorplane.lab.network import End, Host, Lab

TAG, OTHER = "0123abcd", "fedc9876"
NAME = filter_name(TAG, "tap")

BPF_PROG_LOAD, SCHED_CLS = 5, 3
"""include/uapi/linux/bpf.h."""

SYS_BPF = {"x86_64": 321, "aarch64": 280}
"""bpf(2) by machine."""

ATTRIBUTES = 128

UNSPEC, OK, SHOT = -1, 0, 2
"""TC_ACT_*, include/uapi/linux/pkt_cls.h: ask the next filter; let it pass; drop it."""

PORT = 5000


class Network(NamedTuple):
    """A host with the device that filters are put on, and the host at the other end of its wire."""

    host: Host
    peer: Host
    ifindex: int

    def hook(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Return what a function of `hooks` returns for the device, or *ifindex*."""
        ifindex = kwargs.pop("ifindex", self.ifindex)

        def ask() -> Any:
            with IPRoute(ext_ack=True) as netlink:
                return function(netlink, ifindex, *args, **kwargs)

        return self.host.call(ask)

    def tc(self, words: str) -> str:
        """Run tc as somebody else would."""
        return self.host.run(["tc", *split(words)]).stdout

    def shown(self, direction: str) -> list[str]:
        """Return what everybody sees of the device's filters."""
        return self.tc(f"filter show dev eth0 {direction}").splitlines()

    def has_clsact(self) -> bool:
        return "clsact" in self.tc("qdisc show dev eth0")

    def hears(self) -> bool:
        """Return whether a datagram of the peer's arrives."""
        with (
            closing(self.host.call(socket, AF_INET, SOCK_DGRAM)) as listener,
            closing(self.peer.call(socket, AF_INET, SOCK_DGRAM)) as talker,
        ):
            listener.bind(("10.0.0.1", PORT))
            listener.settimeout(0.3)
            talker.sendto(b"hello", ("10.0.0.1", PORT))
            try:
                return listener.recv(16) == b"hello"
            except TimeoutError:
                return False


@pytest.fixture
def network(allowed: None, bpf: None) -> Iterator[Network]:
    with Lab() as lab:
        host, peer = lab.host("host"), lab.host("peer")
        lab.link(End(host, "eth0", None, ("10.0.0.1/24",)), End(peer, "eth0", None, ("10.0.0.2/24",)))
        yield Network(host, peer, host.netlink(lambda netlink: netlink.link_lookup(ifname="eth0")[0]))


@pytest.fixture
def program() -> Iterator[Callable[[int], int]]:
    """Load programs that return a verdict and do nothing else; give their descriptors."""
    with ExitStack() as stack:

        def load(verdict: int) -> int:
            fd = load_program(verdict)
            stack.callback(os.close, fd)
            return fd

        yield load


def load_program(verdict: int) -> int:
    """Return a descriptor of `r0 = verdict; exit`, loaded with the bare bpf(2)."""
    code = create_string_buffer(pack("=BBhiBBhi", 0xB7, 0, 0, verdict, 0x95, 0, 0, 0), 16)
    licence = create_string_buffer(b"Apache-2.0")
    words = pack("=IIQQIIQII", SCHED_CLS, 2, addressof(code), addressof(licence), 0, 0, 0, 0, 0)
    attributes = create_string_buffer(words, ATTRIBUTES)
    fd = int(LIBC.syscall(SYS_BPF[machine()], BPF_PROG_LOAD, attributes, ATTRIBUTES))
    assert fd >= 0, os.strerror(get_errno())
    return fd


Load = Callable[[int], int]


def attached(network: Network, direction: str, fd: int, name: str = NAME, **place: int) -> Filter:
    found = network.hook(hooks.attach, direction, fd, name, **place)
    assert isinstance(found, Filter)
    return found


def test_clsact_is_made_once_and_goes_when_it_is_empty(network: Network, program: Load) -> None:
    assert network.hook(hooks.ensure_clsact) is True
    assert network.hook(hooks.ensure_clsact) is False
    ours = attached(network, "egress", program(UNSPEC))
    assert network.hook(hooks.release_clsact) is False
    network.hook(hooks.detach, ours)
    assert network.has_clsact()
    assert network.hook(hooks.release_clsact) is True
    assert not network.has_clsact()
    assert network.hook(hooks.release_clsact) is True


def test_an_ingress_qdisc_is_in_the_way(network: Network) -> None:
    network.tc("qdisc add dev eth0 ingress")
    with pytest.raises(
        RefusedError, match=r"^eth0: adding a clsact qdisc: .* kind ingress, which has no egress"
    ):
        network.hook(hooks.ensure_clsact)
    assert network.hook(hooks.release_clsact) is True
    assert "qdisc ingress" in network.tc("qdisc show dev eth0")


@pytest.mark.parametrize(
    "theirs", ["egress pref 5 u32 match u32 0 0", "ingress pref 5 chain 7 bpf bytecode '1,6 0 0 1'"]
)
def test_clsact_stays_for_others(network: Network, theirs: str) -> None:
    network.hook(hooks.ensure_clsact)
    network.tc(f"filter add dev eth0 {theirs}")
    assert network.hook(hooks.release_clsact) is False
    assert network.has_clsact()


def test_a_filter_is_first_and_known(network: Network, program: Load) -> None:
    network.hook(hooks.ensure_clsact)
    ours = attached(network, "ingress", program(UNSPEC))
    assert (ours.direction, ours.name, ours.priority, ours.handle, ours.tag) == ("ingress", NAME, 1, 1, TAG)
    assert f" {NAME} direct-action not_in_hw id {ours.program_id} " in "".join(network.shown("ingress"))
    assert network.shown("egress") == []
    assert network.hears()
    assert network.hook(hooks.filters) == network.hook(hooks.filters, TAG) == [ours]
    assert network.hook(hooks.filters, OTHER) == []


U32 = "u32 match ip dst 10.7.0.0/16 flowid 1:1"
BPF = "bpf bytecode '1,6 0 0 0' flowid 1:1"


@pytest.mark.parametrize("places", [(1, 10, 49152), (1,), (2, 3), ()])
@pytest.mark.parametrize("kind", [U32, BPF])
def test_filters_of_others_stay_as_they_are(
    network: Network, program: Load, kind: str, places: tuple[int, ...]
) -> None:
    network.hook(hooks.ensure_clsact)
    for direction in hooks.DIRECTIONS:
        for place in places:
            network.tc(f"filter add dev eth0 {direction} pref {place} {kind}")
        network.tc(f"filter add dev eth0 {direction} pref 20 chain 3 {kind}")
    before = {direction: network.shown(direction) for direction in hooks.DIRECTIONS}
    ours = [attached(network, direction, program(UNSPEC)) for direction in hooks.DIRECTIONS]
    assert {found.priority for found in ours} == {2 if kind is U32 and 1 in places else 1}
    check_theirs(network, before)
    ours = [network.hook(hooks.exchange, found, program(UNSPEC)) for found in ours]
    check_theirs(network, before)
    assert network.hook(hooks.filters) == ours
    for found in ours:
        network.hook(hooks.detach, found)
    assert {direction: network.shown(direction) for direction in hooks.DIRECTIONS} == before
    assert network.hook(hooks.release_clsact) is False


def check_theirs(network: Network, before: dict[Direction, list[str]]) -> None:
    """Check that every line of theirs is there, in order."""
    for direction, lines in before.items():
        now = iter(network.shown(direction))
        assert all(line in now for line in lines)


def test_another_protocol_is_made_way_for(network: Network, program: Load) -> None:
    network.hook(hooks.ensure_clsact)
    network.tc(f"filter add dev eth0 ingress protocol ip pref 1 {BPF}")
    network.tc(f"filter add dev eth0 ingress pref 2 {U32}")
    network.tc(f"filter add dev eth0 ingress pref 3 chain 4 {U32}")
    assert attached(network, "ingress", program(UNSPEC)).priority == 3
    assert (
        attached(network, "ingress", program(UNSPEC), filter_name(TAG, "b"), priority=0xFFFF).priority
        == 0xFFFF
    )


def test_no_place_at_all_is_an_error(network: Network, program: Load) -> None:
    network.hook(hooks.ensure_clsact)
    network.tc(f"filter add dev eth0 ingress pref 65535 {U32}")
    with pytest.raises(RefusedError, match="no preference from 65535 on is free"):
        attached(network, "ingress", program(UNSPEC), priority=0xFFFF)


def test_ours_is_asked_before_theirs(network: Network, program: Load) -> None:
    network.hook(hooks.ensure_clsact)
    theirs = attached(network, "ingress", program(OK), "theirs")
    assert network.hears()
    ours = attached(network, "ingress", program(SHOT))
    assert (ours.priority, ours.handle) == (theirs.priority, theirs.handle + 1)
    assert not network.hears()
    assert network.hook(hooks.exchange, ours, program(UNSPEC)).handle == ours.handle
    assert network.hears()
    network.hook(hooks.detach, ours)
    assert network.hook(hooks.filters) == []
    assert " theirs " in "".join(network.shown("ingress"))


def test_two_engines_share_a_device(network: Network, program: Load) -> None:
    names = (NAME, filter_name(OTHER, "tap"), filter_name(TAG, "forward"))
    assert [network.hook(hooks.ensure_clsact) for _ in range(2)] == [True, False]
    one, two, three = (attached(network, "ingress", program(UNSPEC), name) for name in names)
    assert [found.handle for found in (one, two, three)] == [1, 2, 3]
    assert set(network.hook(hooks.filters)) == {one, two, three}
    assert set(network.hook(hooks.filters, TAG)) == {one, three}
    network.hook(hooks.detach, one)
    assert network.hook(hooks.filters, OTHER) == [two]
    assert attached(network, "ingress", program(UNSPEC)).handle == 1
    assert network.hook(hooks.release_clsact) is False


def test_detaching_spares_whoever_has_the_place_now(network: Network, program: Load) -> None:
    network.hook(hooks.ensure_clsact)
    ours = attached(network, "ingress", program(UNSPEC))
    for _ in range(2):
        network.hook(hooks.detach, ours)
    theirs = attached(network, "ingress", program(UNSPEC), filter_name(OTHER, "tap"))
    assert (theirs.priority, theirs.handle) == (ours.priority, ours.handle)
    network.hook(hooks.detach, ours)
    with pytest.raises(RefusedError, match=f"exchanging {NAME} on ingress: .*it is gone") as refusal:
        network.hook(hooks.exchange, ours, program(UNSPEC))
    assert refusal.value.code == ENOENT
    assert network.hook(hooks.filters) == [theirs]


def test_an_exchange_lets_no_packet_past(network: Network, program: Load) -> None:
    network.hook(hooks.ensure_clsact)
    assert network.hears()  # and the peer knows the MAC: from now on not even ARP gets in
    fds = [program(SHOT), program(SHOT)]
    ours = attached(network, "ingress", fds[0])
    ids = {ours.program_id}
    before = received(network)
    with closing(network.host.call(socket, AF_INET, SOCK_DGRAM)) as listener, talking(network):
        listener.bind(("10.0.0.1", PORT))
        while received(network) < before + 100:
            fds.reverse()
            ours = network.hook(hooks.exchange, ours, fds[0])
            ids.add(ours.program_id)
        listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            listener.recv(16)
    assert len(ids) == 2


def received(network: Network) -> int:
    """Return how many packets reached the device, before any filter."""
    link = network.host.netlink(lambda netlink: netlink.link("get", index=network.ifindex)[0])
    return int(link.get("IFLA_STATS64")["rx_packets"])


@contextmanager
def talking(network: Network) -> Iterator[None]:
    """Have the peer send a datagram every now and then, from a thread, while the `with` block runs."""
    done = Event()
    with closing(network.peer.call(socket, AF_INET, SOCK_DGRAM)) as talker:

        def talk() -> None:
            while not done.wait(0.0005):
                talker.sendto(b"hello", ("10.0.0.1", PORT))

        thread = Thread(target=talk)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


def test_a_device_that_is_gone(network: Network, program: Load) -> None:
    network.hook(hooks.ensure_clsact)
    ours = attached(network, "egress", program(UNSPEC))
    network.host.netlink(lambda netlink: netlink.link("del", ifname="eth0"))
    assert network.hook(hooks.filters) == []
    network.hook(hooks.detach, ours)
    assert network.hook(hooks.release_clsact) is True
    for function, *args in (
        (hooks.attach, "egress", program(UNSPEC), NAME),
        (hooks.ensure_clsact,),
    ):
        with pytest.raises(RefusedError, match=f"^device {network.ifindex}: .*: No such device$") as refusal:
            network.hook(function, *args)
        assert refusal.value.code == ENODEV


def test_the_kernels_own_words_are_told(network: Network, program: Load) -> None:
    with pytest.raises(RefusedError, match=f"^eth0: attaching {NAME} to ingress: Invalid argument .*Qdisc"):
        attached(network, "ingress", program(UNSPEC))
    network.hook(hooks.ensure_clsact)
    with pytest.raises(RefusedError, match=f"^eth0: attaching {NAME} to ingress: "):
        attached(network, "ingress", 0)
    assert network.shown("ingress") == []
