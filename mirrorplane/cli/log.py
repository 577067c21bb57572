"""The log of a server: lines on standard error, by a thread of its own.

Owns who writes, and what is left out if nobody reads: then lines are dropped, and no request waits. Must not
know what is logged.
"""

import json
import logging
import sys
from contextlib import suppress
from queue import Full, Queue
from threading import Thread
from traceback import format_exception
from types import TracebackType
from typing import Self

from mirrorplane.api.journal import Entry, short, structured
from mirrorplane.cli.outcome import complain

MOST_WAITING = 10_000
"""Lines; further ones are lost."""

LAST_WORD = 0.5
"""Seconds that the last lines are given to be taken."""


LOGGERS = ("uvicorn", "mirrorplane")
"""Whose messages are ours to tell: the HTTP server's, and those of our own threads."""


class Log(logging.Handler):
    """A line for each request and for what else is to be said, as JSON or for a person."""

    def __init__(self, as_json: bool, verbose: bool) -> None:
        """Prepare; with *verbose* a failure's traceback is told, which may hold what was asked."""
        super().__init__(logging.WARNING)
        self._as_json, self._verbose = as_json, verbose
        self._lines: Queue[str | None] = Queue(MOST_WAITING)
        self._thread = Thread(target=self._write, name="log", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        for logger in map(logging.getLogger, LOGGERS):
            logger.addHandler(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for logger in map(logging.getLogger, LOGGERS):
            logger.removeHandler(self)
        self._put(None)
        self._thread.join(LAST_WORD)

    def request(self, entry: Entry, error: Exception | None) -> None:
        """Tell of a request, and of what failed."""
        self._put(structured(entry) if self._as_json else short(entry))
        if error is not None:
            self.failure(f"request {entry.id} failed", error)

    def failure(self, what: str, error: BaseException) -> None:
        """Tell that *what* failed."""
        self.say(f"{what}: {type(error).__name__}")
        if self._verbose:
            for line in "".join(format_exception(error)).splitlines():
                self.say(f"  {line}")

    def say(self, text: str) -> None:
        """Tell *text*."""
        self._put(json.dumps({"message": text}) if self._as_json else text)

    def emit(self, record: logging.LogRecord) -> None:
        """Tell a message of one of LOGGERS (logging.Handler)."""
        if record.exc_info and record.exc_info[1]:
            self.failure(record.getMessage(), record.exc_info[1])
        else:
            self.say(record.getMessage())

    def _put(self, line: str | None) -> None:
        with suppress(Full):
            self._lines.put_nowait(line)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            if self._as_json:
                with suppress(OSError):
                    print(line, file=sys.stderr, flush=True)
            else:
                complain(line)
