"""One capture through the stages to its sinks, batch by batch.

Owns the order of the stages and the columns between them. Must not know what a capture or a sink is made of.
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import numpy as np

from mirrorplane import batch, stages
from mirrorplane.batch import Copies
from mirrorplane.capture.source import Source
from mirrorplane.counters import Counters, Reason
from mirrorplane.forward.sink import ForwardError, Sink
from mirrorplane.jit import I32, Bound
from mirrorplane.plan import Plan
from mirrorplane.plan.tables import Templates


class Outlet(NamedTuple):
    """A sink, the copies that leave by it, and the kernels bound to both."""

    sink: Sink
    copies: Copies
    encapsulate: Bound
    lose: Bound
    retract: Bound


class Pipeline:
    """A capture, a plan, and sinks: `fill` a batch, `mirror` it, `forward` what it makes.

    *templates* are the plan's routes as the engine has resolved them, and *outlets* gives, for each
    template, the index of its sink. Both may change between batches, and so may *counters*' contents; the
    arrays themselves may not. A batch has at most *rows* packets.

    With *offloads* what the frames of a live capture lack is made up for: checksums are finished, and
    super-packets become wire packets. These may be many more than a batch has rows: they leave part by part.
    """

    def __init__(
        self,
        plan: Plan,
        source: Source,
        templates: Templates,
        sinks: Sequence[Sink],
        outlets: I32,
        counters: Counters,
        *,
        rows: int = batch.ROWS,
        offloads: bool = False,
    ) -> None:
        self.frames = batch.frames(rows)
        self._source, self._templates, self._counters = source, templates, counters
        self._packets = batch.packets(rows)
        self._copies = batch.copies(rows)
        self._offloads = offloads
        self._chosen = batch.copies(rows) if offloads else self._copies
        self._cursor = np.zeros(2, np.int64)
        self._rows, self._reason = np.zeros(2, np.int64), np.zeros(1, np.int64)
        self._choosing = self._choosing_stages(plan)
        self._parting = self._parting_stages()
        if len(sinks) == 1:
            self.outlets = [self._outlet(sinks[0], self._copies)]
        else:
            self.outlets = [self._shared_outlet(index, sink, outlets) for index, sink in enumerate(sinks)]

    def _choosing_stages(self, plan: Plan) -> list[Bound]:
        """Return the stages that a batch goes through as a whole."""
        read = (self._source.data, self.frames, self._packets)
        judged = (*read, plan.tables, self._counters)
        chosen = (*read, plan.tables, self._templates, self._chosen, self._counters)
        if not self._offloads:
            return [stages.classify.bind(*judged), stages.select.bind(*chosen)]
        complete = stages.complete.bind(self._source.data, self.frames, self._chosen)
        return [stages.classify_offloaded.bind(*judged), stages.select_offloaded.bind(*chosen), complete]

    def _parting_stages(self) -> list[Bound]:
        """Return the stages that each part of a batch goes through, up to the sharing out."""
        truncate = stages.truncate.bind(self._packets, self._templates, self._copies)
        if not self._offloads:
            return [truncate]
        read = (self._source.data, self.frames, self._packets)
        segment = stages.segment.bind(*read, self._chosen, self._cursor, self._copies, self._counters)
        return [segment, truncate]

    def _shared_outlet(self, index: int, sink: Sink, outlets: I32) -> Outlet:
        part = batch.copies(self._copies.frame.size)
        self._parting.append(stages.share.bind(self._copies, outlets, np.array([index]), part))
        return self._outlet(sink, part)

    def _outlet(self, sink: Sink, copies: Copies) -> Outlet:
        frames, packets, templates, counters = self.frames, self._packets, self._templates, self._counters
        return Outlet(
            sink,
            copies,
            stages.encapsulate.bind(
                self._source.data, frames, packets, templates, copies, self._rows, sink.data, counters
            ),
            stages.lose.bind(frames, packets, copies, self._rows, self._reason, counters),
            stages.retract.bind(frames, packets, templates, copies, self._rows, self._reason, counters),
        )

    def fill(self) -> int:
        """Fetch the next batch.

        Return how many packets it has: 0 at the end, or where there is nothing yet.
        """
        return self._source.fill(self.frames)

    def mirror(self) -> None:
        """Run the batch through the stages up to the point where it, or its first part, leaves."""
        for stage in self._choosing:
            stage()
        if self._offloads:
            self._cursor[:] = 0
        self._part()

    def _part(self) -> None:
        """Have the copies of the batch, or of its next part, ready to leave."""
        for stage in self._parting:
            stage()

    def _is_more(self) -> bool:
        """Return whether the batch has another part."""
        return self._offloads and bool(self._cursor[0] < self._chosen.count[0])

    def forward(self, *, wait: bool) -> None:
        """Hand the batch to its sinks; where one has no room, *wait* and go on, or count `ring_full`.

        What is left then is to be flushed. Raises ForwardError as a sink does; what has not left by then is
        counted as `send_failed`.
        """
        try:
            self._forward_part(wait=wait)
            while self._is_more():
                self.flush()  # a sink may say of the last ones only afterwards that it did not take them
                self._part()
                self._forward_part(wait=wait)
        except BaseException:
            while self._is_more():
                self._part()
                for outlet in self.outlets:
                    self.abandon(outlet, 0)
            raise

    def _forward_part(self, *, wait: bool) -> None:
        for row, outlet in enumerate(self.outlets):
            try:
                self._forward(outlet, 0, int(outlet.copies.count[0]), wait=wait)
            except BaseException:
                for behind in self.outlets[row + 1 :]:
                    self.abandon(behind, 0)
                raise

    def send_now(self, outlet: Outlet, first: int, last: int) -> None:
        """Send an outlet's copies from row *first* up to *last* at once, waiting for room."""
        whole = int(outlet.copies.count[0])
        outlet.copies.count[0] = last
        try:
            self._forward(outlet, first, last, wait=True)
            self._send(outlet, last)
        finally:
            outlet.copies.count[0] = whole

    def abandon(self, outlet: Outlet, first: int) -> None:
        """Count an outlet's copies from row *first* on, which will not be sent, as `send_failed`."""
        self._count(outlet.lose, first, int(outlet.copies.count[0]), Reason.SEND_FAILED)

    def flush(self) -> None:
        """Have the sinks hand over what they hold of the batch, or of its last part."""
        for outlet in self.outlets:
            self._send(outlet, int(outlet.copies.count[0]))

    def _forward(self, outlet: Outlet, first: int, last: int, *, wait: bool) -> None:
        try:
            while first < last:
                placed = outlet.sink.place(self.frames, outlet.copies, first)
                self._rows[:] = first, first + placed
                outlet.encapsulate()
                first += placed
                if first < last:
                    refused = self._send(outlet, first)
                    if not wait and (refused or not placed):
                        self._count(outlet.lose, first, last, Reason.RING_FULL)
                        return
        except BaseException as error:  # an interruption too: nothing that was seen goes uncounted
            refused = error.refused if isinstance(error, ForwardError) else 0
            self._count(outlet.retract, first - refused, first, Reason.SEND_FAILED)
            self._count(outlet.lose, first, last, Reason.SEND_FAILED)
            with suppress(ForwardError):  # what was placed before the one that cannot be may well leave
                self._send(outlet, first)
            raise

    def _send(self, outlet: Outlet, last: int) -> int:
        """Have a sink hand over the copies placed up to row *last*; return how many it could not."""
        try:
            refused = outlet.sink.send()
        except ForwardError as error:
            self._count(outlet.retract, last - error.refused, last, Reason.SEND_FAILED)
            error.refused = 0  # counted
            raise
        if refused:
            self._count(outlet.retract, last - refused, last, Reason.SEND_FAILED)
        return refused

    def _count(self, as_lost: Bound, first: int, last: int, reason: Reason) -> None:
        self._rows[:] = first, last
        self._reason[0] = reason
        as_lost()
