"""Which CPU handles what a device receives: receive packet steering (networking/scaling.rst, "RPS").

Owns the mask in sysfs and how it is reached. Must not know what the device is for.

/sys often shows another network namespace than the thread is in (after nsenter(1), or in a thread that has
entered one), and often cannot be written. So a sysfs of the thread's own namespace is made with fsopen(2) and
fsmount(2) and used by its descriptor: it is attached to no folder, nobody else sees it, and it goes with the
descriptor.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_int, c_uint, get_errno
from errno import EINVAL, ENOENT

from mirrorplane.capture.device import LIBC
from mirrorplane.engines.kernel.bpf.libbpf import RefusedError
from mirrorplane.engines.kernel.host.refusals import asking

SYS_FSOPEN, SYS_FSCONFIG, SYS_FSMOUNT = 430, 431, 432
"""include/uapi/asm-generic/unistd.h, the same on x86 and Arm; glibc has functions for them since 2.36."""

FSOPEN_CLOEXEC, FSMOUNT_CLOEXEC = 0x1, 0x1
FSCONFIG_CMD_CREATE = 6
MOUNT_ATTR_NOSUID, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC = 0x2, 0x4, 0x8
"""include/uapi/linux/mount.h."""

WORD_BITS = 32
"""A mask is written as hexadecimal numbers of 32 bits, the highest first, with commas between them
(lib/bitmap-str.c, bitmap_parse)."""


def steer(device: str, cpu: int) -> None:
    """Have CPU number *cpu* handle what *device*, of this thread's namespace, receives.

    Raises RefusedError where that cannot be had: without CAP_SYS_ADMIN (for the sysfs) and CAP_NET_ADMIN, on
    a kernel without RPS (CONFIG_RPS), for a CPU that is not there, is offline or is kept from such work.
    """
    with asking(f"{device}: handing over to CPU {cpu}"), _sysfs() as root:
        written = _write(root, f"class/net/{device}/queues/rx-0/rps_cpus", mask(cpu))
    if written != 1 << cpu:
        raise RefusedError(f"{device}: handing over to CPU {cpu}: it is not online", EINVAL)


def mask(cpu: int) -> str:
    """Return the mask of one CPU as sysfs takes it."""
    words, bit = divmod(cpu, WORD_BITS)
    return f"{1 << bit:x}" + ",00000000" * words


def _write(root: int, path: str, text: str) -> int:
    """Write a mask; return what the kernel made of it."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CLOEXEC, dir_fd=root)
    except FileNotFoundError:
        raise OSError(ENOENT, "no such device, or a kernel without receive packet steering") from None
    try:
        os.write(file, text.encode())
        return int(os.pread(file, 4096, 0).replace(b",", b""), 16)
    finally:
        os.close(file)


@contextmanager
def _sysfs() -> Iterator[int]:
    """Yield a descriptor of the root of a sysfs of this thread's network namespace. Raises OSError."""
    making = _call(SYS_FSOPEN, b"sysfs", c_uint(FSOPEN_CLOEXEC))
    try:
        _call(SYS_FSCONFIG, c_int(making), c_uint(FSCONFIG_CMD_CREATE), None, None, c_int(0))
        attributes = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
        root = _call(SYS_FSMOUNT, c_int(making), c_uint(FSMOUNT_CLOEXEC), c_uint(attributes))
    finally:
        os.close(making)
    try:
        yield root
    finally:
        os.close(root)


def _call(number: int, *arguments: object) -> int:
    result = int(LIBC.syscall(number, *arguments))
    if result < 0:
        code = get_errno()
        raise OSError(code, f"no sysfs of this network namespace can be had: {os.strerror(code)}")
    return result
