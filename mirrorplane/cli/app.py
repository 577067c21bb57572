"""The commands and their flags.

Owns what can be typed. Must not know how any of it is done: each command's module is imported when it is
called.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mirrorplane import __version__
from mirrorplane.cli.outcome import exit_codes, open_streams
from mirrorplane.cli.startup import end_at_once_on_interrupts, hasten, in_one_piece, leave_behind

if TYPE_CHECKING:
    from mirrorplane.model import Configuration

NAME = "mirrorplane"

ENGINES = ("auto", "kernel", "userspace")
"""What mirrors live traffic."""

LISTED = {
    "sessions": "List the sessions of a running server.",
    "filters": "List the filters of a running server.",
    "targets": "List the named targets of a running server.",
    "enis": "List the interfaces that a running server can mirror from and to.",
}

Command = Callable[..., None]
Decorator = Callable[[Command], Command]


class _InOrder(click.Group):
    """Commands in the order in which they are written here."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _config(*, required: bool, what: str = "The configuration file; - for standard input.") -> Decorator:
    return click.argument(
        "config", metavar="CONFIG" if required else "[CONFIG]", required=required, help=what
    )


def _flag(*names: str, what: str) -> Decorator:
    return click.option(*names, is_flag=True, help=what)


def _choice(name: str, among: tuple[str, ...], default: str | None, what: str) -> Decorator:
    return click.option(name, type=click.Choice(among), default=default, show_default=True, help=what)


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    hasten()
    open_streams()
    try:
        with exit_codes():
            code = _do(sys.argv[1:])
    finally:
        leave_behind()
    raise SystemExit(code)


@in_one_piece
def _do(arguments: list[str]) -> int:
    """Do what *arguments* say; return the exit code.

    As click does, but that Ctrl-C and errors of the system are left to `exit_codes`.
    """
    try:
        with app.make_context(NAME, arguments) as context:
            app.invoke(context)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.UsageError as error:
        error.show()
        return error.exit_code
    return 0


def _read(config: str) -> "Configuration":
    """Read the configuration, before anything is imported that only a right one needs."""
    from mirrorplane.cli.reading import configuration

    return configuration(config)


def _read_if(config: str | None) -> "Configuration":
    if config is not None:
        return _read(config)
    from mirrorplane.model import Configuration

    return Configuration()


@click.group(cls=_InOrder)
@click.version_option(__version__, message="%(prog)s %(version)s", help="Print the version.")
def app() -> None:
    """Cloud-style VPC traffic mirroring on any Linux host."""


@app.command()
@_config(required=True)
@click.option(
    "--source",
    "sources",
    metavar="ENI=FILE",
    multiple=True,
    required=True,
    help="A source and its capture (pcap, pcapng, .gz, .zst, - for stdin); again for more.",
)
@click.option("-o", "--output", metavar="FILE", help="Write here: .pcap or .pcapng.")
@_flag("--send", what="Send to the real target instead, as fast as recorded.")
@click.option("--speed", type=float, metavar="X", help="With --send: X times as fast as recorded.")
@_flag("--topspeed", what="With --send: as fast as it goes.")
@_choice(
    "--direction",
    ("ingress", "egress"),
    None,
    "Of packets whose direction neither flags, MACs nor addresses tell.",
)
@click.option(
    "--workers",
    type=int,
    metavar="N",
    help="With -o: threads that share the work; default one a CPU, up to 4.",
)
@_flag("--json", what="Print the counters as JSON.")
def replay(
    config: str,
    sources: tuple[str, ...],
    output: str | None,
    send: bool,
    speed: float | None,
    topspeed: bool,
    direction: str | None,
    workers: int | None,
    json: bool,
) -> None:
    """Send capture files through the mirror sessions of CONFIG."""
    read = _read(config)
    from mirrorplane.cli.replay import Wishes
    from mirrorplane.cli.replay import replay as run

    run(config, read, Wishes(list(sources), output, send, speed, topspeed, direction, json, workers))


@app.command()
@_config(required=True)
def check(config: str) -> None:
    """Say whether CONFIG is right, and what it would do."""
    read = _read(config)
    from mirrorplane.cli.check import check as run

    run(config, read)


@app.command()
@_config(required=True)
@_choice("--engine", ENGINES, "auto", "What mirrors; auto takes the best that this host has.")
@_flag("--keep", what="Leave the kernel engine mirroring when this ends.")
@click.option(
    "--workers",
    type=int,
    metavar="N",
    help="Threads that share the packets of each source (userspace engine); default 1.",
)
@_flag("-v", "--verbose", what="Show why the kernel refused the programs.")
def run(config: str, engine: str, keep: bool, workers: int | None, verbose: bool) -> None:
    """Mirror live traffic as CONFIG says, until interrupted; SIGHUP reads CONFIG again."""
    end_at_once_on_interrupts()
    read = _read(config)
    from mirrorplane.cli.engines import Wishes
    from mirrorplane.cli.run import run as start

    start(config, read, Wishes(engine, keep, verbose, workers))


@app.command()
@_config(required=False)
@click.option(
    "--listen",
    metavar="HOST:PORT",
    default="127.0.0.1:8780",
    show_default=True,
    help="Where; port 0 takes a free one. It is plain HTTP.",
)
@_choice("--engine", (*ENGINES, "none"), "auto", "What mirrors; none for the APIs alone.")
@_choice("--log", ("text", "json"), "text", "What a request's line looks like.")
@_flag("-v", "--verbose", what="Show failures at length, and why the kernel refused.")
def serve(config: str | None, listen: str, engine: str, log: str, verbose: bool) -> None:
    """Serve the clouds' APIs over the interfaces of CONFIG, or of this host, until interrupted."""
    end_at_once_on_interrupts()
    read = _read_if(config)
    from mirrorplane.cli.serve import Wishes
    from mirrorplane.cli.serve import serve as start

    start(config, read, Wishes(listen, engine, log == "json", verbose))


def _listing(what: str) -> None:
    """Add the command that lists *what* of a running server."""

    @app.command(what, help=LISTED[what])
    @_config(required=False, what="The configuration file of the server.")
    @click.option(
        "--state",
        type=click.Path(path_type=Path),
        metavar="FILE",
        help="The server's state, if not as CONFIG says.",
    )
    @_flag("--json", what="Print rows as JSON.")
    def listed(config: str | None, state: Path | None, json: bool) -> None:
        from mirrorplane.cli.listing import listing
        from mirrorplane.cli.places import state as place

        listing(what, state or place(config, _read_if(config).api), json)


for each in LISTED:
    _listing(each)


@app.command()
def clean() -> None:
    """Remove what killed runs left mirroring in this network namespace."""
    from mirrorplane.cli.clean import clean as sweep

    sweep()


@app.command()
@_flag("--json", what="Print the answers as JSON.")
@_flag("-v", "--verbose", what="Also what the kernel says at length of what it refuses.")
def doctor(json: bool, verbose: bool) -> None:
    """Say what this host can run, and what is missing; exit code 1 if nothing live."""
    from mirrorplane.cli.doctor import doctor as examine

    raise click.exceptions.Exit(examine(json, verbose))


@app.command()
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    metavar="FILE",
    default=Path("mirrorplane-demo.pcap"),
    show_default=True,
    help="Where to write what the sensor receives (pcap).",
)
def demo(output: Path) -> None:
    """Build a small network, mirror real traffic in it, and show what a sensor gets."""
    from mirrorplane.cli.demo import demo as play

    play(output)
