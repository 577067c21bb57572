"""Whether anything that next hops depend on has changed in a network namespace (rtnetlink(7), netlink(7)).

Owns a netlink socket in the multicast groups of links, neighbours, addresses, routes, rules and next-hop
objects. Must not know what changed, nor who depends on it.

It says *that* something changed, not what. What a change means for a target is the kernel's to say: it takes
rules, tables, metrics and states together, so whoever watches looks its targets up again. To take the
messages apart would be to guess at that, and dear where neighbours come and go all the time. Of a message the
first bytes are read, enough to pass over what cannot concern a next hop (a bridge's forwarding table, which
a busy host changes with every guest that talks); the rest is left to the kernel to throw away.

Where more happens than is read, the kernel drops messages and says so once (ENOBUFS): then something changed.
Not reported: what happens outside rtnetlink, such as a remote router's. So a watch only shortens the wait for
the next look; it does not replace it.
"""

from errno import ENOBUFS
from os import strerror
from socket import AF_INET, AF_INET6, AF_NETLINK, AF_UNSPEC, NETLINK_ROUTE, SOCK_CLOEXEC, SOCK_RAW, socket
from struct import Struct

from mirrorplane.forward.sink import ForwardError

RTNLGRP_LINK, RTNLGRP_NEIGH, RTNLGRP_NEXTHOP = 1, 3, 32
RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV4_RULE = 5, 7, 8
RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV6_ROUTE, RTNLGRP_IPV6_RULE = 9, 11, 19
"""include/uapi/linux/rtnetlink.h, enum rtnetlink_groups."""

GROUPS = sum(
    1 << group - 1
    for group in (
        RTNLGRP_LINK,
        RTNLGRP_NEIGH,
        RTNLGRP_NEXTHOP,
        RTNLGRP_IPV4_IFADDR,
        RTNLGRP_IPV4_ROUTE,
        RTNLGRP_IPV4_RULE,
        RTNLGRP_IPV6_IFADDR,
        RTNLGRP_IPV6_ROUTE,
        RTNLGRP_IPV6_RULE,
    )
)
"""The groups as bind(2) takes them: each is a bit, the first group the lowest."""

RTM_LINK, RTM_ADDRESS, RTM_ROUTE, RTM_NEIGHBOUR, RTM_RULE, RTM_NEXTHOP = 16, 20, 24, 28, 32, 104
CHANGES = frozenset(
    kind + deleted
    for kind in (RTM_LINK, RTM_ADDRESS, RTM_ROUTE, RTM_NEIGHBOUR, RTM_RULE, RTM_NEXTHOP)
    for deleted in (0, 1)
)
"""include/uapi/linux/rtnetlink.h: RTM_NEW... of each kind, and RTM_DEL..., which follows it."""

FAMILIES = frozenset({AF_UNSPEC, AF_INET, AF_INET6})
"""Whose changes matter; a link's own are of no family."""

BEGINNING = Struct("=IHHIIB")
"""struct nlmsghdr (length, type, flags, sequence, sender), and the family, with which the payload of each of
these messages begins."""

AT_ONCE = 1024
"""Messages read in one call at most; the default buffer holds fewer."""


class Watch:
    """Watches the namespace of the thread that makes it. To be read by one thread at a time."""

    def __init__(self) -> None:
        """Begin to watch. Raises ForwardError where the kernel refuses."""
        try:
            self._socket = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE)
        except OSError as error:
            raise _refusal(error) from None
        try:
            self._socket.setblocking(False)
            self._socket.bind((0, GROUPS))
        except OSError as error:
            self._socket.close()
            raise _refusal(error) from None

    def fileno(self) -> int:
        """Return the descriptor, readable (POLLIN) when `changed` has something to read."""
        return self._socket.fileno()

    def changed(self) -> bool:
        """Read what has been reported; return whether any of it may concern a next hop. Never waits.

        After AT_ONCE messages it returns with the rest unread: the descriptor stays readable.
        """
        found = False
        for _ in range(AT_ONCE):
            try:
                found |= concerns(self._socket.recv(BEGINNING.size))
            except BlockingIOError:
                break
            except OSError as error:
                if error.errno != ENOBUFS:
                    raise
                found = True  # there was more than the buffer holds
        return found

    def close(self) -> None:
        """Stop watching. Further calls do nothing."""
        self._socket.close()


def concerns(message: bytes) -> bool:
    """Return whether a netlink message that begins with these bytes may change the way to an IP address."""
    if len(message) < BEGINNING.size:
        return False
    _, kind, _, _, _, family = BEGINNING.unpack_from(message)
    return kind in CHANGES and family in FAMILIES


def _refusal(error: OSError) -> ForwardError:
    return ForwardError(f"routes and neighbours cannot be watched: {strerror(error.errno or 0)}")
