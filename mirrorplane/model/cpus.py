"""CPUs by their numbers, as both live engines' sections list them.

Owns the bound and the words that refuse the rest. Must not know which CPUs the host has, nor what they are
wanted for.
"""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, TypeAdapter

from mirrorplane.model.faults import kind, shown
from mirrorplane.model.scalars import some, whole

MAX_CPU = 255

Cpus = tuple[int, ...]


def words_or_cpus(*words: str, most: int) -> Callable[[object], str | Cpus]:
    """Return a validator of one of *words*, or of the numbers of one to *most* CPUs.

    As a union, pydantic would tell what is wrong by each of its parts.
    """

    def few(cpus: Cpus) -> Cpus:
        if len(cpus) > most:
            raise ValueError(f"lists {len(cpus)} CPUs: at most {most}")
        return some(cpus)

    number = Annotated[int, whole(0, MAX_CPU)]
    numbers = TypeAdapter[Cpus](Annotated[tuple[number, ...], AfterValidator(few)])
    expected = ", ".join(f"'{word}'" for word in words)

    def check(value: object) -> str | Cpus:
        if isinstance(value, str) and value in words:
            return value
        if isinstance(value, list | tuple):
            return numbers.validate_python(value)
        what = shown(value) if isinstance(value, str) else kind(value)
        raise ValueError(f"must be {expected} or a list of CPU numbers such as [1, 3], not {what}")

    return check
