"""Programs run by a user without any rights, root of nothing but a user namespace (user_namespaces(7)).

Owns becoming such a user. Must not know what is run. Where the tests' user is root, who also owns the
interpreter or the checkout in a folder that others may not enter, these are shown to the program in a mount
namespace of its own.

    python -m tests.cli.rootless          in the namespace: `run --engine auto` mirrors the demo's network
"""

import json
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shlex import quote
from stat import S_IXOTH
from subprocess import CompletedProcess, run
from tempfile import TemporaryDirectory

from mirrorplane.engines.userspace.kernels import compile_kernels
from mirrorplane.jit import store
from mirrorplane.lab.demo import demo
from tests.cli.commands import ROOT
from tests.cli.test_run import Running

NOBODY = 54321
"""A user and group id that nothing belongs to."""

WITHOUT_RIGHTS = (
    *("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"),
    *("--inh-caps=-all", "--bounding-set=-all", "--no-new-privs"),
)
IN_NAMESPACES = ("unshare", "--user", "--map-root-user", "--net")


def can_become(number: int) -> bool:
    """Return whether this process can become that user: root can, but not of a user namespace without it."""
    ranges = (map(int, line.split()) for line in Path("/proc/self/uid_map").read_text().splitlines())
    return os.getuid() == 0 and any(first <= number < first + count for first, _, count in ranges)


@contextmanager
def user() -> Iterator["User"]:
    """Be able to run programs without rights, with a home of their own, until the end of `with`."""
    with TemporaryDirectory(prefix="rootless-") as name:
        _bring_kernels(Path(name))
        if not os.geteuid():
            for path in (Path(name), *Path(name).rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        yield User(Path(name))


def _bring_kernels(home: Path) -> None:
    """Copy the compiled pipeline: another user's is not trusted, and to compile it takes long."""
    compile_kernels(lambda line: None)
    kept = store._folder()
    if kept is not None:
        (home / kept.name).mkdir(0o700)
        for path in kept.glob("*.o"):
            shutil.copy(path, home / kept.name)


class User:
    """A user without rights, whose home also has the compiled pipeline."""

    def __init__(self, home: Path) -> None:
        """Be at home in *home*."""
        self._home = home

    def run(self, *arguments: str) -> CompletedProcess[str]:
        """Run *arguments* in new user and network namespaces, of which it is root."""
        command: tuple[str, ...] = (*IN_NAMESPACES, *arguments)
        if not os.geteuid():
            command = ("unshare", "--mount", "sh", "-c", self._showing((*WITHOUT_RIGHTS, *command)))
        home = str(self._home)
        settings = {"HOME": home, "TMPDIR": home, "MIRRORPLANE_CACHE": home, "PYTHONDONTWRITEBYTECODE": "1"}
        settings = {**os.environ, **settings}
        return run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=settings, timeout=200)

    def _showing(self, command: tuple[str, ...]) -> str:
        """Return the script that runs *command* where what it needs can be reached by everybody."""
        needed = [Path(sys.base_prefix), Path(sys.prefix), ROOT]
        hidden = {path: folder for path in needed if (folder := _first_closed(path)) is not None}
        script = ["set -e"]
        for row, path in enumerate(hidden):
            script += [f"mkdir -p {self._home}/{row}", f"mount --bind {quote(str(path))} {self._home}/{row}"]
        script += [f"mount -t tmpfs -o mode=755 none {quote(str(folder))}" for folder in set(hidden.values())]
        for row, path in enumerate(hidden):
            shown = quote(str(path))
            script += [f"mkdir -p {shown}", f"mount --bind {self._home}/{row} {shown}"]
        return "\n".join([*script, " ".join(map(quote, ("exec", *command)))])


def _first_closed(path: Path) -> Path | None:
    """Return the outermost folder on the way to *path* that others may not enter."""
    folders = [*reversed(path.parents), path]
    return next((folder for folder in folders if not folder.stat().st_mode & S_IXOTH), None)


def main() -> None:
    """Mirror the demo's network; print what was said, what was counted, and how many copies came."""
    with demo() as lab, TemporaryDirectory() as folder:
        path = Path(folder, "demo.yaml")
        path.write_text(lab.configuration())
        lab.serve()
        with lab.record_sensor() as sensor:
            running = Running(lab, path)
            running.await_line("mirrorplane: ready")
            exchanges = [talk.exchanges for talk in lab.talk()]
            time.sleep(0.3)
            last = running.stop()[-1]
        copies = len([seen for seen in sensor.frames if len(seen.frame) > 100])
        print(json.dumps({"said": running.said, "exchanges": exchanges, "last": last, "copies": copies}))


if __name__ == "__main__":
    main()
