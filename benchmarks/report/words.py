"""Figures, targets and machines as text: what every rendering says in the same words.

Owns digits and phrases. Must not know tables or formats.
"""

from math import floor, log10

from benchmarks.figures import Column, Figure, Machine, Measurement, Target

DIGITS = 3
GIB, MIB = 1 << 30, 1 << 20
NOTHING = "-"


def number(value: float) -> str:
    """Return *value* with three digits that count, never as a power of ten."""
    if not value:
        return "0"
    decimals = max(DIGITS - 1 - floor(log10(abs(value))), 0)
    return f"{value:,.{decimals}f}"


def figure(of: Figure | None) -> str:
    """Return the median and, where there are several samples, the range that they lie in."""
    if of is None:
        return NOTHING
    if len(of.samples) == 1:
        return number(of.median)
    return f"{number(of.median)} ({number(of.low)} to {number(of.high)})"


def bound(target: Target, column: Column) -> str:
    """Return what a target asks for."""
    bounds = ("at most", target.at_most), ("at least", target.at_least)
    said = [f"{word} {number(limit)} {column.unit}".rstrip() for word, limit in bounds if limit is not None]
    return f"{', '.join(target.labels)}: {target.column} {' and '.join(said)}"


def targets(measurement: Measurement) -> list[str]:
    """Return a line on each target: what it asks for, what was measured, and whether that is enough."""
    columns = {column.name: column for column in measurement.columns}
    lines = []
    for target in measurement.targets:
        found = measurement.figure(target.labels, target.column)
        verdict = "not measured" if found is None else f"{figure(found)}, {_met(target, found)}"
        lines.append(f"{bound(target, columns[target.column])}: {verdict}")
    return lines


def _met(target: Target, found: Figure) -> str:
    return "met" if target.is_met(found) else "missed"


def left_out(measurement: Measurement) -> list[str]:
    """Return a line on each thing that was not measured."""
    return [f"left out: {each.what} ({each.why})" for each in measurement.left_out]


def machine(of: Machine) -> str:
    """Return what was measured on, in a line."""
    caches = ", ".join(f"{name} {_size(size)}" for name, size in of.caches.items())
    cores = f"{of.cores} x {of.processor}" + (f" ({of.usable} usable)" if of.usable != of.cores else "")
    parts = [cores, f"caches {caches}" if caches else "", f"{of.memory / GIB:.0f} GiB of memory", of.kernel]
    return ", ".join([*filter(None, parts), f"Python {of.python}"])


def _size(size: int) -> str:
    return f"{size // MIB} MiB" if size >= MIB and size % MIB == 0 else f"{size >> 10} KiB"


def versions(of: dict[str, str]) -> str:
    """Return what was compared, in a line."""
    return ", ".join(f"{name} {version or 'not installed'}" for name, version in of.items())


def pairs(count: int) -> str:
    """Return what a figure is."""
    return f"each figure: the median (smallest to largest) of {count} alternating runs"
