"""A script that mirrors a capture with scapy: parse, the first rule that matches, truncate, wrap in VXLAN.

`python with_scapy.py RULES IN OUT PACKET_LENGTH`

Owns how a user of scapy would write it, without needless work: rules are numbers. Must not share code with
the package or with what measures it.
"""

import ipaddress
import sys
from pathlib import Path

from scapy.layers.inet import IP, TCP, UDP
from scapy.layers.l2 import Ether
from scapy.layers.vxlan import VXLAN
from scapy.packet import Packet
from scapy.utils import PcapReader, PcapWriter

SOURCE_MAC, SENSOR_MAC = "02:00:00:00:00:01", "02:00:00:00:00:99"

Rule = tuple[int, ...]


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


def copy_of(packet: Packet, rules: list[Rule], packet_length: int) -> Packet | None:
    """Return what is sent of a frame, None where it is not mirrored."""
    if packet.src != SOURCE_MAC or IP not in packet:
        return None
    network, upper = packet[IP], packet[IP].payload
    if not isinstance(upper, TCP | UDP):
        return None
    source, destination = int(ipaddress.ip_address(network.src)), int(ipaddress.ip_address(network.dst))
    if not accepts(rules, network.proto, source, destination, upper.dport):
        return None
    ends = sorted([(network.src, upper.sport), (network.dst, upper.dport)])
    port = 49152 + (hash((*ends, network.proto)) & 0x3FFF)
    outer = Ether(src=SOURCE_MAC, dst=SENSOR_MAC) / IP(src="10.0.0.1", dst="10.9.0.2", id=0, flags="DF")
    inner = packet.original[: 14 + min(network.len, packet_length)]
    return outer / UDP(sport=port, dport=4789, chksum=0) / VXLAN(vni=7) / inner


def main() -> None:
    """Do it."""
    rules = read_rules(sys.argv[1])
    with PcapReader(sys.argv[2]) as source, PcapWriter(sys.argv[3], linktype=1) as target:
        for packet in source:
            copy = copy_of(packet, rules, int(sys.argv[4]))
            if copy is not None:
                copy.time = packet.time
                target.write(copy)


if __name__ == "__main__":
    main()
