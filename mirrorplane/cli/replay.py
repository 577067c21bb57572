"""`mirrorplane replay`: capture files through the mirror.

Owns what its flags mean together, and which parts they choose. Must not know formats or packets.
"""

import json
import random
import sys
from contextlib import ExitStack, closing
from typing import NamedTuple

from mirrorplane.batch import DIRECTIONS, UNKNOWN
from mirrorplane.capture.file import STANDARD_INPUT, open_capture
from mirrorplane.capture.merge import merged
from mirrorplane.capture.recording import Recording
from mirrorplane.cli.outcome import WrongUsageError, complain
from mirrorplane.engines.replay import Replay, Way, file_templates, into
from mirrorplane.engines.report import report
from mirrorplane.forward.pcap import PcapSink
from mirrorplane.forward.pcapng import PcapngSink
from mirrorplane.forward.records import STANDARD_OUTPUT, refuse_inputs
from mirrorplane.forward.sink import Sink
from mirrorplane.model import Configuration, with_networks
from mirrorplane.plan import Plan, PlanError, compile_plan

ENDINGS = (".pcap", ".pcapng")
RECORDED = 1.0
"""Times as fast as recorded."""

SETTLE = 2.0
"""Seconds that targets are given to answer before anything is sent."""


class Wishes(NamedTuple):
    """What was asked for on the command line."""

    sources: list[str]
    output: str | None
    send: bool
    speed: float | None
    topspeed: bool
    direction: str | None
    json: bool


def replay(path: str, read: Configuration, wishes: Wishes) -> None:
    """Do it: mirror the files, then say what was counted; a broken file is complained of after that."""
    _refuse_contradictions(wishes)
    paths = _sources(wishes.sources)
    if [path, *paths.values()].count(STANDARD_INPUT) > 1:
        raise WrongUsageError("standard input can be one source, or the configuration, not both")
    read = with_networks(read, {}, random.SystemRandom())
    _refuse_unknown(paths, read)
    fallback = DIRECTIONS.index(wishes.direction) if wishes.direction else UNKNOWN
    plan = compile_plan(read, list(paths), fallback)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(closing(open_capture(path, row))) for row, path in enumerate(paths.values())
        ]
        capture = stack.enter_context(closing(merged(opened)))
        if wishes.output is not None:
            refuse_inputs(wishes.output, [path, *paths.values()])
            run = _into_file(path, plan, capture, wishes.output, stack)
        else:
            run = _to_targets(plan, capture, wishes, stack)
        try:
            _watch(run, capture, wishes)
        finally:
            _say(plan, run, wishes)


def _watch(run: Replay, capture: Recording, wishes: Wishes) -> None:
    if wishes.json or not sys.stderr.isatty():
        run.run()
        return
    from mirrorplane.cli.terminal import meter  # rich, which only a terminal needs

    with meter(capture) as progress:
        run.run(progress)


def _into_file(path: str, plan: Plan, capture: Recording, output: str, stack: ExitStack) -> Replay:
    try:
        templates = file_templates(plan)  # a plan that cannot be written is refused before there is a file
    except PlanError as error:
        raise WrongUsageError(f"{path}: {error}") from None
    sink = stack.enter_context(closing(_file_sink(output, capture)))
    return Replay(plan, capture, into(sink, templates))


def _to_targets(plan: Plan, capture: Recording, wishes: Wishes, stack: ExitStack) -> Replay:
    from mirrorplane.engines.userspace.uplinks import Uplinks  # netlink, which a file does without

    uplinks = stack.enter_context(closing(Uplinks(complain, patient=True)))
    uplinks.turn_to(plan)
    uplinks.settle(SETTLE)
    uplinks.require()
    way = Way(uplinks.templates, uplinks.sinks, uplinks.outlets)
    return Replay(plan, capture, way, None if wishes.topspeed else wishes.speed or RECORDED)


def _file_sink(path: str, capture: Recording) -> Sink:
    if path.endswith(".pcapng"):
        return PcapngSink(path)
    return PcapSink(path, nanoseconds=capture.finer_than_microsecond)


def _say(plan: Plan, run: Replay, wishes: Wishes) -> None:
    """Show what was counted, on stderr where standard output is the capture."""
    found = report(plan, run.counters)
    output = sys.stderr if wishes.output == STANDARD_OUTPUT else sys.stdout
    if wishes.json:
        print(json.dumps(found), file=output)
        return
    from mirrorplane.cli.terminal import counted, show

    for table in counted(found):
        show(table, output)


def _refuse_contradictions(wishes: Wishes) -> None:
    if wishes.send == (wishes.output is not None):
        raise WrongUsageError("say either -o FILE, to write the mirrored packets, or --send, to send them")
    if not wishes.send and (wishes.topspeed or wishes.speed is not None):
        raise WrongUsageError("--speed and --topspeed go with --send: a file is written as fast as it goes")
    if wishes.topspeed and wishes.speed is not None:
        raise WrongUsageError("--topspeed and --speed contradict each other")
    if wishes.speed is not None and not 0 < wishes.speed < float("inf"):
        raise WrongUsageError(
            f"--speed {wishes.speed:g}: say a number above 0, for example 2 for twice as fast"
        )
    if wishes.output is not None and not wishes.output.endswith(ENDINGS) and wishes.output != STANDARD_OUTPUT:
        raise WrongUsageError(f"-o {wishes.output}: the format is told by the ending: .pcap or .pcapng")


def _sources(pairs: list[str]) -> dict[str, str]:
    """Return the file of each source from `ENI=FILE` pairs."""
    paths: dict[str, str] = {}
    for pair in pairs:
        name, equals, path = pair.partition("=")
        if not (name and equals and path):
            raise WrongUsageError(
                f"--source {pair}: say it as ENI=FILE, for example --source eni-web=traffic.pcap"
            )
        if name in paths:
            raise WrongUsageError(f"--source {name} is given twice; a source's packets come from one file")
        paths[name] = path
    return paths


def _refuse_unknown(paths: dict[str, str], read: Configuration) -> None:
    for name in paths:
        if name not in read.interfaces:
            known = ", ".join(read.interfaces) or "none"
            raise WrongUsageError(
                f"--source {name}: the configuration has no such interface (it has: {known})"
            )
