"""Images: machine code that runs wherever it lies.

Owns what an image is made of, and how one becomes callable. Must not know who makes images or keeps them.

An image begins with the addresses of the functions of the C library that its code calls, which whoever maps
it fills in, and with where in it the entry is. All else refers to places in the image itself, by their
distance: nothing has to be looked up or patched. It is never writable and executable at once.
"""

import ctypes
import functools
import mmap
import os
import struct
from collections.abc import Callable

Entry = Callable[[int], int]
"""Takes the address of a call's words; returns 0, or else the kernel has raised."""

ENTRY = "mirrorplane_entry"
"""The function that is entered, as an object file names it."""

OUTSIDE = ("memcpy", "memmove", "memset")
"""What machine code may call that is not in it, in the order of an image's first words."""

WORD = struct.Struct("<Q")
HEADER_LEN = (len(OUTSIDE) + 1) * WORD.size
_ENTRY_AT = len(OUTSIDE) * WORD.size
_ENTRY = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)
_FAILED = ctypes.c_void_p(-1).value


def header(entry: int) -> bytes:
    """Return what an image begins with whose code is entered at byte *entry*."""
    return bytes(_ENTRY_AT) + WORD.pack(entry)


def is_one(code: bytes) -> bool:
    """Return whether *code* is an image, whose first words nobody has filled in yet."""
    return code.startswith(bytes(_ENTRY_AT))


def load(image: bytes) -> Entry:
    """Return the entry point of *image*, mapped for as long as the process lives.

    Raises OSError where the system gives no memory, or none that code may run in.
    """
    (entry,) = WORD.unpack_from(image, _ENTRY_AT)
    return as_entry(_mapped(_outside() + image[_ENTRY_AT:]) + entry)


def as_entry(address: int) -> Entry:
    """Return the machine code at *address* as something to call."""
    return _ENTRY(address)


@functools.cache
def _outside() -> bytes:
    library = ctypes.CDLL(None)
    addresses = (ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in OUTSIDE)
    return b"".join(WORD.pack(address or 0) for address in addresses)


@functools.cache
def _system() -> ctypes.CDLL:
    system = ctypes.CDLL(None, use_errno=True)
    system.mmap.restype = ctypes.c_void_p
    system.mmap.argtypes = [ctypes.c_void_p, ctypes.c_size_t, *[ctypes.c_int] * 3, ctypes.c_long]
    system.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return system


def _mapped(code: bytes) -> int:
    """Return the address of a copy of *code* that can be run, and no longer written."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
    address = _system().mmap(None, len(code), mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    if address == _FAILED:
        raise _error("no memory for machine code")
    ctypes.memmove(address, code, len(code))
    if _system().mprotect(address, len(code), mmap.PROT_READ | mmap.PROT_EXEC):
        raise _error("memory for machine code")
    return int(address)


def _error(what: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{what}: {os.strerror(number)}")
