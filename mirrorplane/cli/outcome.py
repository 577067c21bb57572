"""Errors -> one line on stderr and an exit code.

Owns the codes (DESIGN 6) and which error means which. Must not know any command.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path


class Exit(IntEnum):
    """What the shell is told."""

    DONE = 0
    FAILED = 1
    WRONG = 2  # usage or configuration
    INTERRUPTED = 130  # 128 + SIGINT, as shells count


class WrongUsageError(Exception):
    """What was asked for makes no sense, or is not allowed: one line that says why."""


class FailedError(Exception):
    """What was asked for could not be done: one line that says why."""


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors that a user can cause into their line and exit code.

    Let others, which are ours, through.
    """
    try:
        yield
    except KeyboardInterrupt:
        raise SystemExit(Exit.INTERRUPTED) from None
    except BrokenPipeError:
        _silence_standard_output()
        raise SystemExit(Exit.FAILED) from None
    except Exception as error:
        code = _code(error)
        if code is None:
            raise
        complain(str(error))
        raise SystemExit(code) from None


def complain(text: str) -> None:
    """Print *text* to stderr, each of its lines marked as ours."""
    for line in text.splitlines() or [""]:
        print(f"mirrorplane: {line}", file=sys.stderr, flush=True)


def _code(error: Exception) -> Exit | None:
    """Return the exit code of *error*, by the name of its class.

    Importing every room to compare classes is slow.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"ConfigurationError", "PlanError", "WrongUsageError"}:
        return Exit.WRONG
    if names & {"CaptureError", "ForwardError", "FailedError"}:
        return Exit.FAILED
    return None


def _silence_standard_output() -> None:
    """Whoever read our output has gone; keep the interpreter from saying so when it closes the stream."""
    with Path("/dev/null").open("w") as nowhere:
        sys.stdout = nowhere
