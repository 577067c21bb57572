"""The programs on a bench: every packet put in by hand, every copy taken where it leaves.

Owns a device to mirror (`src`, its far end `far`), one that copies leave by (`out`), and between them the
taps, gates and devices of an instance; and the comparison with the pipeline. Must not know what should become
of a packet. A packet takes one of several ways through the programs (`Way`), which must make no difference.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from enum import Enum, auto
from functools import lru_cache
from os import sched_getaffinity, sched_setaffinity
from socket import AF_PACKET, MSG_DONTWAIT, SOCK_RAW, socket
from struct import pack
from sys import byteorder
from time import CLOCK_MONOTONIC, clock_gettime_ns, monotonic
from typing import Any, NamedTuple, Self

import numpy as np
import yaml
from pyroute2 import IPRoute

from mirrorplane.batch import DIRECTIONS
from mirrorplane.capture.memory import MemorySource
from mirrorplane.capture.memory import Packet as Captured
from mirrorplane.counters import N_DIRECTIONS, Counters, Reason
from mirrorplane.engines.kernel.host.offloads import SENDING, switch_off
from mirrorplane.engines.kernel.host.staging import make_relay, make_staging
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.records import BUCKET, DEVICE, MAX_CPUS, N_BUCKETS, PLACE, rows
from mirrorplane.engines.kernel.register import Register
from mirrorplane.engines.kernel.relays import attach
from mirrorplane.engines.kernel.tables import Switchboard
from mirrorplane.engines.replay import Replay, file_templates, into
from mirrorplane.forward.memory import MemorySink
from mirrorplane.lab.network import Host
from mirrorplane.lab.recorder import ETH_P_ALL, LARGEST_FRAME, SOL_PACKET
from mirrorplane.model import read
from mirrorplane.plan import Plan, compile_plan
from mirrorplane.wire.flow import PORT_MASK
from tests.oracle import Direction, Packet, mirror
from tests.oracle.judge import TURNED_ROUND

TAG = "0badcafe"
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

CONTEXT = 192
MARK, IFINDEX = slice(8, 12), slice(40, 44)
"""struct __sk_buff (include/uapi/linux/bpf.h): its bytes, and two of its members."""

TC_ACT_UNSPEC, TC_ACT_REDIRECT = -1, 7
"""include/uapi/linux/pkt_cls.h: what a tap and a gate return."""

STAGED = 1
"""A bucket's `by`: enum road."""

LIMIT = 1000
PATIENCE = 5.0
"""Wire packets that may wait in a queue, seconds that one may take: more than ever is needed."""


class Way(Enum):
    """How a packet gets to a tap, and its copy to the envelope."""

    STRAIGHT = auto()
    """BPF_PROG_TEST_RUN; the copy is cut and wrapped at once."""

    STAGED = auto()
    """BPF_PROG_TEST_RUN; the copy passes the staging pair, which takes VLAN tags out of it."""

    RELAYED = auto()
    """BPF_PROG_TEST_RUN; the copy passes a relay, as from another namespace."""

    LIVE = auto()
    """Sent over the device, its headers outside of the linear area; what arrives has lost its VLAN tag."""

    def takes(self, packet: Packet) -> bool:
        """Return whether *packet*, whose direction is the hook that it meets, can go this way at all."""
        length, kind = len(packet.frame), packet.frame[12:14]
        if packet.direction == "unknown":
            return False
        if self is not Way.LIVE:
            return length in TEST_RUN and length >= WHOLE.get(kind, 0)
        is_cut = packet.direction == "ingress" and kind in TAGS and length < UNTAGGED
        return length in SENDABLE and not is_cut


class Segment(NamedTuple):
    """A frame that comes out of the staging pair, and what its mark says."""

    frame: bytes
    direction: Direction
    template: int
    port: int


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


