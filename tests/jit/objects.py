"""Object files made of LLVM's assembly, for this machine or another."""

import llvmlite.binding as llvm

ARM = "aarch64-unknown-linux-gnu"


def compiled(assembly: str, triple: str | None = None) -> bytes:
    """Return the object file of *assembly*, position-independent, for *triple* or this machine."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    module = llvm.parse_assembly(assembly)
    module.triple = triple or llvm.get_default_triple()
    machine = llvm.Target.from_triple(module.triple).create_target_machine(
        opt=2, reloc="pic", codemodel="small"
    )
    return bytes(machine.emit_object(module))
