"""The sources of a live engine: which interfaces they are, and the plan for the devices that were found.

Owns what a device adds to what its interface says. Must not know how packets are taken from a device.
"""

from collections.abc import Mapping
from types import MappingProxyType

from mirrorplane.capture.device import Device, Side
from mirrorplane.model import Configuration, Interface
from mirrorplane.plan import Plan, compile_plan


def sources(configuration: Configuration) -> dict[str, Interface]:
    """Return the interfaces that are a session's source, in the order of the file."""
    used = {source for session in configuration.sessions.values() for source in session.sources}
    return {name: interface for name, interface in configuration.interfaces.items() if name in used}


def compile_live(configuration: Configuration, devices: Mapping[str, Device]) -> Plan:
    """Return the plan for the *devices* that were found, in their order."""
    interfaces = configuration.interfaces
    found = {name: as_found(interfaces[name], device) for name, device in devices.items()}
    known = configuration.model_copy(update={"interfaces": MappingProxyType({**interfaces, **found})})
    host_ends = [name for name, device in devices.items() if device.side == "host"]
    return compile_plan(known, tuple(devices), host_ends=host_ends, shared_wire=True)


def as_found(interface: Interface, device: Device) -> Interface:
    """Return *interface*, with its device's addresses if it says none; a host end's are not the ENI's.

    Those that are good on one link only are no addresses to send mirrored packets from.
    """
    if interface.addresses or side(interface, device) == "host":
        return interface
    addresses = tuple(address for address in device.addresses if not address.is_link_local)
    return interface.model_copy(update={"addresses": addresses})


def side(interface: Interface, device: Device) -> Side:
    """Return which end of the wire a source is: as the configuration or else the device says."""
    return interface.side or device.side
