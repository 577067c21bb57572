"""Tags and groups of things.

Owns changing them. Must not know which characters a dialect allows. Status does not matter here, and does
not change.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mirrorplane.control.draft import Draft
from mirrorplane.control.operations import checks
from mirrorplane.control.resources import Filter, Kind, Scope, Session, Target

Tagged = Filter | Target | Session
CLASSES: dict[Kind, type[Tagged]] = {"filter": Filter, "target": Target, "session": Session}
"""Rules have neither tags nor groups."""


def tag(draft: Draft, scope: Scope, kind: Kind, ids: Iterable[str], tags: Mapping[str, str]) -> None:
    """Give each of the things *tags*; a key that one has gets the new value.

    Refuses a thing that is not there, and QUOTA_TAGS.
    """
    for thing in _things(draft, scope, kind, ids):
        wanted = checks.tags(draft, scope, thing.tags | dict(tags), kind, thing.id)
        draft.put(replace(thing, tags=wanted))


def untag(draft: Draft, scope: Scope, kind: Kind, ids: Iterable[str], keys: Sequence[str] | None) -> None:
    """Take the tags with *keys*, None: all, from each of the things. Refuses a thing that is not there."""
    for thing in _things(draft, scope, kind, ids):
        left = {key: value for key, value in thing.tags.items() if keys is not None and key not in keys}
        draft.put(replace(thing, tags=left))


def move(draft: Draft, scope: Scope, kind: Kind, name: str, group: str) -> None:
    """Put a thing into another group. Refuses a thing, or a group, that is not there."""
    (thing,) = _things(draft, scope, kind, [name])
    draft.put(replace(thing, group=checks.group(draft, scope, group)))


def _things(draft: Draft, scope: Scope, kind: Kind, ids: Iterable[str]) -> list[Tagged]:
    """Return the things, each once. Raises Refusal NOT_FOUND for the first one that is not there."""
    return [_thing(draft, scope, kind, name) for name in dict.fromkeys(ids)]


def _thing(draft: Draft, scope: Scope, kind: Kind, name: str) -> Tagged:
    return draft.find(CLASSES[kind], scope, name)
