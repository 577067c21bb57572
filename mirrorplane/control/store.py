"""Where things are kept: an SQLite file that one process has.

Owns the file, its rights and version, and that a commit is on the disk when it returns. Must not know what
things are allowed to be. What cannot be read or written is a StoreError that names the file.
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

from sqlalchemy import (
    Connection,
    Delete,
    Engine,
    Insert,
    NullPool,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    or_,
    select,
    text,
    tuple_,
)
from sqlalchemy.exc import DBAPIError

from mirrorplane.control.migrations import MIGRATIONS
from mirrorplane.control.resources import Kind, Scope, Thing
from mirrorplane.control.schema import (
    SUBSCRIPTIONS,
    TABLES,
    TOKENS,
    row_of,
    scope_columns,
    scope_of,
    thing_of,
)
from mirrorplane.control.state import KINDS, Change
from mirrorplane.control.tokens import KEPT, MOST_KEPT, Answer, Key

OWNER_ONLY = 0o600
LOCK_ENDING = ".lock"
"""Of a file of its own: SQLite's locks go when any other descriptor of the database is closed."""


class StoreError(Exception):
    """The store cannot be opened, read or written: a line that names the file. Nothing was changed."""


class Kept(NamedTuple):
    """What a store holds; things of a kind in the order of creation."""

    things: list[Thing]
    subscriptions: dict[Scope, float]


class Store:
    """The store of one process, from its making until `close`. Used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        """Open the file *path*, made if it is not there. Raises StoreError, also if a process has it open."""
        self._path = path
        with ExitStack() as on_failure, self._naming():
            on_failure.callback(os.close, _lock(path))
            _make_private(path)
            self._engine = _engine(path)
            on_failure.callback(self._engine.dispose)
            self._connection = self._engine.connect()
            on_failure.callback(self._connection.close)
            self._migrate()
            self._held = on_failure.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Let another process have it."""
        self._held.close()

    def load(self) -> Kept:
        """Return all that is kept. Raises StoreError."""
        try:
            with self._naming(), self._connection.begin():
                things = [thing for kind in TABLES for thing in self._load(kind)]
                rows = self._connection.execute(select(SUBSCRIPTIONS)).mappings()
                return Kept(things, {scope_of(row): row["since"] for row in rows})
        except ValueError as error:
            raise StoreError(f"{self._path}: holds what this program did not write: {error}") from None

    def _load(self, kind: Kind) -> Iterator[Thing]:
        table = TABLES[kind]
        for row in self._connection.execute(select(table).order_by(table.c.created)).mappings():
            yield thing_of(kind, row)

    def answers(self, keys: Sequence[Key]) -> dict[Key, Answer]:
        """Return what was answered to tokens with these *keys*. Raises StoreError."""
        if not keys:
            return {}
        wanted = [(*scope_columns(key.scope).values(), key.action, key.text) for key in keys]
        with self._naming(), self._connection.begin():
            rows = self._connection.execute(_ANSWERS, {"wanted": wanted}).mappings()
            return {
                Key(scope_of(row), row["action"], row["text"]): Answer(row["fingerprint"], row["result"])
                for row in rows
            }

    def commit(
        self,
        changes: Iterable[Change],
        subscriptions: Mapping[Scope, float],
        answers: Mapping[Key, Answer],
        now: float,
    ) -> None:
        """Return when all this is on the disk. Raises StoreError; then none of it is kept."""
        with self._naming(), self._connection.begin():
            for kind, rows, gone in _by_kind(changes):
                self._execute(_REPLACE[kind], rows)
                self._execute(_REMOVE[kind], gone)
            self._execute(
                insert(SUBSCRIPTIONS),
                [{**scope_columns(scope), "since": since} for scope, since in subscriptions.items()],
            )
            self._execute(insert(TOKENS), [_token(key, answer, now) for key, answer in answers.items()])

    def forget(self, now: float) -> None:
        """Forget answers that need not be kept any longer at *now*. Raises StoreError."""
        newest = select(func.coalesce(func.max(TOKENS.c.number), 0)).scalar_subquery()
        with self._naming(), self._connection.begin():
            self._connection.execute(
                delete(TOKENS).where(or_(TOKENS.c.made < now - KEPT, TOKENS.c.number <= newest - MOST_KEPT))
            )

    def _execute(self, statement: Insert | Delete, rows: list[dict[str, Any]]) -> None:
        if rows:
            self._connection.execute(statement, rows)

    def _migrate(self) -> None:
        """Bring the file to this program's version, all steps or none."""
        with self._connection.begin():
            version = int(self._connection.execute(text("PRAGMA user_version")).scalar_one())
            if version > len(MIGRATIONS):
                raise StoreError(
                    f"{self._path}: has version {version}, this program knows versions up to "
                    f"{len(MIGRATIONS)}: it was written by a newer one"
                )
            for step in MIGRATIONS[version:]:
                for statement in step:
                    self._connection.execute(text(statement))
            self._connection.execute(text(f"PRAGMA user_version = {len(MIGRATIONS)}"))

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Have what goes wrong said in a line that names the file."""
        try:
            yield
        except DBAPIError as error:
            raise StoreError(f"{self._path}: {error.orig}") from None
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from None


_REPLACE = {kind: insert(table).prefix_with("OR REPLACE") for kind, table in TABLES.items()}
_KEY = tuple_(*(TOKENS.c[name] for name in ("dialect", "account", "region", "action", "text")))
_ANSWERS = select(TOKENS).where(_KEY.in_(bindparam("wanted", expanding=True)))
_REMOVE = {kind: delete(table).where(table.c.id == bindparam("gone")) for kind, table in TABLES.items()}


def _by_kind(changes: Iterable[Change]) -> Iterator[tuple[Kind, list[dict[str, Any]], list[dict[str, Any]]]]:
    """Yield each kind with the rows to write, and the ids to remove as parameters."""
    rows: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in TABLES}
    gone: dict[Kind, list[dict[str, Any]]] = {kind: [] for kind in TABLES}
    for change in changes:
        if change.after is not None:
            kind = KINDS[type(change.after)]
            rows[kind].append(row_of(kind, change.after))
        elif change.before is not None:
            gone[KINDS[type(change.before)]].append({"gone": change.id})
    return ((kind, rows[kind], gone[kind]) for kind in TABLES)


def _token(key: Key, answer: Answer, now: float) -> dict[str, Any]:
    return {
        **scope_columns(key.scope),
        "action": key.action,
        "text": key.text,
        **answer._asdict(),
        "made": now,
    }


def _lock(path: Path) -> int:
    """Return a descriptor that keeps other processes out until it is closed."""
    descriptor = os.open(f"{path}{LOCK_ENDING}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise StoreError(f"{path}: in use by another process") from None
    return descriptor


def _make_private(path: Path) -> None:
    """Make the file, or what is there, its owner's alone: SQLite gives its other files the same rights."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        os.fchmod(descriptor, OWNER_ONLY)
    finally:
        os.close(descriptor)


def _engine(path: Path) -> Engine:
    """Return an engine whose transactions begin when they say so, tables' too, and end on the disk."""
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool, connect_args={"check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _connected(connection: Any, _record: object) -> None:
        connection.isolation_level = None
        for pragma in ("journal_mode = WAL", "synchronous = FULL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine
