"""Counters that outlive the plan that they were made for (DESIGN 3.8).

Owns carrying counts over by id when the plan changes, keeping those of what was removed, and adding up what
several workers count, each in counters of its own: what two threads write at once is lost. Must not know what
is counted.
"""

from collections.abc import Hashable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mirrorplane.batch import UNKNOWN
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, N_TALLIES, Counters, Reason, total
from mirrorplane.engines.report import Report, report
from mirrorplane.plan import Plan

Rows = dict[Hashable, tuple[NDArray[np.int64], ...]]
"""What is counted of each id: views of the counters' columns."""


class Ledger:
    """The counters of the plan that runs, one a worker, and of everything that ran before it.

    While it is asked or changed nobody may be counting.
    """

    def __init__(self, plan: Plan, workers: int = 1) -> None:
        self._plan, self._past = plan, replace(plan, sources=(), sessions=(), rules=(), routes=())
        self.counters = _counters(plan, workers)
        self._past_rows: Rows = {}

    def turn_to(self, plan: Plan) -> tuple[Counters, ...]:
        """Count for *plan* from now on.

        Return the workers' counters; the first one's begin where those of the same ids were.
        """
        known, counters = self._rows(), _counters(plan, len(self.counters))
        for key, row in _by_id(plan, counters[0]).items():
            _set(row, known.pop(key, None))
        everything = self._everything()
        self._past = replace(
            self._past,
            sources=tuple(name for name in everything.sources if name not in plan.sources),
            sessions=tuple(name for name in everything.sessions if name not in plan.sessions),
            rules=tuple(key for key in everything.rules if key not in plan.rules),
            routes=tuple(route for route in everything.routes if route.session not in plan.sessions),
        )
        self._past_rows = known
        self._plan, self.counters = plan, counters
        return counters

    def drop(self, source: int, n_packets: int) -> None:
        """Count packets of a source that found a ring full: seen, but not in which direction they went.

        They are counted with the first worker's, so to be called by the thread that is this worker's.
        """
        way = source * N_DIRECTIONS + UNKNOWN
        self.counters[0].seen[way] += n_packets
        self.counters[0].reasons[way * N_REASONS + Reason.RING_FULL] += n_packets

    def report(self) -> Report:
        """Return everything counted, by id."""
        everything = self._everything()
        counters, known = everything.counters(), self._rows()
        for key, row in _by_id(everything, counters).items():
            _set(row, known[key])
        return report(everything, counters)

    def _rows(self) -> Rows:
        return self._past_rows | _by_id(self._plan, total(self.counters))

    def _everything(self) -> Plan:
        """Return the ids of the running plan and of what was removed, as a plan that only names them."""
        return replace(
            self._plan,
            sources=self._plan.sources + self._past.sources,
            sessions=self._plan.sessions + self._past.sessions,
            rules=self._plan.rules + self._past.rules,
            routes=self._plan.routes + self._past.routes,
        )


def _counters(plan: Plan, workers: int) -> tuple[Counters, ...]:
    return tuple(plan.counters() for _ in range(workers))


def _by_id(plan: Plan, counters: Counters) -> Rows:
    """Return what *counters* hold of each source, session and rule of *plan*, as views."""
    seen = counters.seen.reshape(-1, N_DIRECTIONS)
    reasons = counters.reasons.reshape(-1, N_DIRECTIONS * N_REASONS)
    tallies = counters.sessions.reshape(-1, N_TALLIES)
    rows: Rows = {("source", name): (seen[row], reasons[row]) for row, name in enumerate(plan.sources)}
    rows |= {("session", name): (tallies[row],) for row, name in enumerate(plan.sessions)}
    return rows | {("rule", key): (counters.rules[row : row + 1],) for row, key in enumerate(plan.rules)}


def _set(row: tuple[NDArray[np.int64], ...], values: tuple[NDArray[np.int64], ...] | None) -> None:
    for column, counted in zip(row, values or (), strict=values is not None):
        column[:] = counted
