"""Rules of filters, as requests write them.

Owns their parameters and what has to fit together in a rule. Must not know filters or answers.

Where the cloud's pages disagree: a port may be 0 (the help page; the API's says 1), and -1/-1 stands for any
port with every protocol. Where they are silent: a rule without CIDRs is for all addresses of its IpVersion,
one without a priority gets the first that is free, and a CIDR must not have host bits set.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from mirrorplane.api.schema import Fault, Kind, Parameter, Wrong
from mirrorplane.control import NewRule
from mirrorplane.control.orders import ANY_PORT
from mirrorplane.control.resources import Direction, Rule
from mirrorplane.model import MAX_RULE_PRIORITY
from mirrorplane.model.scalars import network, port_range

DIRECTIONS: tuple[Direction, ...] = ("ingress", "egress")
LISTS: Mapping[Direction, str] = {"ingress": "IngressRules", "egress": "EgressRules"}

_ANYWHERE = {"IPv4": "0.0.0.0/0", "IPv6": "::/0"}
_WITH_PORTS = {"TCP", "UDP"}


def _is_network(text: str) -> bool:
    try:
        network(text)
    except ValueError:
        return False
    return True


def _is_port_range(text: str) -> bool:
    try:
        port_range(text)
    except ValueError:
        return False
    return True


def _cidr(name: str) -> Parameter:
    return Parameter(name, about="A CIDR; all addresses if not given.", allowed=_is_network)


def _ports(name: str) -> Parameter:
    return Parameter(
        name, about="`first/last` of 0-65535 with TCP and UDP, -1/-1 for any.", allowed=_is_port_range
    )


PROTOCOL = Parameter(
    "Protocol", about="What it matches.", required=True, choices=("ALL", "ICMP", "TCP", "UDP")
)
PRIORITY = Parameter(
    "Priority",
    Kind.NUMBER,
    "Smaller is tried first; no two rules of a direction have the same.",
    minimum=1,
    maximum=MAX_RULE_PRIORITY,
)
CIDRS = (_cidr("SourceCidrBlock"), _cidr("DestinationCidrBlock"))
PORTS = (_ports("SourcePortRange"), _ports("DestinationPortRange"))
ACTIONS = ("accept", "drop")

_FIELDS = (
    Parameter("Action", about="accept: mirror; drop: do not.", required=True, choices=ACTIONS),
    PROTOCOL,
    Parameter("IpVersion", about="The CIDRs' version.", choices=tuple(_ANYWHERE)),
    PRIORITY,
    *CIDRS,
    *PORTS,
)

RULES = tuple(
    Parameter(name, Kind.OBJECTS, f"Rules for {direction} traffic of the source.", fields=_FIELDS)
    for direction, name in LISTS.items()
)


UNNUMBERED = 0
"""The priority of a new rule that was given none."""


def asked(values: Mapping[str, Any]) -> list[NewRule]:
    """Return the rules that a request holds, ingress before egress.

    Raises:
        Fault: one does not fit together.
    """
    return [
        _rule(direction, given, f"{name}.{at}.")
        for direction, name in LISTS.items()
        for at, given in enumerate(values[name], start=1)
    ]


def numbered(rules: Iterable[NewRule], there: Iterable[Rule] = ()) -> list[NewRule]:
    """Return *rules*, each UNNUMBERED one with the first priority that is free beside those and *there*."""
    rules = list(rules)
    free = {direction: _free(direction, [*rules, *there]) for direction in DIRECTIONS}
    return [
        replace(rule, priority=next(free[rule.direction])) if rule.priority == UNNUMBERED else rule
        for rule in rules
    ]


def changes(rule: Rule, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is to be changed in *rule*, by the names that it has there.

    A protocol without ports takes away those that the rule had: the control plane sees to that.

    Raises:
        Fault: the rule would not fit together any more.
    """
    given = {ours: values[theirs] for theirs, ours in _NAMES.items() if values[theirs] is not None}
    _check_families(
        given.get("source_cidr_block", rule.source_cidr_block),
        given.get("destination_cidr_block", rule.destination_cidr_block),
        "",
    )
    if given.get("protocol", rule.protocol) not in _WITH_PORTS:
        _check_no_ports(values, "")
    return given


_NAMES = {
    "RuleAction": "action",
    "Protocol": "protocol",
    "Priority": "priority",
    "SourceCidrBlock": "source_cidr_block",
    "DestinationCidrBlock": "destination_cidr_block",
    "SourcePortRange": "source_port_range",
    "DestinationPortRange": "destination_port_range",
}


def _rule(direction: Direction, given: Mapping[str, Any], prefix: str) -> NewRule:
    anywhere = _ANYWHERE[_version(given)]
    source, destination = (given[parameter.name] or anywhere for parameter in CIDRS)
    _check_families(source, destination, prefix)
    if given["IpVersion"] is not None and version(source) != given["IpVersion"]:
        raise Fault(Wrong.FORM, f"{prefix}IpVersion")
    if given["Protocol"] not in _WITH_PORTS:
        _check_no_ports(given, prefix)
    source_ports, destination_ports = (given[parameter.name] or ANY_PORT for parameter in PORTS)
    return NewRule(
        direction,
        UNNUMBERED if given["Priority"] is None else given["Priority"],
        given["Action"],
        given["Protocol"],
        source,
        destination,
        source_ports,
        destination_ports,
    )


def version(cidr: str) -> str:
    """Return the IpVersion of *cidr*, a valid one."""
    return f"IPv{network(cidr).version}"


def _version(given: Mapping[str, Any]) -> str:
    """Return the IpVersion that a CIDR which is not given has."""
    cidr = next((given[parameter.name] for parameter in CIDRS if given[parameter.name]), None)
    return version(cidr) if cidr else given["IpVersion"] or "IPv4"


def _check_families(source: str, destination: str, prefix: str) -> None:
    if version(source) != version(destination):
        raise Fault(Wrong.FORM, f"{prefix}DestinationCidrBlock")


def _check_no_ports(given: Mapping[str, Any], prefix: str) -> None:
    for parameter in PORTS:
        if given[parameter.name] not in {None, ANY_PORT}:
            raise Fault(Wrong.FORM, prefix + parameter.name)


def _free(direction: Direction, rules: Iterable[NewRule | Rule]) -> Iterator[int]:
    taken = {rule.priority for rule in rules if rule.direction == direction}
    return (priority for priority in range(1, MAX_RULE_PRIORITY + 1) if priority not in taken)
