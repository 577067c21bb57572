"""Which live engine mirrors, and how it is opened.

Owns the choice, and saying why it is that one. Must not know what an engine does.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from mirrorplane.cli.outcome import WrongUsageError, complain
from mirrorplane.cli.reading import STANDARD_INPUT
from mirrorplane.engines.kernel.bpf.libbpf import KernelError, RefusedError
from mirrorplane.engines.kernel.engine import Kernel
from mirrorplane.engines.kernel.instances import RunningError, make_way, tag_of
from mirrorplane.engines.kernel.requirements import missing
from mirrorplane.engines.live import Live
from mirrorplane.engines.userspace import Userspace
from mirrorplane.engines.userspace.kernels import compile_kernels
from mirrorplane.model import MAX_WORKERS, Configuration

AUTO, KERNEL = "auto", "kernel"


class Wishes(NamedTuple):
    """What was asked for: the engine, whether it stays at work afterwards, and all that there is to say.

    `workers` is None where the configuration says how many.
    """

    engine: str = AUTO
    keep: bool = False
    verbose: bool = False
    workers: int | None = None


Opener = Callable[[Configuration], Live]
"""Opens an engine, which runs the configuration from then on."""


def choose(path: str, wishes: Wishes) -> Opener:
    """Return what opens the engine, once; *path* names the instance that the kernel engine puts up or adopts.

    What takes long is done before this returns: the rest is not to be interrupted. Raises WrongUsageError
    where what is asked for makes no sense. Opening raises KernelError where the kernel engine is wanted and
    cannot be had, else as the engines do.
    """
    if wishes.workers is not None:
        _check_workers(wishes)
    if wishes.engine == AUTO and (why := missing()) is not None:
        return _userspace(path, wishes, why)
    if wishes.engine in (AUTO, KERNEL):
        return lambda configuration: _kernel(path, configuration, wishes)
    if wishes.keep:
        raise WrongUsageError("--keep: only the kernel engine goes on without its process")
    return _userspace(path, wishes)


def _check_workers(wishes: Wishes) -> None:
    if wishes.engine == KERNEL:
        raise WrongUsageError("--workers: only the userspace engine has workers")
    if wishes.workers not in range(1, MAX_WORKERS + 1):
        raise WrongUsageError(f"--workers: must be 1 to {MAX_WORKERS}, not {wishes.workers}")


def _userspace(path: str, wishes: Wishes, why: str = "") -> Opener:
    if why:
        complain(f"engine userspace: {why}")
    if wishes.keep:
        complain("--keep: the userspace engine ends with its process")
    compile_kernels(complain)

    def opened(configuration: Configuration) -> Live:
        clear(path)
        return Userspace(configuration, complain, wishes.workers)

    return opened


def clear(path: str) -> None:
    """Remove what an earlier process of the instance of *path* left at work in the kernel.

    Raises RunningError where it has a process, KernelError.
    """
    with _naming(path):
        if make_way(tag_of(instance(path))):
            complain("removed what an earlier run left at work in the kernel")


def _kernel(path: str, configuration: Configuration, wishes: Wishes) -> Live:
    try:
        with _naming(path):
            engine = Kernel(configuration, complain, instance(path), keep=wishes.keep)
    except RunningError:
        raise
    except KernelError as error:
        _tell_log(error, wishes)
        if wishes.engine != AUTO:
            raise
        return _userspace(path, wishes, str(error))(configuration)
    complain("engine kernel")
    if wishes.workers is not None:
        complain("--workers: ignored, only the userspace engine has workers")
    return engine


@contextmanager
def _naming(path: str) -> Iterator[None]:
    """Have what is raised for an instance that has a process say whose."""
    try:
        yield
    except RunningError as error:
        raise RunningError(f"{path}: {error}") from None


def instance(path: str) -> str:
    """Return what the instance of a configuration file is called: wherever it is started from, the same."""
    return path if path == STANDARD_INPUT else str(Path(path).resolve())


def _tell_log(error: KernelError, wishes: Wishes) -> None:
    """Say what the verifier said, if all is to be said; the line of the error follows or is why."""
    if wishes.verbose and isinstance(error, RefusedError):
        for line in error.log.splitlines():
            complain(f"  {line}")
