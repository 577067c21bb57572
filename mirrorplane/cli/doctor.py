"""`mirrorplane doctor`: what this host can run, and what is missing.

Owns which engine `run` takes, and how the answer looks. Must not know how anything is tried.
"""

import json
import sys
from typing import Any

from rich.table import Table
from rich.text import Text

from mirrorplane.cli.outcome import Exit
from mirrorplane.cli.terminal import show
from mirrorplane.engines import requirement
from mirrorplane.engines.kernel import requirements as kernel
from mirrorplane.engines.requirement import Requirement

LIVE = ("kernel", "userspace")
"""What mirrors live traffic, the better first."""

Answers = dict[str, list[Requirement]]


def doctor(as_json: bool, verbose: bool) -> Exit:
    """Show what each engine asks for, and whether it is there; *verbose*: also the verifier's log.

    Return FAILED where no live traffic can be mirrored.
    """
    answers = {
        "kernel": kernel.requirements(),
        "userspace": requirement.userspace(),
        "replay": requirement.replay(),
    }
    if as_json:
        show(json.dumps(_document(answers)))
    else:
        _show(answers, verbose)
    return Exit.DONE if _taken(answers) else Exit.FAILED


def _can_run(asked: list[Requirement]) -> bool:
    return not any(each.blocks for each in asked)


def _taken(answers: Answers) -> str | None:
    return next((engine for engine in LIVE if _can_run(answers[engine])), None)


def _document(answers: Answers) -> dict[str, Any]:
    engines = {
        engine: {"can_run": _can_run(asked), "requirements": [each._asdict() for each in asked]}
        for engine, asked in answers.items()
    }
    return {"engine": _taken(answers), "engines": engines}


def _show(answers: Answers, verbose: bool) -> None:
    if sys.stdout.isatty():
        for engine, asked in answers.items():
            show(_table(engine, asked))
    else:
        for engine, asked in answers.items():
            for each in asked:
                show(f"{engine}: {_state(each)}: {each.line}")
    for asked in answers.values():
        for each in asked:
            if verbose and each.log:
                show(f"{each.name}:\n{each.log}")
    show(_conclusion(answers))


def _table(engine: str, asked: list[Requirement]) -> Table:
    verdict = "can run" if _can_run(asked) else "cannot run"
    table = Table(show_header=False, title=f"{engine}: {verdict}", title_justify="left")
    for each in asked:
        remedy = f"\nto do: {each.remedy}" if each.remedy else ""
        table.add_row(_state(each), each.name, Text(f"{each.found}{remedy}"))
    return table


def _state(each: Requirement) -> str:
    if each.ok:
        return "ok"
    return "missing" if each.needed else "without"


def _conclusion(answers: Answers) -> str:
    engine = _taken(answers)
    if engine is None:
        return "`run` cannot mirror live traffic here; `replay` works"
    best = LIVE[0]
    why = next((each.line for each in answers[best] if each.blocks), None)
    return f"`run` takes the {engine} engine here{f' ({best}: {why})' if why else ''}"
