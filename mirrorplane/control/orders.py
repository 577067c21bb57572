"""What is asked for: a thing that is to be made, before it has an id and a life.

Owns the shapes of new rules and sessions. Must not know who asked. Values are valid in themselves (ranges,
CIDRs of one family, port ranges): a dialect has seen to that; what the rest of the world says of them is
checked by `operations`.
"""

from dataclasses import dataclass, field

from mirrorplane.control.resources import Action, Direction, Protocol, TargetKind

ANY_PORT = "-1/-1"
DEFAULT_GROUP = "default"
"""The resource group or project that always exists."""


@dataclass(frozen=True)
class NewRule:
    """A rule that is to be made. Ports count for TCP and UDP alone: other protocols get ANY_PORT."""

    direction: Direction
    priority: int
    action: Action
    protocol: Protocol
    source_cidr_block: str
    destination_cidr_block: str
    source_port_range: str = ANY_PORT
    destination_port_range: str = ANY_PORT
    description: str = ""


@dataclass(frozen=True)
class NewSession:
    """A session that is to be made.

    It leads to the named `target`, or, where the dialect has none, to `instance`, which is a `kind`. `name`
    None stands for the id, `vni` None for a random one that is free.
    """

    priority: int
    filter: str
    sources: tuple[str, ...]
    target: str | None = None
    kind: TargetKind = "interface"
    instance: str = ""
    vni: int | None = None
    packet_length: int = 1500
    enabled: bool = True
    name: str | None = None
    description: str = ""
    group: str = DEFAULT_GROUP
    tags: dict[str, str] = field(default_factory=dict)
