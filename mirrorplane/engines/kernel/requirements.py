"""What the kernel engine asks of the host: each thing really tried, nothing left behind.

Owns which things those are, how each is tried, and what to do where one is missing. Must not know plans, or
how an answer is shown. Devices and filters are tried in a network namespace that is made for it and goes
with the thread that made it.
"""

import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from ctypes import c_char_p, c_int, c_size_t, c_uint32, c_void_p, get_errno
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_MEMLOCK, getrlimit
from typing import NamedTuple, TypeVar

from pyroute2 import IPRoute

from mirrorplane.capture.device import CLONE_NEWNET, LIBC
from mirrorplane.engines.kernel.bpf.libbpf import Descriptor, KernelError, RefusedError, check, libbpf
from mirrorplane.engines.kernel.bpf.maps import Kind, Map
from mirrorplane.engines.kernel.bpf.object import Object, image
from mirrorplane.engines.kernel.host.hooks import attach, ensure_clsact, filter_name
from mirrorplane.engines.kernel.host.refusals import asking
from mirrorplane.engines.kernel.host.staging import make_relay, make_staging
from mirrorplane.engines.requirement import CAP_NET_ADMIN, CAP_SYS_ADMIN, Requirement, lacking

__all__ = ["Requirement", "missing", "requirements"]

OLDEST = (5, 15)
"""The first Linux that this is expected to work on."""

NO_MEMLOCK = (5, 11)
"""From this Linux on maps and programs are charged to the memory cgroup (kernel/bpf/syscall.c)."""

USER_NAMESPACE = 0xEFFF_FFFD
"""PROC_USER_INIT_INO of include/linux/proc_ns.h: the inode of the first user namespace, in every kernel."""

BTF = Path("/sys/kernel/btf/vmlinux")
BTF_MAGIC = (b"\x9f\xeb", b"\xeb\x9f")
"""BTF_MAGIC of include/uapi/linux/btf.h, in either byte order."""

SCHED_CLS = 3
"""BPF_PROG_TYPE_SCHED_CLS of include/uapi/linux/bpf.h."""

PASS = b"\xb7\0\0\0\xff\xff\xff\xff" + b"\x95\0\0\0\0\0\0\0"
"""Two struct bpf_insn: r0 = TC_ACT_UNSPEC, which leaves the packet to other filters; exit."""
INSTRUCTION = 8

TAG = "00000000"
"""Whose the devices and filters are that are tried: nobody's."""

T = TypeVar("T")


class _Look(NamedTuple):
    """How one thing is tried: *look* returns what was found, or raises KernelError or OSError.

    It is not tried where one of those that it comes *after*, by name, is missing.
    """

    name: str
    look: Callable[[], str]
    remedy: str
    after: tuple[str, ...] = ()
    needed: bool = True


def requirements() -> list[Requirement]:
    """Return all that is asked for, tried in order. Takes about a second."""
    return _looked(_CHEAP + _DEAR)


def missing() -> str | None:
    """Return why the kernel engine cannot run here, in one line a person can act on, or None.

    Without loading the programs or making devices, which `requirements` also tries.
    """
    return next((found.line for found in _looked(_CHEAP) if found.blocks), None)


def _looked(looks: tuple[_Look, ...]) -> list[Requirement]:
    found: dict[str, Requirement] = {}
    for each in looks:
        before = [name for name in each.after if not found[name].ok]
        found[each.name] = _untried(each, before) if before else _tried(each)
    return list(found.values())


def _untried(each: _Look, before: list[str]) -> Requirement:
    first = ", ".join(before)
    return Requirement(each.name, False, f"not tried, for want of: {first}", f"first: {first}", each.needed)


def _tried(each: _Look) -> Requirement:
    try:
        return Requirement(each.name, True, each.look(), "", each.needed)
    except RefusedError as error:
        return Requirement(each.name, False, str(error), each.remedy, each.needed, error.log)
    except KernelError as error:
        return Requirement(each.name, False, str(error), each.remedy, each.needed)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return Requirement(each.name, False, f"{where}{error.strerror}", each.remedy, each.needed)


def _release() -> tuple[int, int]:
    """Return the kernel's version, as far as it is compared."""
    number = re.match(r"(\d+)\.(\d+)", os.uname().release)
    return (int(number[1]), int(number[2])) if number else (0, 0)


def _linux() -> str:
    if _release() < OLDEST:
        raise KernelError(f"{os.uname().release} is too old")
    return os.uname().release


def _capabilities() -> str:
    wanted = CAP_SYS_ADMIN, CAP_NET_ADMIN
    without = lacking(wanted)
    if without:
        raise KernelError(f"no {', no '.join(without)}")
    return "CAP_SYS_ADMIN and CAP_NET_ADMIN"


def _user_namespace() -> str:
    if Path("/proc/self/ns/user").stat().st_ino != USER_NAMESPACE:
        raise KernelError("a user namespace, whose capabilities bpf(2) does not take")
    return "the host's own"


def _btf() -> str:
    with BTF.open("rb") as file:
        if file.read(2) not in BTF_MAGIC:
            raise KernelError(f"{BTF}: is not BTF")
    return f"{BTF} can be read"


