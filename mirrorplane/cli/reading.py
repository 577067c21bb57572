"""Configuration files.

Owns getting at their text. Must not know what it means.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from mirrorplane.cli.outcome import WrongUsageError

if TYPE_CHECKING:
    from mirrorplane.model import Configuration

STANDARD_INPUT = "-"
MAX_BYTES = 64 << 20
"""More than any configuration needs: 20,000 sessions and 100,000 rules are less than 30 MB."""


def configuration(path: str) -> "Configuration":
    """Read the configuration file *path*, or standard input for `-`.

    Raises WrongUsageError where there is no such text, ConfigurationError where it is wrong.
    """
    name = "standard input" if path == STANDARD_INPUT else path
    octets = _octets(path, name)
    if len(octets) > MAX_BYTES:
        raise WrongUsageError(f"{name}: more than {MAX_BYTES >> 20} MB is no configuration")
    try:
        text = octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise WrongUsageError(f"{name}:{line}: byte {error.start} is not UTF-8 text") from None
    from mirrorplane.model import read  # slow, and not needed for a file that is not there

    return read(text, name)


def _octets(path: str, name: str) -> bytes:
    try:
        if path == STANDARD_INPUT:
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise WrongUsageError(f"{name}: {error.strerror}") from None
