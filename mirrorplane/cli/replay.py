"""`mirrorplane replay`: capture files through the mirror.

Owns what its flags mean together, and which parts they choose. Must not know formats or packets.
"""

import json
import os
import random
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing
from typing import NamedTuple

from mirrorplane.batch import DIRECTIONS, UNKNOWN
from mirrorplane.capture.file import STANDARD_INPUT, open_capture
from mirrorplane.capture.merge import merged
from mirrorplane.capture.recording import Recording
from mirrorplane.cli.outcome import WrongUsageError, complain
from mirrorplane.engines.lanes import Lanes
from mirrorplane.engines.replay import Replay, Way, file_templates, into
from mirrorplane.engines.report import report
from mirrorplane.forward.output import STANDARD_OUTPUT, refuse_inputs
from mirrorplane.forward.pcap import PcapFile, PcapSink
from mirrorplane.forward.pcapng import PcapngFile, PcapngSink
from mirrorplane.forward.records import RecordSink
from mirrorplane.model import Configuration, with_networks
from mirrorplane.model.userspace import MAX_WORKERS
from mirrorplane.plan import Plan, PlanError, compile_plan

ENDINGS = (".pcap", ".pcapng")
RECORDED = 1.0
"""Times as fast as recorded."""

USEFUL_WORKERS = 4
"""Of a packet's time a third is spent reading and a third writing, each by one thread at a time: more than
these would only wait, and hold memory."""

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
    workers: int | None


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
    workers = _workers(wishes)
    with ExitStack() as stack:
        opened = [
            stack.enter_context(closing(open_capture(path, row, workers if len(paths) == 1 else 1)))
            for row, path in enumerate(paths.values())
        ]
        capture = stack.enter_context(closing(merged(opened, workers)))
        if wishes.output is not None:
            refuse_inputs(wishes.output, [path, *paths.values()])
            run = _into_file(path, plan, capture, wishes.output, workers, stack)
        else:
            run = _to_targets(plan, capture, wishes, stack)
        try:
            _watch(run, capture, wishes)
        finally:
            _say(plan, run, wishes)


def _watch(run: Replay | Lanes, capture: Recording, wishes: Wishes) -> None:
    if wishes.json or not sys.stderr.isatty():
        run.run()
        return
    from mirrorplane.cli.terminal import meter  # rich, which only a terminal needs

    with meter(capture) as progress:
        run.run(progress)


def _into_file(
    path: str, plan: Plan, capture: Recording, output: str, workers: int, stack: ExitStack
) -> Replay | Lanes:
    try:
        templates = file_templates(plan)  # a plan that cannot be written is refused before there is a file
    except PlanError as error:
        raise WrongUsageError(f"{path}: {error}") from None
    sinks = _file_sinks(output, capture, workers)
    stack.enter_context(closing(sinks[0]))
    if workers == 1:
        return Replay(plan, capture, into(sinks[0], templates))
    return Lanes(plan, capture, templates, sinks)


def _to_targets(plan: Plan, capture: Recording, wishes: Wishes, stack: ExitStack) -> Replay:
    from mirrorplane.engines.userspace.uplinks import Uplinks  # netlink, which a file does without

    uplinks = stack.enter_context(closing(Uplinks(complain, patient=True)))
    uplinks.turn_to(plan)
    uplinks.settle(SETTLE)
    uplinks.require()
    way = Way(uplinks.templates, uplinks.sinks, uplinks.outlets)
    return Replay(plan, capture, way, None if wishes.topspeed else wishes.speed or RECORDED)


def _file_sinks(path: str, capture: Recording, workers: int) -> Sequence[RecordSink]:
    """Return a sink for each worker, all for one file."""
    if path.endswith(".pcapng"):
        blocks = PcapngFile(path)
        return [PcapngSink(blocks) for _ in range(workers)]
    records = PcapFile(path, nanoseconds=capture.finer_than_microsecond)
    return [PcapSink(records) for _ in range(workers)]


def _workers(wishes: Wishes) -> int:
    """Return how many threads mirror into a file, by default as many as have a CPU and something to do."""
    if wishes.send:
        return 1
    return wishes.workers or min(len(os.sched_getaffinity(0)), USEFUL_WORKERS)


def _say(plan: Plan, run: Replay | Lanes, wishes: Wishes) -> None:
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
    if wishes.send and wishes.workers is not None:
        raise WrongUsageError("--workers goes with -o: what is sent is sent by one")
    if wishes.workers is not None and wishes.workers not in range(1, MAX_WORKERS + 1):
        raise WrongUsageError(f"--workers: must be 1 to {MAX_WORKERS}, not {wishes.workers}")
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
