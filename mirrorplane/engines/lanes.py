"""A capture through the mirror by several threads, its order kept.

Owns whose turn it is. Each thread has a pipeline of its own; batches are taken in one after the other, worked
on at the same time, and leave in the order in which they came. Must not know what the capture is, or where
the copies go.
"""

from collections.abc import Callable, Sequence
from threading import Condition, Lock, Thread
from typing import Protocol

from mirrorplane.batch import FILE_ROWS, Copies, Frames
from mirrorplane.capture.source import Source
from mirrorplane.counters import Counters, total
from mirrorplane.engines.pipeline import Pipeline
from mirrorplane.engines.replay import into
from mirrorplane.forward.sink import ForwardError, Sink
from mirrorplane.plan import Plan
from mirrorplane.plan.tables import Templates

Progress = Callable[[int], None]

LONGEST_END = 5.0
"""Seconds that what was taken in may take to leave after an interruption: whoever reads a pipe may not."""


class Buffer(Sink, Protocol):
    """A sink of which several lead to one place: only what they `send` has an order."""

    def discard(self) -> None:
        """Forget what was placed."""


class AbandonedError(ForwardError):
    """What was to leave before could not: this must not leave either."""


class Lanes:
    """A capture through a plan by a thread for each of *buffers*, as fast as it goes.

    The capture keeps as many batches. `run` goes through it once; `counters` is what all have counted.
    """

    def __init__(self, plan: Plan, capture: Source, templates: Templates, buffers: Sequence[Buffer]) -> None:
        self._turns = Turns()
        self._lanes = [_Lane(plan, capture, templates, buffer, self._turns) for buffer in buffers]

    @property
    def counters(self) -> Counters:
        """The sum of what the lanes have counted."""
        return total(lane.counters for lane in self._lanes)

    def run(self, progress: Progress | None = None) -> None:
        """Mirror everything; *progress* is called after each batch, in order, with the packets it had.

        Raises CaptureError and ForwardError as the ports do; what came before them has been sent, and what
        was taken in behind them is counted as `send_failed`. Interrupted, it lets what was taken in leave,
        but waits neither for a capture that has nothing, nor long for a reader that does not read.
        """
        threads = [Thread(target=lane.work, args=(progress,), daemon=True) for lane in self._lanes]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:
            self._turns.end()
            raise
        if self._turns.error is not None:
            raise self._turns.error


class Turns:
    """The numbers of batches: given in the order in which they are taken in, called in the same order."""

    def __init__(self) -> None:
        self.error: BaseException | None = None
        self._intake, self._changed = Lock(), Condition()
        self._given, self._called, self._at_work = 0, 0, 0
        self._failed: int | None = None
        self._is_over = False

    def take_in(self, fill: Callable[[], int]) -> tuple[int, int]:
        """Call *fill* while nobody else does; return the batch's number and its packets, 0 at the end."""
        with self._intake:
            n_packets = 0
            try:
                n_packets = 0 if self._is_over else fill()
            except BaseException as error:  # noqa: BLE001 - `run` raises it
                self._note(self._given, error)
            with self._changed:
                if self._is_over or not n_packets:
                    return self._given, 0
                self._given += 1
                self._at_work += 1
                return self._given - 1, n_packets

    def wait_for(self, number: int) -> None:
        """Wait until *number* is called. Raises AbandonedError if a batch before it has failed."""
        with self._changed:
            self._changed.wait_for(lambda: self._called == number or self._is_behind_failure(number))
            if self._is_behind_failure(number):
                raise AbandonedError("abandoned")

    def _is_behind_failure(self, number: int) -> bool:
        return self._failed is not None and self._failed < number

    def call_next(self) -> None:
        """Call the number after the one that was called last, whose batch has left."""
        with self._changed:
            self._called += 1
            self._at_work -= 1
            self._changed.notify_all()

    def fail(self, number: int, error: BaseException) -> None:
        """Take in nothing more, and let nothing leave behind *number*; the first of several counts."""
        with self._changed:
            self._note(number, error)
            self._at_work -= 1

    def _note(self, number: int, error: BaseException) -> None:
        with self._changed:
            self._is_over = True
            if self._failed is None or number < self._failed:
                self._failed, self.error = number, error
            self._changed.notify_all()

    def end(self) -> None:
        """Take in nothing more, and wait until what was taken in has left.

        What does not is abandoned, but for the batch that is on its way out.
        """
        with self._changed:
            self._is_over = True
            if not self._changed.wait_for(lambda: not self._at_work, LONGEST_END):
                self._note(self._called, AbandonedError("stuck"))
                self._changed.wait_for(lambda: self._at_work <= 1, LONGEST_END)


class _InTurn:
    """A buffer that is sent when its turn has come."""

    def __init__(self, buffer: Buffer, turns: Turns) -> None:
        self.data = buffer.data
        self.number = 0
        self._buffer, self._turns = buffer, turns
        self._placed = 0

    def place(self, frames: Frames, copies: Copies, first: int) -> int:
        placed = self._buffer.place(frames, copies, first)
        self._placed += placed
        return placed

    def send(self) -> int:
        placed, self._placed = self._placed, 0
        try:
            self._turns.wait_for(self.number)
        except AbandonedError as error:
            self._buffer.discard()
            error.refused = placed
            raise
        return self._buffer.send()

    def close(self) -> None:
        self._buffer.close()


class _Lane:
    """A thread's pipeline, its counters, and its buffer."""

    def __init__(
        self, plan: Plan, capture: Source, templates: Templates, buffer: Buffer, turns: Turns
    ) -> None:
        self.counters: Counters = plan.counters()
        self._turns, self._sink = turns, _InTurn(buffer, turns)
        _, sinks, outlets = into(self._sink, templates)
        self._pipeline = Pipeline(plan, capture, templates, sinks, outlets, self.counters, rows=FILE_ROWS)

    def work(self, progress: Progress | None) -> None:
        """Mirror batch after batch, until there are no more or one has failed."""
        number, n_packets = self._turns.take_in(self._pipeline.fill)
        while n_packets:
            try:
                self._mirror(number)
                if progress is not None:
                    progress(n_packets)
            except BaseException as error:  # noqa: BLE001 - `run` raises it
                self._turns.fail(number, error)
                return
            self._turns.call_next()
            number, n_packets = self._turns.take_in(self._pipeline.fill)

    def _mirror(self, number: int) -> None:
        self._sink.number = number
        self._pipeline.mirror()
        self._pipeline.forward(wait=True)
        self._pipeline.flush()
