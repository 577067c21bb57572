"""`mirrorplane clean`: take away what killed runs left at work.

Owns what is said. Must not know what there is to be taken away.
"""

from mirrorplane.cli.outcome import complain
from mirrorplane.cli.terminal import show
from mirrorplane.engines.kernel.instances import leftovers, running, sweep


def clean() -> None:
    """Remove every instance of this network namespace that no process controls, and say what that was."""
    for tag in running():
        complain(f"instance {tag} is running: it is left alone")
    tags = leftovers()
    for tag in tags:
        removed = sweep(tag)
        parts = [f"taps of {', '.join(removed.taps)}" if removed.taps else "", *removed.devices]
        show(f"instance {tag}: removed {', '.join(part for part in parts if part) or 'nothing'}")
    if not tags:
        show("nothing was left behind")
