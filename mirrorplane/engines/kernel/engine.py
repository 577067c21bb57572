"""Live devices through the mirror, in the kernel: this process says how, the programs do it.

Owns the order in which an instance is put up, changed and taken down, so that whatever happens between two
steps leaves something whole at work or something that can be swept. Must not know bytes of packets or maps.
"""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from select import POLLIN, poll
from typing import Self

from mirrorplane.capture.device import Device, Side, inspect
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel import accounts
from mirrorplane.engines.kernel.cpus import backlog_room, chosen
from mirrorplane.engines.kernel.instances import Lock, adopt, sweep, tag_of
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.nexthops import Ways
from mirrorplane.engines.kernel.object import build
from mirrorplane.engines.kernel.register import Register
from mirrorplane.engines.kernel.relays import Relays, dropped
from mirrorplane.engines.kernel.tables import Switchboard, check_size
from mirrorplane.engines.kernel.taps import Taps
from mirrorplane.engines.report import Report
from mirrorplane.engines.sources import as_found, compile_live, side, sources
from mirrorplane.engines.targets import Say
from mirrorplane.jit import I32, U16
from mirrorplane.model import Configuration, Interface
from mirrorplane.plan import Changes, compile_plan, diff
from mirrorplane.plan.tables import Templates

IDLE = 0.1
"""Seconds that `run` waits for news before it looks whether to stop."""

SETTLE = 0.2
"""Seconds that `run` gives neighbours to answer before it is ready."""

LOOK_EVERY = 1.0
"""Seconds between two looks whether the sources are there, and tapped."""

LAST_COPIES = 0.5
"""Seconds that copies may take to leave after the last packet was tapped."""

MILLISECONDS = 1000


