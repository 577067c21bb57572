"""A report as a folder: JSON, the page and its pictures; and read from there again.

Owns the names in the folder. Must not know what was measured.
"""

from pathlib import Path

from benchmarks.figures import Report
from benchmarks.report import markdown

JSON, PAGE = "report.json", "report.md"


def write(report: Report, folder: Path) -> None:
    """Write the report into *folder*, which is made if it is not there. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / JSON).write_text(report.emit())
    render(report, folder)


def render(report: Report, folder: Path) -> None:
    """Write what is made of the JSON. Raises OSError."""
    from benchmarks.report import plots  # noqa: PLC0415 - matplotlib, which only pictures need

    (folder / PAGE).write_text(markdown.page(report))
    plots.draw(report, folder)


def load(path: Path) -> Report:
    """Return the report in a JSON file. Raises OSError, ValueError."""
    return Report.parse(path.read_text())
