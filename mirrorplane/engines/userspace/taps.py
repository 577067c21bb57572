"""The sources of a live engine: a receive ring on each one's device.

Owns finding the devices, at first and again when they went away. Must not know plans, targets or counters.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from mirrorplane.capture.afpacket import ReceiveRing
from mirrorplane.capture.device import Device, inspect
from mirrorplane.capture.source import CaptureError
from mirrorplane.model import Interface

LOOK_EVERY = 1.0
"""Seconds between two looks for a device that went away, or whether one did."""

Say = Callable[[str], None]


class Tap:
    """One source. `ring` is None while its device is away; `device` is then what it was."""

    def __init__(self, interface: Interface) -> None:
        """Find the interface's device. Raises CaptureError, which names the interface."""
        self.id = interface.id
        self.place = place(interface)
        self.ring: ReceiveRing | None = None
        self.due = 0.0
        with self._named():
            self.device = self._find()

    def open(self) -> None:
        """Open a ring on the device that was found. Raises CaptureError, which names the interface."""
        with self._named():
            self.ring = ReceiveRing(self.device)

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
        """Return whether the device went away since it was opened; asks it once in LOOK_EVERY."""
        if self.ring is None or not self._is_time():
            return False
        return self.ring.is_gone()

    def lose(self, say: Say) -> None:
        """Close the ring of a device that went away."""
        self.close()
        say(f"interface {self.id}: device {self.device.name} has gone; looking for it every {LOOK_EVERY:g} s")

    def has_come(self) -> bool:
        """Return whether a device that went away is here again, as `device`; looks once in LOOK_EVERY."""
        if self.ring is not None or not self._is_time():
            return False
        try:
            self.device = self._find()
        except CaptureError:
            return False
        return True

    def resume(self, say: Say) -> bool:
        """Open the ring of a device that is back; return whether it is there still."""
        try:
            self.open()
        except CaptureError:
            return False
        say(f"interface {self.id}: device {self.device.name} is back")
        return True

    def look_soon(self) -> None:
        """Have it looked at now, not only when it is time again."""
        self.due = 0.0

    def _is_time(self) -> bool:
        now = time.monotonic()
        if now < self.due:
            return False
        self.due = now + LOOK_EVERY
        return True

    def close(self) -> None:
        """Close the ring, if there is one."""
        if self.ring is not None:
            self.ring.close()
            self.ring = None


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


def open_others(taps: Mapping[str, Tap], known: Mapping[str, Tap]) -> None:
    """Open those of *taps* that are not among the *known*.

    Raises CaptureError if one cannot be opened; those opened before it are closed again.
    """
    try:
        for name, tap in taps.items():
            if known.get(name) is not tap:
                tap.open()
    except BaseException:
        close_others(taps, known)
        raise


def close_others(taps: Mapping[str, Tap], kept: Mapping[str, Tap]) -> None:
    """Close those of *taps* that are not among *kept*."""
    for name, tap in taps.items():
        if kept.get(name) is not tap:
            tap.close()
