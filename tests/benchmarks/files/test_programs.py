"""Who is compared does what is said: each output of a small capture is what it should be."""

import random
import shutil
import subprocess
from pathlib import Path

import dpkt
import numpy as np
import pytest

from benchmarks.files import captures
from benchmarks.files.programs import (
    DOES,
    DPKT,
    DPKT_BY_HAND,
    EDITCAP,
    LIMIT,
    OURS,
    OURS_ALONE,
    SCAPY,
    SCRIPTS,
    TCPDUMP,
    TCPREWRITE,
    C,
    Files,
    blocks,
    programs,
)
from benchmarks.traffic import SENSOR_MAC, Traffic, of_one_source, rules, traffic

N_PACKETS, N_RULES, PACKET_LENGTH = 300, 10, 128
MACS, IP, PORTS_END = 12, 14, 38
SOURCE_PORT = slice(34, 36)
"""Of the outer UDP header: dpkt's and scapy's users hash flows in their own way."""

FORGED = [
    bytes.fromhex("ffffffffffff0200000000010806") + bytes(46),  # ARP
    bytes.fromhex("02000000000902000000000186dd") + bytes(60),  # IPv6, all zeros
    b"\x02\0\0\0\0\x09",
]

Frames = list[bytes]


class Bench:
    """A capture, and every program that there is, run on it when asked."""

    def __init__(self, folder: Path, frames: Frames) -> None:
        self.frames, self.input = frames, folder / "in.pcap"
        self.files = Files(folder / "bench.yaml", folder / "rules", folder / "out.pcap", PACKET_LENGTH)
        by = rules(N_RULES)
        captures.write_configuration(self.files.configuration, by, PACKET_LENGTH)
        captures.write_rules(self.files.rules, by)
        captures.write_pcap(self.input, packed(frames))
        self.programs, self.left_out = programs(self.files, folder)

    def output(self, name: str) -> bytes:
        """Return the file that a program makes of the capture."""
        if name not in self.programs:
            pytest.skip(f"{name}: not installed")
        self.files.output.unlink(missing_ok=True)
        command = self.programs[name].command(self.input)
        subprocess.run(command, check=True, capture_output=True)
        return self.files.output.read_bytes()

    def made(self, name: str) -> Frames:
        """Return the frames of that file."""
        self.output(name)
        with self.files.output.open("rb") as file:
            return [frame for _, frame in dpkt.pcap.Reader(file)]


def packed(frames: Frames) -> Traffic:
    """Return the frames one behind the other."""
    lengths = np.array([len(frame) for frame in frames], np.int32)
    offsets = np.cumsum(lengths, dtype=np.int64) - lengths
    data = np.frombuffer(b"".join(frames), np.uint8)
    return Traffic(data, offsets, lengths, np.zeros(lengths.size, np.int32))


def frames_of(n_rules: int) -> Frames:
    return traffic("IMIX", N_PACKETS, of_one_source(rules(n_rules))).frames(N_PACKETS)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Traffic half of which no rule matches, and some from another source."""
    foreign = traffic("64", 10, [(1, rule) for rule in rules(N_RULES)]).frames(10)
    frames = frames_of(2 * N_RULES) + foreign + FORGED[:1]
    return Bench(tmp_path_factory.mktemp("programs"), frames)


def without_port(frames: Frames) -> Frames:
    return [frame[: SOURCE_PORT.start] + frame[SOURCE_PORT.stop :] for frame in frames]


def test_we_mirror_some_and_not_all(bench: Bench) -> None:
    assert N_PACKETS / 4 < len(bench.made(OURS)) < N_PACKETS * 3 / 4


def test_one_worker_makes_the_very_same_file(bench: Bench) -> None:
    assert bench.output(OURS_ALONE) == bench.output(OURS)


def test_c_makes_the_very_same_file(bench: Bench) -> None:
    assert bench.output(C) == bench.output(OURS)


def test_c_makes_the_very_same_file_of_headers_that_are_wrong(tmp_path: Path) -> None:
    draw = random.Random(5)
    frames = list(FORGED)
    for frame in frames_of(N_RULES) * 4:
        broken = bytearray(frame)
        for _ in range(draw.choice((1, 1, 2))):
            place = draw.choice((draw.randrange(MACS), draw.randrange(IP, PORTS_END)))
            broken[place] ^= 1 << draw.randrange(8)
        frames += [frame, bytes(broken[: draw.choice((len(frame), draw.randrange(IP, len(frame))))])]
    bench = Bench(tmp_path, frames)
    ours = bench.output(OURS)
    assert len(bench.made(OURS)) > N_PACKETS
    assert bench.output(C) == ours


@pytest.mark.parametrize("name", [DPKT, DPKT_BY_HAND, SCAPY])
def test_the_libraries_make_the_same_but_for_the_source_port(bench: Bench, name: str) -> None:
    made, ours = bench.made(name), bench.made(OURS)
    assert without_port(made) == without_port(ours)
    assert {len(frame) for frame in made} == {len(frame) for frame in ours}
    assert all(int.from_bytes(frame[SOURCE_PORT], "big") >= 49152 for frame in made)


def test_editcap_cuts(bench: Bench) -> None:
    assert bench.made(EDITCAP) == [frame[:PACKET_LENGTH] for frame in bench.frames]


def test_tcprewrite_changes_a_mac(bench: Bench) -> None:
    mac = bytes.fromhex(SENSOR_MAC.replace(":", ""))
    assert bench.made(TCPREWRITE) == [mac + frame[6:] for frame in bench.frames]


def test_tcpdump_copies(bench: Bench) -> None:
    assert bench.made(TCPDUMP) == bench.frames


def test_the_limit_writes_as_many_bytes_as_we_do(bench: Bench) -> None:
    n_written = len(bench.output(OURS))
    bench.files.output.unlink()
    subprocess.run(blocks(bench.files, bench.input.stat().st_size, n_written, bench.input), check=True)
    assert bench.files.output.stat().st_size == n_written


def test_whoever_is_compared_is_told_of(bench: Bench) -> None:
    assert {*bench.programs, *(each.what for each in bench.left_out), LIMIT} == set(DOES)


def test_what_is_not_installed_is_left_out_by_name(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found, left_out = programs(bench.files, tmp_path)
    assert shutil.which("cc") is None
    assert set(found) - {OURS_ALONE} == {OURS, *SCRIPTS}
    reasons = {each.what: each.why for each in left_out if each.what != OURS_ALONE}
    assert reasons == {
        C: "cc is not installed",
        **dict.fromkeys((TCPREWRITE, EDITCAP, TCPDUMP), "not installed"),
    }
