"""Named targets.

Owns what may become of them. Must not know sessions but as users of a target.
"""

from collections.abc import Mapping
from dataclasses import replace

from mirrorplane.control.draft import Draft
from mirrorplane.control.operations import endpoints
from mirrorplane.control.operations.checks import group, ready, tags, within
from mirrorplane.control.operations.names import rename
from mirrorplane.control.orders import DEFAULT_GROUP
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.resources import Scope, Status, Target, TargetKind
from mirrorplane.control.state import By


def create_target(
    draft: Draft,
    scope: Scope,
    kind: TargetKind,
    instance: str,
    name: str | None = None,
    description: str = "",
    group: str = DEFAULT_GROUP,
    tags: Mapping[str, str] | None = None,
) -> Target:
    """Name *instance* as a target; *name* None stands for the target's id.

    Refuses, in this order: an instance that cannot be a target (`check_target`), one that is a source, one
    that another target of *scope* names (TARGET_CONFLICT), a group that is not there, too many tags or
    targets.
    """
    endpoints.check_target(draft, kind, instance)
    endpoints.check_roles(draft, (), kind, instance)
    for other in draft.found(By.INSTANCE, instance):
        if isinstance(other, Target) and other.scope == scope:
            raise Refusal(Why.TARGET_CONFLICT, "target", other.id)
    made = _new_target(draft, scope, kind, instance, name, description, group, tags or {})
    draft.put(made)
    return made


def _new_target(
    draft: Draft,
    scope: Scope,
    kind: TargetKind,
    instance: str,
    name: str | None,
    description: str,
    place: str,
    labels: Mapping[str, str],
) -> Target:
    group(draft, scope, place)
    labels = tags(draft, scope, labels, "target")
    within(draft, scope, "targets", draft.count("target", scope) + 1, Why.QUOTA_TARGETS, "target")
    own = draft.new_id("target")
    return Target(
        id=own,
        scope=scope,
        name=own if name is None else name,
        description=description,
        group=place,
        kind=kind,
        instance=instance,
        life=draft.new_life(),
        tags=dict(labels),
    )


def change_target(
    draft: Draft, scope: Scope, target_id: str, name: str | None = None, description: str | None = None
) -> Target:
    """Give a target another name or description, at once; None leaves it as it is.

    Refuses a target that is not there, or not READY.
    """
    return rename(draft, draft.find(Target, scope, target_id), name, description)


def delete_target(draft: Draft, scope: Scope, target_id: str) -> None:
    """Delete a target.

    Refuses one that is not there, or not READY, and one that a session has (IN_USE).
    """
    found = ready(draft.find(Target, scope, target_id))
    if draft.sessions(By.TARGET, target_id):
        raise Refusal(Why.IN_USE, "target", target_id)
    draft.put(replace(found, life=draft.turned(found.life, Status.DELETING)))
