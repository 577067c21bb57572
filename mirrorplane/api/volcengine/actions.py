"""All actions, by name.

Owns nothing but the list. Must not know what they do.
"""

from mirrorplane.api.volcengine import filters, rules, sessions, tags, targets
from mirrorplane.api.volcengine.calls import VolcengineAction

ACTIONS: dict[str, VolcengineAction] = {
    action.name: action for room in (targets, filters, rules, sessions, tags) for action in room.ACTIONS
}
