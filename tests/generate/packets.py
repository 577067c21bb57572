"""Random packets of a configuration's sources: mostly valid, mostly near a rule, some of them lies.

Owns the mix. Must not know what should become of a packet. Built from byte templates, since a hundred
thousand are wanted.
"""

from random import Random
from struct import pack
from typing import Any

from tests.generate.configurations import PORTS
from tests.generate.headers import FILLER, dhcp, ethernet, ipv4, ipv6, lengths
from tests.generate.lies import spoil
from tests.generate.surroundings import EVERY_PROTOCOL, MOST, OwnOutput, Surroundings, near, surroundings
from tests.oracle import Direction, Packet

ARP = 0x0806
OTHER_ETHERTYPES = (0x88CC, 0x0026, 0x05DC, 0x0600, 0x8035, 0x9100, 0x8847, 0x0801, 0x86DC, 0)
OTHER_MACS = (bytes.fromhex("02000000aaaa"), bytes.fromhex("02000000bbbb"), b"\xff" * 6, bytes(6))
FLAGS: tuple[Direction, ...] = ("unknown",) * 6 + ("ingress", "egress")
SPOILED = 0.3


def random_packets(rng: Random, config: dict[str, Any], count: int) -> list[Packet]:
    """Return *count* packets of the sources of *config*."""
    sources = surroundings(config)
    return [_packet(rng, rng.choice(sources)) for _ in range(count)]


def _packet(rng: Random, around: Surroundings) -> Packet:
    kind = rng.random()
    if kind < 0.55 and around.wishes:
        frame = _wished(rng, around)
    elif kind < 0.62 and around.own_output:
        frame = _own_output(rng, around)
    elif kind < 0.80:
        frame = _any_ip(rng, around)
    elif kind < 0.98:
        frame = _unwanted(rng, around)
    else:
        frame = rng.randbytes(rng.randint(0, 100))
    wire_length = len(frame)
    if rng.random() < SPOILED:
        frame = spoil(rng, frame)
    return Packet(around.name, frame, max(wire_length, len(frame)), rng.choice(FLAGS))


def _wished(rng: Random, around: Surroundings) -> bytes:
    """Return a packet that (nearly) matches one of the rules, in the rule's direction."""
    wish = rng.choice(around.wishes)
    most = MOST[wish.version]
    ends = near(rng, wish.source, most), near(rng, wish.destination, most)
    ports = near(rng, wish.source_ports, 65535), near(rng, wish.destination_ports, 65535)
    l3 = _ip(rng, wish.version, ends, rng.choice(wish.protocols), ports)
    return ethernet(rng, _macs(rng, around, egress=wish.direction == "egress"), l3, wish.version)


def _ip(rng: Random, version: int, ends: tuple[int, int], protocol: int, ports: tuple[int, int]) -> bytes:
    payload = pack(">HH", *ports) + FILLER[: lengths(rng)]
    return ipv4(rng, ends, protocol, payload) if version == 4 else ipv6(rng, ends, protocol, payload)


def _any_ip(rng: Random, around: Surroundings) -> bytes:
    version = 4 if rng.random() < 0.6 else 6
    ends = around.address(rng, version), around.address(rng, version)
    ports = rng.choice(PORTS), rng.choice(PORTS)
    l3 = _ip(rng, version, ends, rng.choice(EVERY_PROTOCOL), ports)
    return ethernet(rng, _macs(rng, around, egress=rng.random() < 0.5), l3, version)


def _macs(rng: Random, around: Surroundings, *, egress: bool) -> bytes:
    """Return destination and source: the ENI's own where it has one, or strangers'."""
    other = rng.choice(OTHER_MACS)
    if around.mac is None or rng.random() < 0.15:
        return other + rng.choice(OTHER_MACS)
    return other + around.mac if egress else around.mac + other


def _unwanted(rng: Random, around: Surroundings) -> bytes:
    macs = _macs(rng, around, egress=rng.random() < 0.5)
    kind = rng.random()
    if kind < 0.4:
        version = 4 if rng.random() < 0.6 else 6
        ends = around.address(rng, version), around.address(rng, version)
        return ethernet(rng, macs, dhcp(rng, version, ends), version)
    ethertype = ARP if kind < 0.7 else rng.choice(OTHER_ETHERTYPES)
    return ethernet(rng, macs, FILLER[: lengths(rng)], ethertype=ethertype)


def _own_output(rng: Random, around: Surroundings) -> bytes:
    """Return own output, or what is not quite: another VNI, port, flag, address or protocol."""
    own, slip = rng.choice(around.own_output), rng.random()
    port, vni, flags = own.port, own.vni, 0x08 if slip < 0.9 else rng.choice((0, 0xF7, 0xFF, 0x88))
    if slip < 0.1:
        vni ^= 1 << rng.randrange(24)
    elif slip < 0.15:
        port = rng.choice(PORTS)
    ends = own.source, own.destination
    if slip > 0.95:
        ends = ends[::-1]
    vxlan = pack(">BxxxI", flags, vni << 8) + FILLER[: rng.randrange(80)]
    payload = pack(">HHHH", rng.choice(PORTS), port, 8 + len(vxlan), 0) + vxlan
    l3 = _carried(rng, own, ends, payload)
    return ethernet(rng, _macs(rng, around, egress=True), l3, own.version)


def _carried(rng: Random, own: OwnOutput, ends: tuple[int, int], payload: bytes) -> bytes:
    return ipv4(rng, ends, 17, payload) if own.version == 4 else ipv6(rng, ends, 17, payload)
