"""What a recorder hears, and that a kernel VXLAN device and tshark hear it too."""

from pathlib import Path
from shutil import which
from socket import AF_PACKET, SOCK_RAW, socket
from time import sleep, time_ns

import pytest
from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Dot1AD, Dot1Q, Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet, Raw
from scapy.utils import rdpcap

from mirrorplane.lab.namespaces import LabError
from mirrorplane.lab.network import Host
from mirrorplane.lab.recorder import Recorder, Sensor
from tests.lab.conftest import LEFT_MAC, RIGHT_MAC, Pair

VNI = 4242
ETHER = Ether(src=LEFT_MAC, dst=RIGHT_MAC)
INNER = Ether(src="02:00:00:00:00:aa", dst="02:00:00:00:00:bb") / IP(src="192.0.2.1", dst="192.0.2.2")
ENVELOPE = ETHER / IP(src="10.0.0.1", dst="10.0.0.2") / UDP(sport=50000, dport=4789) / VXLAN(vni=VNI, flags=8)


def send(host: Host, *packets: Packet) -> None:
    """Send frames out of the host's eth0."""

    def body() -> None:
        with socket(AF_PACKET, SOCK_RAW) as packet_socket:
            packet_socket.bind(("eth0", 0))
            for packet in packets:
                packet_socket.send(bytes(packet))

    host.call(body)


def mirrored(number: int) -> Packet:
    return INNER / UDP(sport=1000 + number, dport=2000) / Raw(b"x" * number)


def test_frames_are_recorded_both_ways_in_order(pair: Pair) -> None:
    frames = [ETHER / Raw(bytes([number]) * 60) for number in range(20)]
    with Recorder(pair.left, "eth0") as left, Recorder(pair.right, "eth0") as right:
        before = time_ns()
        send(pair.left, *frames)
        right.wait_for(20)
    sent = [seen for seen in left.frames if seen.frame[14:15] == seen.frame[15:16]]
    got = [seen for seen in right.frames if seen.frame[14:15] == seen.frame[15:16]]
    assert [seen.frame for seen in sent] == [seen.frame for seen in got] == [bytes(frame) for frame in frames]
    assert all(seen.outgoing for seen in sent)
    assert not any(seen.outgoing for seen in got)
    assert left.lost == right.lost == 0
    assert all(before <= seen.time <= time_ns() for seen in got)


@pytest.mark.parametrize(
    "tag", [Dot1Q(vlan=10), Dot1AD(vlan=20) / Dot1Q(vlan=10), Dot1Q(vlan=5, prio=7, dei=1)]
)
def test_vlan_tags_are_in_the_frame(pair: Pair, tag: Packet) -> None:
    frame = bytes(ETHER / tag / IP(src="10.0.0.1", dst="10.0.0.2") / ICMP())
    with Recorder(pair.right, "eth0", outgoing=False) as right:
        send(pair.left, frame)
        right.wait_for(1)
    assert frame in [seen.frame for seen in right.frames]


def test_waiting_in_vain_is_an_error(pair: Pair) -> None:
    with Recorder(pair.right, "eth0") as right, pytest.raises(LabError, match=r"where 1000 were expected"):
        right.wait_for(1000, timeout=0.05)


def test_an_unknown_device_is_an_error(pair: Pair) -> None:
    with pytest.raises(OSError, match="No such device"):
        Recorder(pair.right, "eth7")


def test_a_recording_is_a_pcap_file(pair: Pair, tmp_path: Path) -> None:
    with Recorder(pair.right, "eth0", outgoing=False) as right:
        send(pair.left, *(ENVELOPE / mirrored(number) for number in range(3)))
        right.wait_for(3)
    right.write(tmp_path / "seen.pcap")
    packets = rdpcap(str(tmp_path / "seen.pcap"))
    assert [bytes(packet) for packet in packets] == [seen.frame for seen in right.frames]
    assert [int(packet.time * 10**9) for packet in packets] == [seen.time for seen in right.frames]


def test_a_sensor_receives_and_does_not_refuse(pair: Pair) -> None:
    with Recorder(pair.left, "eth0", outgoing=False) as returned, Sensor(pair.right, "eth0") as sensor:
        send(pair.left, *(ENVELOPE / mirrored(number) for number in range(5)))
        sensor.wait_for(5)
    inner = [Ether(seen.frame)[VXLAN].payload for seen in sensor.frames if VXLAN in Ether(seen.frame)]
    assert [bytes(packet) for packet in inner] == [bytes(mirrored(number)) for number in range(5)]
    assert not [seen for seen in returned.frames if ICMP in Ether(seen.frame)]


def test_a_kernel_vxlan_device_hands_out_the_inner_frames(pair: Pair) -> None:
    pair.right.vxlan("vxlan0", VNI)
    frames = [mirrored(number) for number in (0, 100, 1300)]
    with Recorder(pair.right, "vxlan0", outgoing=False) as handed_out:
        send(pair.left, *(ENVELOPE / frame for frame in frames))
        handed_out.wait_for(len(frames))
    assert [seen.frame for seen in handed_out.frames] == [bytes(frame) for frame in frames]


def test_a_kernel_vxlan_device_takes_only_its_vni(pair: Pair) -> None:
    pair.right.vxlan("vxlan0", VNI)
    other = ENVELOPE.copy()
    other[VXLAN].vni = VNI + 1
    with Recorder(pair.right, "vxlan0", outgoing=False) as handed_out:
        send(pair.left, other / mirrored(1), ENVELOPE / mirrored(2))
        handed_out.wait_for(1)
    assert [seen.frame for seen in handed_out.frames] == [bytes(mirrored(2))]


def test_tshark_reads_an_interface(pair: Pair) -> None:
    if not which("tshark"):
        pytest.skip("tshark is not installed")
    fields = ["-T", "fields", "-e", "vxlan.vni", "-e", "udp.srcport"]
    tshark = pair.right.spawn(["tshark", "-l", "-n", "-i", "eth0", "-f", "udp port 4789", "-c", "1", *fields])
    assert tshark.stderr is not None
    while "Capturing on" not in (line := tshark.stderr.readline()):
        assert line
    while tshark.poll() is None:  # it says that it captures a moment before it does
        send(pair.left, ENVELOPE / mirrored(3))
        sleep(0.05)
    output, _ = tshark.communicate()
    assert output.split() == [f"{VNI}", "50000,1003"]


def test_a_taken_port_is_an_error(pair: Pair) -> None:
    with Sensor(pair.right, "eth0"), pytest.raises(OSError, match="in use"):
        Sensor(pair.right, "eth0")
