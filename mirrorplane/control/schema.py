"""The store's tables, and things as their rows.

Owns columns and what stands in them. Must not know files or transactions. The tables of a file are made by
`migrations`, which leads to what is described here.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from mirrorplane.control.resources import Filter, Kind, Life, Rule, Scope, Session, Status, Target, Thing

METADATA = MetaData()


def _texts(*names: str) -> list[Column[str]]:
    return [Column(name, Text, nullable=False) for name in names]


def _common() -> list[Column[Any]]:
    times = [Column(name, Float, nullable=False) for name in ("created", "updated", "since")]
    return [
        Column("id", Text, primary_key=True),
        *_texts("dialect", "account", "region"),
        *times,
        *_texts("status", "reason", "description"),
    ]


def _named() -> list[Column[Any]]:
    return [*_texts("name", "group"), Column("tags", JSON, nullable=False)]


TABLES: dict[Kind, Table] = {
    "filter": Table("filter", METADATA, *_common(), *_named()),
    "rule": Table(
        "rule",
        METADATA,
        *_common(),
        *_texts("filter", "direction"),
        Column("priority", Integer, nullable=False),
        *_texts("action", "protocol", "source_cidr_block", "destination_cidr_block"),
        *_texts("source_port_range", "destination_port_range"),
    ),
    "target": Table("target", METADATA, *_common(), *_named(), *_texts("kind", "instance")),
    "session": Table(
        "session",
        METADATA,
        *_common(),
        *_named(),
        *_texts("kind", "instance"),
        Column("target", Text),
        *_texts("filter"),
        *(Column(name, Integer, nullable=False) for name in ("priority", "vni", "packet_length")),
        Column("enabled", Boolean, nullable=False),
        Column("sources", JSON, nullable=False),
    ),
}

SUBSCRIPTIONS = Table(
    "subscription",
    METADATA,
    *(Column(name, Text, primary_key=True) for name in ("dialect", "account", "region")),
    Column("since", Float, nullable=False),
)

TOKENS = Table(
    "token",
    METADATA,
    Column("number", Integer, primary_key=True),
    *_texts("dialect", "account", "region", "action", "text", "fingerprint", "result"),
    Column("made", Float, nullable=False),
    UniqueConstraint("dialect", "account", "region", "action", "text"),
    Index("token_made", "made"),
)

CLASSES: dict[Kind, type[Thing]] = {"filter": Filter, "rule": Rule, "target": Target, "session": Session}
_FIELDS = {
    kind: tuple(each.name for each in fields(thing) if each.name not in {"scope", "life"})
    for kind, thing in CLASSES.items()
}


def scope_columns(scope: Scope) -> dict[str, str]:
    """Return the columns that say whose a row is."""
    return {"dialect": scope.dialect, "account": scope.account, "region": scope.region}


def row_of(kind: Kind, thing: Thing) -> dict[str, Any]:
    """Return the row that *thing* is kept as."""
    life = thing.life
    return {
        **{name: getattr(thing, name) for name in _FIELDS[kind]},
        **scope_columns(thing.scope),
        "created": life.created,
        "updated": life.updated,
        "since": life.since,
        "status": life.status.value,
        "reason": life.reason,
    }


def thing_of(kind: Kind, row: Mapping[Any, Any]) -> Thing:
    """Return the thing that is kept as *row*."""
    values = {name: row[name] for name in _FIELDS[kind]}
    if kind == "session":
        values["sources"] = tuple(values["sources"])
    life = Life(row["created"], row["updated"], row["since"], Status(row["status"]), row["reason"])
    return CLASSES[kind](scope=scope_of(row), life=life, **values)


def scope_of(row: Mapping[Any, Any]) -> Scope:
    """Return whose *row* is."""
    return Scope(row["dialect"], row["account"], row["region"])
