"""The interfaces and load balancers that sessions can name.

Owns finding them by id, and who receives what a target is sent. Must not know sessions, nor where an
interface was found.
"""

from collections.abc import Mapping
from types import MappingProxyType

from mirrorplane.control.resources import TargetKind
from mirrorplane.model import Configuration, Interface, LoadBalancer


class Inventory:
    """Those of a configuration, and the interfaces *found* beside them; the configuration's come first."""

    def __init__(self, configuration: Configuration, found: Mapping[str, Interface] | None = None) -> None:
        interfaces = {**(found or {}), **configuration.interfaces}
        self.configuration = configuration.model_copy(
            update={
                "interfaces": MappingProxyType(interfaces),
                "filters": MappingProxyType({}),
                "sessions": MappingProxyType({}),
            }
        )
        self._balancers_of: dict[str, list[str]] = {}
        for balancer in configuration.load_balancers.values():
            for backend in balancer.backends:
                self._balancers_of.setdefault(backend, []).append(balancer.id)

    @property
    def interfaces(self) -> Mapping[str, Interface]:
        """All interfaces by id."""
        return self.configuration.interfaces

    @property
    def load_balancers(self) -> Mapping[str, LoadBalancer]:
        """All load balancers by id."""
        return self.configuration.load_balancers

    def interface(self, name: str) -> Interface | None:
        """Return the interface with the id *name*, None if there is none."""
        return self.interfaces.get(name)

    def load_balancer(self, name: str) -> LoadBalancer | None:
        """Return the load balancer with the id *name*, None if there is none."""
        return self.load_balancers.get(name)

    def receivers(self, kind: TargetKind, instance: str) -> tuple[str, ...]:
        """Return the interfaces that get what *instance* is sent: itself, or its backends."""
        balancer = self.load_balancers.get(instance) if kind == "load_balancer" else None
        return balancer.backends if balancer else (instance,)

    def ways_to(self, interface: str) -> tuple[str, ...]:
        """Return the instances by which *interface* would be sent packets: itself and its load balancers."""
        return (interface, *self._balancers_of.get(interface, ()))
