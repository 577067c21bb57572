"""Live devices through the mirror, in the kernel: this process says how, the programs do it.

Owns the order in which an instance is put up, changed and taken down, so that whatever happens between two
steps leaves something whole at work or something that can be swept. Must not know bytes of packets or maps.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from select import POLLIN, poll
from typing import Self

from mirrorplane.capture.device import Device, Side, inspect
from mirrorplane.capture.source import CaptureError
from mirrorplane.engines.kernel import accounts
from mirrorplane.engines.kernel.bpf.libbpf import KernelError
from mirrorplane.engines.kernel.bpf.object import build
from mirrorplane.engines.kernel.host.cpus import backlog_room, chosen
from mirrorplane.engines.kernel.instances import Lock, adopt, sweep, tag_of
from mirrorplane.engines.kernel.loading import Loaded
from mirrorplane.engines.kernel.nexthops import Ways
from mirrorplane.engines.kernel.register import Register
from mirrorplane.engines.kernel.relays import Relays, dropped
from mirrorplane.engines.kernel.tables import Switchboard, check_size
from mirrorplane.engines.kernel.taps import State, Taps
from mirrorplane.engines.live import Rounds
from mirrorplane.engines.report import Report
from mirrorplane.engines.sources import as_found, compile_live, side, sources
from mirrorplane.engines.targets import Say
from mirrorplane.jit import I32, U16
from mirrorplane.model import Configuration, Interface
from mirrorplane.plan import Changes, Plan, PlanError, compile_plan, diff
from mirrorplane.plan.tables import Templates

LOOK_EVERY = 1.0
"""Seconds between two looks whether the sources are there, and tapped, and our own devices."""

LOOK_FACTOR = 20
"""... and so many times as long as the look took: on a host with hundreds of sources that counts."""

LAST_COPIES, LOOK_FOR_COPIES = 0.5, 0.01
"""Seconds that copies may take to leave after the last packet was tapped, and between two looks for them."""

MILLISECONDS = 1000


class Kernel(Rounds):
    """The kernel engine: mirrors from its making until `close`, whether or not it is polled.

    It belongs to the thread that makes it, and mirrored packets leave by that thread's network namespace.
    """

    def __init__(self, configuration: Configuration, say: Say, name: str, *, keep: bool = False) -> None:
        """Put the instance *name* up, or adopt what an earlier process left at work under that name.

        *say* gets a line about whatever goes wrong later. With *keep*, `close` leaves it at work. Raises as
        `reload` does, KernelError where the kernel refuses, RunningError where the instance has a process.
        Then nothing is left, but what was to be adopted goes on.
        """
        self._say, self._keep = say, keep
        self._tag = tag_of(name)
        self._configuration = configuration
        self._devices: dict[str, Device] = {}
        self._away: set[str] = set()
        self._troubles: dict[str, str] = {}
        self._look_at = 0.0
        self._dropped = 0
        self._last: Report | None = None
        self._plan = compile_plan(configuration, ())
        with ExitStack() as on_failure:
            on_failure.enter_context(Lock(self._tag))
            found = self._adopted()
            self._loaded, self._register = found or (Loaded.anew(), Register(build=build(), words=name))
            on_failure.callback(self._loaded.close)
            self._board = Switchboard(self._loaded.maps)
            self._relays = Relays(self._tag, self._loaded, self._register, say)
            self._taps = Taps(self._tag, self._loaded, self._board, self._register, self._relays)
            self._ways = Ways(say)
            on_failure.callback(self._ways.close)
            with ExitStack() as undo:
                undo.callback(self._tell_left if found else lambda: sweep(self._tag))
                self._staging = self._relays.stage()
                self._board.write_ledger(self._register)
                self.reload(configuration)
                undo.pop_all()
            self._held = on_failure.pop_all()
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

    def _tell_left(self) -> None:
        self._say("what an earlier run left at work goes on as it was")

    def reload(self, configuration: Configuration) -> Changes:
        """Run *configuration* from now on; return what that changes, the rest goes on undisturbed.

        Raises CaptureError for a new source that is not there, KernelError for one that the kernel does not
        let us tap, both of which name the interface, and PlanError; then everything is as it was. A source
        that went away stays one, and a target may be out of reach.
        """
        devices, away = self._find(sources(configuration))
        plan = compile_live(configuration, devices)
        check_size(plan)
        away |= {
            name for name in self._away & set(devices) if _is_same(devices[name], self._devices.get(name))
        }
        here = {name: device for name, device in devices.items() if name not in away}
        try:
            self._prepare(configuration, plan, here)
        except BaseException:
            self._board.write_ledger(self._register)
            raise
        changes = diff(self._plan, plan)
        self._configuration, self._devices, self._plan = configuration, devices, plan
        self._register.devices = {
            name: (device.name, device.netns, device.side) for name, device in devices.items()
        }
        self._set_up()
        self._taps.turn_to(here)
        for name in sorted(away - self._away):
            self._tell_gone(name)
        self._away, self._look_at = away, 0.0
        return changes

    def _prepare(self, configuration: Configuration, plan: Plan, here: Mapping[str, Device]) -> None:
        """Have *plan* judge packets, and the devices that are *here* tapped; or change nothing, and raise."""
        with self._register.taking_in(plan), ExitStack() as undo:  # the last step first
            undo.callback(self._prune)
            cpus = chosen(configuration.kernel.cpus)
            undo.callback(self._relays.hand_over_to, self._relays.hand_over_to(cpus))
            undo.callback(self._taps.withdraw, self._taps.prepare(here))
            self._board.write_ledger(self._register)  # before anything is counted by it
            undo.callback(self._ways.turn_to, self._plan)
            self._ways.turn_to(plan)
            self._ways.settle(0)
            self._board.turn_to(plan, self._register, *self._ways_now())
            undo.pop_all()

    def _prune(self) -> None:
        """Remove the relays that nobody uses."""
        if self._relays.prune({spot.namespace for spot in self._register.spots}):
            self._board.write_ledger(self._register)

    def _set_up(self) -> None:
        said = self._configuration.kernel
        self._board.set_up(self._staging.a_index, said.hand_over_from, said.backlog, backlog_room())

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

    def settle(self, seconds: float) -> None:
        """Look every target up, and again, at most so many seconds, until each is reached."""
        self._ways.settle(seconds)
        self._redirect()

    def poll(self, timeout: float) -> int:
        """Wait up to *timeout* seconds for what changes the ways or sources, and follow it.

        Returns 0: packets do not come this way.
        """
        now = time.monotonic()
        rest = min(timeout, self._ways.due() - now, self._look_at - now)
        self._waiting.poll(max(rest, 0) * MILLISECONDS)
        if self._ways.look():
            self._redirect()
        now = time.monotonic()
        if now >= self._look_at:
            self._look_around()
            end = time.monotonic()
            self._look_at = end + max(LOOK_EVERY, LOOK_FACTOR * (end - now))
        return 0

    def counters(self) -> Report:
        """Return everything counted since the instance was put up, by id."""
        if self._last is not None:
            return self._last
        return accounts.count(self._loaded.maps, self._register, self._plan, self._lost())

    def _lost(self) -> int:
        """Return how many copies our devices have dropped; without a staging pair, as many as before."""
        with suppress(KernelError):
            self._dropped = dropped(self._staging)
        return self._register.lost + self._dropped

    def sides(self) -> dict[str, Side]:
        """Return which end of the wire each source is: as the configuration or else the device says."""
        interfaces = self._configuration.interfaces
        return {name: side(interfaces[name], device) for name, device in self._devices.items()}

    def targets(self) -> dict[str, str]:
        """Return how each target is reached now, in words, by its address."""
        return self._ways.ways()

    def close(self) -> None:
        """Take everything down, unless it is to be kept at work. `counters` goes on answering.

        Raises KernelError where the kernel refuses any of it; the rest is done.
        """
        with self._held, ExitStack() as last:  # the second time nothing is held any more
            if self._last is not None:
                return
            if not self._keep:
                last.callback(sweep, self._tag)
                with suppress(KernelError):  # `sweep` tries again, and says why not
                    self._taps.withdraw(self._register.spots)
                self._await_last_copies()
            self._last = self.counters()

    def _await_last_copies(self) -> None:
        end = time.monotonic() + LAST_COPIES
        while time.monotonic() < end:
            if accounts.waiting(self._loaded.maps, self._register, self._lost()) <= 0:
                return
            time.sleep(LOOK_FOR_COPIES)

    def _find(self, interfaces: Mapping[str, Interface]) -> tuple[dict[str, Device], set[str]]:
        """Return the devices of *interfaces*, and which of those that were sources before are away.

        Raises CaptureError for others that are not there.
        """
        devices: dict[str, Device] = {}
        away: set[str] = set()
        for name, interface in interfaces.items():
            try:
                devices[name] = _inspect(interface)
            except CaptureError as error:
                known = self._devices.get(name) or self._remembered(name)
                if known is None or (known.name, known.netns) != (interface.device, interface.netns):
                    raise CaptureError(f"interface {name}: {error}") from None
                devices[name] = known
                away.add(name)
        return devices, away

    def _remembered(self, name: str) -> Device | None:
        """Return the device that an earlier process mirrored as that source, as far as it is known."""
        if name not in self._register.devices:
            return None
        device, netns, known = self._register.devices[name]
        return Device(device, netns, 0, bytes(6), (), "", known, 0, up=False)

    def _ways_now(self) -> tuple[Templates, I32, U16]:
        return self._ways.templates, self._ways.outlets, self._ways.slots

    def _redirect(self) -> None:
        self._board.redirect(self._plan, self._register, *self._ways_now())

    def _look_around(self) -> None:
        """See what became of the sources, gone, back, or robbed of their taps, and of our own devices."""
        with self._trouble("looking around"):
            states = self._taps.look(self._devices)
            gone = {name for name, state in states.items() if state is State.GONE} - self._away
            if gone:
                self._away |= gone
                self._taps.turn_to(self._here())
                for name in sorted(gone):
                    self._tell_gone(name)
            for name, state in states.items():
                if state is State.BARE:
                    self._resume(name)
            self._repair()

    def _here(self) -> dict[str, Device]:
        return {name: device for name, device in self._devices.items() if name not in self._away}

    def _tell_gone(self, name: str) -> None:
        device = self._devices[name].name
        self._say(f"interface {name}: device {device} has gone; looking for it every {LOOK_EVERY:g} s")

    def _resume(self, name: str) -> None:
        """Tap a device that is back, or that somebody took our programs from."""
        known, interface = self._devices[name], self._configuration.interfaces[name]
        what = "is back" if name in self._away else "had lost our filters; they are back"
        self._away.add(name)  # until it is mirrored
        with self._trouble(name):
            device = _inspect(interface)
            if device.side != known.side or as_found(interface, device) != as_found(interface, known):
                self._away.discard(name)
                try:
                    self.reload(self._configuration)
                except BaseException:
                    self._away.add(name)
                    raise
            else:
                self._taps.prepare({name: device})
                self._devices[name] = device
                self._away.discard(name)
                self._taps.turn_to(self._here())
            self._say(f"interface {name}: device {device.name} {what}")

    def _repair(self) -> None:
        """Put up again what somebody removed of our own devices; the copies in there are lost."""
        missing = self._relays.missing()
        if not missing:
            return
        before = self._lost()
        self._staging = self._relays.stage()
        here = self._here()
        self._taps.prepare(here)
        total = max(accounts.waiting(self._loaded.maps, self._register, 0), before)
        self._dropped = dropped(self._staging)
        self._register.lost = total - self._dropped
        self._set_up()
        self._taps.turn_to(here)
        self._say(f"our own {', '.join(missing)} had gone; put up again")

    @contextmanager
    def _trouble(self, name: str) -> Iterator[None]:
        """Say what goes wrong in the `with` block, once while it goes wrong in the same way."""
        try:
            yield
        except (CaptureError, KernelError, PlanError) as error:
            if self._troubles.get(name) != str(error):
                self._troubles[name] = str(error)
                self._say(f"{error}; trying again every {LOOK_EVERY:g} s")
        else:
            self._troubles.pop(name, None)


def _is_same(one: Device, other: Device | None) -> bool:
    return other is not None and (one.name, one.netns) == (other.name, other.netns)


def _inspect(interface: Interface) -> Device:
    if interface.device is None:
        raise CaptureError("has no device to mirror")
    return inspect(interface.device, interface.netns)