class Kernel:
    """The kernel engine: mirrors from its making until `close`, whether or not it is polled.

    It belongs to the thread that makes it, and mirrored packets leave by that thread's network namespace.
    """

    def __init__(self, configuration: Configuration, say: Say, name: str, *, keep: bool = False) -> None:
        """Put the instance *name* up, or adopt what an earlier process left at work under that name.

        *say* gets a line about whatever goes wrong later. With *keep*, `close` leaves it at work. Raises as
        `reload` does, KernelError where the kernel refuses, RunningError where the instance has a process.
        """
        self._say, self._keep, self._name = say, keep, name
        self._tag = tag_of(name)
        self._configuration = configuration
        self._devices: dict[str, Device] = {}
        self._away: set[str] = set()
        self._look_at = 0.0
        self._last: Report | None = None
        self._plan = compile_plan(configuration, ())
        self._lock = Lock(self._tag)
        try:
            self._loaded, self._register = self._adopted() or self._anew()
            self._board = Switchboard(self._loaded.maps)
            self._relays = Relays(self._tag, self._loaded, self._register, say)
            self._taps = Taps(self._tag, self._loaded, self._board, self._register, self._relays)
            self._ways = Ways(say)
        except BaseException:
            self._lock.release()
            raise
        try:
            self._staging = self._relays.stage()
            self._board.write_ledger(self._register)
            self.reload(configuration)
        except BaseException:
            self._take_down()
            raise
        self._waiting = poll()
        self._waiting.register(self._ways.fileno(), POLLIN)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _adopted(self) -> tuple[Loaded, Register] | None:
        """Return what is at work already, if it can be taken over; if it cannot, remove it."""
        found = adopt(self._tag)
        if found is not None and found[1].build == build():
            self._say("taking over what an earlier run left at work")
            return found
        if found is not None:
            found[0].close()
            self._say("replacing what an earlier run of another version left at work")
        sweep(self._tag)
        return None

    def _anew(self) -> tuple[Loaded, Register]:
        return Loaded.anew(), Register(build=build(), words=self._name)

    def reload(self, configuration: Configuration) -> Changes:
        """Run *configuration* from now on; return what that changes, the rest goes on undisturbed.

        Raises CaptureError, which names the interface, for a new source that cannot be mirrored, and
        PlanError; then everything is as it was. A source that went away stays one, and a target may be out of
        reach.
        """
        devices = self._find(sources(configuration))
        plan = compile_live(configuration, devices)
        check_size(plan)
        self._register.take_in(plan)
        self._relays.hand_over_to(chosen(configuration.kernel.cpus))
        said = configuration.kernel
        self._board.set_up(self._staging.a_index, said.hand_over_from, said.backlog, backlog_room())
        fresh = self._tap_new(devices)
        changes = diff(self._plan, plan)
        try:
            self._ways.turn_to(plan)
            self._ways.settle(0)
            self._board.turn_to(plan, self._register, *self._ways_now())
        except BaseException:
            for source in fresh:
                self._taps.untap(source)
            self._ways.turn_to(self._plan)
            raise
        self._configuration, self._devices, self._plan = configuration, devices, plan
        for spot in list(self._register.spots):
            if spot.source not in devices:
                self._taps.untap(spot.source)
        self._taps.refresh()
        self._away &= set(devices)
        self._look_at = 0.0
        return changes

    def reload_soon(
        self, read: Callable[[], Configuration], tell: Callable[[Changes | Exception], None]
    ) -> None:
        """Carry out `reload` of what *read* returns, and *tell* what it changed, or what it or *read* raised.

        Nothing has to wait for it: the programs go on meanwhile.
        """
        outcome: Changes | Exception
        try:
            outcome = self.reload(read())
        except Exception as error:  # noqa: BLE001 - it is handed to who asked
            outcome = error
        tell(outcome)

    def run(
        self,
        stopped: Callable[[], bool],
        ready: Callable[[], None] | None = None,
        between: Callable[[], None] | None = None,
    ) -> None:
        """Keep ways and sources up to date until *stopped* says so, asked ten times a second at least.

        Call *ready* when all sources are mirrored, unless stopped by then, and *between* after rounds.
        """
        self._ways.settle(SETTLE)
        self._redirect()
        if ready is not None and not stopped():
            ready()
        while not stopped():
            self.poll(IDLE)
            if between is not None:
                between()

    def poll(self, timeout: float) -> int:
        """Wait up to *timeout* seconds for what changes the ways or sources, and follow it.

        Returns 0: packets do not come this way.
        """
        now = time.monotonic()
        rest = min(timeout, self._ways.due() - now, self._look_at - now)
        self._waiting.poll(max(rest, 0) * MILLISECONDS)
        if self._ways.look():
            self._redirect()
        if time.monotonic() >= self._look_at:
            self._look_around()
            self._look_at = time.monotonic() + LOOK_EVERY
        return 0

    def counters(self) -> Report:
        """Return everything counted since the instance was put up, by id."""
        if self._last is not None:
            return self._last
        return accounts.count(self._loaded.maps, self._register, self._plan, dropped(self._staging))

    def sides(self) -> dict[str, Side]:
        """Return which end of the wire each source is: as the configuration or else the device says."""
        interfaces = self._configuration.interfaces
        return {name: side(interfaces[name], device) for name, device in self._devices.items()}

    def targets(self) -> dict[str, str]:
        """Return how each target is reached now, in words, by its address."""
        return self._ways.ways()

    def close(self) -> None:
        """Take everything down, unless it is to be kept at work. `counters` goes on answering."""
        if self._last is not None:
            return
        try:
            if not self._keep:
                for spot in list(self._register.spots):
                    self._taps.untap(spot.source)
                self._await_last_copies()
            self._last = self.counters()
        finally:
            self._take_down()

    def _take_down(self) -> None:
        """Give back everything of this process, and of the instance, unless it is to be kept."""
        self._ways.close()
        self._loaded.close()
        try:
            if not self._keep:
                sweep(self._tag)
        finally:
            self._lock.release()

    def _await_last_copies(self) -> None:
        end = time.monotonic() + LAST_COPIES
        while time.monotonic() < end:
            if accounts.waiting(self._loaded.maps, self._register, dropped(self._staging)) <= 0:
                return
            time.sleep(IDLE / 10)

    def _find(self, interfaces: Mapping[str, Interface]) -> dict[str, Device]:
        """Return the devices of *interfaces*; of those that were sources before, as they were if away."""
        devices: dict[str, Device] = {}
        for name, interface in interfaces.items():
            known = self._devices.get(name)
            try:
                devices[name] = _inspect(interface)
            except CaptureError as error:
                if known is None or (known.name, known.netns) != (interface.device, interface.netns):
                    raise CaptureError(f"interface {name}: {error}") from None
                devices[name] = known
        return devices

    def _tap_new(self, devices: Mapping[str, Device]) -> list[str]:
        """Tap the devices that are not, and return whose; nothing is changed if one cannot be."""
        tapped: list[str] = []
        try:
            for name, device in devices.items():
                if name not in self._away and not self._taps.is_tapped(name, device):
                    self._retap(name, device)
                    tapped.append(name)
        except BaseException:
            for name in tapped:
                self._taps.untap(name)
            raise
        return tapped

    def _retap(self, name: str, device: Device) -> None:
        self._taps.untap(name)
        self._taps.tap(name, device)

    def _ways_now(self) -> tuple[Templates, I32, U16]:
        return self._ways.templates, self._ways.outlets, self._ways.slots

    def _redirect(self) -> None:
        self._board.redirect(self._plan, self._register, *self._ways_now())

    def _look_around(self) -> None:
        """See what became of the sources: gone, back, or robbed of their taps."""
        for name, interface in sources(self._configuration).items():
            try:
                device = _inspect(interface)
            except CaptureError:
                self._lose(name)
                continue
            with suppress(CaptureError):  # gone meanwhile: the next look tells
                if not self._taps.is_tapped(name, device):
                    self._resume(name, device)

    def _lose(self, name: str) -> None:
        if name in self._away:
            return
        self._away.add(name)
        self._taps.untap(name)
        device = self._devices[name].name
        self._say(f"interface {name}: device {device} has gone; looking for it every {LOOK_EVERY:g} s")

    def _resume(self, name: str, device: Device) -> None:
        """Tap a device that is back, or that somebody took our programs from."""
        was_away, known = name in self._away, self._devices[name]
        self._away.discard(name)
        interface = self._configuration.interfaces[name]
        if device.side != known.side or as_found(interface, device) != as_found(interface, known):
            self.reload(self._configuration)
        else:
            self._retap(name, device)
            self._devices[name] = device
        what = "is back" if was_away else "had lost our filters; they are back"
        self._say(f"interface {name}: device {device.name} {what}")


def _inspect(interface: Interface) -> Device:
    if interface.device is None:
        raise CaptureError("has no device to mirror")
    return inspect(interface.device, interface.netns)
