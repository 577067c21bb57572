"""A real `Control` on a file, and waiting for it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mirrorplane.control import Control, Draft, Engine, NewRule, Token, operations
from mirrorplane.control.resources import Scope
from mirrorplane.control.snapshot import Snapshot
from tests.control.desk import HERE, Clock, configuration, rule

PATIENCE = 30.0
"""Seconds after which what does not come is taken not to come at all."""


def submit(control: Control, work: Callable[[Draft], Any], *token: str, scope: Scope = HERE) -> str:
    """Return the id of what *work* makes, if it has one; *token* is a text and a fingerprint."""
    found = Token(scope, "Do", *token) if token else None
    return str(control.submit(lambda draft: {"id": getattr(work(draft), "id", "")}, found)["id"])


def until(what: Callable[[], bool]) -> None:
    """Return when *what* is so."""
    end = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.002)


def settled(control: Control, clock: Clock | None = None) -> Snapshot:
    """Return all there is when nothing is under way any more; a *clock* that stands still is put on."""
    if clock is not None:
        clock.now += 1
        control.submit(lambda draft: {})
    until(lambda: not control.snapshot().pending)
    return control.snapshot()


@contextmanager
def running(
    path: Path, engine: Engine | None = None, clock: Clock | None = None, api: str = "{}"
) -> Iterator[Control]:
    """Have a control that `HERE` has subscribed to."""
    made = Control(configuration(api), path / "m.db", engine, clock or time.time)
    with made as control:
        submit(control, lambda draft: operations.subscribe(draft, HERE))
        yield control


def new_filter(control: Control, *rules: NewRule, scope: Scope = HERE) -> str:
    """Return the id of a filter that is ready or will be."""
    chosen = rules or (rule(),)
    return submit(control, lambda draft: operations.create_filter(draft, scope, rules=chosen))
