"""A change of the configuration, made ready while the engine goes on with its rounds.

Owns what comes before the change: reading, finding devices, compiling, opening the rings of new sources, and
the thread that does it. Must not know rounds, targets or counters.

A device is looked for in the network namespace of the thread that asks: a new thread is in that of the one
which starts it, so a preparation is to be started by the engine's.
"""

import gc
import os
import sys
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Lock, Thread
from typing import NamedTuple

from mirrorplane.capture.device import Device
from mirrorplane.capture.prefilter import program
from mirrorplane.engines.sources import compile_live, side, sources
from mirrorplane.engines.userspace.taps import Tap, close_others, find_taps, open_others
from mirrorplane.model import Configuration
from mirrorplane.plan import Changes, Plan
from mirrorplane.plan.prefilter import wanted

TURN = 0.0001
"""Seconds that the preparing thread may keep the interpreter while the engine, which gives it up at every
kernel, waits for it. Python's own 5 ms would be the time of a thousand packets, several times a round."""

Read = Callable[[], Configuration]
Tell = Callable[[Changes | Exception], None]


class Prepared(NamedTuple):
    """All that a change needs, by source: `devices` are those that the plan was compiled for.

    `programs` say what of a source's packets its rings are to admit.
    """

    configuration: Configuration
    taps: dict[str, Tap]
    devices: dict[str, Device]
    programs: dict[str, bytes | None]
    plan: Plan


def prepare(configuration: Configuration, known: Mapping[str, Tap], workers: int) -> Prepared:
    """Find the devices of *configuration*, compile it, and open the rings of sources that are not *known*.

    A ring for each of *workers* workers, which nothing comes in by yet.

    Raises CaptureError, which names the interface, and PlanError; nothing is open then that was not before.
    """
    taps = find_taps(sources(configuration), known)
    devices = {name: tap.device for name, tap in taps.items()}
    plan = compile_live(configuration, devices)
    programs = {name: _admitted(configuration, name, device) for name, device in devices.items()}
    open_others(taps, known, workers)
    return Prepared(configuration, taps, devices, programs, plan)


def _admitted(configuration: Configuration, name: str, device: Device) -> bytes | None:
    """Return the program that says what of a source's packets is wanted, None: everything."""
    is_turned = side(configuration.interfaces[name], device) == "host"
    return program(wanted(configuration, name, turned=is_turned))


class Preparation:
    """One change that is being prepared in a thread of its own; *tell* is for who carries it out."""

    def __init__(
        self, read: Read, known: Mapping[str, Tap], tell: Tell, workers: int, cpus: Collection[int]
    ) -> None:
        """Begin, on any of *cpus*: threads inherit the one that their maker keeps to.

        What *read* raises is the outcome.
        """
        self.tell = tell
        self._read, self._known = read, known
        self._workers, self._cpus = workers, cpus
        self._lock = Lock()
        self._is_abandoned = False
        self._outcome: Prepared | Exception | None = None
        self._thread = Thread(target=self._work, name="preparation", daemon=True)
        self._thread.start()

    def outcome(self) -> Prepared | Exception | None:
        """Return what came of it: None as long as nothing did."""
        return self._outcome

    def wait(self) -> None:
        """Return when there is an outcome."""
        self._thread.join()

    def abandon(self) -> None:
        """Have what it opens closed again; nobody will ask for it."""
        with self._lock:
            self._is_abandoned = True
            self._close()

    def _work(self) -> None:
        outcome: Prepared | Exception
        try:
            with suppress(OSError):  # they have been taken from the process: it runs where it may
                os.sched_setaffinity(0, self._cpus)
            with _short_turns():
                outcome = prepare(self._read(), self._known, self._workers)
        except Exception as error:  # noqa: BLE001 - it is handed to the engine's thread
            outcome = error
        with self._lock:
            self._outcome = outcome
            if self._is_abandoned:
                self._close()

    def _close(self) -> None:
        if isinstance(self._outcome, Prepared):
            close_others(self._outcome.taps, self._known)


@contextmanager
def _short_turns() -> Iterator[None]:
    """Have threads that want the interpreter get it within TURN.

    The garbage collector does not give it up: looking through what a large document becomes takes it a tenth
    of a second, several times. It waits; what is prepared has hardly any cycles.
    """
    interval, collects = sys.getswitchinterval(), gc.isenabled()
    sys.setswitchinterval(TURN)
    gc.disable()
    try:
        yield
    finally:
        sys.setswitchinterval(interval)
        if collects:
            gc.enable()
