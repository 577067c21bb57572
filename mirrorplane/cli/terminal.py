"""Tables and progress, for a person at a terminal.

Owns how things look. Must not know what is counted, nor why.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, TextIO

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from mirrorplane.engines.report import Report

_FALLBACK_WIDTH = 120


def show(what: RenderableType, output: TextIO | None = None) -> None:
    """Print to *output*, standard output if it is None: text as it is, tables drawn."""
    output = output or sys.stdout
    console = Console(
        file=output,
        highlight=False,
        soft_wrap=isinstance(what, str),
        width=None if output.isatty() else _FALLBACK_WIDTH,
    )
    console.print(what, markup=False) if isinstance(what, str) else console.print(what)


class Measured(Protocol):
    """Something that knows how far it is, in bytes; `total` is None where the end is not known."""

    @property
    def consumed(self) -> int:
        """Bytes done."""

    @property
    def total(self) -> int | None:
        """Bytes in all."""


class Meter:
    """What a progress bar is told after each batch."""

    def __init__(self, progress: Progress, measured: Measured) -> None:
        self._progress, self._measured = progress, measured
        self._task = progress.add_task("replay", total=measured.total, packets=0)
        self._packets = 0

    def __call__(self, n_packets: int) -> None:
        """Note that *n_packets* more are done."""
        self._packets += n_packets
        self._progress.update(self._task, completed=self._measured.consumed, packets=self._packets)


class _PacketsColumn(ProgressColumn):
    """Packets so far, and a second."""

    def render(self, task: Task) -> Text:
        packets, elapsed = task.fields["packets"], task.elapsed or 0.0
        rate = packets / elapsed if elapsed else 0.0
        return Text(f"{packets:,} packets, {rate:,.0f}/s")


@contextmanager
def meter(measured: Measured) -> Iterator[Meter]:
    """Show a progress bar on stderr while the block runs."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        _PacketsColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        yield Meter(progress, measured)


def counted(report: "Report") -> list[Table]:
    """Return the tables of a report: sources with their reasons, and sessions."""
    sources = Table("source", "seen", "mirrored", "not mirrored")
    for name, source in report["sources"].items():
        reasons = ", ".join(f"{reason} {count:,}" for reason, count in source["not_mirrored"].items())
        sources.add_row(name, f"{source['seen']:,}", f"{source['mirrored']:,}", reasons or "none")
    sessions = Table("session", "VNI", "mirrored packets", "bytes (outer IP)", "truncated")
    for name, session in report["sessions"].items():
        sessions.add_row(
            name,
            str(session.get("virtual_network_id", "")),
            f"{session['mirrored_packets']:,}",
            f"{session['mirrored_bytes']:,}",
            f"{session['truncated_packets']:,}",
        )
    return [sources, sessions]
