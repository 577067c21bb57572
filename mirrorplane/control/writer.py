"""The one thread that changes things.

Owns the order of changes, groups of them that share a commit, and tokens. Must not know what work does, nor
who waits for it.

Requests queue up while the disk is busy with those before; then all of them are done, each on the state that
the one before left, kept by one commit, and answered. So an answer says that its change, and every change it
was built on, is on the disk.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any

from mirrorplane.control.accounts import Account
from mirrorplane.control.draft import Draft
from mirrorplane.control.inventory import Inventory
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.state import State
from mirrorplane.control.store import Store, StoreError
from mirrorplane.control.ticks import Clock, Ticks
from mirrorplane.control.tokens import Answer, Key, Token

LARGEST_GROUP = 256
"""Requests that share a commit at most: the first of them waits for the work of all."""

FORGET_EVERY = 600.0
"""Seconds between two looks for tokens that are too old."""

Result = dict[str, Any]
Work = Callable[[Draft], Result]
Watch = Callable[[], None]


@dataclass
class _Order:
    """One request: what is to be done, and who waits for it."""

    work: Work
    token: Token | None
    dry_run: bool
    future: "Future[Result]" = field(default_factory=Future)
    result: Result = field(default_factory=dict)
    kept: str = ""
    error: Exception | None = None

    def repeat(self, answer: Answer) -> None:
        """Have what was answered to the same token before."""
        if self.token is not None and self.token.fingerprint == answer.fingerprint:
            self.result = json.loads(answer.result)
        else:
            self.error = Refusal(Why.TOKEN_MISMATCH)

    def answer(self) -> None:
        """Tell who waits."""
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class Writer:
    """Does work, from its making until `close`. `submit` and `snapshot` are for all threads."""

    def __init__(
        self, store: Store, inventory: Inventory, accounts: Mapping[str, Account], clock: Clock
    ) -> None:
        """Load what *store* keeps. Raises StoreError."""
        kept = store.load()
        newest = max((max(thing.life.created, thing.life.since) for thing in kept.things), default=0.0)
        self._store, self._inventory, self._accounts = store, inventory, accounts
        self._state = State(kept.things, kept.subscriptions)
        self._ticks = Ticks(clock, newest)
        self._forget_at = 0.0
        self._watch: Watch = lambda: None
        self._queue: SimpleQueue[_Order | None] = SimpleQueue()
        self._lock = Lock()
        self._under_way: dict[Key, str] = {}
        self._is_closed = False
        self.snapshot = self._state.publish()
        self._thread = Thread(target=self._run, name="writer", daemon=True)
        self._thread.start()

    def watch(self, watch: Watch) -> None:
        """Have *watch* called by the writer's thread after every publication from now on: be quick."""
        self._watch = watch

    def restock(self, inventory: Inventory) -> None:
        """Have what there is to mirror be *inventory*, for work that begins from now on."""
        self._inventory = inventory

    def submit(self, work: Work, token: Token | None = None, *, dry_run: bool = False) -> "Future[Result]":
        """Return the future of what *work* returns; see `Control.submit`."""
        order = _Order(work, None if dry_run else token, dry_run)
        with self._lock:
            if self._is_closed:
                raise StoreError("the server is shutting down")
            if order.token is not None:
                self._take(order.token)
            self._queue.put(order)
        return order.future

    def close(self) -> None:
        """Finish what was submitted, and stop."""
        with self._lock:
            self._is_closed = True
            self._queue.put(None)
        self._thread.join()

    def _take(self, token: Token) -> None:
        """Note that *token* is under way. Raises Refusal if it is already."""
        if token.key in self._under_way:
            same = self._under_way[token.key] == token.fingerprint
            raise Refusal(Why.TOKEN_IN_PROCESS if same else Why.TOKEN_MISMATCH)
        self._under_way[token.key] = token.fingerprint

    def _run(self) -> None:
        is_open = True
        while is_open:
            orders, is_open = self._group()
            if orders:
                self._carry_out(orders)

    def _group(self) -> tuple[list[_Order], bool]:
        """Wait for orders; return those that are there, and whether more may come."""
        orders: list[_Order] = []
        order = self._queue.get()
        while order is not None:
            orders.append(order)
            if len(orders) == LARGEST_GROUP:
                return orders, True
            try:
                order = self._queue.get_nowait()
            except Empty:
                return orders, True
        return orders, False

    def _carry_out(self, orders: list[_Order]) -> None:
        """Do, keep and answer *orders*; those that nobody waits for any more are not done."""
        wanted = [order for order in orders if order.future.set_running_or_notify_cancel()]
        self._attempt(wanted)
        self._release(orders)
        for order in wanted:
            order.answer()
        self._watch()

    def _attempt(self, orders: list[_Order]) -> None:
        """Do and keep *orders*: all, or none if the store fails.

        Where one of them has what cannot be written down (half a surrogate pair, say), each by itself.
        """
        try:
            self._do_and_keep(orders)
        except Exception as error:  # noqa: BLE001 - it is handed to those who wait
            self._state.undo()
            for order in orders:
                order.error = error
                if len(orders) > 1 and not isinstance(error, StoreError):
                    order.error = None
                    self._attempt([order])
        self.snapshot = self._state.settle()

    def _do_and_keep(self, orders: list[_Order]) -> None:
        keys = [order.token.key for order in orders if order.token is not None]
        known, new = self._store.answers(keys), {}
        for order in orders:
            if order.token is not None and order.token.key in known:
                order.repeat(known[order.token.key])
            else:
                self._do(order)
                if order.token is not None and order.error is None:
                    new[order.token.key] = Answer(order.token.fingerprint, order.kept)
        changes, subscriptions = self._state.changes()
        if changes or subscriptions or new:
            now = self._ticks()
            self._forget(now)
            self._store.commit(changes, subscriptions, new, now)

    def _do(self, order: _Order) -> None:
        """Do one order's work; what is refused leaves nothing."""
        mark = self._state.mark()
        try:
            order.result = order.work(Draft(self._state, self._inventory, self._accounts, self._ticks))
            if order.dry_run:
                raise Refusal(Why.DRY_RUN)
            order.kept = json.dumps(order.result) if order.token is not None else ""
        except Exception as error:  # noqa: BLE001 - it is handed to who waits
            self._state.undo(mark)
            order.error = error

    def _forget(self, now: float) -> None:
        if now >= self._forget_at:
            self._forget_at = now + FORGET_EVERY
            self._store.forget(now)

    def _release(self, orders: list[_Order]) -> None:
        with self._lock:
            for order in orders:
                if order.token is not None:
                    del self._under_way[order.token.key]
