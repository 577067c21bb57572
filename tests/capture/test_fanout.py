"""What sockets of one group get of a device's packets."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from errno import ENETDOWN
from socket import AF_INET, AF_PACKET, MSG_DONTWAIT, SOCK_DGRAM, SOCK_RAW, socket

import pytest

from mirrorplane.capture.fanout import Fanout
from mirrorplane.lab.network import End, Host, Lab

ETH_P_ALL = 3
IPV4 = b"\x08\x00"
FLOWS = 64
FIRST_PORT = 6000


@pytest.fixture
def hosts(allowed: None) -> Iterator[tuple[Host, Host]]:
    """Two hosts with a link: eth0 on both."""
    with Lab() as lab:
        one, other = lab.host("one"), lab.host("other")
        lab.link(End(one, "eth0", None, ("10.1.0.1/24",)), End(other, "eth0", None, ("10.1.0.2/24",)))
        yield one, other


def member(host: Host, fanout: Fanout) -> socket:
    packets: socket = host.call(socket, AF_PACKET, SOCK_RAW, 0)
    packets.bind(("eth0", ETH_P_ALL))
    fanout.join(packets)
    return packets


def bound(host: Host, address: str, port: int) -> socket:
    talker: socket = host.call(socket, AF_INET, SOCK_DGRAM)
    talker.bind((address, port))
    return talker


def flows_in(packets: socket) -> list[tuple[int, bool]]:
    """Return, for each UDP packet that a socket holds, its flow and whether *other* sent it."""
    found = []
    with suppress(BlockingIOError):
        while True:
            frame = packets.recv(2048, MSG_DONTWAIT)
            if frame[12:14] == IPV4:
                ports = int.from_bytes(frame[34:36]), int.from_bytes(frame[36:38])
                found.append((min(ports) - FIRST_PORT, ports[0] < ports[1]))
    return found


def test_both_directions_of_a_flow_come_to_one_member(hosts: tuple[Host, Host]) -> None:
    one, other = hosts
    fanout = Fanout()
    with ExitStack() as stack:
        members = [stack.enter_context(member(one, fanout)) for _ in range(3)]
        far = stack.enter_context(bound(one, "10.1.0.1", FIRST_PORT + FLOWS))
        for flow in range(FLOWS):
            near = stack.enter_context(bound(other, "10.1.0.2", FIRST_PORT + flow))
            near.sendto(b"there", ("10.1.0.1", FIRST_PORT + FLOWS))
            far.sendto(b"back", ("10.1.0.2", FIRST_PORT + flow))
        found = [flows_in(each) for each in members]
    assert all(found), "each has its share"
    everything = [packet for each in found for packet in each]
    assert sorted(everything) == [(flow, way) for flow in range(FLOWS) for way in (False, True)], "each once"
    owners = [{flow for flow, _ in each} for each in found]
    assert sum(map(len, owners)) == FLOWS, "a flow is one member's"


def test_each_group_has_all_packets(hosts: tuple[Host, Host]) -> None:
    one, other = hosts
    with ExitStack() as stack:
        members = [stack.enter_context(member(one, Fanout())) for _ in range(2)]
        talker = stack.enter_context(bound(other, "10.1.0.2", FIRST_PORT))
        talker.sendto(b"there", ("10.1.0.1", FIRST_PORT + FLOWS))
        assert [flows_in(each).count((0, True)) for each in members] == [1, 1]


def test_a_refusal_is_the_callers_to_tell(hosts: tuple[Host, Host]) -> None:
    """A socket that is bound to another device cannot be a member of the same group."""
    fanout = Fanout()
    with ExitStack() as stack:
        stack.enter_context(member(hosts[0], fanout))
        elsewhere: socket = stack.enter_context(hosts[0].call(socket, AF_PACKET, SOCK_RAW, 0))
        elsewhere.bind(("lo", ETH_P_ALL))
        with pytest.raises(OSError, match=os.strerror(ENETDOWN)):
            fanout.join(elsewhere)
