"""`mirrorplane serve`: the clouds' APIs, and the engine that does what they say.

Owns which parts are put together, signals, and what a user is told at the start. Must not know what any of
the parts does.
"""

import signal
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path
from queue import Empty, SimpleQueue
from socket import socket
from types import FrameType
from typing import NamedTuple

from mirrorplane.api.aliyun import Aliyun
from mirrorplane.api.endpoint import Endpoint
from mirrorplane.api.keys import Keys, configured, kept
from mirrorplane.api.listing import NOTHING, Listing
from mirrorplane.api.private import Private
from mirrorplane.api.reference import Example, page
from mirrorplane.api.server import Server, address, listen
from mirrorplane.api.volcengine import Volcengine
from mirrorplane.cli import engines, places
from mirrorplane.cli.examples import examples, key_of_configuration, key_of_file
from mirrorplane.cli.log import Log
from mirrorplane.cli.outcome import FailedError, WrongUsageError, complain
from mirrorplane.cli.reading import STANDARD_INPUT, configuration
from mirrorplane.cli.terminal import show
from mirrorplane.control import Control, Engine
from mirrorplane.control.discovery import discover
from mirrorplane.control.driver import Driver
from mirrorplane.model import Configuration, ConfigurationError

NO_ENGINE = "none"
LOOPBACK = "127.0.0.1"
MAX_PORT = (1 << 16) - 1

LOOK_EVERY = 1.0
"""Seconds between two looks whether the server is still there."""


class Wishes(NamedTuple):
    """What was asked for: where to listen, which engine, and what the log looks like."""

    listen: str
    engine: str
    json_log: bool = False
    verbose: bool = False


def serve(path: str | None, read: Configuration, wishes: Wishes) -> None:
    """Serve the APIs over what *read* has, of the file *path*, until SIGINT or SIGTERM.

    SIGHUP has the file's interfaces and load balancers read again.
    """
    asked: SimpleQueue[int] = SimpleQueue()
    store = places.state(path, read.api)
    with ExitStack() as parts:
        listening = parts.enter_context(_listen(wishes.listen))
        engine = _engine(store, wishes)
        parts.enter_context(_signals(asked))
        log = parts.enter_context(Log(wishes.json_log, wishes.verbose))
        found = {} if path else discover()
        control = parts.enter_context(Control(read, store, engine, found=found))
        if engine is None or not control.snapshot().mirrored:
            engines.clear(str(store))
        keys, lines = _keys(path, read, store)
        shown = examples(address(listening), next(iter(read.api.aliyun.regions), ""), lines)
        server = Server(_endpoint(read, control, keys, shown, log), listening)
        parts.enter_context(Private(places.private(store), _listing(control, engine).rows))
        parts.enter_context(server)
        _tell(path, read, listening, store, keys, shown)
        _attend(asked, server, path, control)


def place(text: str) -> tuple[str, int]:
    """Return the host and port of *text*, `HOST:PORT`, `[IPv6]:PORT` or `:PORT`. Raises WrongUsageError."""
    host, colon, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        colon = ""
    if not colon or not port.isdecimal() or not port.isascii() or int(port) > MAX_PORT:
        raise WrongUsageError(f"--listen {text}: must be HOST:PORT, with a port of 0 to {MAX_PORT}")
    return host or LOOPBACK, int(port)


def _listen(text: str) -> socket:
    """Return a socket that listens at *text*. Raises WrongUsageError, FailedError."""
    host, port = place(text)
    try:
        return listen(host, port)
    except OSError as error:
        raise FailedError(f"--listen {text}: {error.strerror}") from None


def _engine(store: Path, wishes: Wishes) -> Driver | None:
    if wishes.engine == NO_ENGINE:
        complain("engine none: nothing is mirrored")
        return None
    return Driver(engines.choose(str(store), engines.Wishes(wishes.engine, verbose=wishes.verbose)))


def _keys(path: str | None, read: Configuration, store: Path) -> tuple[Keys, str]:
    """Return the keys, and Python that gets at one of them."""
    if read.api.access_keys:
        return configured(read.api), key_of_configuration(str(Path(path or "").resolve()))
    file = places.keys(store)
    return kept(file), key_of_file(str(file))


def _endpoint(read: Configuration, control: Control, keys: Keys, shown: list[Example], log: Log) -> Endpoint:
    dialects = (Aliyun(control, keys, read.api.aliyun), Volcengine(control, keys))
    return Endpoint(dialects, page(dialects, shown), log.request)


def _listing(control: Control, engine: Engine | None) -> Listing:
    counters = (lambda: NOTHING) if engine is None else engine.counters
    return Listing(control.snapshot, lambda: control.inventory, counters)


def _tell(
    path: str | None, read: Configuration, listening: socket, store: Path, keys: Keys, shown: list[Example]
) -> None:
    """Say where everything is, and how SDKs get there."""
    for warning in _warnings(path, read, listening):
        complain(warning)
    for example in shown:
        show(f"# {example.title}\n{example.text}")
    where = path if read.api.access_keys else places.keys(store)
    complain(f"access key {keys.first}, its secret in {where}; state in {store}")
    complain(f"listening on http://{address(listening)}/ (a browser gets the reference of all actions there)")
    complain("ready")


def _warnings(path: str | None, read: Configuration, listening: socket) -> Iterator[str]:
    if read.sessions:
        yield f"{path}: its sessions are for run and replay; here sessions are those that the APIs create"
    if read.api.access_keys and path not in {None, STANDARD_INPUT} and _others_can_read(Path(str(path))):
        yield f"{path}: others can read the secrets in it: chmod 600"
    if not ip_address(listening.getsockname()[0]).is_loopback:
        yield "others can reach this server: its HTTP is not encrypted, only signed"


def _others_can_read(path: Path) -> bool:
    return bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _attend(asked: "SimpleQueue[int]", server: Server, path: str | None, control: Control) -> None:
    """Do what signals ask for, until one asks for the end.

    Raises FailedError if the server ends by itself.
    """
    while server.is_alive():
        try:
            number = asked.get(timeout=LOOK_EVERY)
        except Empty:
            continue
        if number != signal.SIGHUP:
            return
        _read_again(path, control)
    raise FailedError("the HTTP server has ended")


def _read_again(path: str | None, control: Control) -> None:
    try:
        if path is None or path == STANDARD_INPUT:
            raise WrongUsageError("there is no file to read again")
        control.restock(configuration(path))
    except (ConfigurationError, WrongUsageError) as error:
        complain(f"not reloaded: {'; '.join(str(error).splitlines())}")
    else:
        complain("reloaded: interfaces and load balancers")


@contextmanager
def _signals(asked: "SimpleQueue[int]") -> Iterator[None]:
    """Have signals told to *asked* while the block runs: its queue may be put to by a handler."""

    def note(number: int, _frame: FrameType | None) -> None:
        asked.put(number)

    before = {
        number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handled in before.items():
            signal.signal(number, handled)
