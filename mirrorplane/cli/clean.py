"""`mirrorplane clean`: take away what killed runs left at work.

Owns what is said. Must not know what there is to be taken away.
"""

from mirrorplane.cli.outcome import FailedError, complain
from mirrorplane.cli.terminal import show
from mirrorplane.engines.kernel.instances import Lock, RunningError, leftovers, running, sweep
from mirrorplane.engines.requirement import CAP_NET_ADMIN, lacking


def clean() -> None:
    """Remove every instance of this network namespace that no process controls, and say what that was.

    Raises FailedError without the privilege that it takes, KernelError where the kernel refuses.
    """
    if lacking((CAP_NET_ADMIN,)):
        raise FailedError("clean: no CAP_NET_ADMIN: run it as root")
    for tag in running():
        complain(f"instance {tag} is running: it is left alone")
    found = [_clean(tag) for tag in leftovers()]
    if not any(found):
        show("nothing was left behind")


def _clean(tag: str) -> bool:
    """Remove an instance; return whether there was something to be said of it.

    That there is nothing left of it by now is nothing: it was about to end by itself.
    """
    try:
        with Lock(tag):
            removed = sweep(tag, everywhere=True)
    except RunningError:
        complain(f"instance {tag} has just been started: it is left alone")
        return True
    parts = [*(f"the taps of {device}" for device in removed.taps), *removed.devices]
    if parts:
        show(f"instance {tag}: removed {', '.join(parts)}")
    return bool(parts)
