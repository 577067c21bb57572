"""What an engine asks of the host: one requirement, looked at, and those of the engines without eBPF.

Owns the shape of an answer, and which capabilities this process has. Must not know how anything is run, nor
a terminal. The userspace engine's are here and not in its room, which cannot be entered without compiling.
"""

import os
import re
from collections.abc import Collection
from pathlib import Path
from socket import AF_PACKET, SOCK_RAW, socket
from struct import Struct
from typing import NamedTuple

CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN = 12, 13, 21
"""include/uapi/linux/capability.h."""

NAMES = {CAP_NET_ADMIN: "CAP_NET_ADMIN", CAP_NET_RAW: "CAP_NET_RAW", CAP_SYS_ADMIN: "CAP_SYS_ADMIN"}

SOL_PACKET, PACKET_RX_RING, PACKET_VERSION, TPACKET_V3 = 263, 5, 10, 2
RING = Struct("7I")
"""include/linux/socket.h, include/uapi/linux/if_packet.h (struct tpacket_req3), as in `capture.afpacket`."""

BY_NAMESPACE = "run it as root, or in a user namespace with networks of its own: unshare -Urn"


class Requirement(NamedTuple):
    """What is asked for by *name*: whether it is there, what was found, and what to do where it is not.

    One that is not *needed* makes an engine better, or is told because people look for it. `log` is what the
    kernel said at length, of many lines.
    """

    name: str
    ok: bool
    found: str
    remedy: str
    needed: bool = True
    log: str = ""

    @property
    def blocks(self) -> bool:
        """Whether the engine cannot run because of this."""
        return self.needed and not self.ok

    @property
    def line(self) -> str:
        """All of it in one line, but the log."""
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.name}: {self.found}{remedy}"


def lacking(wanted: Collection[int]) -> list[str]:
    """Return the names of those capabilities, of *wanted*, that this thread lacks (capabilities(7)).

    Raises OSError where there is no /proc.
    """
    status = Path("/proc/thread-self/status").read_text(encoding="ascii", errors="replace")
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    held = int(effective[1], 16) if effective else 0
    return [NAMES[number] for number in wanted if not held >> number & 1]


def userspace() -> list[Requirement]:
    """Return what the userspace engine asks for, each really tried; nothing is left behind."""
    return [_packet_ring(), _other_rights()]


def replay() -> list[Requirement]:
    """Return what replay asks for, which is nothing."""
    return [Requirement("capture files", True, "reading and writing them needs no privileges", "")]


def _packet_ring() -> Requirement:
    name = "packet socket"
    page = os.sysconf("SC_PAGESIZE")
    try:
        with socket(AF_PACKET, SOCK_RAW) as tried:  # of no protocol: it receives nothing
            tried.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V3)
            tried.setsockopt(SOL_PACKET, PACKET_RX_RING, RING.pack(page, 1, page, 1, 0, 0, 0))
    except PermissionError as error:
        return Requirement(name, False, f"{error.strerror} (it needs CAP_NET_RAW)", BY_NAMESPACE)
    except OSError as error:
        return Requirement(name, False, str(error.strerror), "use a kernel with CONFIG_PACKET=y")
    return Requirement(name, True, "AF_PACKET with a ring (TPACKET_V3) can be had", "")


def _other_rights() -> Requirement:
    """Say what is missing without the rights that no source or target here may happen to need."""
    uses = {
        "CAP_NET_ADMIN": "neighbours are not solicited (CAP_NET_ADMIN)",
        "CAP_SYS_ADMIN": "other network namespaces cannot be entered (CAP_SYS_ADMIN)",
    }
    try:
        missing = lacking((CAP_NET_ADMIN, CAP_SYS_ADMIN))
    except OSError as error:
        return Requirement("other rights", False, f"/proc: {error.strerror}", "mount /proc", needed=False)
    found = "; ".join(uses[each] for each in missing) or "neighbours can be solicited, namespaces entered"
    return Requirement("other rights", not missing, found, BY_NAMESPACE if missing else "", needed=False)
