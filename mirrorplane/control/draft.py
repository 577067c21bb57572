"""What work sees of all things, and changes.

Owns ids, times and the looks that checks take. Must not know what is checked. All that is done to a draft is
undone if the work that does it is refused.
"""

import secrets
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import replace
from string import ascii_lowercase, digits
from typing import TypeVar

from mirrorplane.control.accounts import Account
from mirrorplane.control.inventory import Inventory
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.resources import Kind, Life, Rule, Scope, Session, Status, Thing
from mirrorplane.control.state import KINDS, By, State
from mirrorplane.control.ticks import Ticks
from mirrorplane.model import MAX_VNI, Quotas

PREFIXES: dict[Kind, str] = {"filter": "tmf-", "rule": "tmr-", "target": "tmt-", "session": "tms-"}
ID_LENGTH = 20
"""Characters after the prefix. The clouds have 20 or 21."""

_ALPHABET = ascii_lowercase + digits
_ANYBODY = Account(Quotas())

T = TypeVar("T", bound=Thing)


class Draft:
    """The state while one piece of work is done; `now` is its time, seconds since the epoch."""

    def __init__(
        self, state: State, inventory: Inventory, accounts: Mapping[str, Account], ticks: Ticks
    ) -> None:
        self._state, self._accounts, self._ticks = state, accounts, ticks
        self.inventory = inventory
        self.now = ticks()

    def account(self, scope: Scope) -> Account:
        """Return what holds for *scope*."""
        return self._accounts.get(scope.dialect, _ANYBODY)

    def quotas(self, scope: Scope) -> Quotas:
        """Return the limits of *scope*."""
        return self.account(scope).quotas

    def get(self, name: str) -> Thing | None:
        """Return the thing *name* of any scope, None if there is none."""
        return self._state.get(name)

    def find(self, kind: type[T], scope: Scope, name: str) -> T:
        """Return the *kind* of thing that *scope* has under the id *name*. Raises Refusal NOT_FOUND."""
        thing = self._state.get(name)
        if isinstance(thing, kind) and thing.scope == scope:
            return thing
        raise Refusal(Why.NOT_FOUND, KINDS[kind], name)

    def found(self, by: By, value: Hashable) -> Iterator[Thing]:
        """Yield the things of all scopes that have *value*."""
        return self._state.found(by, value)

    def sessions(self, by: By, value: Hashable) -> list[Session]:
        """Return the sessions of all scopes that have *value*."""
        return [thing for thing in self._state.found(by, value) if isinstance(thing, Session)]

    def tally(self, by: By, value: Hashable) -> int:
        """Return how many things of all scopes have *value*."""
        return self._state.tally(by, value)

    def weight(self, by: By, value: Hashable) -> int:
        """Return how much the things of all scopes that have *value* weigh together."""
        return self._state.weight(by, value)

    def rules(self, name: str) -> list[Rule]:
        """Return the rules of the filter *name*, in the order of creation."""
        return list(self._state.rules(name))

    def count(self, kind: Kind, owner: Scope | str) -> int:
        """Return how many of a kind *owner* has: a scope, or, of rules, the filter with that id."""
        return self._state.count(kind, owner)

    def subscribed(self, scope: Scope) -> bool:
        """Return whether *scope* has subscribed."""
        return self._state.subscribed(scope)

    def subscribe(self, scope: Scope) -> None:
        """Note that *scope* has."""
        self._state.subscribe(scope, self.now)

    def put(self, thing: Thing) -> None:
        """Have *thing* in place of the one with its id, or as a new one."""
        self._state.put(thing)

    def remove(self, name: str) -> None:
        """Have no thing *name* any more."""
        self._state.remove(name)

    def new_id(self, kind: Kind) -> str:
        """Return an id that no thing has."""
        name = PREFIXES[kind] + "".join(secrets.choice(_ALPHABET) for _ in range(ID_LENGTH))
        return name if self._state.get(name) is None else self.new_id(kind)

    def new_life(self) -> Life:
        """Return the life of a thing that begins now: later than that of any other."""
        now = self._ticks()
        return Life(created=now, updated=now, since=now)

    def turned(self, life: Life, status: Status) -> Life:
        """Return *life* changed now to *status*."""
        return replace(life, updated=self.now, since=self.now, status=status, reason="")

    def free_vni(self) -> int:
        """Return a VNI that no session has. 0 is not drawn, as some receivers take it for no VNI at all."""
        vni = 1 + secrets.randbelow(MAX_VNI)
        return vni if not self.sessions(By.VNI, vni) else self.free_vni()
