"""Names and descriptions, which change at once.

Owns changing them. Must not know what else a thing has.
"""

from dataclasses import replace
from typing import Any, TypeVar

from mirrorplane.control.draft import Draft
from mirrorplane.control.operations.checks import changed, ready
from mirrorplane.control.resources import Filter, Target

T = TypeVar("T", Filter, Target)


def rename(draft: Draft, found: T, name: str | None, description: str | None) -> T:
    """Give a thing another name or description; None leaves it as it is. Refuses one that is not READY."""
    ready(found)
    wanted = {"name": name, "description": description}
    changes: dict[str, Any] = {key: value for key, value in wanted.items() if value is not None}
    if not changed(found, changes):
        return found
    renamed = replace(found, **changes, life=replace(found.life, updated=draft.now))
    draft.put(renamed)
    return renamed
