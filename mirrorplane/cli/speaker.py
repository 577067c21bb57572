"""Reports, shown beside the packet loop.

Owns a thread that writes them. Must not know what is counted, nor who counts. Whoever does not read what we
write (a pager, a stuck log, a terminal stopped with Ctrl-S) holds up this thread and nobody else: reports
that find it busy are dropped.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Full, Queue
from threading import Thread
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live

from mirrorplane.cli.outcome import Exit, complain
from mirrorplane.cli.terminal import counted
from mirrorplane.engines.report import Report

LAST_WORD = 1.0
"""Seconds that the last report is given to be taken."""


class Show(Protocol):
    """Somewhere that a report is shown."""

    def __call__(self, found: Report) -> None:
        """Show it."""


class Speaker:
    """Shows reports on standard output, one at a time, as a table on a terminal, elsewhere as JSON lines."""

    def __init__(self, gone: Callable[[], None]) -> None:
        """Begin; *gone* is called if whoever read the reports has gone."""
        self._gone = gone
        self._reports: Queue[Report | None] = Queue(maxsize=1)
        self._thread = Thread(target=self._speak, name="reports", daemon=True)
        self._thread.start()

    def __call__(self, found: Report) -> None:
        """Show *found*, unless an earlier one is still not taken."""
        with suppress(Full):
            self._reports.put_nowait(found)

    def last(self, found: Report) -> None:
        """Show the last report, and end; where it is not taken in time, end the process."""
        for each in (found, None):
            if self._thread.is_alive():
                with suppress(Full):
                    self._reports.put(each, timeout=LAST_WORD)
        self._thread.join(LAST_WORD)
        if self._thread.is_alive():  # it holds standard output, which the interpreter would wait for
            complain("standard output: the last report was not taken")
            os._exit(Exit.FAILED)

    def _speak(self) -> None:
        try:
            with _shown() as show:
                while (found := self._reports.get()) is not None:
                    show(found)
        except BrokenPipeError:
            self._gone()
        except OSError as error:
            complain(f"standard output: {error.strerror}; no more reports, mirroring goes on")


@contextmanager
def _shown() -> Iterator[Show]:
    if not sys.stdout.isatty():
        yield lambda found: print(json.dumps(found), flush=True)
        return
    with Live(console=Console(), auto_refresh=False) as live:
        yield lambda found: live.update(Group(*counted(found)), refresh=True)
