"""What was counted, by name.

Owns the shape of `--json` (DESIGN 6, 3.8). Must not know who prints it.
"""

from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from mirrorplane.batch import DIRECTIONS
from mirrorplane.counters import N_DIRECTIONS, N_REASONS, N_TALLIES, Counters, Reason, Tally
from mirrorplane.plan import Plan


class SourceReport(TypedDict):
    """What became of a source's packets; `directions` splits it up.

    `seen == mirrored + sum(not_mirrored)`.
    """

    seen: int
    mirrored: int
    not_mirrored: dict[str, int]
    directions: dict[str, dict[str, Any]]


class Report(TypedDict):
    """All counters, by id. A reason that did not occur is left out."""

    sources: dict[str, SourceReport]
    sessions: dict[str, dict[str, int]]
    filters: dict[str, dict[str, dict[str, int]]]


def report(plan: Plan, counters: Counters) -> Report:
    """Return the counters of *plan* by the ids that a user gave."""
    reasons = counters.reasons.reshape(-1, N_DIRECTIONS, N_REASONS)
    seen = counters.seen.reshape(-1, N_DIRECTIONS)
    return {
        "sources": {name: _source(seen[row], reasons[row]) for row, name in enumerate(plan.sources)},
        "sessions": _sessions(plan, counters.sessions.reshape(-1, N_TALLIES)),
        "filters": _filters(plan, counters.rules),
    }


def _source(seen: NDArray[np.int64], reasons: NDArray[np.int64]) -> SourceReport:
    directions = {
        name: _way(int(seen[row]), reasons[row]) for row, name in enumerate(DIRECTIONS) if seen[row]
    }
    whole = _way(int(seen.sum()), reasons.sum(axis=0))
    return {
        "seen": whole["seen"],
        "mirrored": whole["mirrored"],
        "not_mirrored": whole["not_mirrored"],
        "directions": directions,
    }


def _way(seen: int, reasons: NDArray[np.int64]) -> dict[str, Any]:
    lost = {reason.name.lower(): int(reasons[reason]) for reason in Reason if reason and reasons[reason]}
    return {"seen": seen, "mirrored": int(reasons[Reason.MIRRORED]), "not_mirrored": lost}


def _sessions(plan: Plan, tallies: NDArray[np.int64]) -> dict[str, dict[str, int]]:
    networks = {route.session: route.vni for route in plan.routes}
    found: dict[str, dict[str, int]] = {}
    for row, name in enumerate(plan.sessions):
        found[name] = {tally.name.lower(): int(tallies[row, tally]) for tally in Tally}
        if name in networks:
            found[name]["virtual_network_id"] = networks[name]
    return found


def _filters(plan: Plan, counts: NDArray[np.int64]) -> dict[str, dict[str, dict[str, int]]]:
    found: dict[str, dict[str, dict[str, int]]] = {}
    for row, key in enumerate(plan.rules):
        directions = found.setdefault(key.filter, {"ingress": {}, "egress": {}})
        directions[key.direction][str(key.priority)] = int(counts[row])
    return found
