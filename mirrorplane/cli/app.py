"""The commands and their flags.

Owns what can be typed. Must not know how any of it is done: each command's module is imported when it is
called.
"""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.main import get_command

from mirrorplane import __version__
from mirrorplane.cli.outcome import exit_codes, open_streams

if TYPE_CHECKING:
    from mirrorplane.model import Configuration

NAME = "mirrorplane"

USAGE_ERROR: type[Any] = typer.BadParameter.__bases__[0]
"""click's UsageError: all that can be wrong with what was typed. Some typers bring their own click."""

app = typer.Typer(
    name=NAME,
    help="Cloud-style VPC traffic mirroring on any Linux host.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # rich takes longer to import than help may take to appear
    pretty_exceptions_enable=False,
)

Config = Annotated[
    str, typer.Argument(metavar="CONFIG", help="The configuration file; - for standard input.")
]


class Direction(StrEnum):
    """Which way packets go, as their source sees it."""

    ingress = "ingress"
    egress = "egress"


class Engine(StrEnum):
    """What mirrors live traffic."""

    auto = "auto"
    kernel = "kernel"
    userspace = "userspace"


class ServedEngine(StrEnum):
    """What mirrors what the APIs create."""

    auto = "auto"
    kernel = "kernel"
    userspace = "userspace"
    none = "none"


class LogForm(StrEnum):
    """What the lines of a log look like."""

    text = "text"
    json = "json"


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    open_streams()
    with exit_codes():
        code = _do(sys.argv[1:])
    raise SystemExit(code)


def _do(arguments: list[str]) -> int:
    """Do what *arguments* say; return the exit code.

    As typer does, but that Ctrl-C and errors of the system are left to `exit_codes`.
    """
    command = get_command(app)
    try:
        with command.make_context(NAME, arguments) as context:
            command.invoke(context)
    except typer.Exit as end:
        return end.exit_code
    except USAGE_ERROR as error:
        error.show()
        return int(error.exit_code)
    return 0


def _read(config: str) -> "Configuration":
    """Read the configuration, before anything is imported that only a right one needs."""
    from mirrorplane.cli.reading import configuration

    return configuration(config)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mirrorplane {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    _version_wanted: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def replay(
    config: Config,
    source: Annotated[
        list[str],
        typer.Option(
            metavar="ENI=FILE",
            help="A source and its capture (pcap, pcapng, .gz, .zst, - for stdin); again for more.",
        ),
    ],
    output: Annotated[
        str | None, typer.Option("-o", "--output", metavar="FILE", help="Write here: .pcap or .pcapng.")
    ] = None,
    send: Annotated[
        bool, typer.Option("--send", help="Send to the real target instead, as fast as recorded.")
    ] = False,
    speed: Annotated[
        float | None, typer.Option(metavar="X", help="With --send: X times as fast as recorded.")
    ] = None,
    topspeed: Annotated[bool, typer.Option("--topspeed", help="With --send: as fast as it goes.")] = False,
    direction: Annotated[
        Direction | None,
        typer.Option(help="Of packets whose direction neither flags, MACs nor addresses tell."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="With -o: threads that share the work; default one a CPU.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print the counters as JSON.")] = False,
) -> None:
    """Send capture files through the mirror sessions of CONFIG."""
    read = _read(config)
    from mirrorplane.cli.replay import Wishes
    from mirrorplane.cli.replay import replay as run

    chosen = direction.value if direction else None
    run(config, read, Wishes(source, output, send, speed, topspeed, chosen, json, workers))


@app.command()
def check(config: Config) -> None:
    """Say whether CONFIG is right, and what it would do."""
    read = _read(config)
    from mirrorplane.cli.check import check as run

    run(config, read)


@app.command()
def run(
    config: Config,
    engine: Annotated[
        Engine, typer.Option(help="What mirrors; auto takes the best that this host has.")
    ] = Engine.auto,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the kernel engine mirroring when this ends.")
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Threads that share the packets of each source (userspace engine); default 1."
        ),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show why the kernel refused the programs.")
    ] = False,
) -> None:
    """Mirror live traffic as CONFIG says, until interrupted; SIGHUP reads CONFIG again."""
    read = _read(config)
    from mirrorplane.cli.engines import Wishes
    from mirrorplane.cli.run import run as start

    start(config, read, Wishes(engine.value, keep, verbose, workers))


@app.command()
def serve(
    config: Annotated[
        str | None, typer.Argument(metavar="CONFIG", help="The configuration file; - for standard input.")
    ] = None,
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where; port 0 takes a free one. It is plain HTTP.")
    ] = "127.0.0.1:8780",
    engine: Annotated[
        ServedEngine, typer.Option(help="What mirrors; none for the APIs alone.")
    ] = ServedEngine.auto,
    log: Annotated[LogForm, typer.Option(help="What a request's line looks like.")] = LogForm.text,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Show failures at length, and why the kernel refused.")
    ] = False,
) -> None:
    """Serve the clouds' APIs over the interfaces of CONFIG, or of this host, until interrupted."""
    read = _read_if(config)
    from mirrorplane.cli.serve import Wishes
    from mirrorplane.cli.serve import serve as start

    start(config, read, Wishes(listen, engine.value, log is LogForm.json, verbose))


ServedConfig = Annotated[
    str | None, typer.Argument(metavar="CONFIG", help="The configuration file of the server.")
]
StateFile = Annotated[
    Path | None, typer.Option("--state", metavar="FILE", help="The server's state, if not as CONFIG says.")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print rows as JSON.")]


@app.command()
def sessions(config: ServedConfig = None, state: StateFile = None, json: AsJson = False) -> None:
    """List the sessions of a running server."""
    _list("sessions", config, state, json)


@app.command()
def filters(config: ServedConfig = None, state: StateFile = None, json: AsJson = False) -> None:
    """List the filters of a running server."""
    _list("filters", config, state, json)


@app.command()
def targets(config: ServedConfig = None, state: StateFile = None, json: AsJson = False) -> None:
    """List the named targets of a running server."""
    _list("targets", config, state, json)


@app.command()
def enis(config: ServedConfig = None, state: StateFile = None, json: AsJson = False) -> None:
    """List the interfaces that a running server can mirror from and to."""
    _list("enis", config, state, json)


def _list(what: str, config: str | None, state: Path | None, as_json: bool) -> None:
    from mirrorplane.cli.listing import listing
    from mirrorplane.cli.places import state as place

    listing(what, state or place(config, _read_if(config).api), as_json)


def _read_if(config: str | None) -> "Configuration":
    if config is not None:
        return _read(config)
    from mirrorplane.model import Configuration

    return Configuration()


@app.command()
def clean() -> None:
    """Remove what killed runs left mirroring in this network namespace."""
    from mirrorplane.cli.clean import clean as sweep

    sweep()


@app.command()
def doctor(
    json: Annotated[bool, typer.Option("--json", help="Print the answers as JSON.")] = False,
    verbose: Annotated[
        bool, typer.Option("-v", "--verbose", help="Also what the kernel says at length of what it refuses.")
    ] = False,
) -> None:
    """Say what this host can run, and what is missing; exit code 1 if nothing live."""
    from mirrorplane.cli.doctor import doctor as examine

    raise typer.Exit(examine(json, verbose))


@app.command()
def demo(
    output: Annotated[
        Path,
        typer.Option(
            "-o", "--output", metavar="FILE", help="Where to write what the sensor receives (pcap)."
        ),
    ] = Path("mirrorplane-demo.pcap"),
) -> None:
    """Build a small network, mirror real traffic in it, and show what a sensor gets."""
    from mirrorplane.cli.demo import demo as play

    play(output)
