"""What the engine runs is brought to what there is, and then things are said to be ready.

Owns when things turn READY or vanish: not before the engine does what they say, and not within a moment of
their last turn. Must not know how an engine works, nor how things are kept. One thread; nobody waits for it.
"""

import logging
import time
from threading import Event, Thread
from typing import Any

from mirrorplane.control.draft import Draft
from mirrorplane.control.engine import Engine
from mirrorplane.control.inventory import Inventory
from mirrorplane.control.planning import Planner
from mirrorplane.control.resources import Target
from mirrorplane.control.sifting import differs, is_same, sift
from mirrorplane.control.snapshot import Snapshot
from mirrorplane.control.store import StoreError
from mirrorplane.control.ticks import Clock
from mirrorplane.control.transitions import Turn, carry_out, due, explained, explanations, next_due
from mirrorplane.control.writer import Writer
from mirrorplane.model import Configuration

TURN_EVERY = 0.01
"""Seconds between two rounds of turns at least: things that are due meanwhile share a commit."""

RETRY_EVERY, RETRY_FACTOR, RETRY_AT_LEAST_EVERY = 1.0, 20, 10.0
"""Seconds after which what an engine refused is tried again; more, in proportion, where a try takes long."""

LOG = logging.getLogger(__name__)


class Reconciler:
    """Reconciles from its making until `close`."""

    def __init__(self, writer: Writer, inventory: Inventory, engine: Engine | None, clock: Clock) -> None:
        self._writer, self._clock = writer, clock
        self._running = None if engine is None else _Running(engine, inventory.configuration)
        self._planner = Planner(inventory)
        self._wanted = inventory.configuration
        self._revision: int | None = None
        self._left_out: dict[str, str] = {}
        self._refused: dict[str, str] = {}
        self._told = explained(writer.snapshot)
        self._stuck: str | None = None
        self._retry_at: float | None = None
        self._turn_at = 0.0
        self._restocked: Inventory | None = None
        self._news, self._is_closed = Event(), False
        writer.watch(self._news.set)
        self._thread = Thread(target=self._run, name="reconciler", daemon=True)
        self._thread.start()

    def restock(self, inventory: Inventory) -> None:
        """Have what there is to mirror be *inventory* from now on."""
        self._restocked = inventory
        self._news.set()

    def close(self) -> None:
        """Stop, after what is under way."""
        self._is_closed = True
        self._news.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._is_closed:
            self._news.clear()
            try:
                wait = self._round(self._writer.snapshot)
            except StoreError as error:
                LOG.warning("%s", error)
                wait = self._rest()
            except Exception:
                LOG.exception("the reconciler goes on after an error")
                wait = self._rest()
            self._news.wait(wait)

    def _rest(self) -> float:
        """Have nothing tried again at once; return the seconds until it may be."""
        self._turn_at = time.monotonic() + RETRY_EVERY
        return RETRY_EVERY

    def _round(self, snapshot: Snapshot) -> float | None:
        """Do what there is to do about *snapshot*; return the seconds until there may be more, if ever."""
        if self._restocked is not None:
            self._planner, self._restocked = Planner(self._restocked), None
            self._revision = None
        if time.monotonic() < self._turn_at and snapshot.revision == self._revision:
            return self._turn_at - time.monotonic()
        self._bring(snapshot)
        reasons = self._left_out | self._refused
        if self._stuck is not None:
            reasons = dict.fromkeys(_of_the_engine(snapshot), self._stuck) | reasons
        held = set(reasons)
        now = self._clock()
        turns = due(snapshot, now, held) + explanations(snapshot, reasons, self._told)
        self._told = set(reasons)
        if turns:
            self._writer.submit(lambda draft: _carried_out(draft, turns)).result()
            self._turn_at = time.monotonic() + TURN_EVERY
        return self._wait(snapshot, now, held)

    def _wait(self, snapshot: Snapshot, now: float, held: set[str]) -> float | None:
        waits = [next_due(snapshot, now, held)]
        if self._retry_at is not None:
            waits.append(self._retry_at - time.monotonic())
        due_in = min((wait for wait in waits if wait is not None), default=None)
        return due_in if due_in is None else max(TURN_EVERY, due_in)

    def _bring(self, snapshot: Snapshot) -> None:
        """Have the engine run what *snapshot* says, as far as it does."""
        is_retry = self._retry_at is not None and time.monotonic() >= self._retry_at
        if self._running is not None and (snapshot.revision != self._revision or is_retry):
            self._turn_engine(self._running, snapshot, is_retry=is_retry)
        self._revision = snapshot.revision

    def _turn_engine(self, running: "_Running", snapshot: Snapshot, *, is_retry: bool) -> None:
        began = time.monotonic()
        wanted, left_out = self._planner.plan(snapshot)
        by_age = sorted(wanted.sessions, key=lambda name: snapshot.mirrored[name].life.updated)
        known = {} if is_retry else self._still_refused(wanted)
        self._refused, self._stuck = sift(running.apply, running.configuration, wanted, by_age, known)
        self._wanted, self._left_out = wanted, left_out
        if self._refused or self._stuck is not None:
            now = time.monotonic()
            pause = min(RETRY_AT_LEAST_EVERY, max(RETRY_EVERY, RETRY_FACTOR * (now - began)))
            self._retry_at = self._retry_at if known and not is_retry else now + pause
        else:
            self._retry_at = None

    def _still_refused(self, wanted: Configuration) -> dict[str, str]:
        """Return what was refused and is the same now: it is tried when it is time to, not by the way."""
        return {
            name: why
            for name, why in self._refused.items()
            if name in wanted.sessions and not differs(name, self._wanted, wanted)
        }


class _Running:
    """What the engine runs; what it is told, it is told once."""

    def __init__(self, engine: Engine, nothing: Configuration) -> None:
        self._engine, self.configuration = engine, nothing
        self._was_told = False

    def apply(self, configuration: Configuration) -> None:
        """Have *configuration* in force. Raises EngineRefusal."""
        if not self._was_told or not is_same(configuration, self.configuration):
            self._engine.apply(configuration)
        self.configuration, self._was_told = configuration, True


def _of_the_engine(snapshot: Snapshot) -> list[str]:
    """Return the pending things that have to wait for the engine."""
    return [name for name, thing in snapshot.pending.items() if not isinstance(thing, Target)]


def _carried_out(draft: Draft, turns: list[Turn]) -> dict[str, Any]:
    carry_out(draft, turns)
    return {}
