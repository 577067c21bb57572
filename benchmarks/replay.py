"""File to file, whole processes: `mirrorplane replay` against tcprewrite and editcap.

Owns these times. Each is net of start-up: less the time of the same command on one packet, in the same
pair. What is not installed is named and left out.
"""

import shutil
import struct
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import NamedTuple

from benchmarks import measure
from benchmarks.traffic import Traffic, configuration, rules, traffic

PACKETS = 1_000_000
PACKET_LENGTH = 128
_SECOND = 1_700_000_000
MEMORY, ROOM = Path("/dev/shm"), 2 << 30  # noqa: S108 - a temporary folder is made in it


def write_pcap(path: Path, packets: Traffic) -> None:
    """Write *packets* as a pcap file, a microsecond apart."""
    with path.open("wb") as file:
        file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1))
        for row, frame in enumerate(packets.frames(packets.lengths.size)):
            second, fraction = divmod(row, 1_000_000)
            file.write(struct.pack("<IIII", _SECOND + second, fraction, len(frame), len(frame)))
            file.write(frame)


class Side(NamedTuple):
    """A command: what stands before its input, what joins the two, and what stands behind it."""

    before: list[str]
    given: str
    after: list[str]

    def on(self, path: Path) -> list[str]:
        """Return the command for an input file."""
        return [*self.before, self.given + str(path), *self.after]


def sides(config: Path, output: Path) -> dict[str, Side]:
    """Return the command of each side."""
    ours = [sys.executable, "-m", "mirrorplane", "replay", str(config), "--json", "--source"]
    rewrite = [f"--outfile={output}", "--enet-dmac=02:00:00:00:00:99"]
    cut = str(PACKET_LENGTH)
    return {
        "mirrorplane": Side(ours, "eni-source=", ["-o", str(output)]),
        "tcprewrite": Side(["tcprewrite"], "--infile=", rewrite),
        f"editcap -s {cut}": Side(["editcap", "-F", "pcap", "-s", cut], "", [str(output)]),
    }


def compare() -> None:
    """Print the times, and how many times as fast as each peer the replay is."""
    with tempfile.TemporaryDirectory(dir=_in_memory()) as folder:
        place = Path(folder)
        by = rules(10)
        packets = traffic("IMIX", PACKETS, by)
        config, many, one = place / "bench.yaml", place / "many.pcap", place / "one.pcap"
        config.write_text(configuration(by, PACKET_LENGTH))
        write_pcap(many, packets)
        write_pcap(one, Traffic(packets.data, packets.offsets[:1], packets.lengths[:1]))
        output = place / "out.pcap"
        every = sides(config, output)
        found = {name: side for name, side in every.items() if _installed(name, side)}
        runs = {
            (name, path): partial(_run, side.on(path), output)
            for name, side in found.items()
            for path in (one, many)
        }
        taken = measure.alternating({f"{name} {path.stem}": run for (name, path), run in runs.items()})
    start = {name: taken[f"{name} {one.stem}"] for name in found}
    whole = {name: taken[f"{name} {many.stem}"] for name in found}
    net = {name: [a - b for a, b in zip(whole[name], start[name], strict=True)] for name in found}
    rows = [
        [
            name,
            str(measure.figure(start[name])),
            str(measure.figure(whole[name])),
            str(measure.figure(net[name])),
            str(measure.ratio(net[name], net["mirrorplane"])),
        ]
        for name in found
    ]
    columns = [
        "who",
        "1 packet [s]",
        "1,000,000 packets [s]",
        "net of start-up [s]",
        "net, times mirrorplane's",
    ]
    measure.show("file to file: IMIX, 10 rules, PacketLength 128", columns, rows)


def _in_memory() -> str | None:
    """Return a folder that no disk is behind, whose writing back would fall on whoever is measured next."""
    room = shutil.disk_usage(MEMORY).free if MEMORY.is_dir() else 0
    return str(MEMORY) if room > ROOM else None


def _installed(name: str, side: Side) -> bool:
    program = side.before[0]
    if shutil.which(program) is None:
        print(f"left out: {name} ({program} is not installed)")
        return False
    return True


def _run(command: list[str], output: Path) -> float:
    output.unlink(missing_ok=True)  # or whoever comes next would pay for emptying it
    return measure.seconds(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
