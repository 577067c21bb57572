"""The programs that are compared, file to file, and the mark and the limit beside them.

Owns their command lines, and what each of them does. Must not know how they are measured.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import NamedTuple

from benchmarks.figures import LeftOut
from benchmarks.traffic import SENSOR_MAC, source_name

OURS, OURS_ALONE, C, TCPREWRITE, EDITCAP, TCPDUMP = (
    "mirrorplane",
    "mirrorplane, one worker",
    "C by hand",
    "tcprewrite",
    "editcap",
    "tcpdump",
)
DPKT, DPKT_BY_HAND, SCAPY = "dpkt", "dpkt, envelope by hand", "scapy"
LIMIT = "read and write alone"

DOES = {
    OURS: "parse, decide, cut, wrap, count",
    OURS_ALONE: "the same",
    C: "parse, decide, cut, wrap (IPv4)",
    TCPREWRITE: "change a MAC, sum up",
    EDITCAP: "cut",
    TCPDUMP: "copy",
    DPKT: "parse, decide, cut, wrap",
    DPKT_BY_HAND: "parse, decide, cut, wrap",
    SCAPY: "parse, decide, cut, wrap",
    LIMIT: "the same bytes in and out, no more",
}

WORKERS = "--workers"
HERE = Path(__file__).parent
C_PROGRAM = "mirror"
_OPTIMISED = ("-O3", "-march=native")


class Files(NamedTuple):
    """What a program gets besides its input."""

    configuration: Path
    rules: Path
    output: Path
    packet_length: int


class Script(NamedTuple):
    """A Python program: its library, what divides the packets that it gets, and what else it is told."""

    library: str
    slow: int
    more: tuple[str, ...] = ()


SCRIPTS = {
    DPKT: Script("dpkt", 50),
    DPKT_BY_HAND: Script("dpkt", 50, ("by-hand",)),
    SCAPY: Script("scapy", 500),
}


class Program(NamedTuple):
    """A command for an input file; `slow` is what divides the packets that it gets."""

    command: Callable[[Path], list[str]]
    slow: int = 1


def programs(files: Files, folder: Path) -> tuple[dict[str, Program], list[LeftOut]]:
    """Return the programs that there are, ours first, and what is left out; C is compiled into *folder*."""
    compiled = compile_c(folder)
    missing = [
        *([] if has_workers() else [LeftOut(what=OURS_ALONE, why=f"this replay has no {WORKERS}")]),
        *([compiled] if isinstance(compiled, LeftOut) else []),
        *(
            LeftOut(what=name, why="not installed")
            for name in (TCPREWRITE, EDITCAP, TCPDUMP)
            if not which(name)
        ),
        *(
            LeftOut(what=name, why="not installed")
            for name, script in SCRIPTS.items()
            if not _library(script)
        ),
    ]
    names = {each.what for each in missing}
    every = {
        OURS: Program(partial(replay, files)),
        OURS_ALONE: Program(lambda path: replay(files, path, WORKERS, "1")),
        C: Program(partial(_c, folder / C_PROGRAM, files)),
        TCPREWRITE: Program(partial(_tcprewrite, files)),
        EDITCAP: Program(partial(_editcap, files)),
        TCPDUMP: Program(partial(_tcpdump, files)),
        **{name: Program(partial(_script, script, files), script.slow) for name, script in SCRIPTS.items()},
    }
    return {name: program for name, program in every.items() if name not in names}, missing


def _library(script: Script) -> bool:
    return find_spec(script.library) is not None


def _c(program: Path, files: Files, path: Path) -> list[str]:
    return [str(program), str(files.rules), str(path), str(files.output), str(files.packet_length)]


def _tcprewrite(files: Files, path: Path) -> list[str]:
    return [TCPREWRITE, f"--infile={path}", f"--outfile={files.output}", f"--enet-dmac={SENSOR_MAC}"]


def _editcap(files: Files, path: Path) -> list[str]:
    return [EDITCAP, "-F", "pcap", "-s", str(files.packet_length), str(path), str(files.output)]


def _tcpdump(files: Files, path: Path) -> list[str]:
    """As root it would become another user, who may not write into our folder."""
    user = ["-Z", "root"] if os.geteuid() == 0 else []
    return [TCPDUMP, *user, "-r", str(path), "-w", str(files.output)]


def has_workers() -> bool:
    """Return whether `replay` knows the option."""
    command = [sys.executable, "-m", "mirrorplane", "replay", "--help"]
    return WORKERS in subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _script(script: Script, files: Files, path: Path) -> list[str]:
    given = [str(files.rules), str(path), str(files.output), str(files.packet_length)]
    return [sys.executable, str(HERE / f"with_{script.library}.py"), *given, *script.more]


def blocks(files: Files, n_read: int, n_written: int, path: Path) -> list[str]:
    """Return the command that reads a file and writes as much for each byte as *n_written* of *n_read*."""
    given = [str(path), str(files.output), str(n_read), str(n_written)]
    return [sys.executable, "-I", "-S", str(HERE / "blocks.py"), *given]


def replay(files: Files, path: Path | str, *options: str) -> list[str]:
    """Return our command for an input file."""
    given = ["--source", f"{source_name(0)}={path}", "-o", str(files.output)]
    return [
        sys.executable,
        "-m",
        "mirrorplane",
        "replay",
        str(files.configuration),
        "--json",
        *given,
        *options,
    ]


def compile_c(folder: Path) -> Path | LeftOut:
    """Compile the C program into *folder*; return it, or why there is none."""
    compiler = which("cc")
    if compiler is None:
        return LeftOut(what=C, why="cc is not installed")
    made = folder / C_PROGRAM
    done = subprocess.run(
        [compiler, *_OPTIMISED, "-o", str(made), str(HERE / f"{C_PROGRAM}.c")],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return LeftOut(what=C, why=f"cc failed: {done.stderr.strip().splitlines()[-1]}")
    return made
