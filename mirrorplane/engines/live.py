"""What a live engine is to those who run one.

Owns the interface that all live engines have, and the course of a run. Must not know any of them.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, Self

from mirrorplane.capture.device import Side
from mirrorplane.engines.report import Report
from mirrorplane.model import Configuration
from mirrorplane.plan import Changes, PlanError

IDLE = 0.1
"""Seconds that `run` waits for packets or news before it looks whether to stop."""

SETTLE = 0.2
"""Seconds that `run` gives neighbours to answer before it is ready."""


class ExhaustedError(PlanError):
    """An engine has no numbers left for what it counts: another one has to be started in its place."""


class Live(Protocol):
    """Mirrors from its making until `close`; what each method promises is said by the engines."""

    def __enter__(self) -> Self:
        """Return itself."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None:
        """Close it."""

    def reload_soon(
        self, read: Callable[[], Configuration], tell: Callable[[Changes | Exception], None]
    ) -> None:
        """Run what *read* returns from now on, and *tell* what that changed, or what went wrong."""

    def run(
        self,
        stopped: Callable[[], bool],
        ready: Callable[[], None] | None = None,
        between: Callable[[], None] | None = None,
        idle: float = IDLE,
    ) -> None:
        """Mirror until *stopped*; *ready* is called once, *between* after rounds that wait *idle* seconds."""

    def counters(self) -> Report:
        """Return everything counted, by id, also after `close`."""

    def sides(self) -> dict[str, Side]:
        """Return which end of the wire each source is."""

    def targets(self) -> dict[str, str]:
        """Return how each target is reached now, in words."""

    def close(self) -> None:
        """Take down what is to be taken down."""


class Rounds(ABC):
    """The run of an engine, round by round."""

    @abstractmethod
    def poll(self, timeout: float) -> int:
        """Do a round, waiting for something to do up to *timeout* seconds; return the packets mirrored."""

    @abstractmethod
    def settle(self, seconds: float) -> None:
        """Give the targets' neighbours at most so many seconds to answer, and send by what they said."""

    def run(
        self,
        stopped: Callable[[], bool],
        ready: Callable[[], None] | None = None,
        between: Callable[[], None] | None = None,
        idle: float = IDLE,
    ) -> None:
        """Mirror until *stopped* says so, asked after each round, which waits up to *idle* seconds.

        Call *ready* when all sources are mirrored, unless stopped by then, and *between* after rounds.
        """
        self.settle(SETTLE)
        if ready is not None and not stopped():
            ready()
        while not stopped():
            self.poll(idle)
            if between is not None:
                between()
