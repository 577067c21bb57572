"""The engine's own devices: that they are what they should be, keep quiet, and are told from others'."""

from collections.abc import Iterator
from errno import EEXIST, ENOENT
from os import cpu_count
from pathlib import Path
from socket import AF_PACKET, SOCK_RAW, inet_aton, socket
from struct import pack, unpack_from
from time import sleep
from typing import Any, NamedTuple

import pytest
from pyroute2 import Ethtool, IPRoute

from mirrorplane.engines.kernel.bpf.libbpf import RefusedError
from mirrorplane.engines.kernel.host import staging
from mirrorplane.engines.kernel.host.staging import Pair
from mirrorplane.engines.kernel.host.steering import mask
from mirrorplane.lab.network import Host, Lab
from mirrorplane.lab.recorder import Recorder

TAG, OTHER = "0123abcd", "fedc9876"

SOL_PACKET, PACKET_VNET_HDR = 263, 15
"""include/linux/socket.h, include/uapi/linux/if_packet.h: each frame comes with a struct virtio_net_hdr."""

NEEDS_CSUM, TCPV4, UDP_L4 = 1, 1, 5
"""include/uapi/linux/virtio_net.h: an unfinished checksum, and the kinds of super-packet."""

ETHERNET, IPV4 = 14, 20
TCP, UDP = 6, 17
SEGMENT = 1448


class Network(NamedTuple):
    """The engine's host, and one where a source may be."""

    host: Host
    source: Host


@pytest.fixture
def network(allowed: None) -> Iterator[Network]:
    """Two hosts without links; the engine's one forwards, which is when devices have most to say."""
    with Lab() as lab:
        host, source = lab.host("host"), lab.host("source")
        for each in (host, source):
            each.forward()
        yield Network(host, source)


def on(host: Host, function: Any, *args: Any) -> Any:
    """Return what a function that takes a netlink socket first returns, called on a host."""
    return host.netlink(lambda netlink: function(netlink, *args))


def link(host: Host, name: str) -> Any:
    return host.netlink(lambda netlink: netlink.get_links(ifname=name)[0])


def names(host: Host) -> set[str]:
    return {str(link.get("IFLA_IFNAME")) for link in host.netlink(lambda netlink: netlink.get_links())}


def features(host: Host, device: str) -> set[str]:
    """Return the names of a device's features that are on."""

    def ask() -> set[str]:
        ethtool = Ethtool()
        try:
            known = ethtool.get_features(device).features
        finally:
            ethtool.close()
        return {name for name, feature in known.items() if feature.enable}

    return host.call(ask)


def test_staging_is_two_quiet_devices_that_are_up(network: Network) -> None:
    pair = on(network.host, staging.make_staging, TAG)
    assert pair == Pair(f"mp-{TAG}-sa", pair.a_index, f"mp-{TAG}-sb", pair.b_index)
    for name, index in ((pair.a, pair.a_index), (pair.b, pair.b_index)):
        device = link(network.host, name)
        assert device["index"] == index
        assert device.get("IFLA_OPERSTATE") == "UP"
        assert device.get("IFLA_MTU") == 65535
        assert device["flags"] & 0x80  # IFF_NOARP
        assert device.get("IFLA_IFALIAS").startswith("mirrorplane ")
        assert "inet" not in network.host.run(["ip", "address", "show", "dev", name]).stdout


def test_offloads_of_staging_are_off(network: Network) -> None:
    pair = on(network.host, staging.make_staging, TAG)
    shaping = ("segmentation", "tx-gso", "tx-checksum", "tx-scatter-gather", "tx-vlan", "rx-gro", "rx-lro")
    assert {name for name in features(network.host, pair.a) if any(word in name for word in shaping)} == set()
    received = features(network.host, pair.b)
    assert {name for name in received if name.startswith(("rx-gro", "rx-vlan"))} == set()


