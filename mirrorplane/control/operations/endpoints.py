"""Sources and targets in the inventory: whether an interface or a load balancer may be one.

Owns the order of those checks, and the roles: nothing is source and target at once, in whatever scope, for
the data plane is one. Must not know sessions but by what they lead from and to. The kind of a Refusal is
`source` or `target`.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, ip_network

from mirrorplane.control.draft import Draft
from mirrorplane.control.refusals import Refusal, Why
from mirrorplane.control.resources import TargetKind
from mirrorplane.control.state import By
from mirrorplane.model import Interface, LoadBalancer

PRIVATE = [
    ip_network(cidr)
    for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7")
]
"""RFC 1918, RFC 6598, RFC 4193: addresses that a network of one's own has."""


def check_sources(draft: Draft, names: Sequence[str]) -> None:
    """Refuse the first source that is not there, free, without instance, unsuitable, or out of order.

    INTERFACE_NOT_FOUND, INTERFACE_NOT_ATTACHED, INSTANCE_NOT_FOUND, INSTANCE_UNSUPPORTED,
    INTERFACE_UNAVAILABLE, BUSINESS_TYPE: for each source in this order.
    """
    for name in names:
        interface = _usable(draft, "source", name)
        for wrong, why in (
            (not interface.instance_supports_mirroring, Why.INSTANCE_UNSUPPORTED),
            (interface.status != "available", Why.INTERFACE_UNAVAILABLE),
            (interface.business_type != "supported", Why.BUSINESS_TYPE),
        ):
            if wrong:
                raise Refusal(why, "source", name)


def check_target(draft: Draft, kind: TargetKind, name: str) -> None:
    """Refuse a target that is not there, or cannot be one.

    An interface: INTERFACE_NOT_FOUND, INTERFACE_NOT_ATTACHED, INSTANCE_NOT_FOUND, TARGET_IS_BOND,
    TARGET_TYPE (a NAT gateway's), INTERFACE_UNAVAILABLE. A load balancer: LOAD_BALANCER_NOT_FOUND,
    LOAD_BALANCER_TYPE, LOAD_BALANCER_NOT_IN_VPC or _CLASSIC, LOAD_BALANCER_UNAVAILABLE.
    """
    if kind == "load_balancer":
        _check_load_balancer(draft, name)
        return
    interface = _usable(draft, "target", name)
    for wrong, why in (
        (interface.type == "bond", Why.TARGET_IS_BOND),
        (interface.type == "nat_gateway", Why.TARGET_TYPE),
        (interface.status != "available", Why.INTERFACE_UNAVAILABLE),
    ):
        if wrong:
            raise Refusal(why, "target", name)


def _usable(draft: Draft, role: str, name: str) -> Interface:
    interface = draft.inventory.interface(name)
    if interface is None:
        raise Refusal(Why.INTERFACE_NOT_FOUND, role, name)
    if not interface.attached:
        raise Refusal(Why.INTERFACE_NOT_ATTACHED, role, name)
    if interface.instance == "missing":
        raise Refusal(Why.INSTANCE_NOT_FOUND, role, name)
    return interface


def _check_load_balancer(draft: Draft, name: str) -> None:
    balancer = draft.inventory.load_balancer(name)
    if balancer is None:
        raise Refusal(Why.LOAD_BALANCER_NOT_FOUND, "target", name)
    if balancer.type == "gwlbe":
        raise Refusal(Why.LOAD_BALANCER_TYPE, "target", name)
    if balancer.network == "classic":
        raise Refusal(_outside(balancer), "target", name)
    if balancer.status != "available":
        raise Refusal(Why.LOAD_BALANCER_UNAVAILABLE, "target", name)


def _outside(balancer: LoadBalancer) -> Why:
    """Return what is wrong with a classic load balancer; with a public address it is in no VPC at all."""
    is_public = balancer.address is not None and not _is_private(balancer.address)
    return Why.LOAD_BALANCER_NOT_IN_VPC if is_public else Why.LOAD_BALANCER_CLASSIC


def _is_private(address: IPv4Address | IPv6Address) -> bool:
    return any(address in network for network in PRIVATE)


def check_roles(draft: Draft, sources: Sequence[str], kind: TargetKind, instance: str, but: str = "") -> None:
    """Refuse (DUPLICATE_ROLE) a source that is sent mirrored packets, or a target that is mirrored.

    Directly or by a load balancer; here, by a session other than *but*, or by a named target.
    """
    receivers = draft.inventory.receivers(kind, instance)
    for source in sources:
        if source in receivers or _is_target(draft, source, but):
            raise Refusal(Why.DUPLICATE_ROLE, "source", source)
    for receiver in receivers:
        if any(session.id != but for session in draft.sessions(By.SOURCE, receiver)):
            raise Refusal(Why.DUPLICATE_ROLE, "target", receiver)


def _is_target(draft: Draft, interface: str, but: str) -> bool:
    ways = draft.inventory.ways_to(interface)
    return any(thing.id != but for way in ways for thing in draft.found(By.INSTANCE, way))


def check_nat_gateways(draft: Draft, sources: Sequence[str], kind: TargetKind) -> None:
    """Refuse (NAT_SOURCE_NEEDS_LOAD_BALANCER) to have a NAT gateway's interface mirrored to another one."""
    for source in sources:
        interface = draft.inventory.interface(source)
        if kind != "load_balancer" and interface is not None and interface.type == "nat_gateway":
            raise Refusal(Why.NAT_SOURCE_NEEDS_LOAD_BALANCER, "source", source)
