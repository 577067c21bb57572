"""What we emit is what scapy reads, what we parse is what scapy wrote, and every cut is refused.

One file for the value side of ethernet, ipv4, ipv6, udp and vxlan: they are emitted together.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scapy.layers import inet
from scapy.layers.inet import IP
from scapy.layers.inet6 import IPv6 as ScapyIPv6
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from mirrorplane.wire import ethernet, ipv4, ipv6, udp, vxlan
from mirrorplane.wire.ethernet import Ethernet
from mirrorplane.wire.ipv4 import IPv4
from mirrorplane.wire.ipv6 import IPv6
from mirrorplane.wire.udp import UDP

ports = st.integers(0, 0xFFFF)
macs = st.binary(min_size=6, max_size=6)


@given(macs, macs, ports)
def test_ethernet_round_trips(destination: bytes, source: bytes, kind: int) -> None:
    header = Ethernet(destination, source, kind)
    assert ethernet.parse(ethernet.emit(header) + b"more") == header


def test_ethernet_is_what_scapy_reads() -> None:
    octets = ethernet.emit(Ethernet(bytes(range(6)), bytes(range(6, 12)), ethernet.IPV6))
    frame = Ether(octets)
    assert (frame.dst, frame.src, frame.type) == ("00:01:02:03:04:05", "06:07:08:09:0a:0b", 0x86DD)


@given(st.ip_addresses(v=4), st.ip_addresses(v=4), st.integers(0, 255), st.integers(20, 0xFFFF))
def test_ipv4_round_trips_with_a_correct_checksum(
    source: IPv4Address, target: IPv4Address, protocol: int, size: int
) -> None:
    header = IPv4(source, target, protocol, size)
    octets = ipv4.emit(header)
    assert ipv4.parse(octets) == (header, 20)
    rebuilt = IP(octets)
    del rebuilt.chksum
    assert bytes(rebuilt)[:20] == octets
    assert (rebuilt.flags, rebuilt.id, rebuilt.tos, rebuilt.ttl) == ("DF", 0, 0, 64)


def test_ipv4_options_are_counted() -> None:
    octets = bytes(IP(src="10.0.0.1", dst="10.0.0.2", proto=17, options=[b"\x94\x04\0\0"]))
    assert ipv4.parse(octets)[1] == 24


@given(st.ip_addresses(v=6), st.ip_addresses(v=6), st.integers(0, 255), ports)
def test_ipv6_round_trips(source: IPv6Address, target: IPv6Address, following: int, size: int) -> None:
    header = IPv6(source, target, following, size)
    octets = ipv6.emit(header)
    assert ipv6.parse(octets) == header
    assert octets == bytes(ScapyIPv6(src=str(source), dst=str(target), nh=following, plen=size, hlim=64))


@given(ports, ports, ports, ports)
def test_udp_round_trips(source: int, destination: int, length: int, checksum: int) -> None:
    header = UDP(source, destination, length, checksum)
    assert udp.parse(udp.emit(header)) == header
    assert udp.emit(header) == bytes(inet.UDP(sport=source, dport=destination, len=length, chksum=checksum))


@given(st.integers(0, vxlan.MAX_VNI))
def test_vxlan_round_trips(vni: int) -> None:
    assert vxlan.parse(vxlan.emit(vni)) == vni
    assert vxlan.emit(vni) == bytes(VXLAN(flags=0x08, vni=vni))


def test_a_vni_that_is_not_valid_is_refused() -> None:
    with pytest.raises(ValueError, match="valid VNI"):
        vxlan.parse(bytes(8))


@pytest.mark.parametrize(
    ("parse", "whole"),
    [
        (ethernet.parse, ethernet.emit(Ethernet(bytes(6), bytes(6), 0x0800))),
        (ipv4.parse, ipv4.emit(IPv4(IPv4Address(1), IPv4Address(2), 17, 20))),
        (ipv6.parse, ipv6.emit(IPv6(IPv6Address(1), IPv6Address(2), 17, 0))),
        (udp.parse, udp.emit(UDP(1, 2, 8))),
        (vxlan.parse, vxlan.emit(5)),
    ],
    ids=["ethernet", "ipv4", "ipv6", "udp", "vxlan"],
)
def test_every_cut_is_refused(parse: Callable[[bytes], Any], whole: bytes) -> None:
    parse(whole)
    for length in range(len(whole)):
        with pytest.raises(ValueError, match=r"."):
            parse(whole[:length])


@pytest.mark.parametrize("octets", [b"\x44" + bytes(19), b"\x4f" + bytes(3) + bytes(16), b"\x65" + bytes(19)])
def test_an_ipv4_header_that_lies_is_refused(octets: bytes) -> None:
    with pytest.raises(ValueError, match="IPv4"):
        ipv4.parse(octets)