@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_super_packet_comes_out_of_staging_as_wire_frames(network: Network, protocol: int) -> None:
    pair = on(network.host, staging.make_staging, TAG)
    payload = bytes(range(256)) * 100
    with Recorder(network.host, pair.b, outgoing=False) as recorder:
        network.host.call(send_super_packet, pair.a, protocol, payload)
        recorder.wait_for(-(-len(payload) // SEGMENT))
    frames = [seen.frame for seen in recorder.frames]
    start = ETHERNET + IPV4 + header_size(protocol)
    assert b"".join(frame[start:] for frame in frames) == payload
    assert {len(frame) for frame in frames[:-1]} == {start + SEGMENT}
    assert all(checksums_are_complete(frame) for frame in frames)


def header_size(protocol: int) -> int:
    return 20 if protocol == TCP else 8


def send_super_packet(device: str, protocol: int, payload: bytes) -> None:
    """Send one frame that somebody has yet to segment, with an unfinished checksum, as a stack would."""
    segment = header_size(protocol) + len(payload)
    start = ETHERNET + IPV4
    kind, place = (TCPV4, 16) if protocol == TCP else (UDP_L4, 6)
    offload = pack("=BBHHHH", NEEDS_CSUM, kind, start + header_size(protocol), SEGMENT, start, place)
    ethernet = bytes.fromhex("0200000000020200000000010800")
    pseudo = addresses() + pack("!BBH", 0, protocol, segment)
    unfinished = int.from_bytes(pseudo, "big") % 0xFFFF
    ip = pack("!BBHHHBBH", 0x45, 0, IPV4 + segment, 1, 0x4000, 64, protocol, 0) + addresses()
    ip = ip[:10] + pack("!H", 0xFFFF - int.from_bytes(ip, "big") % 0xFFFF) + ip[12:]
    if protocol == TCP:
        header = pack("!HHIIBBHHH", 1000, 2000, 1, 1, 0x50, 0x10, 1000, unfinished, 0)
    else:
        header = pack("!HHHH", 1000, 2000, segment, unfinished)
    with socket(AF_PACKET, SOCK_RAW) as packets:
        packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        packets.bind((device, 0))
        packets.send(offload + ethernet + ip + header + payload)


def addresses() -> bytes:
    return inet_aton("10.0.0.1") + inet_aton("10.0.0.2")


def checksums_are_complete(frame: bytes) -> bool:
    """Return whether the IPv4 header and what it carries sum up to zero (RFC 1071)."""
    ip, carried = frame[ETHERNET : ETHERNET + IPV4], frame[ETHERNET + IPV4 :]
    assert unpack_from("!H", ip, 2)[0] == IPV4 + len(carried)
    pseudo = ip[12:20] + pack("!BBH", 0, ip[9], len(carried))
    even = carried + bytes(len(carried) % 2)
    return all(int.from_bytes(data, "big") % 0xFFFF == 0 for data in (ip, pseudo + even))


def test_no_device_says_anything_by_itself(network: Network) -> None:
    staged = on(network.host, staging.make_staging, TAG)
    near = on(network.host, staging.make_relay, TAG, 0, 0)
    far = on(network.host, staging.make_relay, TAG, 1, 0, network.source.namespace.reference)
    sleep(1.2)  # multicast groups are reported within a second
    ends = [(network.host, name) for name in (staged.a, staged.b, near.a, near.b, far.b)]
    for host, name in [*ends, (network.source, far.a)]:
        assert link(host, name).get("IFLA_STATS64")["tx_packets"] == 0, name


def test_a_relay_keeps_its_offloads_and_hands_over(network: Network) -> None:
    cpu = (cpu_count() or 1) - 1
    before = mounts()
    pair = on(network.host, staging.make_relay, TAG, 0, cpu)
    assert mounts() == before
    assert {"tx-tcp-segmentation", "tx-scatter-gather"} <= features(network.host, pair.a)
    assert int(steering(network.host, pair.b).replace(",", ""), 16) == 1 << cpu
    assert link(network.host, pair.a)["index"] == pair.a_index
    assert {link(network.host, end).get("IFLA_MTU") for end in (pair.a, pair.b)} == {65535}


def mounts() -> list[str]:
    """Return what is mounted, but for namespaces: tests beside this one make and remove theirs."""
    lines = Path("/proc/self/mountinfo").read_text(encoding="ascii").splitlines()
    return [line for line in lines if " - nsfs " not in line]


def steering(host: Host, device: str) -> str:
    """Return the mask that sysfs has for a device, in a mount of the program's own."""
    show = f"mount -t sysfs sysfs /sys && cat /sys/class/net/{device}/queues/rx-0/rps_cpus"
    return host.run(["unshare", "--mount", "sh", "-c", show]).stdout.strip()


def test_a_relay_leads_out_of_another_namespace(network: Network) -> None:
    pair = on(network.host, staging.make_relay, TAG, 7, 0, network.source.namespace.reference)
    assert link(network.source, pair.a)["index"] == pair.a_index
    assert link(network.host, pair.b)["index"] == pair.b_index
    assert (names(network.host), names(network.source)) == ({"lo", pair.b}, {"lo", pair.a})
    with Recorder(network.host, pair.b, outgoing=False) as recorder:
        network.source.call(send_super_packet, pair.a, TCP, bytes(20_000))
        recorder.wait_for(1)
    assert [len(seen.frame) for seen in recorder.frames] == [ETHERNET + IPV4 + 20 + 20_000]


def test_a_relay_goes_with_the_namespace_of_its_source(allowed: None) -> None:
    with Lab() as lab:
        host = lab.host("host")
        with Lab() as other:
            on(host, staging.make_relay, TAG, 0, 0, other.host("source").namespace.reference)
        for _ in range(500):
            if names(host) == {"lo"}:
                break
            sleep(0.01)
        assert names(host) == {"lo"}
        on(host, staging.remove, TAG)


@pytest.mark.parametrize(
    ("cpu", "text"),
    [(0, "1"), (1, "2"), (31, "80000000"), (32, "1,00000000"), (95, "80000000,00000000,00000000")],
)
def test_masks(cpu: int, text: str) -> None:
    assert mask(cpu) == text


def test_removal_takes_one_tag(network: Network) -> None:
    on(network.host, staging.make_staging, TAG)
    on(network.host, staging.make_relay, TAG, 0, 0)
    on(network.host, staging.make_relay, TAG, 1, 0, network.source.namespace.reference)
    kept = on(network.host, staging.make_staging, OTHER)
    found = on(network.host, staging.devices_of)
    assert {tag: set(devices) for tag, devices in found.items()} == {
        TAG: {f"mp-{TAG}-{end}" for end in ("sa", "sb", "0a", "0b", "1b")},
        OTHER: {kept.a, kept.b},
    }
    assert on(network.source, staging.devices_of) == {TAG: [f"mp-{TAG}-1a"]}
    for _ in range(2):
        on(network.host, staging.remove, TAG)
    assert (names(network.host), names(network.source)) == ({"lo", kept.a, kept.b}, {"lo"})


def make_veth(netlink: IPRoute, name: str, peer: str, alias: str | None = None) -> None:
    netlink.link("add", kind="veth", ifname=name, peer=peer)
    if alias is not None:
        netlink.link("set", ifname=name, ifalias=alias)


def test_others_are_not_taken_for_ours(network: Network) -> None:
    on(network.host, make_veth, f"mp-{TAG}-sa", "theirs", "a friend's")
    on(network.host, make_veth, "mp-0", "mp-0123ABCD-sa", "mirrorplane no")
    on(network.host, make_veth, f"mp-{OTHER}-0a", "up")
    network.host.run(["ip", "link", "set", f"mp-{OTHER}-0a", "up"])
    before = names(network.host)
    assert on(network.host, staging.devices_of) == {}
    on(network.host, staging.remove, TAG)
    assert names(network.host) == before


def test_a_half_made_pair_is_found(network: Network) -> None:
    on(network.host, make_veth, f"mp-{TAG}-sb", f"mp-{TAG}-sa")
    assert {*on(network.host, staging.devices_of)[TAG]} == {f"mp-{TAG}-sa", f"mp-{TAG}-sb"}
    on(network.host, staging.remove, TAG)
    assert names(network.host) == {"lo"}


def test_a_name_that_is_taken_is_left_alone(network: Network) -> None:
    on(network.host, staging.make_staging, TAG)
    with pytest.raises(RefusedError, match=f"mp-{TAG}-sb.*: File exists") as refusal:
        on(network.host, staging.make_staging, TAG)
    assert refusal.value.code == EEXIST
    assert names(network.host) == {"lo", f"mp-{TAG}-sa", f"mp-{TAG}-sb"}


def test_what_fails_leaves_nothing(network: Network) -> None:
    with pytest.raises(RefusedError, match=f"mp-{TAG}-0b: handing over to CPU 100000: "):
        on(network.host, staging.make_relay, TAG, 0, 100_000)
    with pytest.raises(RefusedError, match="network namespace mp-nowhere: No such file") as refusal:
        on(network.host, staging.make_relay, TAG, 0, 0, "mp-nowhere")
    assert refusal.value.code == ENOENT
    on(network.source, make_veth, f"mp-{TAG}-0a", "theirs")
    with pytest.raises(RefusedError, match="File exists"):
        on(network.host, staging.make_relay, TAG, 0, 0, network.source.namespace.reference)
    assert names(network.host) == {"lo"}
    assert names(network.source) == {"lo", "theirs", f"mp-{TAG}-0a"}
