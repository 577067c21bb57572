"""UDP (RFC 768; zero checksums over IPv6 tunnels: RFC 6935).

Owns the header. Must not know what it carries.
"""

from typing import NamedTuple

from mirrorplane.wire.transport import DESTINATION_PORT, SOURCE_PORT

LENGTH = slice(4, 6)
CHECKSUM = slice(6, 8)
HEADER_LEN = CHECKSUM.stop


class UDP(NamedTuple):
    """A header as a value."""

    source_port: int
    destination_port: int
    length: int
    checksum: int = 0


def emit(header: UDP) -> bytes:
    """Return the header's 8 bytes."""
    return b"".join(field.to_bytes(2, "big") for field in header)


def parse(datagram: bytes) -> UDP:
    """Return the header of *datagram*. Raises ValueError if it is cut."""
    if len(datagram) < HEADER_LEN:
        raise ValueError(f"{len(datagram)} bytes are less than a UDP header")
    fields = (SOURCE_PORT, DESTINATION_PORT, LENGTH, CHECKSUM)
    return UDP(*(int.from_bytes(datagram[field], "big") for field in fields))
