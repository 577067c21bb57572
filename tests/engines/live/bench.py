"""Packets put in by hand, one behind the other, and every copy taken where it leaves: what benches share.

Owns the ways that a packet can take through an engine, the devices and sockets that a bench is made of, and
the comparison with the pipeline. Must not know an engine, or what should become of a packet. A bench is made
on a host without other devices: one to mirror (`src`, its far end `far`), one that copies leave by (`out`,
its far end `sink`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from enum import Enum, auto
from functools import lru_cache
from os import sched_getaffinity, sched_setaffinity
from socket import AF_PACKET, SOCK_RAW, socket
from struct import pack
from typing import Any, NamedTuple, Protocol

import numpy as np
import yaml
from pyroute2 import IPRoute

from mirrorplane.batch import DIRECTIONS
from mirrorplane.capture.memory import MemorySource
from mirrorplane.capture.memory import Packet as Captured
from mirrorplane.counters import Counters
from mirrorplane.engines.replay import Replay, file_templates, into
from mirrorplane.forward.memory import MemorySink
from mirrorplane.lab.network import Host
from mirrorplane.lab.recorder import SOL_PACKET
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan
from tests.oracle import Direction, Packet, mirror
from tests.oracle.judge import TURNED_ROUND

MTU = 65535
"""The most that a veth allows, so that no frame is too long for the bench."""

TEST_RUN = range(15, 3400)
"""Lengths of frames that BPF_PROG_TEST_RUN takes: more than an Ethernet header, less than a page with what
the kernel puts around them (net/bpf/test_run.c, bpf_test_init)."""

WHOLE = {b"\x08\x00": 34, b"\x86\xdd": 54}
"""... and of these types no less, on kernels that look at it (bpf_prog_test_run_skb)."""

SENDABLE = range(14, MTU + 14 + 1)
"""Lengths of frames that a packet socket sends by a device of that MTU."""

TAGS, UNTAGGED = (b"\x81\x00", b"\x88\xa8"), 20
"""A tag is taken out of what arrives; what is too short for that goes no further (net/core/skbuff.c,
skb_vlan_untag)."""

PACKET_VNET_HDR = 15
HEADER_LENGTH = pack("=2xH6x", 14)
"""include/uapi/linux/if_packet.h, virtio_net.h: only the first 14 bytes are to lie in the linear area."""

PATIENCE = 5.0
"""Seconds that a packet may take: more than is ever needed."""


class Way(Enum):
    """How a packet gets to an engine, and its copy to the envelope."""

    STRAIGHT = auto()
    """BPF_PROG_TEST_RUN; the copy is cut and wrapped at once."""

    STAGED = auto()
    """BPF_PROG_TEST_RUN; the copy passes the staging pair, which takes VLAN tags out of it."""

    RELAYED = auto()
    """BPF_PROG_TEST_RUN; the copy passes a relay, as from another namespace."""

    LIVE = auto()
    """Sent over the device, its headers outside of the linear area; what arrives has lost its VLAN tag."""

    RINGS = auto()
    """Sent like LIVE; a receive ring takes it, the pipeline's copy leaves by a transmit ring."""

    def takes(self, packet: Packet) -> bool:
        """Return whether *packet*, whose direction is the hook that it meets, can go this way at all."""
        length, kind = len(packet.frame), packet.frame[12:14]
        if packet.direction == "unknown":
            return False
        if self not in (Way.LIVE, Way.RINGS):
            return length in TEST_RUN and length >= WHOLE.get(kind, 0)
        is_cut = packet.direction == "ingress" and kind in TAGS and length < UNTAGGED
        return length in SENDABLE and not is_cut


class Judged(NamedTuple):
    """What left, each copy behind the index of its packet; and what was counted, by the rows of the plan."""

    copies: list[tuple[int, bytes]]
    counters: Counters


@lru_cache(maxsize=1)
def _plan(text: str) -> Plan:
    configuration = read(text, "case.yaml")
    return compile_plan(configuration, tuple(configuration.interfaces), shared_wire=True)


