"""What the kernel refuses over netlink, in one line.

Owns the words. Must not know what was asked for.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from os import strerror

from pyroute2.netlink.exceptions import NetlinkError

from mirrorplane.engines.kernel.bpf.libbpf import RefusedError


@contextmanager
def asking(what: str) -> Iterator[None]:
    """Turn a refusal inside the `with` block into a RefusedError whose line begins with *what*."""
    try:
        yield
    except NetlinkError as error:
        raise refused(what, error) from None
    except OSError as error:
        raise RefusedError(f"{what}: {error.strerror}", error.errno or 0) from None


def refused(what: str, error: NetlinkError) -> RefusedError:
    """Return what to raise for *error*.

    The kernel's own words are in it where the socket asked for them: IPRoute(ext_ack=True), `netlink` in
    `linux/netlink.h`, NLMSGERR_ATTR_MSG.
    """
    reason, said = strerror(error.code), str(error.args[1])
    return RefusedError(f"{what}: {reason}" + (f" ({said})" if said != reason else ""), error.code)
