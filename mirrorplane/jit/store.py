"""Kept machine code: the folder, the key, what is read and written there.

Owns where compiled kernels lie between runs. Must not know numba or what a kernel does.

A kept kernel is found by a digest of everything that its code depends on (`identity`). It is written under a
temporary name and renamed, so that a reader never meets half a file; the folder belongs to its owner alone,
because what lies in it is executed. Of each kernel a few are kept, those last used.
"""

import contextlib
import functools
import hashlib
import os
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from mirrorplane.jit import identity

FOLDER_VARIABLE = "MIRRORPLANE_CACHE"

KEPT = 8
"""Of one kernel: those of a few versions, interpreters and switches take turns without compiling."""

_DAY = 86400
UNUSED = 90 * _DAY
"""Seconds after which a kept kernel goes that nothing has loaded."""

_ENDING, _HALF = ".o", ".half"  # what is whole, and what is being written
_DIGEST_LEN = 24
_SEAL_LEN = hashlib.sha256().digest_size


def code(name: str, sources: bytes, compile_now: Callable[[], bytes]) -> bytes:
    """Return the machine code of the kernel *name* of *sources*, kept earlier or else from *compile_now*."""
    folder = _folder()
    digest = hashlib.sha256(sources + identity.of_machine()).hexdigest()[:_DIGEST_LEN]
    path = folder / f"{name}-{digest}{_ENDING}" if folder else None
    kept = _read(path)
    if kept is None:
        kept = compile_now()
        _write(path, kept)
    return kept


def bounds_checked() -> bool:
    """Return whether kernels are built with bounds checks: numba's own switch."""
    return os.environ.get("NUMBA_BOUNDSCHECK", "0") not in {"", "0"}


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
        with path.open("rb", buffering=0) as file:
            status = os.fstat(file.fileno())
            kept = file.read() if _is_ours(status) else b""
            _note_use(file.fileno(), status)
    except OSError:
        return None
    seal, code = kept[:_SEAL_LEN], kept[_SEAL_LEN:]
    return code if seal == _seal(code) else None


def _note_use(file: int, status: os.stat_result) -> None:
    """Have a file's time tell when it was last used, to the day: what is not used goes first."""
    if time.time() - status.st_mtime > _DAY:
        with contextlib.suppress(OSError):
            os.utime(file)


def _write(path: Path | None, code: bytes) -> None:
    if path is None:
        return
    import tempfile  # noqa: PLC0415 - slow, and not needed where everything is kept

    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=_HALF)
    except OSError:
        return
    # A full or read-only disk costs the next run its head start, nothing else.
    with contextlib.suppress(OSError), os.fdopen(handle, "wb") as file:
        file.write(_seal(code) + code)
        file.flush()
        Path(temporary).replace(path)
    Path(temporary).unlink(missing_ok=True)
    _prune(path)


def _prune(path: Path) -> None:
    """Drop what is not needed beside *path*, which was just written.

    Another process may do the same, or be about to read what goes: it will find it gone, and compile it.
    """
    now = time.time()
    used = sorted(_last_used(path.parent), reverse=True)
    alike = [each for _, each in used if _kernel(each) == _kernel(path)]
    unused = [each for when, each in used if now - when > (_DAY if each.suffix == _HALF else UNUSED)]
    for each in {*alike[KEPT:], *unused}:
        with contextlib.suppress(OSError):
            each.unlink()


def _kernel(path: Path) -> str:
    return path.name[: -_DIGEST_LEN - len(_ENDING)]


def _last_used(folder: Path) -> Iterator[tuple[float, Path]]:
    """Yield what of ours lies in *folder*, each with the time of its last use, to the day."""
    with contextlib.suppress(OSError):
        for each in folder.iterdir():
            if each.suffix in {_ENDING, _HALF}:
                with contextlib.suppress(OSError):
                    yield each.stat().st_mtime, each
