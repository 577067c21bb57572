"""`mirrorplane sessions`, `filters`, `targets`, `enis`: what there is, from the running server.

Owns the columns. Must not know where the server has it from.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from mirrorplane.api.private import NotRunningError, ask
from mirrorplane.cli.outcome import FailedError
from mirrorplane.cli.places import private
from mirrorplane.cli.terminal import show

Row = Mapping[str, Any]
Columns = Mapping[str, Callable[[Row], str]]


IDS = {"session", "filter", "target", "filter, target", "interface"}
"""Columns of ids, which are to be copied: they are not broken."""


def listing(what: str, store: Path, as_json: bool) -> None:
    """Show the list *what* of the server whose state is in *store*.

    Raises FailedError where none is running.
    """
    try:
        rows = ask(private(store), what)
    except NotRunningError:
        raise FailedError(f"no server is running with its state in {store}") from None
    except PermissionError:
        raise FailedError(f"{private(store)}: only who started the server may ask it") from None
    if as_json:
        print(json.dumps(rows))
    else:
        show(_table(rows, _COLUMNS[what]))


def _table(rows: list[Row], columns: Columns) -> Table:
    table = Table(*columns)
    for column in table.columns:
        column.no_wrap = column.header in IDS
    for row in rows:
        table.add_row(*(_plain(cell(row)) for cell in columns.values()))
    return table


def _plain(cell: str) -> Text:
    """Return *cell* as it is: a name may hold anything, also what a terminal or `rich` would obey."""
    return Text("".join(each if each.isprintable() or each == "\n" else repr(each)[1:-1] for each in cell))


def _name(row: Row) -> str:
    name = f"{row['name']}\n" if row["name"] not in {"", row["id"]} else ""
    return f"{row['id']}\n{name}{row['dialect']} {row['region']}"


def _status(row: Row) -> str:
    switched = "" if row.get("enabled", True) else ", disabled"
    return f"{row['status']}{switched}" + (f"\n{row['reason']}" if row["reason"] else "")


def _settings(row: Row) -> str:
    shown = {"priority": "priority", "VNI": "virtual_network_id", "PacketLength": "packet_length"}
    return "\n".join(f"{name} {row[key]}" for name, key in shown.items())


def _mirrored(row: Row) -> str:
    rates = f"{row['packets_per_second']:,.0f}/s", f"{row['bits_per_second'] / 1e6:,.1f} Mbit/s"
    return "\n".join((f"{row['mirrored_packets']:,}", *rates))


def _several(key: str) -> Callable[[Row], str]:
    return lambda row: "\n".join(row[key])


def _one(key: str) -> Callable[[Row], str]:
    return lambda row: str(row[key])


def _number(key: str) -> Callable[[Row], str]:
    return lambda row: f"{row[key]:,}"


_COLUMNS: Mapping[str, Columns] = {
    "sessions": {
        "session": _name,
        "status": _status,
        "sources": _several("sources"),
        "filter, target": lambda row: f"{row['filter']}\n{row['target']}",
        "settings": _settings,
        "mirrored": _mirrored,
    },
    "filters": {
        "filter": _name,
        "status": _status,
        "rules": _one("rules"),
        "sessions": _several("sessions"),
        "mirrored": _mirrored,
    },
    "targets": {
        "target": _name,
        "status": _status,
        "leads to": _one("instance"),
        "sessions": _several("sessions"),
        "mirrored": _mirrored,
    },
    "enis": {
        "interface": _one("id"),
        "device": lambda row: f"{row['device']} in {row['netns']}" if row["netns"] else str(row["device"]),
        "addresses": _several("addresses"),
        "source of": _several("source_of"),
        "target of": _several("target_of"),
        "seen": _number("seen_packets"),
        "mirrored": _number("mirrored_packets"),
        "rate": lambda row: f"{row['packets_per_second']:,.0f}/s",
    },
}
