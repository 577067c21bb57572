"""Kernels: functions over columns that run as machine code.

Owns the decorators and what a call is. Must not know numba: `compile` is imported only where nothing kept
fits.
"""

import ctypes
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from mirrorplane.jit import store
from mirrorplane.jit.columns import parameters, words


class KernelError(RuntimeError):
    """A compiled kernel raised: only the bounds-checked build does (NUMBA_BOUNDSCHECK=1)."""


class Kernel:
    """A function over columns: `bind` its arguments once, call the bound kernel as often as needed."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.python = function
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.__doc__ = function.__doc__
        self._sources = store.digest(function.__module__)
        self._entry: Callable[[int], int] | None = None

    def entry(self) -> Callable[[int], int]:
        """Return the machine code's entry point, from the store or else compiled now."""
        if self._entry is None:
            self._entry = store.load(self.name, self._sources, self._compile)
        return self._entry

    def _compile(self) -> bytes:
        from mirrorplane.jit.compile import machine_code  # noqa: PLC0415 - imports numba, which is slow

        return machine_code(self.python)

    def bind(self, *arguments: Any) -> "Bound":
        """Fix the columns that calls work on; only their contents may change afterwards."""
        return Bound(self, arguments)

    def __call__(self, *arguments: Any) -> None:
        """Bind and call once."""
        self.bind(*arguments)()


class Bound:
    """A kernel with its columns: calling it runs the machine code over them, without the interpreter lock."""

    def __init__(self, kernel: Kernel, arguments: tuple[Any, ...]) -> None:
        expected = parameters(kernel.python)
        if len(arguments) != len(expected):
            raise TypeError(f"{kernel.name} takes {len(expected)} columns, not {len(arguments)}")
        flat: list[int] = []
        for value, (name, kind) in zip(arguments, expected.items(), strict=True):
            flat += words(value, kind, f"{kernel.name}({name})")
        self._kept_alive = arguments
        self._results = np.zeros(2, np.int64)
        result = self._results.ctypes.data
        self._block = np.array([result, result + 8, *flat], np.int64)
        self._address = ctypes.c_void_p(self._block.ctypes.data)
        self._entry = kernel.entry()
        self._name = kernel.name

    def __call__(self) -> None:
        """Run the kernel over its columns."""
        if self._entry(self._address):  # type: ignore[arg-type] # ctypes converts
            raise KernelError(f"{self._name}: an index is out of bounds")


def kernel(function: Callable[..., None]) -> Kernel:
    """Make a function over columns a kernel. Its annotations give the columns' types; it returns nothing."""
    signature = inspect.signature(function)
    if signature.return_annotation is not None:
        raise TypeError(
            f"{function.__qualname__} must be annotated '-> None': a kernel answers in its columns"
        )
    return Kernel(function)
