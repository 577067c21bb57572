"""`check`: what is right is summed up, what is wrong is refused with its file and line."""

import subprocess
import sys
from pathlib import Path

import pytest

from mirrorplane.model import MAX_VNI, VXLAN_PORT
from mirrorplane.wire import vxlan
from tests.cli.commands import PCAPS, mirrorplane, redirected, refusal


def test_a_right_file_is_summed_up() -> None:
    done = mirrorplane("check", PCAPS / "http.yaml")
    assert done.returncode == 0
    said = done.stdout.decode()
    assert "2 interfaces, 0 load balancers, 1 filter, 2 rules, 1 session" in said
    assert "tms-http" in said
    assert "02:20:00:00:00:10" in said


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        (b"interfaces: {eni-a: {adresses: [10.0.0.1]}}", 1, "adresses"),
        (b"\n\nsessions: {tms-a: 5}\n", 3, "tms-a"),
        (b"interfaces: [", 1, ""),
        (b"a: \xff\n", 1, "not UTF-8"),
    ],
)
def test_a_wrong_file_is_refused_by_its_line(tmp_path: Path, text: bytes, line: int, what: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_bytes(text)
    said = refusal(mirrorplane("check", path), 2)
    assert said.startswith(f"mirrorplane: {path}:{line}: ")
    assert what in said


def test_standard_input_is_a_file_too() -> None:
    assert "standard input:1: " in refusal(mirrorplane("check", "-", given=b"x: 1\n"), 2)


def test_a_standard_input_that_is_closed_is_refused() -> None:
    assert refusal(redirected("check - <&-"), 2) == "mirrorplane: standard input: Bad file descriptor\n"


@pytest.mark.parametrize(("name", "what"), [("missing.yaml", "No such file"), (".", "Is a directory")])
def test_a_file_that_is_not_there_is_refused(tmp_path: Path, name: str, what: str) -> None:
    assert what in refusal(mirrorplane("check", tmp_path / name), 2)


def test_a_wrong_file_is_refused_without_numpy() -> None:
    """What refuses a configuration has not loaded what runs one."""
    assert "numpy" not in _modules_of("mirrorplane.model")


def test_a_file_that_is_not_there_is_refused_without_the_model() -> None:
    assert not {"pydantic", "yaml"} & _modules_of("mirrorplane.cli.reading")


@pytest.mark.parametrize("command", ["check", "listing"])
def test_what_only_shows_something_imports_nothing_that_mirrors(command: str) -> None:
    assert not {"numpy", "mirrorplane.jit"} & _modules_of(f"mirrorplane.cli.{command}")


def test_what_the_model_says_of_vxlan_is_so() -> None:
    """It says it again for the reason above."""
    assert (MAX_VNI, VXLAN_PORT) == (vxlan.MAX_VNI, vxlan.PORT)


def _modules_of(module: str) -> set[str]:
    look = f"import sys, {module}; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_a_name_is_shown_harmlessly(tmp_path: Path) -> None:
    said = refusal(mirrorplane("check", tmp_path / "no\nsuch\x1b[31m.yaml"), 2)
    assert said.count("\n") == 1
    assert "no\\nsuch\\x1b[31m.yaml" in said


def test_every_problem_has_its_line(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("interfaces:\n  eni-a: {mac: x}\n  eni-b: {mtu: y}\n")
    lines = refusal(mirrorplane("check", path), 2).splitlines()
    assert [line.split(": ")[1] for line in lines] == [f"{path}:2", f"{path}:3"]
