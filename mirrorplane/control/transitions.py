"""The turns that things take by themselves: they become ready, vanish, or are explained.

Owns which are due, and what a turn does. Must not know why something is held up, nor who waits.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import NamedTuple

from mirrorplane.control.draft import Draft
from mirrorplane.control.resources import Life, Status, Thing
from mirrorplane.control.snapshot import Snapshot

SHOWN = 0.05
"""Seconds that a thing is CREATING, MODIFYING or DELETING at least, so that a client can see it."""

CLOCK_ERROR = 1.0
"""Seconds that a turn may lie in the future: more says that the clock was put back."""


class Turn(NamedTuple):
    """What becomes of a thing that is still as it was `since`: it is ready or gone, or has a `reason`."""

    id: str
    since: float
    reason: str | None = None


def due(snapshot: Snapshot, now: float, held: Collection[str]) -> list[Turn]:
    """Return the turns of the pending things that were seen for long enough, and are not *held* up."""
    return [
        Turn(name, thing.life.since)
        for name, thing in snapshot.pending.items()
        if name not in held and _rest(thing.life, now) <= 0
    ]


def next_due(snapshot: Snapshot, now: float, held: Collection[str]) -> float | None:
    """Return the seconds until the next turn, None if there is none to come."""
    rests = (_rest(thing.life, now) for name, thing in snapshot.pending.items() if name not in held)
    return min(rests, default=None)


def explanations(snapshot: Snapshot, reasons: Mapping[str, str], told: Collection[str]) -> list[Turn]:
    """Return the turns by which things get their *reasons*, and those *told* before lose theirs."""
    wanted = {**dict.fromkeys(told, ""), **reasons}
    known = {name: _find(snapshot, name) for name in wanted}
    return [
        Turn(name, thing.life.since, wanted[name])
        for name, thing in known.items()
        if thing is not None and thing.life.reason != wanted[name]
    ]


def explained(snapshot: Snapshot) -> set[str]:
    """Return the ids of the things that have a reason."""
    things = {**snapshot.mirrored, **snapshot.pending}
    return {name for name, thing in things.items() if thing.life.reason}


def carry_out(draft: Draft, turns: Collection[Turn]) -> None:
    """Do those of *turns* whose things have not turned meanwhile."""
    for turn in turns:
        thing = draft.get(turn.id)
        if thing is None or thing.life.since != turn.since:
            continue
        if turn.reason is not None:
            draft.put(replace(thing, life=replace(thing.life, reason=turn.reason)))
        elif thing.life.status is Status.DELETING:
            draft.remove(thing.id)
        else:
            life = replace(thing.life, since=draft.now, status=Status.READY, reason="")
            draft.put(replace(thing, life=life))


def _rest(life: Life, now: float) -> float:
    rest = life.since + SHOWN - now
    return 0.0 if rest > CLOCK_ERROR else rest


def _find(snapshot: Snapshot, name: str) -> Thing | None:
    return snapshot.pending.get(name) or snapshot.mirrored.get(name)
