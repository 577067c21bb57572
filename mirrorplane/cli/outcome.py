"""Errors -> one line on stderr and an exit code.

Owns the codes (DESIGN 6) and which error means which. Must not know any command.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import IntEnum
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


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


class _Output(FileIO):
    """Standard output, whose errors say that it is theirs."""

    def write(self, data: "Buffer", /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, "standard output") from None


def open_streams() -> None:
    """Make the standard streams ready, also those that were closed before we started.

    Without that the first file or socket opened would get a closed one's number, and what is printed. Reading
    from such an input, or writing to such an output, fails as a closed descriptor does (after gnulib's
    stdopen); what is said on such a stderr is lost.
    """
    if sys.stdin is None:
        sys.stdin = os.fdopen(os.open(os.devnull, os.O_WRONLY), "r")
    if sys.stdout is None:
        sys.stdout = os.fdopen(os.open(os.devnull, os.O_RDONLY), "w")
    if sys.stderr is None:
        sys.stderr = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
    was = sys.stdout
    sys.stdout = TextIOWrapper(
        BufferedWriter(_Output(was.fileno(), "w", closefd=False)),
        encoding=was.encoding,
        errors=was.errors,
        line_buffering=was.isatty(),
    )


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn the errors that a user can cause into their line and exit code.

    Let others, which are ours, through. Whatever happens, the interpreter finds nothing to say about standard
    output when it closes it.
    """
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        raise SystemExit(Exit.INTERRUPTED) from None
    except BrokenPipeError:  # whoever read our output has enough of it
        raise SystemExit(Exit.FAILED) from None
    except Exception as error:
        code = _code(error)
        if code is None:
            raise
        for line in getattr(error, "problems", (_line(error),)):  # a configuration may have several
            complain(line)
        raise SystemExit(code) from None
    finally:
        try:
            sys.stdout.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """Print *text* to stderr as a line of ours; where that fails, nobody is told.

    A file's name may hold anything: what is not to be printed is shown by its code.
    """
    shown = "".join(each if each.isprintable() else repr(each)[1:-1] for each in text)
    with suppress(OSError):
        print(f"mirrorplane: {shown}", file=sys.stderr, flush=True)


def _code(error: Exception) -> Exit | None:
    """Return the exit code of *error*, by the name of its class.

    Importing every room to compare classes is slow.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"ConfigurationError", "PlanError", "WrongUsageError"}:
        return Exit.WRONG
    if names & {
        "CaptureError",
        "ForwardError",
        "KernelError",
        "KeysError",
        "LabError",
        "StoreError",
        "FailedError",
    }:
        return Exit.FAILED
    if names & {"OSError", "NetlinkError", "TimeoutExpired"}:
        return Exit.FAILED
    return None


def _line(error: Exception) -> str:
    """Return what to say of *error*: ours say it themselves, the system's with a number that says little."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if type(error).__name__ == "NetlinkError":
        return f"netlink: {error.args[-1]}"  # (errno, its message)
    return str(error)
