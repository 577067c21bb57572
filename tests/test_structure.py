"""The house rules that no linter knows: sizes, docstrings, sources of formats, words to keep out.

Imports are held to the list of rooms by import-linter (pyproject.toml).
"""

import ast
import re
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "mirrorplane"
MODULES = sorted(PACKAGE.rglob("*.py"))
TREES = {path: ast.parse(path.read_text()) for path in MODULES}

LONGEST_FILE, LONGEST_FUNCTION, MEDIAN_FUNCTION = 400, 60, 10
OURS = ("mirrorplane", "tests", "pcaps", "benchmarks", ".ci")
TEXTS = [
    path
    for place in OURS
    for path in sorted((ROOT / place).rglob("*"))
    if path.suffix in {".py", ".md", ".yaml", ".json", ".c", ".h"} or path.name == "run"
] + [ROOT / "README.md", ROOT / "pyproject.toml"]


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    return (function.end_lineno or function.lineno) - function.lineno + 1


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LONGEST_FILE
    assert [function.name for function in functions(TREES[path]) if lines(function) > LONGEST_FUNCTION] == []


def test_the_usual_function_is_short() -> None:
    assert (
        statistics.median(lines(function) for tree in TREES.values() for function in functions(tree))
        < MEDIAN_FUNCTION
    )


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_a_module_says_what_it_owns(path: Path) -> None:
    assert ast.get_docstring(TREES[path])


@pytest.mark.parametrize("path", sorted((PACKAGE / "wire").glob("[a-z]*.py")), ids=name)
def test_a_format_names_its_source(path: Path) -> None:
    assert re.search(r"RFC \d+|IEEE 802|draft-|\(VIRTIO\) \d", ast.get_docstring(TREES[path]) or "")


def test_numba_is_imported_in_one_room() -> None:
    users = {
        path.parent.name
        for path, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for module in (
            [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
        )
        if (module or "").split(".")[0] == "numba"
    }
    assert users == {"jit"}


@pytest.mark.parametrize("path", MODULES, ids=name)
def test_names_say_something(path: Path) -> None:
    assert not {"utils", "util", "helpers", "helper", "common", "misc", "manager"} & set(
        path.with_suffix("").parts
    )


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_nothing_of_one_machine_is_in_the_tree(path: Path) -> None:
    found = re.findall(r"(?<![\w.~-])/(?:root|home/\w+)/\S*", path.read_text())
    assert found == []


def test_each_limit_in_the_readme_names_a_test_that_exists() -> None:
    readme = (ROOT / "README.md").read_text()
    section = readme.split("## Limits", 1)[1].split("\n## ", 1)[0]
    limits = re.findall(r"^\* .*?(?=^\* |\Z)", section, re.MULTILINE | re.DOTALL)
    assert limits
    for limit in limits:
        assert "**" in limit, limit
        named = re.search(r"`(tests/[\w/]+\.py)::(\w+)`", limit)
        assert named, limit
        assert f"def {named[2]}(" in (ROOT / named[1]).read_text(), limit
