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
    tags = leftovers()
    for tag in tags:
        _clean(tag)
    if not tags:
        show("nothing was left behind")


def _clean(tag: str) -> None:
    try:
        with Lock(tag):
            removed = sweep(tag, everywhere=True)
    except RunningError:
        complain(f"instance {tag} has just been started: it is left alone")
        return
    parts = [*(f"the taps of {device}" for device in removed.taps), *removed.devices]
    show(f"instance {tag}: removed {', '.join(parts) or 'nothing'}")
