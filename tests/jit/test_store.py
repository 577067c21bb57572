"""What is kept is found again, what is damaged is not used, and what nobody uses goes."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mirrorplane.jit import Kernel, store
from tests.jit.test_kernels import double

DAY = 86400


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv(store.FOLDER_VARIABLE, str(tmp_path))
    store._folder.cache_clear()
    yield tmp_path / "mirrorplane"
    store._folder.cache_clear()


def code(sources: bytes = b"sources", name: str = "a.kernel", made: bytes = b"made") -> bytes:
    return store.code(name, sources, lambda: made)


def refuse() -> bytes:
    raise AssertionError("is kept already")


def aged(path: Path, days: float) -> None:
    when = time.time() - days * DAY
    os.utime(path, (when, when))


def test_what_is_kept_is_not_compiled_again(folder: Path) -> None:
    assert code() == b"made"
    assert store.code("a.kernel", b"sources", refuse) == b"made"
    assert code(b"other sources", made=b"other") == b"other"
    assert len(list(folder.iterdir())) == 2


@pytest.mark.parametrize("kept", [b"", b"short", bytes(32) + b"made"])
def test_what_is_damaged_is_made_anew(folder: Path, kept: bytes) -> None:
    code()
    (path,) = folder.iterdir()
    path.write_bytes(kept)
    assert code(made=b"anew") == b"anew"
    assert store.code("a.kernel", b"sources", refuse) == b"anew"


def test_what_others_can_write_is_not_used(folder: Path) -> None:
    code()
    (path,) = folder.iterdir()
    path.chmod(0o666)
    assert code(made=b"anew") == b"anew"
    assert path.stat().st_mode & 0o777 == 0o600


def test_of_a_kernel_those_last_used_are_kept(folder: Path) -> None:
    other = code(name="another.kernel")
    for number in range(store.KEPT):
        before = set(folder.iterdir())
        code(b"%d" % number)
        (added,) = set(folder.iterdir()) - before
        aged(added, 2 * store.KEPT - number)
    assert store.code("a.kernel", b"0", refuse) == b"made"  # which is use
    code(b"new")
    assert len(list(folder.glob("a.kernel-*"))) == store.KEPT
    assert store.code("a.kernel", b"0", refuse) == b"made"
    assert store.code("another.kernel", b"sources", refuse) == other


def test_what_nobody_uses_goes_and_what_is_not_ours_stays(folder: Path) -> None:
    code(name="forgotten.kernel")
    (forgotten,) = folder.iterdir()
    aged(forgotten, 91)
    half, fresh, foreign = folder / "tmpx.half", folder / "tmpy.half", folder / "notes.txt"
    for path in (half, fresh, foreign):
        path.write_bytes(b"")
    aged(half, 2)
    aged(foreign, 200)
    code()
    assert not forgotten.exists()
    assert not half.exists()
    assert fresh.exists()
    assert foreign.exists()


CHURN = """
import sys
from mirrorplane.jit import store
for turn in range(3):
    for number in range(20):
        made = b"code %d" % number
        assert store.code("a.kernel", b"%d" % number, lambda: made) == made
"""


def test_processes_that_write_and_prune_at_once_do_not_meet(folder: Path) -> None:
    code()
    churns = [subprocess.Popen([sys.executable, "-c", CHURN], stderr=subprocess.PIPE) for _ in range(4)]
    said = [churn.communicate(timeout=60)[1] for churn in churns]
    assert (said, [churn.returncode for churn in churns]) == ([b""] * 4, [0] * 4)
    code(b"last")
    assert len(list(folder.iterdir())) == store.KEPT


def test_without_a_folder_everything_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(store.FOLDER_VARIABLE, "not/absolute")
    store._folder.cache_clear()
    assert [code(made=b"one"), code(made=b"two")] == [b"one", b"two"]
    store._folder.cache_clear()


def test_a_kernel_is_loaded_once_by_however_many_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    kernel, loads = Kernel(double.python), []
    kept = double.code()

    def slowly() -> bytes:
        loads.append(threading.get_ident())
        time.sleep(0.05)
        return kept

    monkeypatch.setattr(kernel, "code", slowly)
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(kernel.entry())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert found == [kernel.entry()] * 8
