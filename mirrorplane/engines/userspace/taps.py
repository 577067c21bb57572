"""The sources of a live engine: a receive ring for each worker on each one's device.

Owns finding the devices, at first and again when they went away, and that a source's rings share its packets.
Must not know plans, targets or counters.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from mirrorplane.capture.afpacket import RETIRE_MS, ReceiveRing
from mirrorplane.capture.device import Device, inspect
from mirrorplane.capture.fanout import Fanout
from mirrorplane.capture.source import CaptureError
from mirrorplane.model import Interface

LOOK_EVERY = 1.0
"""Seconds between two looks for a device that went away, or whether one did."""

LAST_BLOCK = 5 * RETIRE_MS / 1000
"""Seconds until what a ring has taken in is ours to read: twice RETIRE_MS, and what the kernel's timers are
late."""

Say = Callable[[str], None]


class Tap:
    """One source. `rings`, one a worker, are none while its device is away; `device` is then what it was."""

    def __init__(self, interface: Interface) -> None:
        """Find the interface's device. Raises CaptureError, which names the interface."""
        self.id = interface.id
        self.place = place(interface)
        self.rings: tuple[ReceiveRing, ...] = ()
        self.due = 0.0
        self._is_going = False
        with self._named():
            self.device = self._find()

    def open(self, workers: int) -> None:
        """Open so many rings on the device that was found: nothing comes until `admit`.

        Raises CaptureError, which names the interface.
        """
        fanout = Fanout() if workers > 1 else None
        try:
            for _ in range(workers):
                with self._named():
                    self.rings += (ReceiveRing(self.device, fanout=fanout),)
        except BaseException:
            self.close()
            raise

    def admit(self, program: bytes | None) -> None:
        """Let packets in, as `ReceiveRing.admit`; all of them where the kernel has no room for *program*."""
        for ring in self.rings:
            try:
                ring.admit(program)
            except CaptureError:
                ring.admit(None)

    @contextmanager
    def _named(self) -> Iterator[None]:
        try:
            yield
        except CaptureError as error:
            raise CaptureError(f"interface {self.id}: {error}") from None

    def _find(self) -> Device:
        device, netns = self.place
        if device is None:
            raise CaptureError("has no device to mirror")
        return inspect(device, netns)

    def has_gone(self) -> bool:
        """Return whether the device went away since it was opened; asks it once in LOOK_EVERY.

        And whether what came in until then is there to be read.
        """
        if not self.rings or not self._is_time():
            return False
        was_going, self._is_going = self._is_going, any(ring.is_gone() for ring in self.rings)
        if self._is_going and not was_going:
            self.due = time.monotonic() + LAST_BLOCK
        return self._is_going and was_going

    def lose(self, say: Say) -> None:
        """Close the rings of a device that went away."""
        self.close()
        say(f"interface {self.id}: device {self.device.name} has gone; looking for it every {LOOK_EVERY:g} s")

    def has_come(self) -> bool:
        """Return whether a device that went away is here again, as `device`; looks once in LOOK_EVERY."""
        if self.rings or not self._is_time():
            return False
        try:
            self.device = self._find()
        except CaptureError:
            return False
        return True

    def resume(self, workers: int, say: Say) -> bool:
        """Open the rings of a device that is back; return whether it is there still."""
        try:
            self.open(workers)
        except CaptureError:
            return False
        say(f"interface {self.id}: device {self.device.name} is back")
        return True

    def look_soon(self) -> None:
        """Have it looked at now, not only when it is time again; but what is going has its LAST_BLOCK."""
        if not self._is_going:
            self.due = 0.0

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now < self.due:
            return False
        self.due = now + LOOK_EVERY
        return True

    def drops(self) -> int:
        """Return how many packets found a ring full since the last call."""
        return sum(ring.drops() for ring in self.rings)

    def close(self) -> None:
        """Close the rings, if there are any."""
        for ring in self.rings:
            ring.close()
        self.rings = ()
        self._is_going = False


def place(interface: Interface) -> tuple[str | None, str | None]:
    """Return where an interface's device is: its name and network namespace."""
    return interface.device, interface.netns


def find_taps(interfaces: Mapping[str, Interface], known: Mapping[str, Tap]) -> dict[str, Tap]:
    """Return a tap for each interface: the *known* one if it still is where the interface is, else a new one.

    New ones are not open yet. Raises CaptureError if a device is not there.
    """
    taps: dict[str, Tap] = {}
    for name, interface in interfaces.items():
        old = known.get(name)
        taps[name] = old if old is not None and old.place == place(interface) else Tap(interface)
    return taps


def open_others(taps: Mapping[str, Tap], known: Mapping[str, Tap], workers: int) -> None:
    """Open those of *taps* that are not among the *known*, with so many rings each.

    Raises CaptureError if one cannot be opened; those opened before it are closed again.
    """
    try:
        for name, tap in taps.items():
            if known.get(name) is not tap:
                tap.open(workers)
    except BaseException:
        close_others(taps, known)
        raise


def close_others(taps: Mapping[str, Tap], kept: Mapping[str, Tap]) -> None:
    """Close those of *taps* that are not among *kept*."""
    for name, tap in taps.items():
        if kept.get(name) is not tap:
            tap.close()
