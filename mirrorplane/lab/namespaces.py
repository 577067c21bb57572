"""Network namespaces: made, entered, named, swept.

Owns making and naming them, and who may remove what. Must not know links, addresses or programs.

A namespace lives as long as something holds it. Here that is a file descriptor of the owner, so a lab whose
owner is killed is gone with it. Where this process may mount, the namespace also has a name under
/run/netns, which `ip netns exec` and the configuration's `netns:` key understand; the name outlives a
killed owner, and `sweep` removes it. Whether the owner lives is told by a lock on the namespace itself,
which the kernel drops with the owner: no process id is compared, so none can be mistaken. In an
unprivileged user namespace nothing can be mounted, and the namespace goes by its descriptor's path under
/proc.

Code runs *inside* a namespace in a thread of its own, as captures do (`capture.device`): what that opens
(sockets, netlink, programs) stays in the namespace after it, and the caller's thread never moves.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from ctypes import get_errno
from fcntl import LOCK_EX, LOCK_NB, flock
from functools import partial
from os import O_CLOEXEC, O_RDONLY, close, fstat, getpid, pidfd_open, strerror
from os import open as open_descriptor
from pathlib import Path
from signal import SIGKILL, pidfd_send_signal
from socket import AF_PACKET, SOCK_RAW, socket
from typing import ParamSpec, TypeVar

from pyroute2 import IPRoute, netns
from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.capture.device import CLONE_NEWNET, LIBC, NAMES, inside

PREFIX = "mp-"
"""What the names of all labs begin with: nothing else under NAMES is ever removed."""

MARK = "MIRRORPLANE_LAB"
"""Environment variable of every program that a lab starts: the namespace it was started in."""

P = ParamSpec("P")
T = TypeVar("T")


class LabError(Exception):
    """A lab that cannot be built or that did not do what was asked, in one line."""


class Namespace:
    """A network namespace that this process owns.

    `reference` is what the configuration's `netns:` key wants: the name, or the path /proc/PID/fd/N where
    this process may not name it (any program of the same user can open that path while the owner lives).
    """

    def __init__(self, name: str) -> None:
        """Make the namespace, named *name* if that is allowed. Raises LabError where none can be made."""
        self.named = False
        self.descriptor = _in_thread(self._make, name)
        self.reference = name if self.named else f"/proc/{getpid()}/fd/{self.descriptor}"

    def _make(self, name: str) -> int:
        if LIBC.unshare(CLONE_NEWNET):
            raise LabError(f"cannot make a network namespace: {strerror(get_errno())}")
        descriptor = open_descriptor("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        flock(descriptor, LOCK_EX)
        with _names_locked(), suppress(OSError):
            netns.attach(name, "thread-self", libc=LIBC)
            self.named = True
        return descriptor

    def inside(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what *function* returns, called by a thread inside the namespace."""
        return inside(f"/proc/self/fd/{self.descriptor}", partial(function, *args, **kwargs))

    def close(self) -> None:
        """Give up the descriptor: the kernel removes the namespace when nothing else (a name) holds it."""
        if self.descriptor >= 0:
            close(self.descriptor)
            self.descriptor = -1


def _in_thread(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Return what *function* returns, called by a thread that ends then: it may change its namespace."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(function, *args, **kwargs).result()


@contextmanager
def _names_locked() -> Iterator[None]:
    """Keep others from sweeping while a name is made: for a moment it is a plain file that nobody locks."""
    try:
        folder = open_descriptor(NAMES, O_RDONLY | O_CLOEXEC)
    except OSError:  # no named namespaces yet on this host, so none to sweep either
        yield
        return
    try:
        flock(folder, LOCK_EX)
        yield
    finally:
        close(folder)


def remove_names(prefix: str) -> None:
    """Remove the names that begin with *prefix*, also of a namespace whose making was interrupted."""
    with _names_locked():
        for path in NAMES.glob(f"{prefix}*"):
            netns.remove(path.name, libc=LIBC)


def sweep() -> list[str]:
    """Remove the namespaces of labs whose owner was killed, and their programs; return the names removed."""
    with _names_locked():
        return [path.name for path in sorted(NAMES.glob(f"{PREFIX}*")) if _sweep_one(path)]


def _sweep_one(path: Path) -> bool:
    try:
        descriptor = open_descriptor(path, O_RDONLY | O_CLOEXEC)
    except OSError:  # gone meanwhile, or not ours to open
        return False
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
        _end_programs(fstat(descriptor).st_ino)
        netns.remove(path.name, libc=LIBC)
    except OSError:  # its owner lives, or it is not ours to remove
        return False
    finally:
        close(descriptor)
    return True


def _end_programs(inode: int) -> None:
    """Kill what a lab started in the namespace with that inode; a person's own shell there has no mark."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            handle = pidfd_open(int(process.name))
            try:
                inhabits = (process / "ns" / "net").stat().st_ino == inode
                if inhabits and f"{MARK}=".encode() in (process / "environ").read_bytes():
                    pidfd_send_signal(handle, SIGKILL)
            finally:
                close(handle)


def missing() -> str | None:
    """Return why live labs are impossible here, in one line a person can act on, or None: possible."""
    try:
        _in_thread(_rehearse)
    except LabError as error:
        return str(error)
    return None


def _rehearse() -> None:
    """Do once, in a namespace that ends with this thread, each thing that a lab needs."""
    if LIBC.unshare(CLONE_NEWNET):
        reason = strerror(get_errno())
        raise LabError(
            f"network namespaces need root or a user namespace ({reason}):"
            " try sudo, or unshare -Urn before the command"
        )
    try:
        with IPRoute() as netlink:
            netlink.link("add", kind="veth", ifname="a", peer={"ifname": "b"})
    except NetlinkError as error:
        raise LabError(f"no veth pair can be made: {error}") from None
    try:
        socket(AF_PACKET, SOCK_RAW).close()
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="ascii")
    except OSError as error:
        raise LabError(f"this process may make network namespaces but not use them: {error}") from None
