"""`mirrorplane run`: live devices through the mirror until interrupted.

Owns signals, and what is shown while it runs. Must not know how packets are fetched or sent.
"""

import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mirrorplane.capture.device import Side
from mirrorplane.capture.source import CaptureError
from mirrorplane.cli.engines import Wishes, choose
from mirrorplane.cli.outcome import WrongUsageError, complain
from mirrorplane.cli.reading import STANDARD_INPUT, configuration
from mirrorplane.cli.speaker import Speaker
from mirrorplane.engines.kernel.bpf.libbpf import KernelError
from mirrorplane.engines.live import Live
from mirrorplane.forward.sink import ForwardError
from mirrorplane.model import Configuration, ConfigurationError, with_networks
from mirrorplane.plan import Changes, PlanError

REFUSALS = (CaptureError, ConfigurationError, ForwardError, KernelError, PlanError, WrongUsageError)
"""Why a reload may leave everything as it was."""

REPORT_EVERY = 1.0
"""Seconds between two JSON lines, or two looks of the table."""


def run(path: str, read: Configuration, wishes: Wishes) -> None:
    """Mirror as *read* says until SIGINT or SIGTERM; SIGHUP has its file *path* read again."""
    configured = _Configured(path)
    first = configured.complete(read)
    asked = _Asked()
    with _signals(asked.reload_on, signal.SIGHUP):
        opened = choose(path, wishes)
        # whatever has been put on the host is taken away again: from here on, ends are orderly
        with _signals(asked.stop_on, signal.SIGINT, signal.SIGTERM), opened(first) as running:
            sides, speaker = _Sides(running), Speaker(asked.stop_now)
            clock = _Clock(lambda: speaker(running.counters()), sides.tell)
            watch = _Watch(configured, asked, running, sides, clock)
            running.run(lambda: asked.stop, lambda: _tell_ready(running), watch.between)
            running.close()
            speaker.last(running.counters())


class _Asked:
    """What signals have asked for. Handlers only set attributes: another may come inside of one."""

    def __init__(self) -> None:
        self.stop = False
        self.reload = False

    def stop_on(self, _number: int, _frame: FrameType | None) -> None:
        self.stop = True

    def stop_now(self) -> None:
        self.stop = True

    def reload_on(self, _number: int, _frame: FrameType | None) -> None:
        self.reload = True


class _Sides:
    """Says which end of the wire each source is, when that is new."""

    def __init__(self, running: Live) -> None:
        self._running = running
        self._told: dict[str, Side] = {}
        self.tell()

    def tell(self) -> None:
        sides = self._running.sides()
        for name, side in sides.items():
            if self._told.get(name) != side:
                complain(f"{name}: side {side}")
        self._told = sides


def _tell_ready(running: Live) -> None:
    """Say by which device of this namespace each target is reached, and that all is mirrored."""
    for address, how in running.targets().items():
        complain(f"target {address}: {how}")
    complain("ready")


class _Watch:
    """What is done between two rounds."""

    def __init__(
        self, configured: "_Configured", asked: _Asked, running: Live, sides: _Sides, clock: "_Clock"
    ) -> None:
        self._configured, self._asked = configured, asked
        self._running, self._sides, self._clock = running, sides, clock

    def between(self) -> None:
        """Do what is due."""
        if self._asked.reload:
            self._asked.reload = False
            self._running.reload_soon(self._configured.again, self._tell_reloaded)
        self._clock.tick()

    def _tell_reloaded(self, outcome: Changes | Exception) -> None:
        if isinstance(outcome, Changes):
            complain(f"reloaded: {_in_words(outcome)}")
            self._sides.tell()
        elif isinstance(outcome, REFUSALS):
            complain(f"not reloaded: {'; '.join(str(outcome).splitlines())}")
        else:
            raise outcome


def _in_words(changes: Changes) -> str:
    """Return what a reload changed of sources and sessions; rules are not compared."""
    parts = (
        f"{what.replace('_', ' ')} {', '.join(sorted(ids))}" for what, ids in changes._asdict().items() if ids
    )
    return "; ".join(parts) or "the same sources, sessions and targets"


class _Clock:
    """Calls what is due once a second, whoever ticks; after a pause once, not for every second of it."""

    def __init__(self, *due: Callable[[], None]) -> None:
        self._due, self._next = due, time.monotonic() + REPORT_EVERY

    def tick(self) -> None:
        if time.monotonic() < self._next:
            return
        for call in self._due:
            call()
        self._next = time.monotonic() + REPORT_EVERY


class _Configured:
    """The configuration file, read again when asked; a VNI that was drawn stays with its session."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._networks: dict[str, int] = {}

    def complete(self, read: Configuration) -> Configuration:
        """Return *read* with its VNIs drawn. Raises WrongUsageError if nothing of it can be mirrored."""
        read = with_networks(read, self._networks, random.SystemRandom())
        if not read.sessions:
            raise WrongUsageError(f"{self._path}: no sessions: there is nothing to mirror")
        for source in sorted({name for session in read.sessions.values() for name in session.sources}):
            if read.interfaces[source].device is None:
                raise WrongUsageError(f"{self._path}: interface {source} has no device to mirror")
        known = {name: session.virtual_network_id for name, session in read.sessions.items()}
        self._networks = {name: vni for name, vni in known.items() if vni is not None}
        return read

    def again(self) -> Configuration:
        """Return the file's contents of now, VNIs drawn. Raises as `configuration` and `complete` do."""
        if self._path == STANDARD_INPUT:
            raise WrongUsageError("standard input cannot be read again")
        return self.complete(configuration(self._path))


@contextmanager
def _signals(handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[None]:
    """Have *handler* called for signals while the block runs."""
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
