"""LLVM for the functions of `memory`.

Owns their machine code. Must not know who calls them. Imported by `compile` alone, because it needs numba.
"""

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, overload

from mirrorplane.jit import memory
from mirrorplane.jit.store import bounds_checked

CHECKED = bounds_checked()
_INT64 = ir.IntType(64)
_READ_SOON_DATA = (0, 3, 1)
"""LLVM's llvm.prefetch: for reading, to be kept in every cache, data."""
_registered: list[str] = []


def register() -> None:
    """Teach numba to compile each function of `memory` to its intrinsic.

    Once is enough; again does nothing.
    """
    if _registered:
        return
    _registered.append("memory")
    for function, width, swap, result in (
        (memory.be16, 2, True, types.int64),
        (memory.be32, 4, True, types.int64),
        (memory.be64, 8, True, types.uint64),
        (memory.le16, 2, False, types.int64),
        (memory.le32, 4, False, types.int64),
        (memory.le64, 8, False, types.uint64),
    ):
        _overload_load(function, _loader(width, swap, result), width)
    for put, width, swap in (
        (memory.put_be16, 2, True),
        (memory.put_be32, 4, True),
        (memory.put_le32, 4, False),
    ):
        _overload_store(put, _storer(width, swap), width)
    _overload_copy(_copier())
    _overload_words()


def _overload_load(function: Callable[..., Any], load: Any, width: int) -> None:
    @overload(function, inline="always")
    def _(data: Any, at: Any) -> Any:
        def implementation(data: Any, at: Any) -> Any:
            if CHECKED and (at < 0 or at + width > data.size):
                raise IndexError("outside the column")
            return load(data, at)

        return implementation


def _overload_store(function: Callable[..., Any], save: Any, width: int) -> None:
    @overload(function, inline="always")
    def _(data: Any, at: Any, value: Any) -> Any:
        def implementation(data: Any, at: Any, value: Any) -> Any:
            if CHECKED and (at < 0 or at + width > data.size):
                raise IndexError("outside the column")
            save(data, at, value)

        return implementation


def _overload_copy(move: Any) -> None:
    @overload(memory.copy, inline="always")
    def _(target: Any, at: Any, source: Any, start: Any, length: Any) -> Any:
        def implementation(target: Any, at: Any, source: Any, start: Any, length: Any) -> Any:
            if CHECKED and (
                min(at, start, length) < 0 or at + length > target.size or start + length > source.size
            ):
                raise IndexError("outside the column")
            move(target, at, source, start, length)

        return implementation


def _overload_words() -> None:
    for function, instruction in (
        (memory.lowest_bit, _trailing_zeros),
        (memory.count_bits, _population),
        (memory.unsigned, types.uint64),
        (memory.signed, types.int64),
    ):
        _overload_word(function, instruction)
    shift = types.uint64(16)

    @overload(memory.prefetch, inline="always")
    def _(data: Any, at: Any) -> Any:
        def implementation(data: Any, at: Any) -> Any:
            _prefetch(data, at)

        return implementation

    @overload(memory.be48, inline="always")
    def _(data: Any, at: Any) -> Any:
        def implementation(data: Any, at: Any) -> Any:
            return types.int64(memory.be64(data, at) >> shift)

        return implementation


def _overload_word(function: Callable[..., Any], instruction: Any) -> None:
    @overload(function, inline="always")
    def _(word: Any) -> Any:
        def implementation(word: Any) -> Any:
            return instruction(word)

        return implementation


@intrinsic
def _prefetch(_typing: Any, data: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        place = _pointer(context, builder, signature.args[0], args[0], args[1], signature.args[1])
        number = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [place.type, number, number, number])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.prefetch.p0")
        builder.call(function, [place, *(ir.Constant(number, flag) for flag in _READ_SOON_DATA)])
        return context.get_dummy_value()

    return types.void(data, at), generate


@intrinsic
def _population(_typing: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.ctpop(args[0])

    return types.int64(word), generate


@intrinsic
def _trailing_zeros(_typing: Any, word: Any) -> Any:
    def generate(_context: Any, builder: Any, _signature: Any, args: Any) -> Any:
        return builder.cttz(args[0], ir.Constant(ir.IntType(1), 1))

    return types.int64(word), generate


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any, at_kind: Any) -> Any:
    """Return the address of byte *at* of *array*."""
    data = context.make_array(kind)(context, builder, array).data
    index = context.cast(builder, at, at_kind, types.int64)
    return builder.gep(builder.bitcast(data, cgutils.voidptr_t), [index])


def _loader(width: int, swap: bool, result: Any) -> Any:
    word = ir.IntType(8 * width)

    @intrinsic
    def load(_typing: Any, data: Any, at: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = _pointer(context, builder, signature.args[0], args[0], args[1], signature.args[1])
            value = builder.load(builder.bitcast(place, word.as_pointer()), align=1)
            value = builder.bswap(value) if swap else value
            return builder.zext(value, _INT64) if width < 8 else value  # noqa: PLR2004 - bytes of an int64

        return result(data, at), generate

    return load


def _storer(width: int, swap: bool) -> Any:
    word = ir.IntType(8 * width)

    @intrinsic
    def save(_typing: Any, data: Any, at: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            place = _pointer(context, builder, signature.args[0], args[0], args[1], signature.args[1])
            wide = context.cast(builder, args[2], signature.args[2], types.int64)
            narrow = builder.trunc(wide, word)
            builder.store(
                builder.bswap(narrow) if swap else narrow, builder.bitcast(place, word.as_pointer()), align=1
            )
            return context.get_dummy_value()

        return types.void(data, at, value), generate

    return save


def _copier() -> Any:
    @intrinsic
    def move(_typing: Any, target: Any, at: Any, source: Any, start: Any, length: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            kinds = signature.args
            into = _pointer(context, builder, kinds[0], args[0], args[1], kinds[1])
            out_of = _pointer(context, builder, kinds[2], args[2], args[3], kinds[3])
            cgutils.raw_memcpy(
                builder, into, out_of, context.cast(builder, args[4], kinds[4], types.int64), 1
            )
            return context.get_dummy_value()

        return types.void(target, at, source, start, length), generate

    return move
