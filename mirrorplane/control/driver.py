"""A live engine, run in a thread of its own.

Owns the thread, and how others get at an engine that belongs to it. Must not know which engine it is. The
thread starts in the network namespace of the one that makes the driver: mirrored packets leave by that.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from mirrorplane.control.engine import EngineRefusal
from mirrorplane.engines.live import ExhaustedError, Live
from mirrorplane.engines.report import Report
from mirrorplane.model import Configuration
from mirrorplane.plan import Changes

TURN = 0.005
"""Seconds that the engine may wait for packets before it looks what it is asked."""

OPEN_AGAIN_AFTER = 1.0
"""Seconds from an engine's breaking down to the next attempt."""

Make = Callable[[Configuration], Live]
Task = Callable[[], None]

LOG = logging.getLogger(__name__)


class Driver:
    """An `Engine`: the one that *make* opens as soon as there is a session, and that stays until `close`."""

    def __init__(self, make: Make) -> None:
        self._make = make
        self._live: Live | None = None
        self._running: Configuration | None = None
        self._last: Report = {"sources": {}, "sessions": {}, "filters": {}}
        self._tasks: SimpleQueue[Task] = SimpleQueue()
        self._changes: set[Future[None]] = set()
        self._renewal: tuple[Configuration, Future[None]] | None = None
        self._lock, self._is_closing = Lock(), False
        self._thread = Thread(target=self._work, name="engine", daemon=True)
        self._thread.start()

    def apply(self, configuration: Configuration) -> None:
        """Return when *configuration* is in force. Raises EngineRefusal; then all is as it was before."""
        done: Future[None] = Future()
        if not self._ask(lambda: self._change(configuration, done)):
            raise EngineRefusal("the server is shutting down")
        done.result()

    def counters(self) -> Report:
        """Return everything counted since the engine was opened, by the ids of the configuration."""
        counted: Future[Report] = Future()
        if not self._ask(lambda: counted.set_result(self._counted())):
            return self._last
        return counted.result()

    def close(self) -> None:
        """Stop mirroring, after what was asked before."""
        self._ask(self._end)
        self._thread.join()

    def _ask(self, task: Task) -> bool:
        """Have the thread do *task*; return whether it will."""
        with self._lock:
            if not self._is_closing:
                self._tasks.put(task)
            return not self._is_closing

    def _end(self) -> None:
        with self._lock:
            self._is_closing = True

    def _counted(self) -> Report:
        return self._last if self._live is None else self._live.counters()

    def _work(self) -> None:
        """Do what is asked; run the engine as long as there is one."""
        while not self._is_closing:
            if self._live is not None:
                self._run(self._live)
            else:
                self._do_one()
        self._do_all()

    def _do_one(self) -> None:
        """Wait for a task and do it; where an engine broke down, meanwhile open it again."""
        try:
            task = self._tasks.get(timeout=OPEN_AGAIN_AFTER if self._running is not None else None)
        except Empty:
            self._open_again()
        else:
            task()

    def _do_all(self) -> None:
        """Do the tasks that are there."""
        while not self._tasks.empty():
            self._tasks.get()()

    def _open_again(self) -> None:
        if self._running is not None:
            try:
                self._live = self._make(self._running)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
                LOG.warning("engine: still not running: %s", _line(error))

    def _run(self, live: Live) -> None:
        """Run *live* until the end, until it breaks down, or until another has to take its place."""
        try:
            with live:
                live.run(lambda: self._is_closing or bool(self._renewal), between=self._do_all, idle=TURN)
        except Exception:
            LOG.exception("engine: broke down")
        self._last, self._live = live.counters(), None
        for done in self._changes:
            done.set_exception(EngineRefusal("the engine stopped"))
        self._changes.clear()
        if self._renewal is not None:
            renewal, self._renewal = self._renewal, None
            self._change(*renewal)

    def _change(self, configuration: Configuration, done: "Future[None]") -> None:
        """Have the engine run *configuration*, or open one for it, and say to *done* how that went."""
        if self._live is not None:
            self._changes.add(done)
            self._live.reload_soon(
                lambda: configuration, lambda outcome: self._conclude(configuration, done, outcome)
            )
            return
        try:
            if configuration.sessions and not self._is_closing:
                self._live = self._make(configuration)
            self._running = configuration if configuration.sessions else None
        except Exception as error:  # noqa: BLE001 - it is handed to who asked
            done.set_exception(EngineRefusal(_line(error)))
        else:
            done.set_result(None)

    def _conclude(
        self, configuration: Configuration, done: "Future[None]", outcome: Changes | Exception
    ) -> None:
        self._changes.discard(done)
        if isinstance(outcome, ExhaustedError):
            LOG.warning("engine: started again, and counts from zero: %s", _line(outcome))
            self._renewal = configuration, done
        elif isinstance(outcome, Exception):
            done.set_exception(EngineRefusal(_line(outcome)))
        else:
            self._running = configuration
            done.set_result(None)


def _line(error: Exception) -> str:
    """Return what *error* says, in one line."""
    return " ".join(str(error).split()) or type(error).__name__
