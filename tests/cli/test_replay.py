"""`replay`: every capture of `pcaps/` has the outcome written beside it, and its frames are the oracle's."""

import gzip
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import dpkt
import pytest
import yaml
import zstandard

from mirrorplane import batch
from mirrorplane.batch import DIRECTIONS
from mirrorplane.capture.file import open_capture
from mirrorplane.capture.merge import merged
from tests.cli.commands import PCAPS, mirrorplane, refusal
from tests.oracle import Direction, Packet, mirror

CASES = sorted(path.stem for path in PCAPS.glob("*.json"))
LIMIT = 2000
"""Bytes: some of the frames that the capture makes."""

HTTP: list[str | Path] = [PCAPS / "http.yaml", "--source", f"eni-server={PCAPS / 'http.pcap'}"]


def expected(case: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((PCAPS / f"{case}.json").read_text())
    return found


def captures(case: str) -> dict[str, Path]:
    """Return the capture of each source of a case: its own, or the case's only one."""
    sources = expected(case)["sources"]
    found: dict[str, Path] = {}
    for source in sources:
        stems = [case] if len(sources) == 1 else [f"{case}.{source}"]
        found[source] = next(PCAPS / f"{stem}{end}" for stem in stems for end in (".pcap", ".pcapng")
                             if (PCAPS / f"{stem}{end}").exists())  # fmt: skip
    return found


def flags(case: str) -> list[str]:
    return [flag for name, path in captures(case).items() for flag in ("--source", f"{name}={path}")]


def frames(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [octets for _, octets in dpkt.pcap.UniversalReader(file)]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("ending", [".pcap", ".pcapng"])
def test_a_capture_has_its_outcome(case: str, ending: str, tmp_path: Path) -> None:
    output = tmp_path / f"out{ending}"
    done = mirrorplane("replay", PCAPS / f"{case}.yaml", *flags(case), "-o", output, "--json")
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    for source, wanted in expected(case)["sources"].items():
        assert {key: found["sources"][source][key] for key in wanted} == wanted
    for session, wanted in expected(case)["sessions"].items():
        assert {key: found["sessions"][session][key] for key in wanted} == wanted
    assert len(frames(output)) == sum(each["mirrored_packets"] for each in found["sessions"].values())


def captured(case: str) -> Iterator[Packet]:
    """Yield the packets of a case, in the order of time."""
    names = list(captures(case))
    rows = batch.frames()
    with closing(
        merged([open_capture(path, row) for row, path in enumerate(captures(case).values())])
    ) as source:
        while count := source.fill(rows):
            for row in range(count):
                start = int(rows.offset[row])
                octets = source.data[start : start + int(rows.length[row])].tobytes()
                way: Direction = DIRECTIONS[rows.direction[row]]  # type: ignore[assignment] # the same three words
                yield Packet(names[rows.source[row]], octets, int(rows.wire_length[row]), way)


@pytest.mark.parametrize("case", CASES)
def test_the_frames_are_the_oracles(case: str, tmp_path: Path) -> None:
    config = yaml.safe_load((PCAPS / f"{case}.yaml").read_text())
    wanted = [verdict.outer for verdict in mirror(config, list(captured(case))).verdicts if verdict.outer]
    output = tmp_path / "out.pcap"
    mirrorplane("replay", PCAPS / f"{case}.yaml", *flags(case), "-o", output)
    assert frames(output) == wanted


@pytest.mark.parametrize("packed", ["plain", "gz", "zst"])
def test_standard_input_and_compressed_files_give_the_same(packed: str, tmp_path: Path) -> None:
    octets = (PCAPS / "http.pcap").read_bytes()
    packers: dict[str, Callable[[bytes], bytes]] = {
        "plain": bytes,
        "gz": gzip.compress,
        "zst": zstandard.ZstdCompressor().compress,
    }
    pack = packers[packed]
    direct, piped, filed = (tmp_path / f"{name}.pcap" for name in ("direct", "piped", "filed"))
    given = tmp_path / "input"
    given.write_bytes(pack(octets))
    assert mirrorplane("replay", *HTTP, "-o", direct).returncode == 0
    config = HTTP[0]
    assert mirrorplane("replay", config, "--source", f"eni-server={given}", "-o", filed).returncode == 0
    assert (
        mirrorplane("replay", config, "--source", "eni-server=-", "-o", piped, given=pack(octets)).returncode
        == 0
    )
    assert direct.read_bytes() == piped.read_bytes() == filed.read_bytes()


def test_threads_make_no_difference(tmp_path: Path) -> None:
    one, three = tmp_path / "one.pcap", tmp_path / "three.pcap"
    for output, workers in ((one, "1"), (three, "3")):
        assert mirrorplane("replay", *HTTP, "-o", output, "--workers", workers).returncode == 0
    assert one.read_bytes() == three.read_bytes()


def test_what_was_whole_before_the_break_is_kept(tmp_path: Path) -> None:
    octets = (PCAPS / "http.pcap").read_bytes()
    broken, output = tmp_path / "broken.pcap", tmp_path / "out.pcap"
    broken.write_bytes(octets[:-5])
    done = mirrorplane("replay", HTTP[0], "--source", f"eni-server={broken}", "-o", output, "--json")
    said = refusal(done, 1)
    assert said.startswith(f"mirrorplane: {broken}: byte ")
    assert len(said.splitlines()) == 1
    counted = json.loads(done.stdout)
    assert counted["sources"]["eni-server"]["seen"] == expected("http")["sources"]["eni-server"]["seen"] - 1
    assert len(frames(output)) == counted["sessions"]["tms-http"]["mirrored_packets"] > 0


@pytest.mark.parametrize(
    ("arguments", "code", "what"),
    [
        ([], 2, "either -o FILE"),
        (["--send", "-o", "x.pcap"], 2, "either -o FILE"),
        (["-o", "x.txt"], 2, ".pcap or .pcapng"),
        (["-o", "x.pcap", "--speed", "2"], 2, "go with --send"),
        (["--send", "--speed", "2", "--topspeed"], 2, "contradict"),
        (["--send", "--workers", "2"], 2, "--workers goes with -o"),
        (["-o", "out.pcap", "--workers", "0"], 2, "--workers: must be 1 to 64, not 0"),
        (["-o", "out.pcap", "--workers", "65"], 2, "--workers: must be 1 to 64, not 65"),
        (["--send", "--speed", "0"], 2, "above 0"),
        (["-o", "missing/x.pcap"], 1, "No such file or directory"),
        (["-o", "x.pcap", "--source", "eni-server=y.pcap"], 2, "given twice"),
        (["-o", "x.pcap", "--source", "eni-other=y.pcap"], 2, "no such interface (it has: eni-server"),
        (["-o", "x.pcap", "--source", "y.pcap"], 2, "ENI=FILE"),
    ],
)
def test_contradictions_are_refused(arguments: list[str], code: int, what: str) -> None:
    assert what in refusal(mirrorplane("replay", *HTTP, *arguments), code)


def test_standard_output_is_a_capture_and_stderr_tells_the_counts(tmp_path: Path) -> None:
    filed = tmp_path / "out.pcap"
    mirrorplane("replay", *HTTP, "-o", filed)
    done = mirrorplane("replay", *HTTP, "-o", "-", "--json")
    assert done.stdout == filed.read_bytes()
    assert json.loads(done.stderr)["sessions"]["tms-http"]["mirrored_packets"] == len(frames(filed))


def test_an_input_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes((PCAPS / "http.pcap").read_bytes())
    said = refusal(mirrorplane("replay", HTTP[0], "--source", f"eni-server={path}", "-o", path), 1)
    assert str(path) in said
    assert path.read_bytes() == (PCAPS / "http.pcap").read_bytes()


def test_a_missing_capture_is_refused(tmp_path: Path) -> None:
    missing, output = tmp_path / "none.pcap", tmp_path / "out.pcap"
    said = refusal(mirrorplane("replay", HTTP[0], "--source", f"eni-server={missing}", "-o", output), 1)
    assert f"{missing}: No such file" in said
    assert not output.exists()


def test_a_source_without_an_address_of_the_targets_family_is_refused(tmp_path: Path) -> None:
    config, output = tmp_path / "c.yaml", tmp_path / "out.pcap"
    config.write_text((PCAPS / "http.yaml").read_text().replace("[10.99.0.2]", '["2001:db8::2"]'))
    said = refusal(mirrorplane("replay", config, *HTTP[1:], "-o", output), 2)
    assert "eni-server has no IPv6 address" in said
    assert not output.exists()


def test_a_drawn_vni_is_told(tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text((PCAPS / "http.yaml").read_text().replace(", virtual_network_id: 77", ""))
    done = mirrorplane("replay", config, *HTTP[1:], "-o", tmp_path / "out.pcap", "--json")
    vni = json.loads(done.stdout)["sessions"]["tms-http"]["virtual_network_id"]
    assert 0 < vni < 1 << 24
    assert all(frame[46:49] == vni.to_bytes(3, "big") for frame in frames(tmp_path / "out.pcap"))


def test_an_explicit_direction_decides_last(tmp_path: Path) -> None:
    done = mirrorplane("replay", *HTTP, "-o", tmp_path / "out.pcap", "--json", "--direction", "ingress")
    assert "not_for_source" not in json.loads(done.stdout)["sources"]["eni-server"]["not_mirrored"]


def test_a_full_disk_is_one_line_and_every_packet_is_accounted_for(tmp_path: Path) -> None:
    output = tmp_path / "out.pcap"
    limited = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({LIMIT}, {LIMIT}))"
    ignored = "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    code = f"{ignored}; {limited}; from mirrorplane.cli import main; main()"
    arguments = ["replay", *map(str, HTTP), "-o", str(output), "--json"]
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, check=False, timeout=60
    )
    assert refusal(done, 1) == f"mirrorplane: {output}: File too large\n"
    counted = json.loads(done.stdout)
    source, session = counted["sources"]["eni-server"], counted["sessions"]["tms-http"]
    assert source["seen"] == source["mirrored"] + sum(source["not_mirrored"].values())
    assert source["not_mirrored"]["send_failed"] > 0
    assert len(frames(output)) == source["mirrored"] == session["mirrored_packets"]
    assert sum(len(frame) - 14 for frame in frames(output)) == session["mirrored_bytes"]
