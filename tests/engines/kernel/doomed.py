"""A process whose children put instances up, change them and take them away, and are killed at it.

Run on a lab's host as `python -m tests.engines.kernel.doomed CONFIGURATION CONFIGURATION`. Each line on stdin
is a task, as JSON: the `work` to do, and when to be killed: before step number `at` (a *step* is something
that changes the kernel), or `after` so many seconds, or not at all. Each is answered by a line: its status,
how many steps were begun, and what was said.

The children have everything imported, and the programs and maps loaded, which all of them share: to load them
takes longer than all the rest, and leaves nothing that outlives who does it.
"""

import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Collection
from functools import wraps
from mmap import mmap
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute
from pyroute2.iproute.linux import RTNL_API

from mirrorplane.cli.clean import clean
from mirrorplane.engines.kernel import loading
from mirrorplane.engines.kernel.bpf.maps import Map
from mirrorplane.engines.kernel.bpf.programs import Program
from mirrorplane.engines.kernel.engine import Kernel
from mirrorplane.engines.kernel.host import staging
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.records import CONTROL, number, rows
from mirrorplane.model import Configuration, read

NAME = "doomed"
NEVER = 0
LOOKS = {"get", "dump"}
N_NAMESPACES = 2
"""That the configurations mirror from."""


class Loads:
    """The programs and maps, loaded once; every instance of a child has these."""

    def __init__(self) -> None:
        self._loaded = Loaded.anew()
        self._programs = {(name, 0): program for name, program in self._loaded.gates.items()}
        for namespace in range(N_NAMESPACES):
            taps = self._loaded.taps(namespace)
            self._programs |= {(name, namespace): program for name, program in taps.items()}

    def provide(self) -> None:
        """Have this process use them."""
        for owner, name, ours in ((Loaded, "anew", self._anew), (loading, "_load", self._load)):
            setattr(owner, name, ours)

    def _anew(self) -> Loaded:
        """Return them as if they were new."""
        maps = self._loaded.maps
        maps["settings"].update(number(0), rows(CONTROL).tobytes())
        maps["ledger"].delete(number(0))
        for name in ("devices", "tunnels"):
            for key in list(maps[name].all_keys()):
                maps[name].delete(key)
        return self._loaded

    def _load(self, names: Collection[str], _maps: object, namespace: int = 0) -> dict[str, Program]:
        # Whoever gives up an instance that was half there closes these, and still has those of `_anew`.
        return {name: Program(os.dup(self._programs[name, namespace].fd)) for name in names}


class Steps:
    """Counts steps, and ends the process before the one that it is doomed at; shared with the parent."""

    def __init__(self) -> None:
        self._count = mmap(-1, 8)
        self.at = NEVER

    @property
    def count(self) -> int:
        return int.from_bytes(self._count[:8], sys.byteorder)

    @count.setter
    def count(self, value: int) -> None:
        self._count[:8] = value.to_bytes(8, sys.byteorder)

    def step(self) -> None:
        self.count += 1
        if self.count == self.at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        """Count what this process does to the kernel from now on."""
        for owner, name in ((Map, "update"), (Map, "update_all"), (Map, "delete")):
            setattr(owner, name, self._counted(getattr(owner, name)))
        for name in ("switch_off", "steer"):
            setattr(staging, name, self._counted(getattr(staging, name)))
        for name in ("link", "tc"):
            setattr(RTNL_API, name, self._counted_but_looks(getattr(RTNL_API, name)))

    def _counted(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def counted(*args: Any, **kwargs: Any) -> Any:
            self.step()
            return function(*args, **kwargs)

        return counted

    def _counted_but_looks(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        async def counted(this: Any, command: str, *args: Any, **kwargs: Any) -> Any:
            if command not in LOOKS:
                self.step()
            return await function(this, command, *args, **kwargs)

        return counted


def main(paths: list[str]) -> None:
    """Do what stdin says until it ends."""
    first, second = (read(Path(path).read_text(encoding="utf-8"), path) for path in paths)
    works: dict[str, Callable[[Steps], None]] = {
        "start": lambda steps: start(steps, first),
        "restart": lambda steps: start(steps, second),
        "reload": lambda steps: reload(steps, first, second),
        "stop": lambda steps: stop(steps, first),
        "mend": lambda steps: mend(steps, first),
        "clean": tidy,
    }
    steps, loads = Steps(), Loads()
    loads.provide()
    for line in sys.stdin:
        task = json.loads(line)
        steps.count, steps.at = 0, task.get("at", NEVER)
        read_end, write_end = os.pipe()
        child = os.fork()
        if not child:
            os.dup2(write_end, 1)
            os.dup2(write_end, 2)
            run(works[task["work"]], steps)
        os.close(write_end)
        if "after" in task:
            time.sleep(task["after"])
            os.kill(child, signal.SIGKILL)
        with os.fdopen(read_end, encoding="utf-8") as said:
            words = said.read()
        _, status = os.waitpid(child, 0)
        answer = {"status": status, "steps": steps.count, "said": words}
        print(json.dumps(answer), flush=True)


def run(work: Callable[[Steps], None], steps: Steps) -> None:
    """Do it in this child, which ends as abruptly as if it were killed, but tells by its status."""
    try:
        work(steps)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001 - it is told
        traceback.print_exception(error, file=sys.stdout)
        sys.stdout.flush()
        os._exit(1)
    os._exit(0)


def engine(configuration: Configuration) -> Kernel:
    return Kernel(configuration, print, NAME)


def start(steps: Steps, configuration: Configuration) -> None:
    steps.watch()
    engine(configuration)


def reload(steps: Steps, first: Configuration, second: Configuration) -> None:
    running = engine(first)
    steps.watch()
    running.reload(second)


def stop(steps: Steps, first: Configuration) -> None:
    running = engine(first)
    steps.watch()
    running.close()


def mend(steps: Steps, first: Configuration) -> None:
    """Have the staging pair removed, and put up again."""
    running = engine(first)
    with IPRoute() as netlink:
        netlink.link("del", ifname=f"mp-{running._tag}-sa")
    steps.watch()
    running.poll(0)


def tidy(steps: Steps) -> None:
    steps.watch()
    clean()


if __name__ == "__main__":
    main(sys.argv[1:])
