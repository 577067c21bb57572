"""An engine that lies on the bench: it does nothing with a configuration but keep it, or refuse it."""

import threading
from collections.abc import Callable

from mirrorplane.control import EngineRefusal
from mirrorplane.engines.report import Report
from mirrorplane.model import Configuration

Judge = Callable[[Configuration], str | None]


class Bench:
    """`applied` is everything that came into force, in order; *judge* says why one does not."""

    def __init__(self, judge: Judge = lambda configuration: None) -> None:
        self.judge = judge
        self.applied: list[Configuration] = []
        self.n_attempts = 0
        self.is_closed = False
        self.free = threading.Event()
        self.free.set()

    @property
    def running(self) -> dict[str, str]:
        """The sessions in force, with their filters."""
        now = self.applied[-1].sessions if self.applied else {}
        return {name: session.filter for name, session in now.items()}

    def apply(self, configuration: Configuration) -> None:
        assert self.free.wait(30)
        self.n_attempts += 1
        why = self.judge(configuration)
        if why is not None:
            raise EngineRefusal(why)
        self.applied.append(configuration)

    def counters(self) -> Report:
        return {"sources": {}, "sessions": {}, "filters": {}}

    def close(self) -> None:
        self.is_closed = True


def not_from(*sources: str) -> Judge:
    """Return a judge that lets no session mirror one of *sources*."""

    def judge(configuration: Configuration) -> str | None:
        for session in configuration.sessions.values():
            for source in session.sources:
                if source in sources:
                    return f"{source}: device is not there"
        return None

    return judge