def live_plan(config: Mapping[str, Any]) -> Plan:
    """Return a live engine's plan of a configuration, given as the dict that its YAML stands for.

    Every interface is a source; of the same configuration twice in a row it is the same plan.
    """
    return _plan(yaml.safe_dump(config, sort_keys=False))


def hooked(config: Mapping[str, Any], packets: Sequence[Packet], explicit: Direction) -> list[Packet]:
    """Return *packets*, each with the hook where its source's device meets it as its direction.

    A device tells the direction, so it is taken from where a capture finds it; "unknown" if that is nowhere.
    """
    verdicts = mirror(config, packets, direction=explicit).verdicts
    return [
        replace(packet, direction=_hook(config["interfaces"][packet.source], verdict.direction))
        for packet, verdict in zip(packets, verdicts, strict=True)
    ]


def _hook(source: Mapping[str, Any], direction: Direction) -> Direction:
    return TURNED_ROUND[direction] if source.get("side") == "host" else direction


def piped(plan: Plan, packets: Sequence[Packet]) -> Judged:
    """Run *packets* through the pipeline."""
    row = {name: index for index, name in enumerate(plan.sources)}
    captured = [
        Captured(packet.frame, row[packet.source], index, DIRECTIONS.index(packet.direction))
        for index, packet in enumerate(packets)
    ]
    sink = MemorySink()
    run = Replay(plan, MemorySource(captured), into(sink, file_templates(plan)))
    run.run()
    return Judged([(copy.time, copy.data) for copy in sink.mirrored], run.counters)


def differences(found: Judged, wanted: Judged) -> list[str]:
    """Return what is not the same in both, a line each."""
    wrong = [
        f"{name}[{at}] is {one[at]}, expected {other[at]}"
        for name, one, other in zip(Counters._fields, found.counters, wanted.counters, strict=True)
        for at in np.flatnonzero(one != other)
    ]
    ours, theirs = dict(found.copies), dict(wanted.copies)
    for index in sorted(ours.keys() | theirs.keys()):
        one, other = ours.get(index, b""), theirs.get(index, b"")
        wrong += [f"packet {index}: copied as {one.hex()}, expected {other.hex()}"] if one != other else []
    return wrong or (["order or number of copies"] if found.copies != wanted.copies else [])


class Bench(Protocol):
    """An engine, or the parts of one that packets pass."""

    @property
    def ways(self) -> Sequence[Way]:
        """The ways that packets can take here."""

    def run(self, plan: Plan, packets: Sequence[Packet], way: Way) -> Judged:
        """Run *packets*, whose directions are the hooks that they meet, through it."""


def pair(netlink: IPRoute, name: str, peer: str) -> int:
    """Make a veth pair that keeps quiet, up; return the index of its first end."""
    netlink.link("add", kind="veth", ifname=name, mtu=MTU, peer={"ifname": peer, "mtu": MTU})
    indexes = [int(netlink.link_lookup(ifname=end)[0]) for end in (name, peer)]
    for index in indexes:
        netlink.link("set", index=index, arp=False, state="up")
    return indexes[0]


def packet_socket(device: str, protocol: int) -> socket:
    """Return a packet socket on *device*: of protocol 0 it takes nothing in, and sends behind an offload."""
    packets = socket(AF_PACKET, SOCK_RAW, 0)
    if not protocol:
        packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    packets.bind((device, protocol))
    return packets


def senders(host: Host, stack: ExitStack) -> dict[Direction, socket]:
    """Return what sends to each hook of the device that is mirrored, until the end of *stack*."""
    devices: dict[Direction, str] = {"egress": "src", "ingress": "far"}
    return {
        direction: stack.enter_context(host.call(packet_socket, device, 0))
        for direction, device in devices.items()
    }


@contextmanager
def on_one_cpu() -> Iterator[None]:
    """Keep this thread, those that it starts, and the kernel's work on their packets on one CPU.

    Nothing is overtaken there.
    """
    allowed = sched_getaffinity(0)
    sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        sched_setaffinity(0, allowed)
