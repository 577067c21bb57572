"""Kept machine code: the folder, the key, the loading.

Owns where compiled kernels lie between runs and how they become callable. Must not know numba or what a
kernel does.

A kept kernel is found by a digest of everything that its code depends on: the source of its module and of
all of ours that it imports, as they were when it was imported, the versions of numba, llvmlite and numpy,
numba's switches, and the processor. It is written under a temporary name and renamed, so that a reader never
meets half a file; the folder belongs to its owner alone, because what lies in it is executed.
"""

import contextlib
import ctypes
import functools
import hashlib
import os
import re
import stat
import sys
import tempfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import llvmlite.binding as llvm

ENTRY = "mirrorplane_entry"
FOLDER_VARIABLE = "MIRRORPLANE_CACHE"
_PACKAGE = Path(__file__).resolve().parent.parent
_IMPORT = re.compile(rf"^\s*from ({_PACKAGE.name}[\w.]*) import (\([^)]*\)|[^\n(]*)", re.MULTILINE)
OUTSIDE = {"memcpy": "memcpy", "memmove": "memmove", "memset": "memset", "NRT_MemInfo_call_dtor": "abort"}
"""What compiled kernels may call that is not in them, and the C library's function that it is.

The last frees an array of numba's own; a kernel makes none, so it is never reached.
"""

_SEAL_LEN = hashlib.sha256().digest_size
_engines: list[llvm.ExecutionEngine] = []  # machine code lives as long as the engine that loaded it


def load(name: str, sources: bytes, compile_now: Callable[[], bytes]) -> Callable[[int], int]:
    """Return the entry point of the kernel *name* of *sources*, kept earlier or else from *compile_now*."""
    folder = _folder()
    digest = hashlib.sha256(sources + _machine_facts().encode()).hexdigest()[:24]
    path = folder / f"{name}-{digest}.o" if folder else None
    code = _read(path)
    if code is None:
        code = compile_now()
        _write(path, code)
    return _link(code)


@functools.cache
def machine() -> llvm.TargetMachine:
    """Return LLVM's description of this processor, with every feature it has."""
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static",
        codemodel="jitdefault",
        jit=True,
    )


def bounds_checked() -> bool:
    """Return whether kernels are built with bounds checks: numba's own switch."""
    return os.environ.get("NUMBA_BOUNDSCHECK", "0") not in {"", "0"}


@functools.cache
def _provide_outside() -> None:
    """Give LLVM the addresses of OUTSIDE.

    It looks for them in the process only once something else has told it to.
    """
    library = ctypes.CDLL(None)
    for name, function in OUTSIDE.items():
        llvm.add_symbol(name, ctypes.cast(getattr(library, function), ctypes.c_void_p).value)


def _link(code: bytes) -> Callable[[int], int]:
    machine()
    _provide_outside()
    engine = llvm.create_mcjit_compiler(
        llvm.parse_assembly(""), llvm.Target.from_default_triple().create_target_machine(jit=True)
    )
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(engine.get_function_address(ENTRY))


def digest(module: str) -> bytes:
    """Return a digest of the source that *module*'s kernels are made of.

    To be asked for when the module is imported: later its file may be another than the code that is compiled.
    """
    found = hashlib.sha256()
    for path in sorted(_sources(module)):
        found.update(_source(path))
    return found.digest()


@functools.cache
def _machine_facts() -> str:
    facts = [
        sys.version,
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
        *(f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith("NUMBA_")),
    ]
    return "\n".join(facts + [metadata.version(name) for name in ("numba", "llvmlite", "numpy")])


def _sources(module: str) -> set[Path]:
    """Return the files of ours that *module* is made of.

    Itself, the compiler, and all that these import, in turn.
    """
    found: set[Path] = set()
    wanted = [module, f"{_PACKAGE.name}.jit.compile"]
    while wanted:
        path = _file(wanted.pop())
        if path is not None and path not in found:
            found.add(path)
            wanted += _imports(path)
    return found


def _file(module: str) -> Path | None:
    place = _PACKAGE.parent.joinpath(*module.split("."))
    candidates = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in candidates if path.is_file()), None)


@functools.cache
def _source(path: Path) -> bytes:
    return path.read_bytes()


@functools.cache
def _imports(path: Path) -> list[str]:
    modules: list[str] = []
    for package, names in _IMPORT.findall(_source(path).decode()):
        modules.append(package)
        modules += [f"{package}.{name}" for name in re.findall(r"\w+", names)]
    return modules


@functools.cache
def _folder() -> Path | None:
    """Return the folder of kept kernels, made if need be.

    None where there is none that only its owner can write.
    """
    named = os.environ.get(FOLDER_VARIABLE) or os.environ.get("XDG_CACHE_HOME")
    with contextlib.suppress(OSError, RuntimeError):
        base = Path(named) if named else Path.home() / ".cache"
        if not base.is_absolute() or base == Path("/.cache"):
            return None  # an empty HOME, say, which is no place of anybody's
        folder = base / "mirrorplane"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _is_ours(folder.stat()):
            return folder
    return None


def _is_ours(status: os.stat_result) -> bool:
    writable_by_others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return status.st_uid == os.geteuid() and not writable_by_others


def _seal(code: bytes) -> bytes:
    """Return what a kept kernel begins with, so that a damaged one is compiled anew rather than run."""
    return hashlib.sha256(code).digest()


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        with path.open("rb") as file:
            kept = file.read() if _is_ours(os.fstat(file.fileno())) else b""
    except OSError:
        return None
    seal, code = kept[:_SEAL_LEN], kept[_SEAL_LEN:]
    return code if seal == _seal(code) else None


def _write(path: Path | None, code: bytes) -> None:
    if path is None:
        return
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent)
    except OSError:
        return
    # A full or read-only disk costs the next run its head start, nothing else.
    with contextlib.suppress(OSError), os.fdopen(handle, "wb") as file:
        file.write(_seal(code) + code)
        file.flush()
        Path(temporary).replace(path)
    Path(temporary).unlink(missing_ok=True)
