"""Column types, and the words a compiled call takes for them.

Owns the mapping annotation -> dtype -> words. Must not know numba or LLVM.

A kernel's parameters are columns (one-dimensional C-contiguous arrays), matrices (two-dimensional), or
NamedTuples of these. A call passes them as numba's own calling convention flattens them: per array
(meminfo, parent, items, item size, data, shape..., strides...), a NamedTuple as its fields in order.
"""

import functools
import typing
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Column(NamedTuple):
    """What an annotation says of an array: its element type and its number of dimensions."""

    dtype: np.dtype[Any]
    ndim: int = 1


U8 = Annotated[NDArray[np.uint8], Column(np.dtype("uint8"))]
U16 = Annotated[NDArray[np.uint16], Column(np.dtype("uint16"))]
U32 = Annotated[NDArray[np.uint32], Column(np.dtype("uint32"))]
U64 = Annotated[NDArray[np.uint64], Column(np.dtype("uint64"))]
I32 = Annotated[NDArray[np.int32], Column(np.dtype("int32"))]
I64 = Annotated[NDArray[np.int64], Column(np.dtype("int64"))]
F64 = Annotated[NDArray[np.float64], Column(np.dtype("float64"))]

Shape = Column | type[tuple[Any, ...]]


def parameters(function: Any) -> dict[str, Shape]:
    """Return the shape of each parameter of *function*, in order, from its annotations."""
    hints = typing.get_type_hints(function, include_extras=True)
    hints.pop("return", None)
    return {name: shape(hint, f"{function.__qualname__}({name})") for name, hint in hints.items()}


def shape(hint: Any, where: str) -> Shape:
    """Return the Column that *hint* is annotated with, or the NamedTuple that it is."""
    for note in getattr(hint, "__metadata__", ()):
        if isinstance(note, Column):
            return note
    if isinstance(hint, type) and issubclass(hint, tuple) and hasattr(hint, "_fields"):
        return hint
    raise TypeError(f"{where}: {hint!r} is neither a column nor a NamedTuple of columns")


@functools.cache
def fields(named: type[tuple[Any, ...]]) -> Mapping[str, Shape]:
    """Return the shapes of a NamedTuple's fields, in order."""
    hints = typing.get_type_hints(named, include_extras=True)
    return {name: shape(hint, f"{named.__qualname__}.{name}") for name, hint in hints.items()}


def words(value: Any, expected: Shape, where: str) -> list[int]:
    """Return the words that stand for *value* in a compiled call.

    Refuse another dtype, dimension or layout.
    """
    if isinstance(expected, Column):
        return _array_words(value, expected, where)
    flat = []
    for part, (name, inner) in zip(value, fields(expected).items(), strict=True):
        flat += words(part, inner, f"{where}.{name}")
    return flat


def _array_words(array: NDArray[Any], expected: Column, where: str) -> list[int]:
    if array.dtype != expected.dtype or array.ndim != expected.ndim or not array.flags.c_contiguous:
        raise TypeError(f"{where}: needs a contiguous {expected}, not {array.dtype} of shape {array.shape}")
    address = array.__array_interface__["data"][0]
    return [0, 0, array.size, array.itemsize, address, *array.shape, *array.strides]


def constants(expected: Shape) -> list[int | None]:
    """Return which of the `words` of any value are the same: the word, None for one that is not."""
    if isinstance(expected, Column):
        size, varying = expected.dtype.itemsize, [None] * (2 * expected.ndim - 1)
        return [0, 0, None, size, None, *varying, size]
    return [word for inner in fields(expected).values() for word in constants(inner)]


def zeros(named: type[Any], size: int) -> Any:
    """Return a NamedTuple of zeroed columns, each of *size* elements."""
    shapes: type[tuple[Any, ...]] = named
    return named(
        *(np.zeros(size, column.dtype) for column in fields(shapes).values() if isinstance(column, Column))
    )
