"""What can be done to things: each function checks, in a fixed order, then changes a draft.

Owns those checks and their order. Must not know how a draft is kept, nor who asks. A function raises Refusal
at the first check that fails. A thing that is not READY is neither changed nor referred to by a new one
(STATUS), but one with a `reason` may be changed, or deleted, for that is how its owner mends it.
"""

from mirrorplane.control.operations.filters import (
    change_filter,
    change_rule,
    create_filter,
    create_rules,
    delete_filter,
    delete_rules,
)
from mirrorplane.control.operations.sessions import (
    add_sources,
    change_session,
    create_session,
    delete_session,
    remove_sources,
)
from mirrorplane.control.operations.subscriptions import subscribe
from mirrorplane.control.operations.tags import move, tag, untag
from mirrorplane.control.operations.targets import change_target, create_target, delete_target

__all__ = [
    "add_sources",
    "change_filter",
    "change_rule",
    "change_session",
    "change_target",
    "create_filter",
    "create_rules",
    "create_session",
    "create_target",
    "delete_filter",
    "delete_rules",
    "delete_session",
    "delete_target",
    "move",
    "remove_sources",
    "subscribe",
    "tag",
    "untag",
]
