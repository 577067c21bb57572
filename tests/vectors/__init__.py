"""The table of vectors: description, configuration, packets, what must become of each (DESIGN 3).

Owns the list that every engine is run through. Must not know any engine. Expectations are written by
hand; nothing in them comes from the oracle or from the package.
"""

from tests.vectors import directions, encapsulation, extensions, headers, lengths, selection, unwanted
from tests.vectors.case import Case, Expected, Result, complaints, stream_complaints

CASES: list[Case] = [
    *directions.CASES,
    *selection.CASES,
    *unwanted.CASES,
    *headers.CASES,
    *extensions.CASES,
    *lengths.CASES,
    *encapsulation.CASES,
]

__all__ = ["CASES", "Case", "Expected", "Result", "complaints", "stream_complaints"]
