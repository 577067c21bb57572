"""The rings on a bench, with the pipeline between them.

Owns a receive ring on the device that is mirrored, and a transmit ring on the one that copies leave by. Must
not know what should become of a packet.
"""

from collections.abc import Sequence
from contextlib import ExitStack, closing
from socket import MSG_DONTWAIT, SOL_SOCKET
from time import monotonic
from typing import Self

import numpy as np
from pyroute2 import IPRoute

from mirrorplane.batch import Copies, Frames
from mirrorplane.capture.afpacket import ReceiveRing
from mirrorplane.capture.device import inspect
from mirrorplane.counters import Counters
from mirrorplane.engines.pipeline import Pipeline
from mirrorplane.engines.replay import file_templates
from mirrorplane.forward.afpacket import TransmitRing
from mirrorplane.lab.network import Host
from mirrorplane.lab.recorder import ETH_P_ALL, LARGEST_FRAME, RECEIVE_BUFFER, SO_RCVBUFFORCE
from mirrorplane.plan import Plan
from tests.engines.live.bench import (
    HEADER_LENGTH,
    MTU,
    PATIENCE,
    Judged,
    Way,
    on_one_cpu,
    packet_socket,
    pair,
    senders,
)
from tests.oracle import Packet

AT_ONCE = 100
"""Packets sent before what became of them is looked for: the ring has room for the longest of them."""

Numbered = Sequence[tuple[int, Packet]]


class NotingRing(TransmitRing):
    """A transmit ring that notes whose copies it was given: rows of the batch."""

    def __init__(self) -> None:
        super().__init__("out", MTU)
        self.noted: list[int] = []

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        """Place copies, and note of which frames they are."""
        placed = super().place(frames, copies, first)
        self.noted += copies.frame[first : first + placed].tolist()
        return placed


class RingBench:
    """The bench. It is used by threads on its host, one at a time: `run` does that by itself."""

    ways = (Way.RINGS,)

    def __init__(self, host: Host) -> None:
        """Put everything up on *host*, a host without other devices."""
        self.host = host
        host.sysctl("net/ipv6/conf/default/disable_ipv6", "1")
        host.netlink(_set_up)
        with ExitStack() as on_failure:
            self._ring = host.call(lambda: ReceiveRing(inspect("src", None)))
            on_failure.enter_context(closing(self._ring))
            self._ring.admit(None)
            self._out = on_failure.enter_context(closing(host.call(NotingRing)))
            self._senders = senders(host, on_failure)
            self._copies = on_failure.enter_context(host.call(packet_socket, "sink", ETH_P_ALL))
            self._copies.setsockopt(SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER)
            self._stack = on_failure.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def run(self, plan: Plan, packets: Sequence[Packet], way: Way) -> Judged:
        """Run *packets*, whose directions are the hooks that they meet, source by source."""
        assert way is Way.RINGS
        return self.host.call(self._run, plan, packets)

    def _run(self, plan: Plan, packets: Sequence[Packet]) -> Judged:
        counters, copies = plan.counters(), list[tuple[int, bytes]]()
        pipeline = self._pipeline(plan, counters)
        with on_one_cpu():
            for row, name in enumerate(plan.sources):
                self._ring.source = row
                own = [(index, packet) for index, packet in enumerate(packets) if packet.source == name]
                for first in range(0, len(own), AT_ONCE):
                    copies += self._mirrored(pipeline, own[first : first + AT_ONCE])
        assert self._ring.drops() == 0
        return Judged(sorted(copies, key=lambda copy: copy[0]), counters)

    def _pipeline(self, plan: Plan, counters: Counters) -> Pipeline:
        templates = file_templates(plan)
        outlets = np.zeros(templates.rows.size, np.int32)
        return Pipeline(plan, self._ring, templates, [self._out], outlets, counters, offloads=True)

    def _mirrored(self, pipeline: Pipeline, packets: Numbered) -> list[tuple[int, bytes]]:
        """Send *packets*; return their copies, in the order in which they leave."""
        for _, packet in packets:
            self._senders[packet.direction].send(HEADER_LENGTH + packet.frame)
        deadline, seen, rows = monotonic() + PATIENCE, 0, list[int]()
        while seen < len(packets):
            assert monotonic() < deadline, f"{seen} of {len(packets)} packets seen"
            self._out.noted = []
            if n_frames := pipeline.fill():
                pipeline.mirror()
                pipeline.forward(wait=False)
                pipeline.flush()
            rows += (seen + row for row in self._out.noted)
            seen += n_frames
        assert seen == len(packets)
        assert rows == sorted(rows)
        return [(packets[row][0], self._copies.recv(LARGEST_FRAME, MSG_DONTWAIT)) for row in rows]


def _set_up(netlink: IPRoute) -> None:
    for ends in (("src", "far"), ("out", "sink")):
        pair(netlink, *ends)
