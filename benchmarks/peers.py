"""dpkt and scapy doing the same work, in Python: parse, the first of 10 rules, truncate, wrap in VXLAN.

Owns how a user of these libraries would write it, without needless work: rules are numbers. dpkt stands here
twice: as a user writes it, outer headers by dpkt too, and with outer headers packed by hand, which is as fast
as it gets. Must not share code with the package.
"""

import ipaddress
import struct
from collections.abc import Callable
from functools import partial

import dpkt
from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN

from benchmarks import measure
from benchmarks.pipeline import MILLION, PACKETS, rate
from benchmarks.traffic import Rule, configuration, rules, traffic

DPKT_PACKETS, SCAPY_PACKETS = 20_000, 400
PACKET_LENGTH = 128
_OUTER = struct.Struct("!6s6sHBBHHHBBHIIHHHHII")
_SOURCE, _SENSOR = int(ipaddress.ip_address("10.0.0.1")), int(ipaddress.ip_address("10.9.0.2"))


_SOURCE_OCTETS, _SENSOR_OCTETS = _SOURCE.to_bytes(4, "big"), _SENSOR.to_bytes(4, "big")


def _decide(by: list[Rule], protocol: int, destination: int, port: int) -> bool:
    for rule in by:
        if (
            rule.protocol == protocol
            and destination & 0xFFFFFF00 == rule.network
            and rule.ports[0] <= port <= rule.ports[1]
        ):
            return rule.accept
    return False


def _build(inner: bytes, flow: int) -> bytes:
    """Return *inner* in outer headers by dpkt."""
    tunnel = b"\x08\0\0\0\0\0\x07\0" + inner
    datagram = dpkt.udp.UDP(sport=49152 + (flow & 0x3FFF), dport=4789, ulen=8 + len(tunnel), data=tunnel)
    network = dpkt.ip.IP(src=_SOURCE_OCTETS, dst=_SENSOR_OCTETS, p=17, ttl=64, df=1, data=bytes(datagram))
    network.len = len(network)
    frame = dpkt.ethernet.Ethernet(dst=b"\x02\0\0\0\0\x99", src=b"\x02\0\0\0\0\x01", data=network)
    return bytes(frame)


def _pack(inner: bytes, flow: int) -> bytes:
    """Return *inner* in outer headers packed by hand."""
    length = len(inner) + 36
    total = 0x4500 + length + 0x4000 + 0x4011 + sum(divmod(_SOURCE, 65536)) + sum(divmod(_SENSOR, 65536))
    total = (total >> 16) + (total & 0xFFFF)
    checksum = ~((total >> 16) + total) & 0xFFFF
    macs = b"\x02\0\0\0\0\x99", b"\x02\0\0\0\0\x01"
    network = 0x45, 0, length, 0, 0x4000, 64, 17, checksum, _SOURCE, _SENSOR
    tunnel = 49152 + (flow & 0x3FFF), 4789, length - 20, 0, 0x08000000, 7 << 8
    return _OUTER.pack(*macs, 0x0800, *network, *tunnel) + inner


def with_dpkt(wrap: Callable[[bytes, int], bytes], frames: list[bytes], by: list[Rule]) -> int:
    """Mirror *frames*, each wrapped by *wrap*; return how many copies that made."""
    made = 0
    for frame in frames:
        packet = dpkt.ethernet.Ethernet(frame).data
        if not isinstance(packet, dpkt.ip.IP) or not isinstance(packet.data, (dpkt.tcp.TCP, dpkt.udp.UDP)):
            continue
        upper = packet.data
        if _decide(by, packet.p, int.from_bytes(packet.dst, "big"), upper.dport):
            ends = sorted([(packet.src, upper.sport), (packet.dst, upper.dport)])
            made += len(wrap(frame[: 14 + min(packet.len, PACKET_LENGTH)], hash((*ends, packet.p)))) > 0
    return made


def with_scapy(frames: list[bytes], by: list[Rule]) -> int:
    """Mirror *frames*; return how many copies that made."""
    made = 0
    for frame in frames:
        packet = Ether(frame)
        if IP not in packet or not (upper := packet[IP].payload) or not isinstance(upper, (TCP, UDP)):
            continue
        network = packet[IP]
        if _decide(by, network.proto, int(ipaddress.ip_address(network.dst)), upper.dport):
            inner = frame[: 14 + min(network.len, PACKET_LENGTH)]
            ends = sorted([(network.src, upper.sport), (network.dst, upper.dport)])
            port = 49152 + (hash((*ends, network.proto)) & 0x3FFF)
            outer = Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:99") / IP(
                src="10.0.0.1", dst="10.9.0.2", flags="DF"
            )
            made += len(bytes(outer / UDP(sport=port, dport=4789, chksum=0) / VXLAN(vni=7) / inner)) > 0
    return made


def compare() -> None:
    """Print the rates side by side, IMIX, 10 rules, PacketLength 128, and the ratios of pairs."""
    by = rules(10)
    packets = traffic("IMIX", PACKETS, by)
    text = configuration(by, PACKET_LENGTH)

    def of(mirror: Callable[[list[bytes], list[Rule]], int], count: int) -> Callable[[], float]:
        frames = packets.frames(count)
        return lambda: count / measure.seconds(lambda: mirror(frames, by)) / MILLION

    samples = measure.alternating(
        {
            "mirrorplane": lambda: rate(packets, text),
            f"dpkt {dpkt.__version__}": of(partial(with_dpkt, _build), DPKT_PACKETS),
            "dpkt, outer header by hand": of(partial(with_dpkt, _pack), DPKT_PACKETS),
            "scapy": of(with_scapy, SCAPY_PACKETS),
        }
    )
    ours = samples["mirrorplane"]
    rows = [
        [name, str(measure.figure(taken)), str(measure.ratio(ours, taken))] for name, taken in samples.items()
    ]
    measure.show(
        "the same work in Python: IMIX, 10 rules, PacketLength 128",
        ["who", "rate [Mpps]", "mirrorplane, times it"],
        rows,
    )