class Rig:
    """The bench. It is used by threads on its host, one at a time: `run` does that by itself."""

    def __init__(self, host: Host) -> None:
        """Put everything up on *host*, a host without other devices. Raises KernelError."""
        self.host = host
        self._in_force: Plan | None = None
        host.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
        with ExitStack() as on_failure:
            self.loaded = on_failure.enter_context(closing(Loaded.anew()))
            host.netlink(self._set_up)
            self._senders = {
                name: on_failure.enter_context(host.call(_socket, device, 0))
                for name, device in (("egress", "src"), ("ingress", "far"))
            }
            self._copies = on_failure.enter_context(host.call(_socket, "out", ETH_P_ALL))
            self._stack = on_failure.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _set_up(self, netlink: IPRoute) -> None:
        self._source, self._out = (_pair(netlink, *names) for names in (("src", "far"), ("out", "sink")))
        switch_off("out", SENDING)  # a tag beside the frame would not be seen
        staging, relay = make_staging(netlink, TAG), make_relay(netlink, TAG, 0, None)
        self._staging, self._relay = staging.a_index, relay.a_index
        gates, taps = self.loaded.gates, self.loaded.taps(0)
        attach(netlink, staging.a_index, "egress", gates["gate_egress"], TAG)
        attach(netlink, staging.b_index, "ingress", gates["gate_ingress"], TAG)
        attach(netlink, relay.b_index, "ingress", gates["relay"], TAG)
        attach(netlink, self._source, "ingress", taps["tap_ingress"], TAG)
        attach(netlink, self._source, "egress", taps["tap_egress"], TAG)

    def run(self, plan: Plan, packets: Sequence[Packet], way: Way) -> Judged:
        """Run *packets*, whose directions are the hooks that they meet, through the programs."""
        return self.host.call(self._run, plan, packets, way)

    def turn_to(self, plan: Plan) -> None:
        """Put *plan* in force, with its own rows as the rows of counters, unless it is."""
        if plan is self._in_force:
            return
        self._in_force = None
        register = Register(build="", words="")
        register.take_in(plan)
        board = Switchboard(self.loaded.maps)
        board.set_up(self._staging, hand_over_from=1 << 16, limit=LIMIT, room=LIMIT)
        outlets = np.full(len(plan.routes), self._out, np.int32)
        board.turn_to(plan, register, file_templates(plan), outlets, plan.tables.slots)
        self._in_force = plan

    def overhear(self, plan: Plan, send: Callable[[], object], n_packets: int) -> list[bytes]:
        """Return the copies of what *send*, called on the host, sends over `src`: *n_packets* on the wire."""
        return self.host.call(self._overhear, plan, send, n_packets)

    def wrap(self, plan: Plan, segments: Sequence[Segment]) -> Judged:
        """Run `gate_ingress` on what comes out of the staging pair."""
        return self.host.call(self._wrap, plan, segments)

    def counted(self, plan: Plan) -> Counters:
        """Return what has been counted in the rows of *plan*, by whichever plans had them."""
        maps, n_sources = self.loaded.maps, len(plan.sources)
        ways = maps["ways"].totals(n_sources * N_DIRECTIONS)
        return Counters(
            seen=ways[:, 0],
            reasons=ways[:, 1:].reshape(-1),
            sessions=maps["tallies"].totals(len(plan.sessions)).reshape(-1),
            rules=maps["rules_counted"].totals(len(plan.rules)).reshape(-1),
        )

    def _overhear(self, plan: Plan, send: Callable[[], object], n_packets: int) -> list[bytes]:
        self.turn_to(plan)
        self._write_buckets(Way.LIVE)
        self._describe(0, Way.LIVE)
        before = self.counted(plan)
        send()
        return self._settled(plan, before, n_packets, 0)

    def _wrap(self, plan: Plan, segments: Sequence[Segment]) -> Judged:
        self.turn_to(plan)
        before = self.counted(plan)
        generation = int(Switchboard(self.loaded.maps).control["generation"][0])
        copies = []
        for index, (frame, direction, template, port) in enumerate(segments):
            context, is_egress = bytearray(CONTEXT), direction == "egress"
            mark = generation << 31 | is_egress << 30 | (template + 1) << 14 | port & PORT_MASK
            context[MARK] = mark.to_bytes(4, byteorder)
            outcome = self.loaded.gates["gate_ingress"].test_run(frame, bytes(context))
            assert outcome.verdict == TC_ACT_REDIRECT, index
            copies.append((index, outcome.frame))
        return Judged(copies, self._since(before, plan))

    def _run(self, plan: Plan, packets: Sequence[Packet], way: Way) -> Judged:
        copies: list[tuple[int, bytes]] = []
        with _on_one_cpu():
            self.turn_to(plan)
            self._write_buckets(way)
            before, mirrored = self.counted(plan), 0
            row = {name: index for index, name in enumerate(plan.sources)}
            for index, packet in enumerate(packets):
                self._describe(row[packet.source], way)
                self._put_in(packet, way)
                mirrored += len(new := self._settled(plan, before, index + 1, mirrored))
                copies += ((index, copy) for copy in new)
            return Judged(copies, self._since(before, plan))

    def _since(self, before: Counters, plan: Plan) -> Counters:
        return Counters(*(now - then for now, then in zip(self.counted(plan), before, strict=True)))

    def _write_buckets(self, way: Way) -> None:
        """Have no flow on its way; for STAGED, as if a super-packet of every flow were in staging."""
        buckets = rows(BUCKET, N_BUCKETS)
        if way is Way.STAGED:
            buckets["staged"], buckets["by"] = LIMIT, STAGED
            buckets["last"] = clock_gettime_ns(CLOCK_MONOTONIC)
        self.loaded.maps["buckets"].update_all(buckets.view(np.uint8).reshape(N_BUCKETS, -1))

    def _describe(self, source: int, way: Way) -> None:
        """Have the device be the source with that row."""
        device, place = rows(DEVICE), rows(PLACE)
        place["ifindex"] = self._source
        device["source"], device["staging"] = source, self._staging
        if way is Way.RELAYED:
            device["staging"], device["n_relays"] = 0, 1
            device["relay"][0][0], device["cpu"][0][0] = self._relay, MAX_CPUS
        self.loaded.maps["devices"].update(place.tobytes(), device.tobytes())

    def _put_in(self, packet: Packet, way: Way) -> None:
        if way is Way.LIVE:
            self._senders[packet.direction].send(HEADER_LENGTH + packet.frame)
            return
        context = bytearray(CONTEXT)
        context[IFINDEX] = self._source.to_bytes(4, byteorder)
        outcome = self.loaded.taps(0)[f"tap_{packet.direction}"].test_run(packet.frame, bytes(context))
        assert (outcome.verdict, outcome.frame) == (TC_ACT_UNSPEC, packet.frame)  # it goes on, unchanged

    def _settled(self, plan: Plan, before: Counters, n_packets: int, n_taken: int) -> list[bytes]:
        """Return the copies that are new when *n_packets* have been seen, and each has its fate."""
        deadline = monotonic() + PATIENCE
        while True:
            now = self._since(before, plan)
            reasons, seen = now.reasons.reshape(-1, len(Reason)), int(now.seen.sum())
            if seen == int(reasons.sum()) == n_packets:
                return [self._take(deadline) for _ in range(int(reasons[:, Reason.MIRRORED].sum()) - n_taken)]
            assert seen <= n_packets, f"{seen} of {n_packets} packets seen"
            assert monotonic() < deadline, f"{n_packets} packets: {seen} seen, fates {reasons.sum(axis=0)}"

    def _take(self, deadline: float) -> bytes:
        while True:
            try:
                return self._copies.recv(LARGEST_FRAME, MSG_DONTWAIT)
            except BlockingIOError:
                assert monotonic() < deadline, "a copy that was counted as mirrored has not left"


def _pair(netlink: IPRoute, name: str, peer: str) -> int:
    """Make a veth pair that keeps quiet, up; return the index of its first end."""
    netlink.link("add", kind="veth", ifname=name, mtu=MTU, peer={"ifname": peer, "mtu": MTU})
    indexes = [int(netlink.link_lookup(ifname=end)[0]) for end in (name, peer)]
    for index in indexes:
        netlink.link("set", index=index, arp=False, state="up")
    return indexes[0]


def _socket(device: str, protocol: int) -> socket:
    """Return a packet socket on *device*: of protocol 0 it takes nothing in, and sends behind an offload."""
    packets = socket(AF_PACKET, SOCK_RAW, 0)
    if not protocol:
        packets.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    packets.bind((device, protocol))
    return packets


@contextmanager
def _on_one_cpu() -> Iterator[None]:
    """Keep this thread, and with it the kernel's work on its packets, on one CPU: nothing is overtaken."""
    allowed = sched_getaffinity(0)
    sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        sched_setaffinity(0, allowed)
