"""An engine at work in a thread on the host: a test has its hands free, as a user has."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic, sleep
from typing import Any, Self, TypeVar

from mirrorplane.lab.network import Host
from mirrorplane.lab.recorder import Recorder
from tests.engines.live.network import Engine, EngineName, Network, configuration
from tests.engines.live.wire import Copy, copies
from tests.engines.running import check_conservation

T = TypeVar("T")

A_WHILE = 0.005
QUIET = 0.1
"""Seconds in which nothing is counted and nothing arrives, when all is over."""

PATIENCE = 10.0


class Mirror:
    """The engine, with `settings` in every configuration, and what it sends."""

    def __init__(
        self,
        network: Network,
        said: dict[str, Any],
        settings: dict[str, Any],
        engine: EngineName | None = None,
        sensor: Host | None = None,
    ) -> None:
        """Start the engine, the network's own if none is named; it runs until the end of `with`.

        *sensor* is who it mirrors to, by its eth0, if that is not the network's.
        """
        self.network, self.settings = network, settings
        self.engine_name: EngineName = engine or network.engine_name
        self._sensor = sensor or network.sensor
        self._questions: SimpleQueue[Callable[[], object]] = SimpleQueue()
        self._stop = Event()
        self._before: dict[str, Counter[str]] = {}
        self._final: dict[str, Counter[str]] | None = None
        started = Future[Engine]()
        self._thread = Thread(target=network.host.call, args=(self._run, said | settings, started))
        self._thread.start()
        self._engine = started.result()

    def _run(self, said: dict[str, Any], started: Future[Engine]) -> None:
        try:
            engine = self.network.start(said, self.engine_name)
        except BaseException as error:  # noqa: BLE001 - it is handed to who waits
            started.set_exception(error)
            return
        with engine:
            started.set_result(engine)
            while not self._stop.is_set():
                engine.poll(A_WHILE)
                while not self._questions.empty():
                    self._questions.get()()

    def ask(self, question: Callable[[Engine], T]) -> T:
        """Return what *question* returns, or raise what it raises, called by the engine's thread."""
        answer = Future[T]()

        def call() -> None:
            try:
                answer.set_result(question(self._engine))
            except BaseException as error:  # noqa: BLE001 - it is handed to who asked
                answer.set_exception(error)

        self._questions.put(call)
        return answer.result(PATIENCE)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the engine's thread from its work meanwhile."""
        go_on = Event()
        self._questions.put(lambda: go_on.wait(PATIENCE))
        try:
            yield
        finally:
            go_on.set()

    @contextmanager
    def recording(self, said: dict[str, Any]) -> Iterator[Recorder]:
        """Mirror as *said*, record what leaves for the sensor meanwhile, and count from now on."""
        self.ask(lambda engine: engine.reload(configuration(said | self.settings)))
        while not all(way.startswith("by ") for way in self.ask(lambda engine: engine.targets()).values()):
            sleep(A_WHILE)
        with self._recorder() as recorder:
            self._before, self._final = self._totals(), None
            yield recorder
        assert recorder.lost == 0

    def _recorder(self) -> Recorder:
        """Return a recorder of the copies.

        What the programs send, packet sockets on the uplink see; what a ring sends, they do not. What arrives
        at the sensor is the same, but the far end of a lab's link has a queue for each CPU, in which packets
        of different senders overtake one another, and are dropped.
        """
        if self.engine_name == "kernel":
            return Recorder(self.network.host, "up")
        return Recorder(self._sensor, "eth0", outgoing=False)

    def got(self, recorder: Recorder) -> list[Copy]:
        """Return the copies that left, when no more come; `counted` is of this moment from then on.

        Later there may be more: hosts have things of their own to say.
        """
        before, frames, end = self.counted(), list(recorder.frames), monotonic() + PATIENCE
        while True:
            assert monotonic() < end, "it does not end"
            sleep(QUIET)
            now, frames_now = self.counted(), list(recorder.frames)
            if (now, len(frames_now)) == (before, len(frames)):
                break
            before, frames = now, frames_now
        self._final = before
        check_conservation(self.ask(lambda engine: engine.counters()))
        return copies(seen.frame for seen in frames)

    def counted(self) -> dict[str, Counter[str]]:
        """Return what was counted of the guest since `recording` began, by direction, until `got` if it was.

        What found a ring full is of "unknown" direction, which is there if that has happened at all.
        """
        if self._final is not None:
            return self._final
        return {way: count - self._before.get(way, Counter()) for way, count in self._totals().items()}

    def _totals(self) -> dict[str, Counter[str]]:
        found = self.ask(lambda engine: engine.counters())
        totals = {"ingress": Counter[str](), "egress": Counter[str]()}
        for way, count in found["sources"]["eni-guest"]["directions"].items():
            counts = {"seen": count["seen"], "mirrored": count["mirrored"]} | count["not_mirrored"]
            totals.setdefault(way, Counter()).update(counts)
        return totals

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Stop the engine and its thread."""
        self._stop.set()
        self._thread.join()
