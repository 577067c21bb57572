"""LLVM for the functions of `vectors`.

Owns their machine code. Must not know who calls them. Imported by `compile` alone, because it needs numba.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic, overload

from mirrorplane.jit import vectors
from mirrorplane.jit.store import bounds_checked
from mirrorplane.jit.vectors import GROUP, GUARDS

CHECKED = bounds_checked()
_WORD = ir.IntType(64)
_VECTOR = ir.VectorType(_WORD, GROUP)
_WORD_BYTES = 8


@cache
def register() -> None:
    """Teach numba to compile each comparison to its intrinsic; once is enough, again does nothing."""
    for function, differ in ((vectors.agreeing, _disagree), (vectors.enclosing, _exclude)):
        _overload(function, _comparer(differ))


def _overload(function: Callable[..., Any], compare: Any) -> None:
    @overload(function, inline="always")
    def _(words: Any, at: Any, value: Any) -> Any:
        def implementation(words: Any, at: Any, value: Any) -> Any:
            if CHECKED and (at < 0 or at + 2 * GROUP > words.size):
                raise IndexError("outside the column")
            return compare(words, at, value)

        return implementation


def _comparer(differ: Callable[[Any, Any, Any, Any], Any]) -> Any:
    @intrinsic
    def compare(_typing: Any, words: Any, at: Any, value: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            data = context.make_array(signature.args[0])(context, builder, args[0]).data
            index = context.cast(builder, args[1], signature.args[1], types.int64)
            first, second = (_group(builder, data, builder.add(index, _WORD(row))) for row in (0, GROUP))
            difference = differ(builder, _spread(builder, args[2]), first, second)
            equal = builder.icmp_unsigned("==", difference, _same(0))
            return builder.zext(builder.bitcast(equal, ir.IntType(GROUP)), _WORD)

        return types.uint64(words, at, types.uint64), generate

    return compare


def _disagree(builder: Any, value: Any, words: Any, masks: Any) -> Any:
    """Return vectors of zero where a word agrees."""
    return builder.and_(builder.xor(value, words), masks)


def _exclude(builder: Any, value: Any, lows: Any, highs: Any) -> Any:
    """Return vectors of zero where each lane encloses: where no subtraction takes a guard away."""
    guards = _same(GUARDS)
    above = builder.sub(builder.or_(value, guards), lows)
    below = builder.sub(builder.or_(highs, guards), value)
    return builder.xor(builder.and_(builder.and_(above, below), guards), guards)


def _group(builder: Any, data: Any, at: Any) -> Any:
    place = builder.bitcast(builder.gep(data, [at]), _VECTOR.as_pointer())
    return builder.load(place, align=_WORD_BYTES)


def _spread(builder: Any, value: Any) -> Any:
    """Return a vector of *value* everywhere."""
    lane = ir.IntType(32)
    nothing = ir.Constant(_VECTOR, ir.Undefined)
    one = builder.insert_element(nothing, value, lane(0))
    return builder.shuffle_vector(one, nothing, ir.Constant(ir.VectorType(lane, GROUP), [0] * GROUP))


def _same(value: int) -> Any:
    return ir.Constant(_VECTOR, [value] * GROUP)
