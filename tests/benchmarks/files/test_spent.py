"""What a process costs."""

import sys

import pytest

from benchmarks.files.spent import FailedProgramError, Spent, beyond, spent

MEGA = 1 << 20


def python(text: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", text]


def test_time_is_what_it_takes() -> None:
    found = spent(python("import time; time.sleep(0.3)"))
    assert 0.3 <= found.seconds < 5
    assert found.cpu < 0.3


def test_work_is_cpu_time() -> None:
    found = spent(python("import time\nwhile time.process_time() < 0.3: pass"))
    assert 0.3 <= found.cpu <= found.seconds + 0.05


def test_size_is_the_programs_own_not_that_of_whoever_measures() -> None:
    ballast = b"x" * (200 * MEGA)
    assert spent(python("")).peak < 100 * MEGA
    assert 100 * MEGA < spent(python(f"x = b'x' * {len(ballast) // 2}")).peak < 200 * MEGA


def test_it_can_be_fed() -> None:
    check = python("import sys; sys.exit(sys.stdin.read() != 'hello')")
    spent(check, python("print('hello', end='')"))
    with pytest.raises(FailedProgramError):
        spent(check, python("print('another', end='')"))


def test_a_program_that_fails_says_why() -> None:
    with pytest.raises(FailedProgramError, match="no such thing"):
        spent(python("import sys; sys.exit('no such thing')"))


def test_the_median_start_up_is_taken_off() -> None:
    starts = [Spent(1, 1, 5), Spent(9, 7, 6), Spent(2, 1.5, 4)]
    assert beyond([Spent(3, 2, 20), Spent(5, 4, 30)], starts) == [Spent(1, 0.5, 15), Spent(3, 2.5, 25)]
