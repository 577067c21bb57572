"""What the reconciler needs of an engine.

Owns that interface. Must not know any engine.
"""

from typing import Protocol

from mirrorplane.engines.report import Report
from mirrorplane.model import Configuration


class EngineRefusal(Exception):  # noqa: N818 - as Refusal: nothing is wrong with the program
    """A configuration that an engine does not run; str() says why in a line. What it ran before goes on."""


class Engine(Protocol):
    """Mirrors what it was told last. Its methods are called by one thread at a time, `counters` by any."""

    def apply(self, configuration: Configuration) -> None:
        """Return when *configuration* is in force. Raises EngineRefusal; then all is as it was before."""

    def counters(self) -> Report:
        """Return everything counted, by the ids of the configuration."""

    def close(self) -> None:
        """Stop mirroring."""