def _library() -> str:
    version = libbpf().libbpf_version_string
    version.restype = c_char_p
    return f"libbpf {version().decode()}"


def _object() -> str:
    return f"there, of this version's sources, {len(image())} bytes"


def _bpf() -> str:
    with Map.create(Kind.ARRAY, "mp_doctor", 4, 8, 1) as tried:
        tried.update(bytes(4), bytes(8))
    return "makes maps"


def _memlock() -> str:
    if _release() >= NO_MEMLOCK:
        return "does not matter from Linux 5.11 on"
    _, most = getrlimit(RLIMIT_MEMLOCK)
    if most != RLIM_INFINITY:
        raise KernelError(f"at most {most} bytes of maps and programs")
    return "unlimited"


def _bpffs() -> str:
    return "not needed: attached filters keep programs and maps, which are found again by their ids"


def _veth() -> str:
    _in_fresh_namespace(lambda netlink: make_staging(netlink, TAG))
    return "the staging pair can be had, offloads off"


def _hooks() -> str:
    def try_it(netlink: IPRoute) -> None:
        device = make_staging(netlink, TAG).b_index
        with _pass() as program:
            ensure_clsact(netlink, device)
            attach(netlink, device, "ingress", program.fd, filter_name(TAG, "test"))

    _in_fresh_namespace(try_it)
    return "a filter can be attached"


def _programs() -> str:
    with Object(image()) as loading:
        loading.load()
    return "the verifier takes them"


def _hand_over() -> str:
    count, cpu = os.sysconf("SC_NPROCESSORS_ONLN"), max(os.sched_getaffinity(0))
    if count == 1:
        raise KernelError("there is one CPU")
    _in_fresh_namespace(lambda netlink: make_relay(netlink, TAG, 0, cpu))
    return f"{count} CPUs; copies can be handed over"


@contextmanager
def _pass() -> Iterator[Descriptor]:
    """Yield a program that does nothing. Raises RefusedError."""
    load = libbpf().bpf_prog_load
    load.restype, load.argtypes = c_int, [c_uint32, c_char_p, c_char_p, c_char_p, c_size_t, c_void_p]
    fd = load(SCHED_CLS, b"mp_doctor", b"GPL", PASS, len(PASS) // INSTRUCTION, None)
    with Descriptor(check(fd, "loading a program of two instructions")) as program:
        yield program


def _in_fresh_namespace(work: Callable[[IPRoute], T]) -> T:
    """Return what *work* returns, called in a network namespace that ends with it.

    Raises RefusedError, or what *work* raises.
    """

    def entered() -> T:
        with asking("making a network namespace"):
            if LIBC.unshare(CLONE_NEWNET):
                code = get_errno()
                raise OSError(code, os.strerror(code))
            netlink = IPRoute(ext_ack=True)
        with netlink:
            return work(netlink)

    with ThreadPoolExecutor(1) as thread:
        return thread.submit(entered).result()


_AS_ROOT = "run it as root of the host (sudo)"
_PLAIN_KERNEL = "distributions' kernels have it"

_CHEAP = (
    _Look("Linux", _linux, f"Linux {OLDEST[0]}.{OLDEST[1]} or later is needed"),
    _Look("capabilities", _capabilities, _AS_ROOT),
    _Look("user namespace", _user_namespace, f"{_AS_ROOT}, not of a user namespace or a rootless container"),
    _Look(
        "libbpf",
        _library,
        "apt install libbpf1 (Debian, Ubuntu), dnf install libbpf (Fedora): version 1.0 or later",
    ),
    _Look("eBPF object", _object, "install mirrorplane again: the object is made with its package"),
    _Look(
        "BTF",
        _btf,
        f"mount /sys, or use a kernel with CONFIG_DEBUG_INFO_BTF=y ({_PLAIN_KERNEL})",
    ),
    _Look(
        "bpf(2)",
        _bpf,
        f"{_AS_ROOT}; in a container, have its seccomp profile allow bpf(2); the kernel needs"
        " CONFIG_BPF_SYSCALL=y",
        ("libbpf",),
    ),
)
"""What tells within a tenth of a second whether it is worth trying."""

_DEAR = (
    _Look("memlock", _memlock, "raise the limit of locked memory: ulimit -l unlimited", needed=False),
    _Look("bpffs", _bpffs, "", needed=False),
    _Look(
        "veth",
        _veth,
        f"modprobe veth, or use a kernel with CONFIG_VETH ({_PLAIN_KERNEL})",
        ("capabilities",),
    ),
    _Look(
        "clsact, cls_bpf",
        _hooks,
        "modprobe sch_ingress cls_bpf, or use a kernel with CONFIG_NET_SCH_INGRESS, CONFIG_NET_CLS_ACT and"
        f" CONFIG_NET_CLS_BPF ({_PLAIN_KERNEL})",
        ("bpf(2)", "veth"),
    ),
    _Look(
        "programs",
        _programs,
        "report this, with the kernel's version and what doctor -v says of it",
        ("eBPF object", "BTF", "bpf(2)"),
    ),
    _Look(
        "other CPUs",
        _hand_over,
        "super-packets are segmented by their senders' CPUs: nothing has to be done",
        ("veth",),
        needed=False,
    ),
)
