"""The nouns: what the APIs create, as it is now.

Owns the shapes that every dialect shares. Must not know any dialect's words, requests, or how things are
kept. All are frozen: a change makes another one.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import Literal

Direction = Literal["ingress", "egress"]
Action = Literal["accept", "drop"]
Protocol = Literal["ALL", "TCP", "UDP", "ICMP", "TCP+UDP+ICMP"]
"""ALL is any IP protocol; TCP+UDP+ICMP what Volcengine calls `all`."""

TargetKind = Literal["interface", "load_balancer"]
Kind = Literal["filter", "rule", "target", "session"]


class Status(Enum):
    """Where a thing is in its life; each dialect has its own words."""

    CREATING = "creating"
    READY = "ready"
    MODIFYING = "modifying"
    DELETING = "deleting"


@dataclass(frozen=True)
class Scope:
    """Who sees a thing: a dialect's account in one of its regions. The account is the access key's id."""

    dialect: str
    account: str
    region: str


@dataclass(frozen=True)
class Life:
    """What every thing has. Times are seconds since the epoch; `since` is when `status` was entered.

    `reason` says, in a line, why it is still under way; empty if nothing speaks against it.
    """

    created: float
    updated: float
    since: float
    status: Status = Status.CREATING
    reason: str = ""


@dataclass(frozen=True)
class Rule:
    """A rule of a filter. CIDRs and port ranges are as they were given; ports are `-1/-1` for any."""

    id: str
    scope: Scope
    filter: str
    direction: Direction
    priority: int
    action: Action
    protocol: Protocol
    source_cidr_block: str
    destination_cidr_block: str
    source_port_range: str
    destination_port_range: str
    life: Life
    description: str = ""


@dataclass(frozen=True)
class Filter:
    """A filter; its rules are things of their own. `group` is a resource group or a project."""

    id: str
    scope: Scope
    name: str
    description: str
    group: str
    life: Life
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Target:
    """A named reference to an interface or a load balancer (Volcengine)."""

    id: str
    scope: Scope
    name: str
    description: str
    group: str
    kind: TargetKind
    instance: str
    life: Life
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Session:
    """A session. `instance` is where copies go, by way of the named `target` where the dialect has such."""

    id: str
    scope: Scope
    name: str
    description: str
    group: str
    priority: int
    vni: int
    packet_length: int
    enabled: bool
    filter: str
    kind: TargetKind
    instance: str
    sources: tuple[str, ...]
    life: Life
    target: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


Thing = Rule | Filter | Target | Session
