"""The programs on a bench: every packet put in by hand, every copy taken where it leaves.

Owns, between the bench's devices, the taps, gates and devices of an instance. Must not know what should
become of a packet. A packet takes one of several ways through the programs, which must make no difference.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from socket import MSG_DONTWAIT
from sys import byteorder
from time import CLOCK_MONOTONIC, clock_gettime_ns, monotonic
from typing import NamedTuple, Self

import numpy as np
from pyroute2 import IPRoute

from mirrorplane.counters import N_DIRECTIONS, Counters, Reason
from mirrorplane.engines.kernel.host.offloads import SENDING, switch_off
from mirrorplane.engines.kernel.host.staging import make_relay, make_staging
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.records import BUCKET, DEVICE, MAX_CPUS, N_BUCKETS, PLACE, rows
from mirrorplane.engines.kernel.register import Register
from mirrorplane.engines.kernel.relays import attach
from mirrorplane.engines.kernel.tables import Switchboard
from mirrorplane.engines.replay import file_templates
from mirrorplane.lab.network import Host
from mirrorplane.lab.recorder import ETH_P_ALL, LARGEST_FRAME
from mirrorplane.plan import Plan
from mirrorplane.wire.flow import PORT_MASK
from tests.engines.live.bench import (
    HEADER_LENGTH,
    PATIENCE,
    Judged,
    Way,
    on_one_cpu,
    packet_socket,
    pair,
    senders,
)
from tests.oracle import Direction, Packet

TAG = "0badcafe"
CONTEXT = 192
MARK, IFINDEX = slice(8, 12), slice(40, 44)
"""struct __sk_buff (include/uapi/linux/bpf.h): its bytes, and two of its members."""

TC_ACT_UNSPEC, TC_ACT_REDIRECT = -1, 7
"""include/uapi/linux/pkt_cls.h: what a tap and a gate return."""

STAGED = 1
"""A bucket's `by`: enum road."""

LIMIT = 1000
"""Wire packets that may wait in a queue: more than is ever needed."""


class Segment(NamedTuple):
    """A frame that comes out of the staging pair, and what its mark says."""

    frame: bytes
    direction: Direction
    template: int
    port: int


class Rig:
    """The bench. It is used by threads on its host, one at a time: `run` does that by itself."""

    ways = (Way.STRAIGHT, Way.STAGED, Way.RELAYED, Way.LIVE)

    def __init__(self, host: Host) -> None:
        """Put everything up on *host*, a host without other devices. Raises KernelError."""
        self.host = host
        self._in_force: Plan | None = None
        host.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
        with ExitStack() as on_failure:
            self.loaded = on_failure.enter_context(closing(Loaded.anew()))
            host.netlink(self._set_up)
            self._senders = senders(host, on_failure)
            self._copies = on_failure.enter_context(host.call(packet_socket, "out", ETH_P_ALL))
            self._stack = on_failure.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _set_up(self, netlink: IPRoute) -> None:
        self._source, self._out = (pair(netlink, *names) for names in (("src", "far"), ("out", "sink")))
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
        with on_one_cpu():
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
