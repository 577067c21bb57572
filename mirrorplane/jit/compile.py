"""Python over columns -> machine code, by numba and LLVM.

Owns the only import of numba. Must not know what is compiled, nor where the code is kept.

numba translates the kernel; a small entry point is linked to it that takes one pointer, to the block of
words that `columns.words` makes, and spreads it over numba's flattened arguments. What is the same in every
call is constant there: above all that no array is counted references to, which is most of what numba writes
where NamedTuples of columns are taken apart. Everything but the entry is made internal and dropped where
nothing calls it, so that the code needs nothing of numba's run time.
"""

from collections.abc import Callable, Sequence
from typing import Any

import llvmlite.binding as llvm
import numba
from numba import types
from numba.extending import register_jitable

from mirrorplane.jit import inlined, intrinsics, vector_intrinsics
from mirrorplane.jit.columns import Column, Shape, constants, fields, parameters
from mirrorplane.jit.flatten import UnknownFormError, flatten
from mirrorplane.jit.image import ENTRY, OUTSIDE
from mirrorplane.jit.linking import machine
from mirrorplane.jit.store import bounds_checked

numba.config.DISABLE_JIT = 0  # a switch for numba's users: without compiling there is no kernel to call

_RESULTS = 2
"""numba's first arguments: where the result goes, and what was raised."""

_registered: set[Callable[..., Any]] = set()


def machine_code(function: Callable[..., None]) -> bytes:
    """Compile *function* for this processor; return its image, or an object file that cannot be made one."""
    code = object_file(function)
    try:
        return flatten(code)
    except UnknownFormError:
        return code


def object_file(function: Callable[..., None]) -> bytes:
    """Compile *function* for this processor and return an object file whose entry is `image.ENTRY`."""
    _register_inlined()
    kinds = parameters(function)
    signature = types.void(*map(_numba_type, kinds.values()))
    jit = numba.njit(signature, nogil=True, error_model="numpy", boundscheck=bounds_checked())
    dispatcher = jit(function)
    compiled = dispatcher.overloads[dispatcher.signatures[0]]
    module = llvm.parse_assembly(str(compiled.library._final_module))
    known = [word for kind in kinds.values() for word in constants(kind)]
    _add_entry(module, compiled.fndesc.llvm_func_name, known)
    _inline_into_entry(module)
    return bytes(machine().emit_object(module))


def _register_inlined() -> None:
    intrinsics.register()
    vector_intrinsics.register()
    for function in inlined.INLINED:
        if function not in _registered:
            register_jitable(function)
            _registered.add(function)


def _numba_type(kind: Shape) -> types.Type:
    if isinstance(kind, Column):
        return types.Array(numba.from_dtype(kind.dtype), kind.ndim, "C")
    return types.NamedTuple([_numba_type(part) for part in fields(kind).values()], kind)


def _add_entry(module: llvm.ModuleRef, name: str, known: Sequence[int | None]) -> None:
    """Link in `i32 entry(ptr block)`, which calls *name*: the words of the block, those *known* as constants.

    Where *name* is to leave its result, and what it raised, is nobody's concern.
    """
    kinds = [str(argument.type) for argument in module.get_function(name).arguments]
    lines = [f"define i32 @{ENTRY}(ptr %block) {{"]
    lines += [f"  %v{index} = alloca ptr" for index in range(_RESULTS)]
    values = [f"ptr %v{index}" for index in range(_RESULTS)]
    for index, (kind, value) in enumerate(zip(kinds[_RESULTS:], known, strict=True)):
        if value is None:
            lines.append(f"  %p{index} = getelementptr i64, ptr %block, i64 {index}")
            lines.append(f"  %w{index} = load {kind}, ptr %p{index}")
            values.append(f"{kind} %w{index}")
        else:
            values.append(f"{kind} {value or 'null'}")
    lines += [f'  %status = call i32 @"{name}"({", ".join(values)})', "  ret i32 %status", "}"]
    lines.append(f'declare i32 @"{name}"({", ".join(kinds)})')
    module.link_in(llvm.parse_assembly("\n".join(lines)))


def _inline_into_entry(module: llvm.ModuleRef) -> None:
    """Make one function of it all.

    A NamedTuple of columns is hundreds of words to numba's calling convention: a call would cost more than
    what is called.
    """
    for function in module.functions:
        if not function.is_declaration and function.name != ENTRY:
            function.linkage = "internal"
            function.add_function_attribute("alwaysinline")
    builder = llvm.create_pass_builder(machine(), llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    module.verify()
    unknown = {function.name for function in module.functions if function.is_declaration} - set(OUTSIDE)
    if unknown := {name for name in unknown if not name.startswith("llvm.")}:
        raise TypeError(
            f"the kernel calls {', '.join(sorted(unknown))}, which machine code alone does not have"
        )
