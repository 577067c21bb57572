"""Python over columns -> machine code, by numba and LLVM.

Owns the only import of numba. Must not know what is compiled, nor where the code is kept.

numba translates the kernel; a small entry point is linked to it that takes one pointer, to the block of
words that `columns.words` makes, and spreads it over numba's flattened arguments. Everything but the entry
is made internal and dropped where nothing calls it, so that the code needs nothing of numba's run time.
"""

from collections.abc import Callable
from typing import Any

import llvmlite.binding as llvm
import numba
from numba import types
from numba.extending import register_jitable

from mirrorplane.jit import inlined, intrinsics, store
from mirrorplane.jit.columns import Column, Shape, fields, parameters

numba.config.DISABLE_JIT = 0  # a switch for numba's users: without compiling there is no kernel to call

_registered: set[Callable[..., Any]] = set()


def machine_code(function: Callable[..., None]) -> bytes:
    """Compile *function* for this processor and return an object file whose entry is `store.ENTRY`."""
    _register_inlined()
    signature = types.void(*(_numba_type(kind) for kind in parameters(function).values()))
    dispatcher = numba.njit(signature, nogil=True, error_model="numpy", boundscheck=store.bounds_checked())(
        function
    )
    compiled = dispatcher.overloads[dispatcher.signatures[0]]
    module = llvm.parse_assembly(str(compiled.library._final_module))
    _add_entry(module, compiled.fndesc.llvm_func_name)
    _inline_into_entry(module)
    return bytes(store.machine().emit_object(module))


def _register_inlined() -> None:
    intrinsics.register()
    for function in inlined.INLINED:
        if function not in _registered:
            register_jitable(function)
            _registered.add(function)


def _numba_type(kind: Shape) -> types.Type:
    if isinstance(kind, Column):
        return types.Array(numba.from_dtype(kind.dtype), kind.ndim, "C")
    return types.NamedTuple([_numba_type(part) for part in fields(kind).values()], kind)


def _add_entry(module: llvm.ModuleRef, name: str) -> None:
    """Link in `i32 entry(ptr block)`, which loads each argument of *name* from the block and calls it."""
    kinds = [str(argument.type) for argument in module.get_function(name).arguments]
    lines = [f"define i32 @{store.ENTRY}(ptr %block) {{"]
    for index, kind in enumerate(kinds):
        lines.append(f"  %p{index} = getelementptr i64, ptr %block, i64 {index}")
        lines.append(f"  %v{index} = load {kind}, ptr %p{index}")
    values = ", ".join(f"{kind} %v{index}" for index, kind in enumerate(kinds))
    lines += [f'  %status = call i32 @"{name}"({values})', "  ret i32 %status", "}"]
    lines.append(f'declare i32 @"{name}"({", ".join(kinds)})')
    module.link_in(llvm.parse_assembly("\n".join(lines)))


def _inline_into_entry(module: llvm.ModuleRef) -> None:
    """Make one function of it all.

    A NamedTuple of columns is hundreds of words to numba's calling convention: a call would cost more than
    what is called.
    """
    for function in module.functions:
        if not function.is_declaration and function.name != store.ENTRY:
            function.linkage = "internal"
            function.add_function_attribute("alwaysinline")
    builder = llvm.create_pass_builder(store.machine(), llvm.create_pipeline_tuning_options(speed_level=3))
    builder.getModulePassManager().run(module, builder)
    module.verify()
    unknown = {function.name for function in module.functions if function.is_declaration} - set(store.OUTSIDE)
    if unknown := {name for name in unknown if not name.startswith("llvm.")}:
        raise TypeError(
            f"the kernel calls {', '.join(sorted(unknown))}, which machine code alone does not have"
        )
