"""`mirrorplane run`: live devices through the mirror until interrupted.

Owns signals, and what is shown while it runs. Must not know how packets are fetched or sent.
"""

import json
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from types import FrameType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live

from mirrorplane.capture.source import CaptureError
from mirrorplane.cli.outcome import WrongUsageError, complain
from mirrorplane.cli.reading import configuration
from mirrorplane.cli.terminal import counted
from mirrorplane.engines.report import Report
from mirrorplane.engines.userspace import Userspace
from mirrorplane.forward.sink import ForwardError
from mirrorplane.model import Configuration, ConfigurationError, with_networks
from mirrorplane.plan import Changes, PlanError

AUTO = "auto"
REPORT_EVERY = 1.0
"""Seconds between two JSON lines, or two looks of the table."""


class Show(Protocol):
    """Somewhere that a report is shown."""

    def __call__(self, found: Report) -> None:
        """Show it."""


def run(path: str, read: Configuration, engine: str) -> None:
    """Mirror as *read* says until SIGINT or SIGTERM; SIGHUP has its file *path* read again."""
    configured = _Configured(path)
    first = configured.complete(read)
    if engine == AUTO:
        complain("engine userspace (the kernel engine is not built yet)")
    stop = Event()
    with _signals(stop, configured.ask), _shown() as show, Userspace(first, complain) as running:
        for name, side in running.sides().items():
            complain(f"{name}: side {side}")
        clock = _Clock(lambda: show(running.counters()))
        running.run(stop, lambda: _tell_ready(running), lambda: _between(configured, running, clock))
        last = running
    with _shown() as show:
        show(last.counters())


def _tell_ready(running: Userspace) -> None:
    """Say by which device of this namespace each target is reached, and that all is mirrored."""
    for address, how in running.targets().items():
        complain(f"target {address}: {how}")
    complain("ready")


def _between(read: "_Configured", running: Userspace, clock: "_Clock") -> None:
    """Do what is due between two rounds."""
    wanted = read.again()
    if wanted is not None:
        try:
            complain(f"reloaded: {_in_words(running.reload(wanted))}")
        except (CaptureError, ForwardError, PlanError) as error:
            complain(f"not reloaded: {error}")
    clock.tick()


def _in_words(changes: Changes) -> str:
    """Return what a reload changed of sources and sessions; rules are not compared."""
    parts = (
        f"{what.replace('_', ' ')} {', '.join(sorted(ids))}" for what, ids in changes._asdict().items() if ids
    )
    return "; ".join(parts) or "the same sources, sessions and targets"


class _Clock:
    """Calls something once a second, whoever ticks."""

    def __init__(self, due: Callable[[], None]) -> None:
        self._due, self._next = due, time.monotonic() + REPORT_EVERY

    def tick(self) -> None:
        if time.monotonic() >= self._next:
            self._next += REPORT_EVERY
            self._due()


class _Configured:
    """The configuration file, read again when asked; a VNI that was drawn stays with its session."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._asked = False
        self._networks: dict[str, int] = {}

    def complete(self, read: Configuration) -> Configuration:
        """Return *read* with its VNIs drawn. Raises WrongUsageError if there is nothing to mirror."""
        read = with_networks(read, self._networks, random.SystemRandom())
        if not read.sessions:
            raise WrongUsageError(f"{self._path}: no sessions: there is nothing to mirror")
        known = {name: session.virtual_network_id for name, session in read.sessions.items()}
        self._networks = {name: vni for name, vni in known.items() if vni is not None}
        return read

    def ask(self) -> None:
        """Note that the file is to be read again."""
        self._asked = True

    def again(self) -> Configuration | None:
        """Return the file's new contents if they were asked for and are right.

        Say so on stderr if they are wrong.
        """
        if not self._asked:
            return None
        self._asked = False
        try:
            return self.complete(configuration(self._path))
        except (ConfigurationError, WrongUsageError) as error:
            complain(f"not reloaded: {'; '.join(str(error).splitlines())}")
            return None


@contextmanager
def _signals(stop: Event, reload: Callable[[], None]) -> Iterator[None]:
    """Have SIGINT and SIGTERM set *stop*, and SIGHUP call *reload*, while the block runs."""

    def end(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    def again(_number: int, _frame: FrameType | None) -> None:
        reload()

    handlers = {signal.SIGINT: end, signal.SIGTERM: end, signal.SIGHUP: again}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _shown() -> Iterator[Show]:
    """Show reports as a table that is drawn anew on a terminal, elsewhere as JSON lines."""
    if not sys.stdout.isatty():
        yield lambda found: print(json.dumps(found), flush=True)
        return
    with Live(console=Console(), auto_refresh=False) as live:
        yield lambda found: live.update(Group(*counted(found)), refresh=True)
