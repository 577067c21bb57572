"""A script that mirrors a capture with dpkt: parse, the first rule that matches, truncate, wrap in VXLAN.

`python with_dpkt.py RULES IN OUT PACKET_LENGTH [by-hand]`

Owns how a user of dpkt would write it, without needless work: rules are numbers. With `by-hand` the envelope
is packed by the struct module, which is as fast as it gets. Must not share code with the package or with
what measures it.
"""

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import dpkt

BY_HAND = "by-hand"
SOURCE, SENSOR = bytes([10, 0, 0, 1]), bytes([10, 9, 0, 2])
SOURCE_MAC, SENSOR_MAC = b"\x02\0\0\0\0\x01", b"\x02\0\0\0\0\x99"
VXLAN = b"\x08\0\0\0\0\0\x07\0"
_ENVELOPE = struct.Struct("!6s6sHBBHHHBBH4s4sHHHH8s")

Rule = tuple[int, ...]
Wrap = Callable[[bytes, int], bytes]


def read_rules(path: str) -> list[Rule]:
    """Return the rules: accept, protocol, source and mask, destination and mask, lowest and highest port."""
    return [tuple(map(int, line.split())) for line in Path(path).read_text().splitlines()]


def accepts(rules: list[Rule], protocol: int, source: int, destination: int, port: int) -> bool:
    """Return what the first rule that matches says."""
    for accept, wanted, sources, source_mask, network, mask, low, high in rules:
        if (
            wanted == protocol
            and destination & mask == network
            and source & source_mask == sources
            and low <= port <= high
        ):
            return bool(accept)
    return False


def build(inner: bytes, port: int) -> bytes:
    """Return *inner* in an envelope by dpkt."""
    tunnel = VXLAN + inner
    datagram = dpkt.udp.UDP(sport=port, dport=4789, ulen=8 + len(tunnel), data=tunnel)
    network = dpkt.ip.IP(src=SOURCE, dst=SENSOR, p=17, ttl=64, df=1, data=bytes(datagram))
    network.len = len(network)
    return bytes(dpkt.ethernet.Ethernet(dst=SENSOR_MAC, src=SOURCE_MAC, data=network))


def pack(inner: bytes, port: int) -> bytes:
    """Return *inner* in an envelope packed by hand."""
    length = len(inner) + 36
    addresses = struct.unpack("!4H", SOURCE + SENSOR)
    total = 0x4500 + length + 0x4000 + 0x4011 + sum(addresses)
    total = (total >> 16) + (total & 0xFFFF)
    checksum = ~((total >> 16) + total) & 0xFFFF
    network = 0x45, 0, length, 0, 0x4000, 64, 17, checksum, SOURCE, SENSOR
    datagram = port, 4789, length - 20, 0, VXLAN
    return _ENVELOPE.pack(SENSOR_MAC, SOURCE_MAC, 0x0800, *network, *datagram) + inner


def copy_of(frame: bytes, rules: list[Rule], packet_length: int, wrap: Wrap) -> bytes | None:
    """Return what is sent of a frame, None where it is not mirrored."""
    ethernet = dpkt.ethernet.Ethernet(frame)
    packet: Any = ethernet.data
    if ethernet.src != SOURCE_MAC or not isinstance(packet, dpkt.ip.IP):
        return None
    upper = packet.data
    if not isinstance(upper, dpkt.tcp.TCP | dpkt.udp.UDP):
        return None
    source, destination = int.from_bytes(packet.src, "big"), int.from_bytes(packet.dst, "big")
    if not accepts(rules, packet.p, source, destination, upper.dport):
        return None
    one, other = sorted([(packet.src, upper.sport), (packet.dst, upper.dport)])
    return wrap(frame[: 14 + min(packet.len, packet_length)], 49152 + (hash((one, other, packet.p)) & 0x3FFF))


def main() -> None:
    """Do it."""
    rules, wrap = read_rules(sys.argv[1]), pack if BY_HAND in sys.argv else build
    with Path(sys.argv[2]).open("rb") as source, Path(sys.argv[3]).open("wb") as target:
        writer = dpkt.pcap.Writer(target)
        for time, frame in dpkt.pcap.Reader(source):
            copy = copy_of(frame, rules, int(sys.argv[4]), wrap)
            if copy is not None:
                writer.writepkt(copy, time)


if __name__ == "__main__":
    main()
