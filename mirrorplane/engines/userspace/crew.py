"""The workers of an engine, each in a thread: the first in the engine's own, which also directs the others.

Owns the threads, that they hold still while something is changed, and the CPUs that they keep to. Must not
know what is changed.

A worker's thread takes two locks in turn. Who wants it to hold still takes the first and keeps it: the worker
then finds it taken after the batch at hand, however eager it is to go on (a lock alone goes to whoever is
quickest, which is the thread that has just given it back).
"""

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from threading import Lock, Thread, get_native_id

from mirrorplane.engines.targets import Say
from mirrorplane.engines.userspace.worker import Readable, Worker


class Crew:
    """The workers. To be used by the thread that makes it; `cpus` are those that it may use by itself."""

    def __init__(self, number: int, news: Iterable[Readable]) -> None:
        """Set so many workers to work, without sources. *news* ends the first one's waiting too."""
        self.cpus = os.sched_getaffinity(0)
        self.is_alarmed = False
        self._own = get_native_id()
        self._first = Worker(0, self._alarm, news)
        self._others = [_Threaded(Worker(row, self._alarm), self._alarm) for row in range(1, number)]
        self.workers = [self._first, *(other.worker for other in self._others)]

    def _alarm(self) -> None:
        self.is_alarmed = True
        self._first.wake()

    def check(self) -> None:
        """Raise what has ended a worker's thread, if anything has."""
        for other in self._others:
            if other.error is not None:
                raise other.error

    def round(self) -> int:
        """Do the first worker's round; return its packets."""
        return self._first.round()

    def wait(self, seconds: float) -> None:
        """Wait for something to do for the first worker, or the engine, at most so many seconds."""
        self._first.wait(seconds)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have all workers hold still, each between two batches, while the block runs."""
        with ExitStack() as stack:
            for other in self._others:
                stack.enter_context(other.paused())
            yield

    def drain(self, sources: Collection[str]) -> None:
        """Mirror what the rings of *sources* still hold; the workers are paused."""
        if not self._others:
            self._first.drain(sources)
        elif sources:
            with ThreadPoolExecutor(
                len(self.workers), "drain", os.sched_setaffinity, (0, self.cpus)
            ) as threads:
                for done in [threads.submit(worker.drain, sources) for worker in self.workers]:
                    done.result()

    def keep_to(self, said: str | Sequence[int], say: Say) -> None:
        """Have each worker keep to a CPU, as `cpus` of the configuration says; *say* gets what is refused."""
        threads = [self._own, *(other.native_id for other in self._others)]
        for number, (thread, cpus) in enumerate(zip(threads, self._share_out(said), strict=True)):
            try:
                os.sched_setaffinity(thread, cpus)
            except OSError as error:
                say(f"worker {number}: not kept to CPU {min(cpus)}: {error.strerror}")

    def _share_out(self, said: str | Sequence[int]) -> list[Collection[int]]:
        """Return the CPUs of each worker: the last ones first, most machines' interrupts go to the first."""
        if isinstance(said, str) and not self._others:
            return [self.cpus]
        chosen = sorted(self.cpus, reverse=True) if isinstance(said, str) else said
        return [{chosen[number % len(chosen)]} for number in range(len(self.workers))]

    def close(self) -> None:
        """End all threads but this one, which may use every CPU again. The rings stay open.

        Further calls do nothing.
        """
        while self._others:
            self._others.pop().end()
        while self.workers:
            self.workers.pop().close()
            os.sched_setaffinity(self._own, self.cpus)


class _Threaded:
    """A worker in a thread of its own; `error` is what has ended it."""

    def __init__(self, worker: Worker, alarm: Callable[[], None]) -> None:
        self.worker = worker
        self.error: BaseException | None = None
        self._alarm = alarm
        self._gate, self._batch = Lock(), Lock()
        self._ends = False
        self._thread = Thread(target=self._work, name=f"worker {worker.number}", daemon=True)
        self._thread.start()

    @property
    def native_id(self) -> int:
        """What the kernel calls the thread."""
        return self._thread.native_id or 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Have it hold still between two batches while the block runs."""
        with self._gate, self._batch:
            yield

    def end(self) -> None:
        """Have the thread end, and wait until it has."""
        self._ends = True
        self.worker.wake()
        self._thread.join()

    def _work(self) -> None:
        try:
            while not self._ends:
                with self._gate:
                    pass
                with self._batch:
                    n_packets = self.worker.round()
                if not n_packets:
                    self.worker.wait(None)
        except BaseException as error:  # noqa: BLE001 - the engine's thread raises it
            self.error = error
            self._alarm()
