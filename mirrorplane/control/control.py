"""The front of the room: one writer, one store, one reconciler.

Owns their making and their end. Must not know what work does.
"""

import asyncio
import time
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, Self

from mirrorplane.control.accounts import accounts
from mirrorplane.control.engine import Engine
from mirrorplane.control.inventory import Inventory
from mirrorplane.control.reconcile import Reconciler
from mirrorplane.control.snapshot import Snapshot
from mirrorplane.control.store import Store
from mirrorplane.control.ticks import Clock
from mirrorplane.control.tokens import Token
from mirrorplane.control.writer import Work, Writer
from mirrorplane.model import Configuration, Interface


class Control:
    """All resources, from its making until `close`, which closes the engine too."""

    def __init__(
        self,
        configuration: Configuration,
        state_path: Path | str,
        engine: Engine | None,
        clock: Clock = time.time,
        found: Mapping[str, Interface] | None = None,
    ) -> None:
        """Open the store *state_path*, and go on with whatever was under way.

        The *configuration*'s interfaces and load balancers, and the interfaces *found* beside them, are what
        there is to mirror; None for *engine*: nothing is mirrored. Raises StoreError.
        """
        self._found = found
        self.inventory = Inventory(configuration, found)
        self._store = Store(Path(state_path))
        try:
            self._writer = Writer(self._store, self.inventory, accounts(configuration.api), clock)
        except BaseException:
            self._store.close()
            raise
        self._engine = engine
        self._reconciler = Reconciler(self._writer, self.inventory, engine, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def restock(self, configuration: Configuration) -> None:
        """Have *configuration*'s interfaces and load balancers instead of those there were.

        Sessions that name others are kept, and explained; quotas stay what they were.
        """
        self.inventory = Inventory(configuration, self._found)
        self._writer.restock(self.inventory)
        self._reconciler.restock(self.inventory)

    def submit(self, work: Work, token: Token | None = None, dry_run: bool = False) -> dict[str, Any]:
        """Do *work* on a draft of all things; return what it returned, once that is on the disk.

        It may be called again, so it must change nothing but the draft. With a *token* that was used, with
        the same fingerprint, return what was returned then; a *dry_run* neither looks at its token nor uses
        it up. Raises what *work* raises: then nothing was changed; Refusal TOKEN_MISMATCH, TOKEN_IN_PROCESS,
        and with *dry_run* DRY_RUN, where *work* would have gone well; StoreError where it could not be kept.
        """
        return self._writer.submit(work, token, dry_run=dry_run).result()

    def submit_async(
        self, work: Work, token: Token | None = None, dry_run: bool = False
    ) -> Awaitable[dict[str, Any]]:
        """As `submit`, for the running event loop."""
        return asyncio.wrap_future(self._writer.submit(work, token, dry_run=dry_run))

    def snapshot(self) -> Snapshot:
        """Return all things as they are now."""
        return self._writer.snapshot

    def close(self) -> None:
        """Finish what was submitted, then stop; what comes later is refused with StoreError."""
        self._reconciler.close()
        self._writer.close()
        if self._engine is not None:
            self._engine.close()
        self._store.close()
