"""Capture files for whole programs, and where they lie."""

import subprocess
import sys
from io import BytesIO
from pathlib import Path

import dpkt

from benchmarks.files import captures, repeat
from benchmarks.traffic import of_one_source, rules, traffic

PACKETS = traffic("IMIX", 20, of_one_source(rules(10)))


def frames(text: bytes) -> list[bytes]:
    return [frame for _, frame in dpkt.pcap.Reader(BytesIO(text))]


def test_a_capture_has_the_frames(tmp_path: Path) -> None:
    captures.write_pcap(tmp_path / "in.pcap", PACKETS)
    assert frames((tmp_path / "in.pcap").read_bytes()) == PACKETS.frames(20)


def test_a_large_capture_has_them_over_and_over(tmp_path: Path) -> None:
    captures.write_pcap(tmp_path / "in.pcap", PACKETS)
    output = BytesIO()
    repeat.repeat(tmp_path / "in.pcap", 3, output)
    assert frames(output.getvalue()) == PACKETS.frames(20) * 3
    command = [sys.executable, "-I", "-S", repeat.__file__, str(tmp_path / "in.pcap"), "3"]
    assert subprocess.run(command, check=True, capture_output=True).stdout == output.getvalue()


def test_there_is_room_for_a_byte_and_none_for_everything() -> None:
    assert captures.place(1) is not None
    assert captures.place(1 << 62) is None


def test_a_folder_is_there_while_it_is_wanted() -> None:
    with captures.folder(1 << 20) as folder:
        (folder / "file").write_bytes(b"x")
    assert not folder.exists()
