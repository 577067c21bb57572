"""`mirrorplane` as processes on a lab's host, what they leave behind there, and numbered datagrams meanwhile.

Owns starting, killing and hearing them. Must not know what is right.
"""

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen
from threading import Event, Thread
from typing import Any, Self

import yaml

from mirrorplane.engines.kernel.bpf.libbpf import RefusedError
from mirrorplane.engines.kernel.bpf.programs import Program
from mirrorplane.engines.kernel.host import hooks
from mirrorplane.lab.network import Host
from tests.engines.live.network import Network

LONGEST = 30.0
SHOW = """
ip -d link show
tc qdisc show
ip -br link | sed -n 's/^\\([^ @]*\\).*/filter show dev \\1 ingress\\nfilter show dev \\1 egress/p' | tc -b -
"""
SOON = 2.5
"""Seconds: what is looked for once a second is acted on by then."""


class Run:
    """A `mirrorplane run` on the host; `said` is what it has said on stderr so far."""

    def __init__(self, host: Host, path: Path, *flags: str) -> None:
        command = [sys.executable, "-m", "mirrorplane", "run", str(path), *flags]
        self.process: Popen[str] = host.spawn(command)
        self.said: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.communicate()

    def await_line(self, part: str = "mirrorplane: ready") -> str:
        """Return the next line on stderr that has *part* in it."""
        assert self.process.stderr is not None
        while line := self.process.stderr.readline():
            self.said.append(line.rstrip())
            if part in line:
                return line.rstrip()
        raise AssertionError(self.said)

    def hang_up(self) -> None:
        """Have it read its configuration again."""
        self.process.send_signal(signal.SIGHUP)

    def kill(self) -> dict[str, Any]:
        """Kill it; return its last whole report, empty if it had none."""
        self.process.kill()
        output, errors = self.process.communicate(timeout=5)
        self.said += errors.splitlines()
        reports = [line for line in output.splitlines(keepends=True) if line.endswith("\n")]
        return dict(json.loads(reports[-1])) if reports else {}

    def stop(self, number: signal.Signals = signal.SIGTERM) -> dict[str, Any]:
        """End it, within 5 s; return its last report."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=5)
        self.said += errors.splitlines()
        assert self.process.returncode == 0, self.said
        assert "Traceback" not in errors
        return dict(json.loads(output.splitlines()[-1]))


def written(path: Path, said: dict[str, Any]) -> Path:
    """Write a configuration, as a whole; return where."""
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(said), encoding="utf-8")
    return fresh.replace(path)


def cleaned(host: Host) -> str:
    """Run `mirrorplane clean` on the host; return what it removed."""
    return host.run([sys.executable, "-m", "mirrorplane", "clean"]).stdout


def listing(*hosts: Host) -> str:
    """Return what everybody sees of the hosts' devices, qdiscs and filters."""
    return "\n".join(host.run(["sh", "-c", SHOW]).stdout for host in hosts)


def programs(host: Host) -> set[int]:
    """Return the ids of our programs that are attached on a host."""

    def look(netlink: Any) -> set[int]:
        indexes = [link["index"] for link in netlink.get_links()]
        return {found.program_id for index in indexes for found in hooks.filters(netlink, index)}

    found: set[int] = host.netlink(look)
    return found


def are_gone(ids: set[int], seconds: float = 2.0) -> bool:
    """Return whether the kernel has freed the programs with these ids, which takes it a moment."""
    end = time.monotonic() + seconds
    while any(is_loaded(number) for number in ids):
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def is_loaded(number: int) -> bool:
    try:
        Program.by_id(number).close()
    except RefusedError:
        return False
    return True


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Return whether *condition* holds at some time in the next *seconds*."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


class Stream:
    """Numbered datagrams from the guest to the host, one every *pause* seconds; `n_sent` grows."""

    def __init__(self, network: Network, pause: float = 0.0005) -> None:
        self.n_sent = 0
        self._network, self._pause = network, pause
        self._done = Event()

    @contextmanager
    def running(self) -> Iterator[Self]:
        """Send while the block runs."""
        with self._network.talkers() as talk:
            sender = Thread(target=self._send, args=(talk,))
            sender.start()
            try:
                yield self
            finally:
                self._done.set()
                sender.join()

    def _send(self, talk: Any) -> None:
        while not self._done.is_set():
            talk.guest_sends(range(self.n_sent, self.n_sent + 1))
            self.n_sent += 1
            time.sleep(self._pause)
