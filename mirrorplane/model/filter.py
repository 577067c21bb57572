"""The filter: which packets are mirrored.

Owns rules and their order. Must not know packets, nor how a rule is looked up.
"""

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, PlainValidator, ValidationInfo, field_validator

from mirrorplane.model.faults import Problem, refuse
from mirrorplane.model.frozen import Frozen
from mirrorplane.model.scalars import ANY_PORT, PortRange, identifier, network, port_range, whole

MAX_RULE_PRIORITY = 1 << 24

FilterId = Annotated[str, identifier("tmf-")]
Network = Annotated[IPv4Network | IPv6Network, PlainValidator(network)]
Ports = Annotated[PortRange, PlainValidator(port_range)]


class Rule(Frozen):
    """Whether packets of one protocol between two networks are mirrored (`accept`) or not (`drop`).

    Its IP version is that of its CIDRs, which are of one family; ICMP stands for ICMPv6 where they are IPv6.
    """

    priority: Annotated[int, whole(1, MAX_RULE_PRIORITY)]
    action: Literal["accept", "drop"]
    protocol: Literal["ALL", "TCP", "UDP", "ICMP"]
    source_cidr_block: Network
    destination_cidr_block: Network
    source_port_range: Ports = ANY_PORT
    destination_port_range: Ports = ANY_PORT

    @property
    def version(self) -> Literal[4, 6]:
        """The IP version that the rule matches."""
        return self.source_cidr_block.version

    @field_validator("destination_cidr_block")
    @classmethod
    def _is_of_the_sources_family(cls, cidr: Network, info: ValidationInfo) -> Network:
        source = info.data.get("source_cidr_block")
        if source is not None and source.version != cidr.version:
            raise ValueError(
                f"{cidr} is IPv{cidr.version}, but source_cidr_block {source} is IPv{source.version}"
            )
        return cidr

    @field_validator("source_port_range", "destination_port_range")
    @classmethod
    def _is_any_without_ports(cls, ports: PortRange, info: ValidationInfo) -> PortRange:
        protocol = info.data.get("protocol")
        if ports != ANY_PORT and protocol in {"ALL", "ICMP"}:
            raise ValueError(f"must be -1/-1 where the protocol is {protocol}, not {ports.low}/{ports.high}")
        return ports


def _by_priority(rules: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """Return *rules* in the order in which they are tried; refuse a priority that an earlier one has."""
    if len({rule.priority for rule in rules}) < len(rules):
        refuse(_repeated(rules))
    return tuple(sorted(rules, key=lambda rule: rule.priority))


def _repeated(rules: tuple[Rule, ...]) -> list[Problem]:
    first: dict[int, int] = {}
    return [
        Problem(
            (at, "priority"),
            f"{rule.priority} is taken by the rule [{first[rule.priority]}] of this direction",
        )
        for at, rule in enumerate(rules)
        if first.setdefault(rule.priority, at) != at
    ]


Rules = Annotated[tuple[Rule, ...], AfterValidator(_by_priority)]


class Filter(Frozen):
    """The rules for packets that a source receives (`ingress`) and sends (`egress`), by ascending priority.

    A direction without rules matches nothing.
    """

    id: FilterId
    ingress: Rules = ()
    egress: Rules = ()
