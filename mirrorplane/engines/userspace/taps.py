"""The sources of a live engine: a receive ring on each one's device.

Owns finding the devices, at first and again when they went away. Must not know plans, targets or counters.
"""

import time
from collections.abc import Callable, Mapping

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
        """Open a ring on the interface's device. Raises CaptureError, which names the interface."""
        self.id = interface.id
        self.place = place(interface)
        self.device: Device
        self.ring: ReceiveRing | None = None
        self.due = 0.0
        try:
            self._open()
        except CaptureError as error:
            raise CaptureError(f"interface {self.id}: {error}") from None

    def _open(self) -> None:
        device, netns = self.place
        if device is None:
            raise CaptureError("has no device to mirror")
        found = inspect(device, netns)
        self.ring = ReceiveRing(found)
        self.device = found

    def has_gone(self) -> bool:
        """Return whether the device went away since it was opened; asks it once in LOOK_EVERY."""
        if self.ring is None or not self._is_time():
            return False
        return self.ring.is_gone()

    def lose(self, say: Say) -> None:
        """Close the ring of a device that went away."""
        self.close()
        say(f"interface {self.id}: device {self.device.name} has gone; looking for it every {LOOK_EVERY:g} s")

    def is_back(self, say: Say) -> bool:
        """Return whether a device that went away is here again, its ring open; looks once in LOOK_EVERY."""
        if self.ring is not None or not self._is_time():
            return False
        try:
            self._open()
        except CaptureError:
            return False
        say(f"interface {self.id}: device {self.device.name} is back")
        return True

    def look_soon(self) -> None:
        """Have it looked at now: its ring reported an error."""
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


def open_taps(interfaces: Mapping[str, Interface], known: Mapping[str, Tap]) -> dict[str, Tap]:
    """Return a tap for each interface: the *known* one if it still is where the interface is, else a new one.

    Raises CaptureError if one cannot be opened; those opened before it are closed again, and the known ones
    are as they were.
    """
    taps: dict[str, Tap] = {}
    try:
        for name, interface in interfaces.items():
            old = known.get(name)
            taps[name] = old if old is not None and old.place == place(interface) else Tap(interface)
    except CaptureError:
        close_others(taps, known)
        raise
    return taps


def close_others(taps: Mapping[str, Tap], kept: Mapping[str, Tap]) -> None:
    """Close those of *taps* that are not among *kept*."""
    for name, tap in taps.items():
        if kept.get(name) is not tap:
            tap.close()
