"""The judge of the data plane: what DESIGN 3 says must happen to a packet, one small function a sentence.

Owns the expected outcome of any packets under any configuration. Must not know how mirrorplane does it:
nothing here comes from the package, not even a constant, and speed is never a reason for anything.
Headers are read with `struct`, because the interesting ones lie and parsers forgive that; the outer
headers, which do not lie, are built with dpkt.
"""

from tests.oracle.configuration import Configuration, read_configuration
from tests.oracle.envelope import internet_checksum, udp_checksum_over_ipv6
from tests.oracle.flow import backend_of, mix64
from tests.oracle.judge import mirror
from tests.oracle.outcome import Direction, Outcome, Packet, Verdict

__all__ = [
    "Configuration",
    "Direction",
    "Outcome",
    "Packet",
    "Verdict",
    "backend_of",
    "internet_checksum",
    "mirror",
    "mix64",
    "read_configuration",
    "udp_checksum_over_ipv6",
]
