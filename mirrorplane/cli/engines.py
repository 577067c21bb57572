"""Which live engine mirrors, and how it is opened.

Owns the choice, and saying why it is that one. Must not know what an engine does.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from mirrorplane.cli.outcome import complain
from mirrorplane.cli.reading import STANDARD_INPUT
from mirrorplane.engines.kernel.engine import Kernel
from mirrorplane.engines.kernel.instances import RunningError
from mirrorplane.engines.kernel.libbpf import KernelError, RefusedError
from mirrorplane.engines.kernel.requirements import missing
from mirrorplane.engines.live import Live
from mirrorplane.engines.userspace import Userspace
from mirrorplane.engines.userspace.kernels import compile_kernels
from mirrorplane.model import Configuration

AUTO, KERNEL = "auto", "kernel"


class Wishes(NamedTuple):
    """What was asked for: the engine, whether it stays at work afterwards, and all that there is to say."""

    engine: str = AUTO
    keep: bool = False
    verbose: bool = False


def choose(path: str, configuration: Configuration, wishes: Wishes) -> Callable[[], Live]:
    """Return what opens the engine, once; *path* names the instance that the kernel engine puts up or adopts.

    What takes long is done before this returns: the rest is not to be interrupted. Opening raises KernelError
    where the kernel engine is wanted and cannot be had, else as the engines do.
    """
    if wishes.engine == AUTO and (why := missing()) is not None:
        complain(f"engine userspace: {why}")
    elif wishes.engine in (AUTO, KERNEL):
        return lambda: _kernel(path, configuration, wishes)
    compile_kernels(complain)
    return lambda: Userspace(configuration, complain)


def _kernel(path: str, configuration: Configuration, wishes: Wishes) -> Live:
    try:
        engine = Kernel(configuration, complain, instance(path), keep=wishes.keep)
    except RunningError as error:
        raise RunningError(f"{path}: {error}") from None
    except KernelError as error:
        _tell_log(error, wishes)
        if wishes.engine != AUTO:
            raise
        complain(f"engine userspace: {error}")
        compile_kernels(complain)
        return Userspace(configuration, complain)
    complain("engine kernel")
    return engine


def instance(path: str) -> str:
    """Return what the instance of a configuration file is called: wherever it is started from, the same."""
    return path if path == STANDARD_INPUT else str(Path(path).resolve())


def _tell_log(error: KernelError, wishes: Wishes) -> None:
    """Say what the verifier said, if all is to be said; the line of the error follows or is why."""
    if wishes.verbose and isinstance(error, RefusedError):
        for line in error.log.splitlines():
            complain(f"  {line}")
