"""The page for a browser: every action of every dialect, made from what validates its requests.

Owns how it looks. Must not know any dialect's words. Nothing on it runs; all text is escaped.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from mirrorplane.api.dialect import Dialect
from mirrorplane.api.schema import Action, Field, Kind, Parameter

_STYLE = """
body { font: 15px/1.5 sans-serif; max-width: 70em; margin: 2em auto; padding: 0 1em; color: #222; }
table { border-collapse: collapse; width: 100%; }
th, td { border: 1px solid #ccc; padding: .2em .5em; text-align: left; vertical-align: top; }
pre, code { font-family: monospace; background: #f4f4f4; } pre { padding: .7em; overflow-x: auto; }
h3 { margin-top: 2em; } nav { columns: 3; }
"""


@dataclass(frozen=True)
class Example:
    """Lines that can be copied: how a client is pointed at this server."""

    title: str
    text: str


def page(dialects: Sequence[Dialect], examples: Iterable[Example]) -> str:
    """Return the page as HTML."""
    parts = ["<h1>mirrorplane</h1>", *map(_example, examples)]
    for dialect in dialects:
        actions = dialect.reference()
        parts += [f"<h2>{escape(dialect.title)}</h2>", _contents(dialect.name, actions)]
        parts += [_action(dialect.name, action) for action in actions]
    head = f'<meta charset="utf-8"><title>mirrorplane: actions</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>\n'


def _example(example: Example) -> str:
    return f"<h3>{escape(example.title)}</h3><pre>{escape(example.text)}</pre>"


def _place(dialect: str, action: Action[Any]) -> str:
    return escape(f"{dialect}-{action.name}")


def _contents(dialect: str, actions: Iterable[Action[Any]]) -> str:
    links = (f'<a href="#{_place(dialect, action)}">{escape(action.name)}</a><br>' for action in actions)
    return f"<nav>{''.join(links)}</nav>"


def _action(dialect: str, action: Action[Any]) -> str:
    heading = f'<h3 id="{_place(dialect, action)}">{escape(action.name)}</h3><p>{escape(action.about)}</p>'
    taken = _table(("parameter", "type", "required", "rules", ""), _parameters(action.parameters, ""))
    given = _table(("answer", "type", ""), _fields(action.response, ""))
    return heading + taken + given


def _table(columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f"<th>{column}</th>" for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>" if body else ""


def _parameters(parameters: Iterable[Parameter], prefix: str) -> Iterator[tuple[str, ...]]:
    for parameter in parameters:
        name = prefix + parameter.name + (".N" if parameter.kind in {Kind.LIST, Kind.OBJECTS} else "")
        required = "yes" if parameter.required else ""
        yield name, parameter.kind.value, required, _rules(parameter), parameter.about
        yield from _parameters(parameter.fields, f"{name}.")


def _rules(parameter: Parameter) -> str:
    bounds = _bounds(parameter)
    rules = [", ".join(parameter.choices), f"{bounds}{_unit(parameter)}" if bounds else ""]
    if parameter.default is not None:
        rules.append(f"default {_in_words(parameter.default)}")
    return "; ".join(filter(None, rules))


def _in_words(default: object) -> str:
    return str(default).lower() if isinstance(default, bool) else str(default)


def _bounds(parameter: Parameter) -> str:
    low, high = parameter.minimum, parameter.maximum
    if low is None:
        return "" if high is None else f"at most {high}"
    if high is None:
        return f"at least {low}"
    return str(low) if low == high else f"{low} to {high}"


def _unit(parameter: Parameter) -> str:
    """Return what bounds count."""
    if parameter.kind is Kind.NUMBER:
        return ""
    return " characters" if parameter.kind is Kind.TEXT else " of them"


def _fields(fields: Iterable[Field], prefix: str) -> Iterator[tuple[str, ...]]:
    for field in fields:
        several = field.kind in {Kind.LIST, Kind.OBJECTS}
        name = f"{prefix}{field.name}{'[]' if several else ''}"
        yield name, field.kind.value, field.about
        yield from _fields(field.fields, f"{name}.")
