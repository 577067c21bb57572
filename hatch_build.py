"""The package's build: compiles the eBPF object of the kernel engine and puts it beside its loader.

Owns the compiler's command line. Must not know what the sources do. The compiler is the one of the `ziglang`
wheel, whose own copy of the kernel's uapi headers is used: the system needs neither compiler nor headers. An
editable install gets the object as a wheel does. What it was made of and by stands in it, so that it is made
again only where one of these is another; the same again may still differ, in the order of its types.
"""

import os
import runpy
import sys
from hashlib import sha256
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from subprocess import PIPE, STDOUT, run
from tempfile import TemporaryDirectory
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ENGINE = "mirrorplane/engines/kernel"
PROGRAM = "program.c"
"""The one translation unit; it includes the others."""

HEADERS = ("any-linux-any", "aarch64-linux-any")
"""Folders of the wheel's headers: linux/, and an asm/ that takes the byte order from the command line."""

TARGETS = {"little": ["bpfel-freestanding"], "big": ["bpfeb-freestanding", "-D__AARCH64EB__"]}
"""By byte order: the target, and what asm/byteorder.h asks for."""

OPTIONS = ("-mcpu=v3", "-O2", "-g", "-Wall", "-Wextra", "-Werror", "-fno-asynchronous-unwind-tables")
"""Instruction set v3 is verified from Linux 5.1 on; -g is what makes .BTF and .BTF.ext."""

STAMP = 'static const char stamp[] __attribute__((section(".stamp"), used)) = "{}";\n'
"""libbpf passes over sections that it does not know."""


class EngineObject(BuildHookInterface[Any]):
    """Compiles before a wheel's or an editable install's files are gathered."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the object up to date; it goes into the wheel as an artifact, whatever git ignores."""
        engine = Path(self.root, ENGINE)
        names = runpy.run_path(str(engine / "bpf" / "sources.py"))
        sources, target = engine / names["SOURCES"], engine / names["OBJECT"]
        stamp = f"{names['stamp'](sources, sys.byteorder)} {builder()}"
        if not (target.is_file() and stamp.encode() in target.read_bytes()):
            place(compiled(sources, stamp), target)
        build_data["artifacts"].append(f"/{ENGINE}/{names['OBJECT']}")


def builder() -> str:
    """Return what tells this compiler and this command line from others."""
    return f"zig:{zig().version} build:{sha256(Path(__file__).read_bytes()).hexdigest()}"


def zig() -> Distribution:
    """Return the wheel of the compiler. Ends the build where it is missing."""
    try:
        return distribution("ziglang")
    except PackageNotFoundError:
        raise SystemExit("ziglang is missing: it is in pyproject.toml's build-system.requires") from None


def compiled(sources: Path, stamp: str) -> bytes:
    """Return the object of *sources*, with *stamp* in it. The compiler's caches live as long as this call.

    Ends the build with what the compiler said where they do not compile.
    """
    with TemporaryDirectory() as name:
        scratch = Path(name)
        (scratch / "stamp.h").write_text(STAMP.format(stamp), encoding="ascii")
        caches = {"ZIG_GLOBAL_CACHE_DIR": name, "ZIG_LOCAL_CACHE_DIR": name}
        command = compiler(sources, scratch)
        outcome = run(command, cwd=sources, env=os.environ | caches, stdout=PIPE, stderr=STDOUT, check=False)
        if outcome.returncode:
            said = outcome.stdout.decode(errors="replace")
            raise SystemExit(f"{sources / PROGRAM} does not compile:\n{said}")
        return (scratch / "program.o").read_bytes()


def compiler(sources: Path, scratch: Path) -> list[str]:
    """Return the command line. What it makes names no folder of this machine."""
    headers = Path(str(zig().locate_file("ziglang/lib/libc/include")))
    target, *definitions = TARGETS[sys.byteorder]
    folders = {headers: "include", scratch: "scratch", sources: "program"}
    return [
        *(sys.executable, "-m", "ziglang", "cc", "-target", target, *definitions, *OPTIONS),
        *(f"-ffile-prefix-map={folder}={name}" for folder, name in folders.items()),
        *(argument for folder in HEADERS for argument in ("-isystem", str(headers / folder))),
        *("-include", str(scratch / "stamp.h"), "-c", PROGRAM, "-o", str(scratch / "program.o")),
    ]


def place(made: bytes, path: Path) -> None:
    """Write the object in one step: nobody reads half of it."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.write_bytes(made)
    fresh.replace(path)
