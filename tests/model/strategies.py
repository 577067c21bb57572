"""What hypothesis draws: structures of known keys and odd values, and configurations that are right."""

from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from hypothesis import strategies as st

SECTIONS = st.sampled_from(
    ["interfaces", "load_balancers", "filters", "sessions", "api", "kernel", "userspace"]
)
KEYS = st.sampled_from(
    [
        "interfaces",
        "load_balancers",
        "filters",
        "sessions",
        "api",
        "kernel",
        "userspace",
        "eni-a",
        "eni-b",
        "lb-a",
        "tmf-a",
        "tms-a",
        "id",
        "device",
        "mac",
        "addresses",
        "mtu",
        "also_mirror",
        "attached",
        "side",
        "backends",
        "address",
        "ingress",
        "egress",
        "priority",
        "action",
        "protocol",
        "source_cidr_block",
        "destination_cidr_block",
        "source_port_range",
        "sources",
        "target",
        "filter",
        "packet_length",
        "virtual_network_id",
        "enabled",
        "access_keys",
        "secret",
        "aliyun",
        "quotas",
        "regions",
        "cpus",
        "hand_over_from",
        "backlog",
        "<<",
        "",
        "\n",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=8),
    KEYS,
    st.sampled_from(
        [
            "10.0.0.1",
            "::1",
            "10.0.0.0/8",
            "80/80",
            "-1/-1",
            "accept",
            "TCP",
            "ALL",
            "arp",
            "auto",
            "02:00:00:00:00:01",
            "1",
        ]
    ),
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"


def ids(prefix: str, least: int = 0) -> st.SearchStrategy[list[str]]:
    """Draw different ids."""
    tails = st.text(_LETTERS, min_size=1, max_size=64 - len(prefix))
    return st.lists(tails.map(lambda tail: prefix + tail), min_size=least, max_size=6, unique=True)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Draw from *strategy*, or nothing."""
    return st.none() | strategy


def is_unicast(text: str) -> bool:
    """Return whether an interface can have the address."""
    return not (ip_address(text).is_multicast or ip_address(text).is_unspecified or text == "255.255.255.255")


ADDRESSES = st.ip_addresses().map(str).filter(is_unicast)
STATUSES = st.sampled_from(["available", "unavailable"])
INTERFACES = st.fixed_dictionaries(
    {
        "device": optional(st.text(_LETTERS, min_size=1, max_size=15)),
        "netns": optional(st.text(_LETTERS, min_size=1, max_size=20)),
        "side": optional(st.sampled_from(["eni", "host"])),
        "mac": optional(st.binary(min_size=5, max_size=5).map(lambda rest: f"02:{rest.hex(':')}")),
        "addresses": st.lists(ADDRESSES, min_size=1, max_size=3, unique=True),
        "mtu": optional(st.integers(1280, 65535)),
        "also_mirror": st.sets(st.sampled_from(["arp", "dhcp", "non-ip"])).map(sorted),
        "attached": st.booleans(),
        "status": STATUSES,
        "type": st.sampled_from(["eni", "bond", "nat_gateway"]),
        "instance": st.sampled_from(["present", "missing"]),
        "instance_supports_mirroring": st.booleans(),
        "business_type": st.sampled_from(["supported", "unsupported"]),
    }
)
PORTS = st.just("-1/-1") | st.tuples(st.integers(0, 65535), st.integers(0, 65535)).map(
    lambda pair: f"{min(pair)}/{max(pair)}"
)


def cidrs(version: int) -> st.SearchStrategy[str]:
    """Draw networks of one family."""
    kind, bits = (IPv4Network, 32) if version == 4 else (IPv6Network, 128)
    values = st.tuples(st.integers(0, (1 << bits) - 1), st.integers(0, bits))
    return values.map(lambda pair: str(kind(pair, strict=False)))


def rules(priority: int) -> st.SearchStrategy[dict[str, Any]]:
    """Draw a rule of that priority."""
    return st.tuples(st.sampled_from([4, 6]), st.sampled_from(["ALL", "TCP", "UDP", "ICMP"])).flatmap(
        lambda drawn: st.fixed_dictionaries(
            {
                "priority": st.just(priority),
                "action": st.sampled_from(["accept", "drop"]),
                "protocol": st.just(drawn[1]),
                "source_cidr_block": cidrs(drawn[0]),
                "destination_cidr_block": cidrs(drawn[0]),
                "source_port_range": PORTS if drawn[1] in {"TCP", "UDP"} else st.just("-1/-1"),
                "destination_port_range": PORTS if drawn[1] in {"TCP", "UDP"} else st.just("-1/-1"),
            }
        )
    )


DIRECTIONS = st.sets(st.integers(1, 1 << 24), max_size=4).flatmap(
    lambda priorities: st.tuples(*map(rules, sorted(priorities))).map(list)
)
FILTERS = st.fixed_dictionaries({"ingress": DIRECTIONS, "egress": DIRECTIONS})

KERNELS = st.fixed_dictionaries(
    {
        "cpus": st.sampled_from(["auto", "inline"])
        | st.lists(st.integers(0, 255), min_size=1, max_size=8, unique=True),
        "hand_over_from": st.integers(1, 1024),
        "backlog": st.integers(64, 1_000_000),
    }
)
USERSPACES = st.fixed_dictionaries(
    {
        "workers": st.integers(1, 64),
        "cpus": st.just("auto") | st.lists(st.integers(0, 255), min_size=1, max_size=64, unique=True),
    }
)


@st.composite
def configurations(draw: st.DrawFn) -> dict[str, Any]:
    """Draw what a right document says, with nothing left to defaults and rules by priority."""
    names = draw(ids("eni-", least=2))
    sources, targets = names[1:], names[:1]
    filters = draw(ids("tmf-", least=1))
    sessions = draw(ids("tms-"))
    priorities = draw(
        st.lists(st.integers(1, 32766), unique=True, min_size=len(sessions), max_size=len(sessions))
    )
    session = st.fixed_dictionaries(
        {
            "sources": st.lists(st.sampled_from(sources), unique=True, min_size=1),
            "target": st.sampled_from([*targets, "lb-a"]),
            "filter": st.sampled_from(filters),
            "packet_length": st.integers(64, 8500),
            "virtual_network_id": optional(st.integers(0, (1 << 24) - 1)),
            "enabled": st.booleans(),
            "vxlan_port": st.integers(1, 65535),
        }
    )
    balancer = {
        "backends": targets,
        "address": draw(optional(ADDRESSES)),
        "status": draw(STATUSES),
        "network": "vpc",
        "type": "clb",
    }
    return {
        "interfaces": {name: draw(INTERFACES) for name in names},
        "load_balancers": {"lb-a": balancer},
        "filters": {name: draw(FILTERS) for name in filters},
        "sessions": {
            name: {"priority": priority, **draw(session)}
            for name, priority in zip(sessions, priorities, strict=True)
        },
        "kernel": draw(KERNELS),
        "userspace": draw(USERSPACES),
    }
