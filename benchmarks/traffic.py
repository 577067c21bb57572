"""Packets and rules: the same for everything that is compared.

Owns what is mirrored in a measurement. Must not know who mirrors it. Everything comes from a seed.
"""

import random
import struct
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

SIZES = {"64": (64,), "594": (594,), "1514": (1514,), "IMIX": (64,) * 7 + (594,) * 4 + (1514,)}
"""Frame sizes in bytes, Ethernet header included, FCS not; IMIX is 64:594:1514 as 7:4:1."""

_ETHERNET = bytes.fromhex("02000000000902000000000108 00")
_SEED = 7
TCP, UDP = 6, 17
SOURCE_MAC = "02:00:00:00:00:01"


SERVICES = [
    *(
        (TCP, port, port)
        for port in (21, 22, 25, 80, 110, 143, 389, 443, 445, 636, 993, 1433, 1521, 3306, 3389)
    ),
    *((TCP, port, port) for port in (5432, 5672, 6379, 8080, 8443, 9092, 9200, 11211, 27017)),
    *((UDP, port, port) for port in (53, 123, 161, 443, 514, 1812, 4500, 5060)),
    (TCP, 6660, 6669),
    (TCP, 8000, 8099),
    (UDP, 10000, 20000),
    (UDP, 33434, 33523),
]
"""Protocol and ports that rules commonly name."""

RULES_PER_NETWORK = 4


class Rule(NamedTuple):
    """A rule in a form that each side turns into its own: `network` is a /24."""

    accept: bool
    protocol: int
    network: int
    ports: tuple[int, int]


class Traffic(NamedTuple):
    """Frames one behind the other in `data`."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int32]

    def frames(self, count: int) -> list[bytes]:
        """Return the first *count* frames as bytes."""
        rows = zip(self.offsets[:count].tolist(), self.lengths[:count].tolist(), strict=True)
        return [self.data[offset : offset + length].tobytes() for offset, length in rows]


def rules(count: int) -> list[Rule]:
    """Return *count* rules, one in ten of them a drop: some services of each network, in any order."""
    draw = random.Random(_SEED)
    networks = draw.sample(range(20 << 16, 200 << 16), -(-count // RULES_PER_NETWORK))
    every = [
        (network << 8, service)
        for network in networks
        for service in draw.sample(SERVICES, RULES_PER_NETWORK)
    ]
    draw.shuffle(every)
    return [
        Rule(accept=bool(row % 10), protocol=protocol, network=network, ports=(low, high))
        for row, (network, (protocol, low, high)) in enumerate(every[:count])
    ]


def traffic(mix: str, count: int, by: list[Rule]) -> Traffic:
    """Return *count* egress frames of the sizes of *mix*, each of which some rule of *by* decides."""
    draw = random.Random(_SEED)
    lengths = np.resize(np.array(SIZES[mix], np.int32), count)
    offsets = np.cumsum(lengths, dtype=np.int64) - lengths
    data = np.zeros(int(lengths.sum()), np.uint8)
    for offset, length in zip(offsets.tolist(), lengths.tolist(), strict=True):
        head = _headers(draw, length, by[draw.randrange(len(by))])
        data[offset : offset + len(head)] = np.frombuffer(head, np.uint8)
    return Traffic(data, offsets, lengths)


def _headers(draw: random.Random, length: int, rule: Rule) -> bytes:
    destination = rule.network + draw.randrange(256)
    ports = draw.randrange(1024, 65536), draw.randint(*rule.ports)
    size = length - len(_ETHERNET)
    network = struct.pack(
        "!BBHHHBBHII", 0x45, 0, size, 0, 0x4000, 64, rule.protocol, 0, 10 << 24 | 1, destination
    )
    if rule.protocol == UDP:
        return _ETHERNET + network + struct.pack("!HHHH", *ports, size - 20, 0)
    return _ETHERNET + network + struct.pack("!HHIIBBHHH", *ports, 1, 1, 0x50, 0x10, 512, 0, 0)


def rule_lines(by: list[Rule]) -> list[str]:
    """Return the rules as the configuration has them, for one direction of a filter."""
    lines = []
    for row, rule in enumerate(by):
        network = ".".join(str(octet) for octet in rule.network.to_bytes(4, "big"))
        lines.append(
            f"      - {{priority: {row + 1}, action: {'accept' if rule.accept else 'drop'},"
            f" protocol: {'UDP' if rule.protocol == UDP else 'TCP'}, source_cidr_block: 10.0.0.0/8,"
            f" destination_cidr_block: {network}/24,"
            f" destination_port_range: {'/'.join(map(str, rule.ports))}}}"
        )
    return lines


def configuration(by: list[Rule], packet_length: int) -> str:
    """Return the configuration that mirrors by these rules."""
    lines = [
        "interfaces:",
        f"  eni-source: {{mac: {SOURCE_MAC}, addresses: [10.0.0.1]}}",
        "  eni-sensor: {mac: 02:00:00:00:00:99, addresses: [10.9.0.2], mtu: 9000}",
        "sessions:",
        "  tms-bench: {priority: 1, sources: [eni-source], target: eni-sensor, filter: tmf-bench,",
        f"              virtual_network_id: 7, packet_length: {packet_length}}}",
        "filters:",
        "  tmf-bench:",
        "    egress:",
        *rule_lines(by),
    ]
    return "\n".join(lines) + "\n"
