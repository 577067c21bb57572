"""LLVM's idea of this processor, and its linker.

Owns what LLVM is told of the machine, and how an object file becomes callable where no image can be made of
it. Must not know numba. Importing LLVM's library takes longer than all that a kept image needs.
"""

import ctypes
import functools
import platform

import llvmlite.binding as llvm

from mirrorplane.jit.image import ENTRY, OUTSIDE, Entry, as_entry

OURS = {"aarch64", "x86_64"}
"""Machines whose code we link ourselves."""

_engines: list[llvm.ExecutionEngine] = []  # machine code lives as long as the engine that loaded it


@functools.cache
def machine() -> llvm.TargetMachine:
    """Return LLVM's description of this processor, with every feature it has."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    ours = platform.machine() in OURS
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="pic" if ours else "static",
        codemodel="small" if ours else "jitdefault",
        jit=not ours,
    )


def link(code: bytes) -> Entry:
    """Return the entry point of the object file *code*, loaded for as long as the process lives."""
    machine()
    _provide_outside()
    engine = llvm.create_mcjit_compiler(
        llvm.parse_assembly(""), llvm.Target.from_default_triple().create_target_machine(jit=True)
    )
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return as_entry(engine.get_function_address(ENTRY))


@functools.cache
def _provide_outside() -> None:
    """Give LLVM the addresses of OUTSIDE.

    It looks for them in the process only once something else has told it to.
    """
    library = ctypes.CDLL(None)
    for name in OUTSIDE:
        llvm.add_symbol(name, ctypes.cast(getattr(library, name), ctypes.c_void_p).value)
