"""`mirrorplane demo`: a small network, real traffic in it, mirrored to a sensor that shows what it got.

Owns the course of the demo and what it prints. Must not know how namespaces are made or packets mirrored:
it starts `mirrorplane run` as a user would. Without privileges it replays a recording of the same.
"""

import json
import os
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from select import PIPE_BUF, select
from subprocess import Popen
from typing import TYPE_CHECKING

from rich.table import Table

import mirrorplane
from mirrorplane.cli.outcome import FailedError
from mirrorplane.cli.terminal import show
from mirrorplane.lab.decoding import Received, describe, unwrap

if TYPE_CHECKING:
    from mirrorplane.engines.report import Report

READY = "mirrorplane: ready"
LONGEST_START, LONGEST_ARRIVAL = 60.0, 5.0
"""Seconds: the first start ever compiles the pipeline; the last packet may still be on its way."""

QUIET = 0.3
"""Seconds without another copy, after which none is expected."""

SHOWN = 8
"""Lines of decoded packets for each VNI."""

RECORDING = "demo"
_PLACES = (Path(mirrorplane.__file__).parent / "lab", Path(mirrorplane.__file__).parent.parent / "pcaps")
"""Where the recording lies: in an installed package, in a checkout."""


def demo(output: Path) -> None:
    """Run it, and write what the sensor received to *output*."""
    if not output.parent.is_dir():
        raise FailedError(f"{output.parent}: no such folder")
    from mirrorplane.lab.namespaces import missing  # pyroute2, which takes half a second

    with _writable(output):
        why = missing()
        if why is None:
            _live(output)
        else:
            show(f"No live lab here: {why}.\nReplaying a recording of it instead.")
            _recorded(output)


@contextmanager
def _writable(output: Path) -> Iterator[None]:
    """See that *output* can be written before the block; leave no empty file if that fails.

    Raises OSError. A pipe or a device is not tried: its reader would see it end.
    """
    new = not os.path.lexists(output)
    if new or output.is_file() or output.is_dir():
        output.open("ab").close()
    try:
        yield
    finally:
        if new and output.is_file() and not output.stat().st_size:
            output.unlink()


def _live(output: Path) -> None:
    from mirrorplane.lab.demo import demo as lab_of

    with tempfile.TemporaryDirectory() as folder, lab_of() as lab:
        path = Path(folder) / "demo.yaml"
        path.write_text(lab.configuration())
        show("client --- host --- web      namespaces of their own; host mirrors web's interface,")
        show("            +------ sensor   HTTP on VNI 80 at PacketLength 128, the rest on VNI 1000")
        lab.serve()
        with ExitStack() as stack:
            sent = stack.enter_context(lab.record_source())
            received = stack.enter_context(lab.record_sensor())
            running = lab.host.spawn([sys.executable, "-m", "mirrorplane", "run", str(path)])
            await_ready(running)
            for talk in lab.talk():
                show(f"  {talk.what}: {talk.exchanges} exchanges, {talk.payload_bytes:,} bytes of answers")
            found = _stop(running, lambda: len(received.frames))
        copies = _copies(seen.frame for seen in received.frames)
        received.write(output)
    show(f"Packets on web's interface: {len(sent.frames)}. What the mirror counted, and the sensor got:")
    _tell(found, copies, output)


def _recorded(output: Path) -> None:
    from mirrorplane.capture.file import open_capture
    from mirrorplane.cli.reading import configuration
    from mirrorplane.engines.replay import Replay, file_templates, into
    from mirrorplane.engines.report import report
    from mirrorplane.forward.memory import MemorySink
    from mirrorplane.forward.pcap import PcapFile, PcapSink
    from mirrorplane.plan import compile_plan

    folder = next((place for place in _PLACES if (place / f"{RECORDING}.yaml").is_file()), None)
    if folder is None:
        raise FailedError("the recording of the demo is not installed")
    plan = compile_plan(configuration(str(folder / f"{RECORDING}.yaml")))
    templates = file_templates(plan)
    sink = MemorySink()
    for to in (sink, PcapSink(PcapFile(output, nanoseconds=True))):
        with closing(open_capture(folder / f"{RECORDING}.pcapng", 0)) as capture, closing(to):
            run = Replay(plan, capture, into(to, templates))
            run.run()
    _tell(report(plan, run.counters), _copies(copy.data for copy in sink.mirrored), output)


def await_ready(running: Popen[str], seconds: float = LONGEST_START) -> None:
    """Wait until `run` mirrors every source. Raises FailedError if it ends before, or takes too long."""
    end, said = time.monotonic() + seconds, b""
    pipe = running.stderr.fileno() if running.stderr is not None else -1
    while READY.encode() not in said:
        waiting, _, _ = select([pipe], [], [], max(end - time.monotonic(), 0.0))
        more = os.read(pipe, PIPE_BUF) if waiting else b""
        if not more:
            lines = said.decode(errors="replace").splitlines()
            raise FailedError("; ".join(["mirrorplane run did not get ready", *lines]))
        said += more


def _stop(running: Popen[str], arrived: Callable[[], int]) -> "Report":
    """End `run` once no more copies arrive; return its last report."""
    end, before = time.monotonic() + LONGEST_ARRIVAL, -1
    while time.monotonic() < end and arrived() != before:
        before = arrived()
        time.sleep(QUIET)
    running.send_signal(signal.SIGTERM)
    output, errors = running.communicate(timeout=LONGEST_ARRIVAL)
    if running.returncode:
        said = "; ".join(errors.splitlines())
        raise FailedError(f"mirrorplane run ended with {running.returncode}: {said}")
    last: Report = json.loads(output.splitlines()[-1])
    return last


def _copies(frames: Iterable[bytes]) -> list[Received]:
    unwrapped = (unwrap(frame) for frame in frames)
    return [received for received in unwrapped if received is not None]


def _tell(found: "Report", copies: list[Received], output: Path) -> None:
    """Show what was mirrored beside what arrived, and some of it decoded."""
    arrived, bytes_of = Counter(copy.vni for copy in copies), Counter[int]()
    for copy in copies:
        bytes_of[copy.vni] += len(copy.inner)
    table = Table("session", "VNI", "mirrored", "of these cut", "sensor received", "inner bytes")
    for name, session in found["sessions"].items():
        vni = session["virtual_network_id"]
        counts = (session["mirrored_packets"], session["truncated_packets"], arrived[vni], bytes_of[vni])
        table.add_row(name, str(vni), *(f"{count:,}" for count in counts))
    show(table)
    for name, source in found["sources"].items():
        reasons = ", ".join(f"{reason} {count}" for reason, count in source["not_mirrored"].items()) or "none"
        show(f"{name}: {source['seen']} packets seen; not mirrored: {reasons}")
    for vni in sorted(arrived):
        show(f"VNI {vni}, the first {min(SHOWN, arrived[vni])} of {arrived[vni]} packets, decoded:")
        for copy in [copy for copy in copies if copy.vni == vni][:SHOWN]:
            show(f"  {describe(copy.inner)}  [{len(copy.inner)} bytes]")
    show(f"All of it, for Wireshark: {output}")
    missed = {name for name, session in found["sessions"].items()
              if arrived[session["virtual_network_id"]] != session["mirrored_packets"]}  # fmt: skip
    if missed or not copies:
        raise FailedError(
            f"the sensor did not receive what was mirrored: {', '.join(sorted(missed)) or 'nothing'}"
        )
