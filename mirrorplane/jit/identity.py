"""What machine code depends on, as digests: the sources, the compiler, the processor.

Owns what makes two builds of a kernel different. Must not know where kernels are kept, nor LLVM: asking it
for the processor takes longer than loading what is kept.
"""

import functools
import os
import re
import sys
from hashlib import sha256
from pathlib import Path

_PACKAGE = str(Path(__file__).resolve().parent.parent)
_NAME = os.path.basename(_PACKAGE)  # noqa: PTH119 - paths are texts here: there are hundreds to look up
_IMPORT = re.compile(rf"^\s*from ({_NAME}[\w.]*) import (\([^)]*\)|[^\n(]*)", re.MULTILINE)
_COMPILER = f"{_NAME}.jit.compile"

_LIBRARIES = ("llvmlite", "numba", "numpy")
_INSTALLED = re.compile(rf"({'|'.join(_LIBRARIES)})-[^-]*\.dist-info")

_PROCESSOR = Path("/proc/cpuinfo")
_ONE_PROCESSOR = 1 << 14
"""Bytes of /proc/cpuinfo that hold the first processor: the whole takes long where there are hundreds."""
_KINDS = {
    "vendor_id",
    "cpu family",
    "model",
    "model name",
    "stepping",
    "flags",
    "CPU implementer",
    "CPU architecture",
    "CPU variant",
    "CPU part",
    "CPU revision",
    "Features",
}
_FEATURES = {"flags", "Features"}


def of_sources(module: str) -> bytes:
    """Return a digest of the source that *module*'s kernels are made of: its own, the compiler's, ours below.

    To be asked for when the module is imported: later its file may be another than the code that is compiled.
    """
    found = {_COMPILER, module}
    wanted = list(found)
    while wanted:
        new = _imports(wanted.pop()) - found
        found |= new
        wanted += new
    return sha256(b"".join(_source(name)[1] for name in sorted(found))).digest()


@functools.cache
def of_machine() -> bytes:
    """Return a digest of the compiler's version and switches, and of the processor it compiles for."""
    switches = (f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_"))
    facts = "\n".join([sys.version, *_versions(), *_processor(), *switches])
    return sha256(facts.encode(errors="surrogateescape")).digest()


@functools.cache
def _source(module: str) -> tuple[bytes, bytes, bool]:
    """Return the source of *module*, its digest, and whether it is a package; of none, nothing."""
    place = os.path.join(_PACKAGE, *module.split(".")[1:])  # noqa: PTH118
    for path, is_package in ((f"{place}.py", False), (f"{place}/__init__.py", True)):
        try:
            with open(path, "rb") as file:  # noqa: PTH123
                text = file.read()
        except (FileNotFoundError, NotADirectoryError):
            continue
        return text, sha256(text).digest(), is_package
    return b"", b"", False


@functools.cache
def _imports(module: str) -> frozenset[str]:
    """Return the modules of ours that *module* imports, and what else it may: a package's names."""
    modules: set[str] = set()
    for package, names in _IMPORT.findall(_source(module)[0].decode()):
        modules.add(package)
        if _source(package)[2]:
            modules.update(f"{package}.{name}" for name in re.findall(r"\w+", names))
    return frozenset(modules)


def _versions() -> list[str]:
    """Return how the libraries that make the code are installed: names with versions."""
    found: set[str] = set()
    for place in sys.path:
        try:
            found.update(filter(_INSTALLED.fullmatch, os.listdir(place or os.curdir)))  # noqa: PTH208
        except OSError:
            continue
    missing = set(_LIBRARIES) - {name.partition("-")[0] for name in found}
    return sorted(found) + [_told_version(name) for name in sorted(missing)]


def _told_version(library: str) -> str:
    from importlib.metadata import version  # noqa: PLC0415 - slow, and mostly not needed

    return f"{library} {version(library)}"


def _processor() -> list[str]:
    """Return the kind of processor and its features as Linux tells them, or else as LLVM does."""
    try:
        with _PROCESSOR.open("rb") as file:
            told = file.read(_ONE_PROCESSOR).decode(errors="replace")
    except OSError:
        told = ""
    lines = [line.partition(":") for line in told.partition("\n\n")[0].splitlines()]
    facts = {name.strip(): value for name, _, value in lines if name.strip() in _KINDS}
    if facts.keys() & _FEATURES:
        return [f"{name}:{value}" for name, value in sorted(facts.items())]
    from llvmlite import binding as llvm  # noqa: PLC0415

    return [llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()]
