"""What goes into the judge and what comes out: packets, verdicts, counts (DESIGN 3.8, 6).

Owns these values and the counting. Must not know why a packet got its verdict.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tests.oracle.configuration import Configuration

Direction = Literal["unknown", "ingress", "egress"]
RuleId = tuple[str, Direction, int]
"""A rule where it is used: (session, direction, priority)."""
TALLIES = ("mirrored_packets", "mirrored_bytes", "truncated_packets")


@dataclass(frozen=True)
class Packet:
    """A captured frame of a source. `direction` is as the capture saw it, before `side` is reckoned with."""

    source: str
    frame: bytes
    wire_length: int
    direction: Direction = "unknown"


@dataclass(frozen=True)
class Verdict:
    """What happens to a packet.

    `reason` is "mirrored" or a name of DESIGN 3.2; `rule` is the rule that decided, if one did. From
    `session` on, the fields are of mirrored packets alone: `outer` is the whole outer frame, Ethernet
    included, and `kept` how many inner bytes are in it.
    """

    direction: Direction
    reason: str
    rule: RuleId | None = None
    session: str | None = None
    backend: str | None = None
    outer: bytes | None = None
    outer_ip_bytes: int = 0
    kept: int = 0
    truncated: bool = False


@dataclass(frozen=True)
class Outcome:
    """Every packet's verdict, in order, and what was counted.

    `counters` has the shape of DESIGN 6 (`--json`): sources that had packets or have sessions, with the
    reasons that occurred, and all sessions. `seen` is by (source, direction), `not_mirrored` by (source,
    direction, reason), `rules` by rule.
    """

    verdicts: tuple[Verdict, ...]
    counters: dict[str, Any]
    seen: Counter[tuple[str, Direction]]
    not_mirrored: Counter[tuple[str, Direction, str]]
    rules: Counter[RuleId]


def count(configuration: Configuration, packets: Sequence[Packet], verdicts: tuple[Verdict, ...]) -> Outcome:
    """Count "per source and direction, per session and per rule"."""
    seen = Counter(
        (packet.source, verdict.direction) for packet, verdict in zip(packets, verdicts, strict=True)
    )
    not_mirrored = Counter(
        (packet.source, verdict.direction, verdict.reason)
        for packet, verdict in zip(packets, verdicts, strict=True)
        if verdict.session is None
    )
    rules = Counter(verdict.rule for verdict in verdicts if verdict.rule)
    counters = {
        "sources": _sources(configuration, seen, not_mirrored),
        "sessions": {session: _tallies(session, verdicts) for session in configuration.session_ids},
    }
    return Outcome(verdicts, counters, seen, not_mirrored, rules)


def _tallies(session: str, verdicts: Sequence[Verdict]) -> dict[str, int]:
    sent = [verdict for verdict in verdicts if verdict.session == session]
    sums = (
        len(sent),
        sum(verdict.outer_ip_bytes for verdict in sent),
        sum(verdict.truncated for verdict in sent),
    )
    return dict(zip(TALLIES, sums, strict=True))


def _sources(
    configuration: Configuration,
    seen: Counter[tuple[str, Direction]],
    not_mirrored: Counter[tuple[str, Direction, str]],
) -> dict[str, Any]:
    active = {source for source, sessions in configuration.sessions.items() if sessions}
    counted = {source: (0, Counter[str]()) for source in sorted(active | {source for source, _ in seen})}
    for (source, _), number in seen.items():
        counted[source] = counted[source][0] + number, counted[source][1]
    for (source, _, reason), number in not_mirrored.items():
        counted[source][1][reason] += number
    return {source: {"seen": n, "not_mirrored": dict(reasons)} for source, (n, reasons) in counted.items()}
