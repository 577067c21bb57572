"""Kernels: functions over columns that run as machine code.

Owns the decorators and what a call is. Must not know numba: `compile` is imported only where nothing kept
fits.
"""

import ctypes
import functools
import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from mirrorplane.jit import identity, image, store
from mirrorplane.jit.columns import Shape, parameters, words
from mirrorplane.jit.image import Entry


class KernelError(RuntimeError):
    """A compiled kernel raised: only the bounds-checked build does (NUMBA_BOUNDSCHECK=1)."""


class Kernel:
    """A function over columns: `bind` its arguments once, call the bound kernel as often as needed."""

    def __init__(self, function: Callable[..., None]) -> None:
        self.python = function
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.__doc__ = function.__doc__
        self._sources = identity.of_sources(function.__module__)
        self._entry: Entry | None = None
        self._loading = threading.Lock()

    @functools.cached_property
    def parameters(self) -> dict[str, Shape]:
        """The shape of each parameter, by name, in order."""
        return parameters(self.python)

    def code(self) -> bytes:
        """Return the machine code, from the store or else compiled now: an image, or else an object file."""
        return store.code(self.name, self._sources, self._compile)

    def entry(self) -> Entry:
        """Return the entry point of the machine code, which is loaded once."""
        with self._loading:
            if self._entry is None:
                code = self.code()
                self._entry = image.load(code) if image.is_one(code) else self._linked(code)
            return self._entry

    def _linked(self, code: bytes) -> Entry:
        from mirrorplane.jit.linking import link  # noqa: PLC0415 - imports LLVM, which is slow

        return link(code)

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
        expected = kernel.parameters
        if len(arguments) != len(expected):
            raise TypeError(f"{kernel.name} takes {len(expected)} columns, not {len(arguments)}")
        flat: list[int] = []
        for value, (name, kind) in zip(arguments, expected.items(), strict=True):
            flat += words(value, kind, f"{kernel.name}({name})")
        self._kept_alive = arguments
        self._block = np.array(flat, np.int64)
        self._address = ctypes.c_void_p(self._block.__array_interface__["data"][0])
        self._entry = kernel.entry()
        self._name = kernel.name

    def __call__(self) -> None:
        """Run the kernel over its columns."""
        if self._entry(self._address):  # type: ignore[arg-type] # ctypes converts
            raise KernelError(f"{self._name}: an index is out of bounds")


def kernel(function: Callable[..., None]) -> Kernel:
    """Make a function over columns a kernel. Its annotations give the columns' types; it returns nothing."""
    if function.__annotations__.get("return", ...) is not None:
        raise TypeError(
            f"{function.__qualname__} must be annotated '-> None': a kernel answers in its columns"
        )
    return Kernel(function)
