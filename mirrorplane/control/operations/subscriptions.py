"""The service as a whole: whether an account may use it in a region.

Owns opting in, and the checks that come before all others. Must not know things.
"""

from mirrorplane.control.draft import Draft
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.resources import Scope


def subscribe(draft: Draft, scope: Scope) -> bool:
    """Subscribe *scope*; return whether it had not before. There is no way back."""
    if draft.subscribed(scope):
        return False
    draft.subscribe(scope)
    return True


def open_account(draft: Draft, scope: Scope) -> None:
    """Raise Refusal BUSINESS_STATUS or NOT_SUBSCRIBED unless *scope* may mirror."""
    account = draft.account(scope)
    if not account.is_normal:
        raise Refusal(Why.BUSINESS_STATUS)
    if account.opt_in and not draft.subscribed(scope):
        raise Refusal(Why.NOT_SUBSCRIBED)
