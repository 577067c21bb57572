"""`mirrorplane check`: a configuration file that is right, summed up.

Owns the summary. Must not know how anything is run.
"""

from rich.table import Table

from mirrorplane.cli.terminal import show
from mirrorplane.model import DEFAULT_MTU, Configuration, Interface, Session


def check(path: str, read: Configuration) -> None:
    """Show what the configuration *read* from *path* makes."""
    show(f"{path} is right: {_counted(read)}")
    if read.sessions:
        show(_sessions(read))
    sources = {name for session in read.sessions.values() for name in session.sources}
    if sources:
        show(_sources([interface for name, interface in read.interfaces.items() if name in sources]))


def _counted(read: Configuration) -> str:
    rules = sum(len(chosen.ingress) + len(chosen.egress) for chosen in read.filters.values())
    counts = {
        "interface": len(read.interfaces),
        "load balancer": len(read.load_balancers),
        "filter": len(read.filters),
        "rule": rules,
        "session": len(read.sessions),
    }
    return ", ".join(f"{count} {name}{'' if count == 1 else 's'}" for name, count in counts.items())


def _sessions(read: Configuration) -> Table:
    table = Table(
        "session", "priority", "sources", "filter", "target", "VNI", "PacketLength", title="by priority"
    )
    for session in sorted(read.sessions.values(), key=lambda session: session.priority):
        vni = "drawn" if session.virtual_network_id is None else str(session.virtual_network_id)
        table.add_row(
            session.id if session.enabled else f"{session.id} (disabled)",
            str(session.priority),
            ", ".join(session.sources),
            session.filter,
            _target(read, session),
            vni,
            str(session.packet_length),
        )
    return table


def _target(read: Configuration, session: Session) -> str:
    ends = ", ".join(
        f"{backend.addresses[0]} (MTU {backend.mtu or DEFAULT_MTU})" for backend in read.backends(session)
    )
    return f"{session.target}: {ends}"


def _side_taken(interface: Interface) -> str:
    """Return which side a live run takes the interface's device for: what its kind says, if it is here."""
    if interface.device is None:
        return "eni"
    from mirrorplane.capture.device import inspect  # netlink, which a file without devices does without
    from mirrorplane.capture.source import CaptureError

    try:
        return f"{inspect(interface.device, interface.netns).side} (by its kind)"
    except CaptureError:
        return "by its kind (not here now)"


def _sources(interfaces: list[Interface]) -> Table:
    table = Table("source", "device", "side", "MAC", "addresses")
    for interface in interfaces:
        place = interface.device or "none: replay only"
        table.add_row(
            interface.id,
            f"{place} in {interface.netns}" if interface.netns else place,
            interface.side or _side_taken(interface),
            interface.mac.hex(":") if interface.mac else "by the device",
            ", ".join(map(str, interface.addresses)) or "by the device",
        )
    return table
