"""Functions that kernels call.

Owns the mark. Must not know who compiles them.
"""

from collections.abc import Callable
from typing import Any, TypeVar

F = TypeVar("F", bound=Callable[..., Any])

INLINED: list[Callable[..., Any]] = []
"""Every function marked `@inline`, in the order of definition."""


def inline(function: F) -> F:
    """Mark a function that kernels call; it is compiled into each of them, and stays callable as Python."""
    INLINED.append(function)
    return function
