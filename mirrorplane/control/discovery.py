"""The interfaces that this host has by itself.

Owns which devices are offered as interfaces, and their ids. Must not know sessions. A device that carries no
Ethernet frames, or whose name makes no id, is not offered.
"""

from collections.abc import Collection
from re import compile as pattern
from socket import if_nameindex

from mirrorplane.capture.device import Device, inspect
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel.host.staging import NAME as OURS
from mirrorplane.model import Interface

LOOPBACK = "lo"
_ID = pattern(r"[A-Za-z0-9-]{1,60}")


def discover(known: Collection[str] = ()) -> dict[str, Interface]:
    """Return this network namespace's devices by id, `eni-` and the name, but those that are *known*."""
    named = [name for _, name in if_nameindex() if name not in {LOOPBACK, *known} and _is_offered(name)]
    interfaces = [_interface(device) for device in map(_inspected, named) if device is not None]
    return {interface.id: interface for interface in interfaces}


def _is_offered(name: str) -> bool:
    """Return whether *name* makes an id, and is no device that an engine made for itself."""
    return _ID.fullmatch(name) is not None and OURS.fullmatch(name) is None


def _inspected(name: str) -> Device | None:
    """Return the device *name*, None if it is no source, or gone."""
    try:
        return inspect(name)
    except CaptureError:
        return None


def _interface(device: Device) -> Interface:
    """Return what is known of an interface; at a host end, addresses and MAC are not the interface's."""
    if device.side == "host":
        return Interface(id=f"eni-{device.name}", device=device.name)
    return Interface(
        id=f"eni-{device.name}",
        device=device.name,
        mac=device.mac,
        addresses=tuple(address for address in device.addresses if not address.is_link_local),
    )
