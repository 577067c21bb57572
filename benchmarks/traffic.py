"""Packets and rules: the same for everything that is compared.

Owns what is mirrored in a measurement. Must not know who mirrors it. Everything comes from a seed.
"""

import random
import struct
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from mirrorplane.wire import checksum, ipv4, tcp

SIZES = {"64": (64,), "594": (594,), "1514": (1514,), "IMIX": (64,) * 7 + (594,) * 4 + (1514,)}
"""Frame sizes in bytes, Ethernet header included, FCS not; IMIX is 64:594:1514 as 7:4:1."""

_SEED = 7
TCP, UDP = 6, 17
IPV4 = b"\x08\x00"
L2_LENGTH = 14

SENSOR_ADDRESS, SENSOR_MAC = "10.9.0.2", "02:00:00:00:00:99"
PEER_MAC = bytes.fromhex("020000000009")
VNI = 7

DISTINCT = 100_000
"""Frames that are made; where more are wanted they are repeated, in memory of their own."""

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
DROP_ROW = 9
"""Which of ten rules is a drop."""


class Rule(NamedTuple):
    """A rule in a form that each side turns into its own: `network` is a /24."""

    accept: bool
    protocol: int
    network: int
    ports: tuple[int, int]


class Traffic(NamedTuple):
    """Frames one behind the other in `data`; `sources` are the numbers of those that they are of."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    lengths: NDArray[np.int32]
    sources: NDArray[np.int32]

    def frames(self, count: int) -> list[bytes]:
        """Return the first *count* frames as bytes."""
        rows = zip(self.offsets[:count].tolist(), self.lengths[:count].tolist(), strict=True)
        return [self.data[offset : offset + length].tobytes() for offset, length in rows]


def rules(count: int, *, drops: bool = True, seed: int = _SEED) -> list[Rule]:
    """Return *count* rules, some services of each network, in any order; the tenth of ten is a drop."""
    draw = random.Random(seed)
    networks = draw.sample(range(20 << 16, 200 << 16), -(-count // RULES_PER_NETWORK))
    every = [
        (network << 8, service)
        for network in networks
        for service in draw.sample(SERVICES, RULES_PER_NETWORK)
    ]
    draw.shuffle(every)
    return [
        Rule(not drops or row % 10 != DROP_ROW, protocol, network, (low, high))
        for row, (network, (protocol, low, high)) in enumerate(every[:count])
    ]


def traffic(mix: str, count: int, choices: Sequence[tuple[int, Rule]]) -> Traffic:
    """Return *count* egress frames of the sizes of *mix*, each of a source and for a rule of *choices*.

    They are drawn evenly; the first DISTINCT are repeated.
    """
    draw = random.Random(_SEED)
    distinct = min(count, DISTINCT)
    lengths = np.resize(np.array(SIZES[mix], np.int32), distinct)
    offsets = np.cumsum(lengths, dtype=np.int64) - lengths
    data, sources = np.zeros(int(lengths.sum()), np.uint8), np.zeros(distinct, np.int32)
    for row, (offset, length) in enumerate(zip(offsets.tolist(), lengths.tolist(), strict=True)):
        source, rule = choices[draw.randrange(len(choices))]
        head = _headers(draw, length, source, rule)
        data[offset : offset + len(head)] = np.frombuffer(head, np.uint8)
        sources[row] = source
    return _repeated(Traffic(data, offsets, lengths, sources), count)


def _repeated(block: Traffic, count: int) -> Traffic:
    """Return *count* frames, the block's again and again."""
    times = -(-count // block.lengths.size)
    starts = np.arange(times, dtype=np.int64) * block.data.size
    offsets = (starts[:, None] + block.offsets).ravel()[:count]
    lengths, sources = np.resize(block.lengths, count), np.resize(block.sources, count)
    return Traffic(np.tile(block.data, times), offsets, lengths, sources)


def of_one_source(by: Sequence[Rule]) -> list[tuple[int, Rule]]:
    """Return the choices of traffic of source 0 alone."""
    return [(0, rule) for rule in by]


def mac(source: int) -> str:
    """Return the MAC of a source."""
    return f"02:00:00:{source >> 8:02x}:{source & 0xFF:02x}:01"


def address(source: int) -> int:
    """Return the IPv4 address of a source."""
    return 10 << 24 | source << 8 | 1


def dotted(number: int) -> str:
    """Return an IPv4 address as text."""
    return ".".join(str(octet) for octet in number.to_bytes(4, "big"))


def _headers(draw: random.Random, length: int, source: int, rule: Rule) -> bytes:
    destination = rule.network + draw.randrange(256)
    ports = draw.randrange(1024, 65536), draw.randint(*rule.ports)
    size = length - L2_LENGTH
    ethernet = PEER_MAC + bytes.fromhex(mac(source).replace(":", "")) + IPV4
    network = struct.pack(
        "!BBHHHBBHII", 0x45, 0, size, 0, 0x4000, 64, rule.protocol, 0, address(source), destination
    )
    network = _summed(network, ipv4.CHECKSUM, network)
    if rule.protocol == UDP:
        return ethernet + network + struct.pack("!HHHH", *ports, size - 20, 0)
    segment = struct.pack("!HHIIBBHHH", *ports, 1, 1, 0x50, 0x10, 512, 0, 0)
    pseudo = network[ipv4.SOURCE.start :] + struct.pack("!HH", TCP, size - len(network))
    return ethernet + network + _summed(segment, tcp.CHECKSUM, pseudo + segment)


def _summed(header: bytes, place: slice, covered: bytes) -> bytes:
    """Return *header* with the checksum of what is *covered*; a payload of zeros adds nothing."""
    right = (checksum.fold(checksum.total(covered)) ^ 0xFFFF).to_bytes(2, "big")
    return header[: place.start] + right + header[place.stop :]


def rule_lines(by: list[Rule]) -> list[str]:
    """Return the rules as the configuration has them, for one direction of a filter."""
    return [
        f"      - {{priority: {row + 1}, action: {'accept' if rule.accept else 'drop'},"
        f" protocol: {'UDP' if rule.protocol == UDP else 'TCP'}, source_cidr_block: 10.0.0.0/8,"
        f" destination_cidr_block: {dotted(rule.network)}/24,"
        f" destination_port_range: {'/'.join(map(str, rule.ports))}}}"
        for row, rule in enumerate(by)
    ]


class Session(NamedTuple):
    """A session: the number of its source, and of its filter among those that are given."""

    source: int
    filter: int


def configuration(
    filters: Sequence[list[Rule]], packet_length: int, sessions: Sequence[Session] = (Session(0, 0),)
) -> str:
    """Return the configuration of *sessions*; the first one's VNI is VNI, the others' follow."""
    lines = [
        "interfaces:",
        *(
            f"  {source_name(number)}: {{mac: '{mac(number)}', addresses: [{dotted(address(number))}]}}"
            for number in dict.fromkeys(session.source for session in sessions)
        ),
        f"  eni-sensor: {{mac: '{SENSOR_MAC}', addresses: [{SENSOR_ADDRESS}], mtu: 9000}}",
        "sessions:",
        *(
            f"  tms-{row}: {{priority: {row + 1}, sources: [{source_name(session.source)}],"
            f" target: eni-sensor, filter: tmf-{session.filter}, virtual_network_id: {VNI + row},"
            f" packet_length: {packet_length}}}"
            for row, session in enumerate(sessions)
        ),
        "filters:",
    ]
    for number, by in enumerate(filters):
        lines += [f"  tmf-{number}:", "    egress:", *rule_lines(by)]
    return "\n".join(lines) + "\n"


def source_name(number: int) -> str:
    """Return the id of a source's interface."""
    return f"eni-{number}"
