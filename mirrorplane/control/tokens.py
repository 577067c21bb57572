"""Client tokens: how a request that is sent again is known.

Owns what a token is and how long it is kept. Must not know requests.
"""

from typing import NamedTuple

from mirrorplane.control.resources import Scope

KEPT = 24 * 3600.0
"""Seconds that the answer to a token is kept at least. Neither cloud says how long it is."""

MOST_KEPT = 1_000_000
"""Answers that are kept at most: beyond it the oldest go, whatever their age. Some hundred bytes each."""


class Key(NamedTuple):
    """What two requests with the same token have in common."""

    scope: Scope
    action: str
    text: str


class Token(NamedTuple):
    """The token *text* of a request for *action*; *fingerprint* stands for all the request's parameters."""

    scope: Scope
    action: str
    text: str
    fingerprint: str

    @property
    def key(self) -> Key:
        """What it is found by."""
        return Key(self.scope, self.action, self.text)


class Answer(NamedTuple):
    """What was returned for the token that had *fingerprint*."""

    fingerprint: str
    result: str
