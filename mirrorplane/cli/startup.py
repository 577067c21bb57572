"""How the interpreter starts a command.

Owns what is set so that a command of a fraction of a second does not wait for what it has no use for. Must
not know any command.
"""

import gc
import os
import signal
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

from mirrorplane.cli.outcome import Exit

Function = TypeVar("Function", bound=Callable[..., Any])

NEW_OBJECTS = 100_000
"""Containers made, less those freed, between two searches for garbage: importing makes many, which stay."""

FRAMES = 1 << 15
"""Words of call frames below `in_one_piece` that need no memory of their own."""


def hasten() -> None:
    """Set aside what no command needs. To be called before numpy is imported.

    That is garbage collections while modules are imported, a thread per processor for numpy's linear algebra,
    and a search of every installed package for plugins of pydantic, which would have nothing to do here.
    """
    gc.set_threshold(NEW_OBJECTS)
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")


def in_one_piece(function: Function) -> Function:
    """Have all calls below *function* find room for their frames in one piece of memory.

    CPython puts frames on a stack of 16 KiB pieces and gives each back as it is left: a loop whose calls
    cross from one into the next maps and unmaps memory in every turn, which in an import is thousands of
    times. A frame that asks for much gets a large piece, in which those below it have room too.
    """
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType):
        function.__code__ = code.replace(co_stacksize=max(code.co_stacksize, FRAMES))
    return function


def end_at_once_on_interrupts() -> None:
    """Have Ctrl-C end the process from now on, until the command takes signals itself.

    For a command that runs until then. Python's own way, an exception wherever it happens to be, is lost
    where that is a callback of the import machinery: it is printed, and the import goes on.
    """
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda *_: os._exit(Exit.INTERRUPTED))


def leave_behind() -> None:
    """Have the interpreter end without looking for garbage in what it holds: the process ends too."""
    gc.freeze()
