"""Opening captures: what kind a file is, errors, progress, memory; the same rows however bytes come in."""

import gzip
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from fcntl import F_GETPIPE_SZ, fcntl
from pathlib import Path

import pytest
import zstandard

from mirrorplane import batch
from mirrorplane.capture import supply
from mirrorplane.capture.file import PIPE_LEN, open_capture
from mirrorplane.capture.source import CaptureError
from mirrorplane.capture.supply import WINDOW
from tests.capture.captures import (
    BIG,
    LITTLE,
    Row,
    enhanced,
    interface,
    kept,
    pcap_header,
    read,
    read_file,
    record,
    section,
)

FRAMES = [b"a", b"bc" * 700, b"", b"d" * 65_000] * 60 + [b"last"]
AS_PCAP = pcap_header() + b"".join(record(LITTLE, n, n, data) for n, data in enumerate(FRAMES))
AS_PCAPNG = (
    section(BIG)
    + interface(BIG)
    + b"".join(enhanced(BIG, n * 1_000_001, data) for n, data in enumerate(FRAMES))
)
ROWS = [Row(data, n * 1_000_001_000, len(data)) for n, data in enumerate(FRAMES)]


def frames_of_zstandard(octets: bytes) -> bytes:
    """Return *octets* in frames of all kinds: checksum, no size, a skippable one, an empty one."""
    third = len(octets) // 3
    with_checksum = zstandard.ZstdCompressor(write_checksum=True)
    without_size = zstandard.ZstdCompressor(level=1, write_content_size=False)
    return (
        b"\x5f\x2a\x4d\x18"
        + (700_000).to_bytes(4, "little")
        + bytes(700_000)
        + with_checksum.compress(octets[:third])
        + with_checksum.compress(b"")
        + without_size.compress(octets[third:])
    )


def members_of_gzip(octets: bytes) -> bytes:
    """Return *octets* in several members, with the padding of a tape between and behind them."""
    half = len(octets) // 2
    first, second = gzip.compress(octets[:half], 1), gzip.compress(octets[half:], 9)
    return first + bytes(300_000) + second + gzip.compress(b"") + bytes(512)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "gzip": members_of_gzip,
    "zstandard": frames_of_zstandard,
}


@pytest.fixture(params=ENCODINGS)
def encoded(request: pytest.FixtureRequest) -> Callable[[bytes], bytes]:
    """Return a function that compresses, or does not."""
    return ENCODINGS[request.param]


@pytest.fixture(params=[AS_PCAP, AS_PCAPNG], ids=["pcap", "pcapng"])
def octets(request: pytest.FixtureRequest) -> bytes:
    """Return a capture of FRAMES."""
    return bytes(request.param)


@contextmanager
def fed(pipe: Path | int, octets: bytes) -> Iterator[None]:
    """Write *octets* into *pipe* meanwhile, and close it."""

    def feed() -> None:
        with open(pipe, "wb") as file:  # noqa: PTH123 - it may be a descriptor
            file.write(octets)

    thread = threading.Thread(target=feed)
    thread.start()
    yield
    thread.join()


@contextmanager
def standard_input(descriptor: int) -> Iterator[None]:
    """Make *descriptor* the standard input meanwhile, and close it."""
    kept = os.dup(0)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    yield
    os.dup2(kept, 0)
    os.close(kept)


def test_a_file(tmp_path: Path, octets: bytes, encoded: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "named.after.nothing"
    path.write_bytes(encoded(octets))
    assert read_file(path, rows=50) == (ROWS, None)


def test_a_fifo(tmp_path: Path, octets: bytes, encoded: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with fed(path, encoded(octets)):
        assert read_file(path, rows=50) == (ROWS, None)


def test_standard_input_from_a_pipe(octets: bytes, encoded: Callable[[bytes], bytes]) -> None:
    reading, writing = os.pipe()
    with fed(writing, encoded(octets)), standard_input(reading):
        assert read_file("-", rows=50) == (ROWS, None)


def test_standard_input_from_a_file_that_was_begun(
    tmp_path: Path, octets: bytes, encoded: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "shell"
    path.write_bytes(b"begun" + encoded(octets))
    descriptor = os.open(path, os.O_RDONLY)
    os.lseek(descriptor, 5, os.SEEK_SET)
    with standard_input(descriptor):
        capture = open_capture("-", 0)
    assert capture.total == path.stat().st_size - 5
    assert read(capture, rows=50) == (ROWS, None)
    assert capture.consumed == capture.total
    capture.close()


def test_packets_come_out_of_a_pipe_while_it_is_open() -> None:
    reading, writing = os.pipe()
    os.write(writing, AS_PCAP[: 24 + 17 + 20])
    with standard_input(reading):
        capture = open_capture("-", 0)
    frames = batch.frames(5)
    assert capture.fill(frames) == 1
    os.write(writing, AS_PCAP[24 + 17 + 20 :][:2000])
    assert capture.fill(frames) == 2
    os.close(writing)
    with pytest.raises(CaptureError, match=r"^standard input: byte 1473: cut short: 588 of 65016 bytes"):
        capture.fill(frames)
    capture.close()


def test_a_pipe_is_made_to_hold_more() -> None:
    reading, writing = os.pipe()
    with fed(writing, AS_PCAP), standard_input(reading), closing(open_capture("-", 0)) as capture:
        assert fcntl(writing, F_GETPIPE_SZ) == PIPE_LEN
        assert read(capture, rows=50) == (ROWS, None)


def test_progress_counts_the_bytes_on_the_disk(
    tmp_path: Path, octets: bytes, encoded: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "capture"
    path.write_bytes(encoded(octets))
    capture = open_capture(path, 0)
    assert capture.total == path.stat().st_size
    frames, seen = batch.frames(50), [capture.consumed]
    while capture.fill(frames):
        seen.append(capture.consumed)
    assert seen == sorted(seen)
    assert seen[-1] == capture.consumed == capture.total
    capture.close()


def test_the_total_of_a_pipe_is_not_known() -> None:
    reading, writing = os.pipe()
    os.write(writing, AS_PCAP[:1000])
    os.close(writing)
    with standard_input(reading):
        capture = open_capture("-", 0)
    assert capture.total is None
    capture.close()


@pytest.mark.parametrize(("magic", "finer"), [(0xA1B2C3D4, False), (0xA1B23C4D, True)])
def test_the_magic_tells_whether_microseconds_are_enough(tmp_path: Path, magic: int, finer: bool) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap_header(magic=magic))
    capture = open_capture(path, 0)
    assert capture.finer_than_microsecond is finer
    capture.close()


def test_what_cannot_be_opened_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "missing.pcap"
    assert read_file(missing) == ([], f"{missing}: No such file or directory")
    assert read_file(tmp_path) == ([], f"{tmp_path}: Is a directory")
    assert read_file(missing / "below") == ([], f"{missing / 'below'}: No such file or directory")


@pytest.mark.parametrize("encode", [bytes, gzip.compress, zstandard.ZstdCompressor().compress])
def test_an_empty_file_is_an_error(tmp_path: Path, encode: Callable[[bytes], bytes]) -> None:
    path = tmp_path / "empty"
    path.write_bytes(encode(b""))
    assert read_file(path) == ([], f"{path}: byte 0: the file is empty")


def test_compressed_data_that_are_cut_give_what_is_whole_and_the_place(tmp_path: Path) -> None:
    for name, encode in (("gzip", gzip.compress), ("Zstandard", zstandard.ZstdCompressor().compress)):
        path = tmp_path / name
        path.write_bytes(encode(AS_PCAP)[:-3])
        found = read_file(path, rows=50)
        assert found.rows == ROWS[: len(found.rows)]
        assert found.error is not None
        assert found.error.startswith(f"{path}: byte ")
        assert found.error.endswith(f": the {name} data are cut short")
        at = int(found.error.removeprefix(f"{path}: byte ").split(":")[0])
        assert 0 <= at - 24 - sum(16 + len(row.data) for row in found.rows) < 16 + 65_000


def test_what_is_damaged_beneath_the_compression_is_found_by_its_place_in_the_capture(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap.gz"
    path.write_bytes(gzip.compress(pcap_header() + record(LITTLE, 0, 0, b"whole") + b"\xff" * 16))
    assert read_file(path) == (
        [Row(b"whole", 0, 5)],
        f"{path}: byte 45: a record of 4294967295 bytes: no frame is longer than 1048576",
    )


def test_an_error_is_raised_again_by_each_further_fill(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(AS_PCAP[:30])
    capture = open_capture(path, 0)
    for _ in range(3):
        with pytest.raises(CaptureError, match="byte 24: cut short: 6 of 16 bytes are there"):
            capture.fill(batch.frames(3))
    capture.close()


@pytest.mark.parametrize("batches", [1, 2, 5])
def test_batches_stay_as_long_as_was_asked_for(
    tmp_path: Path, octets: bytes, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supply, "READ", 1000)
    monkeypatch.setattr(supply, "WINDOW", 70_000)
    path = tmp_path / "capture"
    path.write_bytes(octets)
    with closing(open_capture(path, 0, batches)) as capture:
        assert kept(capture, batches) == ROWS


def test_a_file_that_is_cut_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    path, frames = tmp_path / "a.pcap", batch.frames()
    record = AS_PCAP[24:]
    path.write_bytes(AS_PCAP[:24] + record * (2 * WINDOW // len(record)))
    capture = open_capture(path, 0)
    os.truncate(path, 100)
    before = WINDOW // len(record) * 3 // batch.ROWS  # batches of what was read before the cut
    assert all(capture.fill(frames) == batch.ROWS for _ in range(before))
    with pytest.raises(CaptureError, match=r"byte \d+: the file was cut while it was being read"):
        all(capture.fill(frames) for _ in range(batch.ROWS))
    capture.close()


def test_closed_it_has_ended_and_gives_its_memory_back(tmp_path: Path, octets: bytes) -> None:
    path, frames = tmp_path / "capture", batch.frames(2)
    path.write_bytes(octets)
    capture = open_capture(path, 0)
    assert capture.fill(frames) == 2
    capture.close()
    capture.close()
    assert (capture.fill(frames), frames.count[0], capture.data.size) == (0, 0, 0)
    assert str(path) not in Path("/proc/self/maps").read_text()


def resident() -> int:
    """Return the bytes of memory this process has in use."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")


def test_memory_stays_bounded_while_a_large_file_is_read(tmp_path: Path) -> None:
    path, frame = tmp_path / "large.pcap", 65_000
    with path.open("wb") as file:
        file.write(pcap_header())
        for n in range(4000):
            file.write(record(LITTLE, n, 0, bytes(frame))[:16])
            file.seek(frame, os.SEEK_CUR)
        file.truncate()
    capture, frames, count, peak = open_capture(path, 0), batch.frames(), 0, 0
    before = resident()
    while filled := capture.fill(frames):
        for row in range(filled):
            at = int(frames.offset[row])
            assert not capture.data[at : at + frame : 4096].any()
        count += filled
        peak = max(peak, resident() - before)
    capture.close()
    assert count == 4000
    assert peak < 32 << 20


def test_descriptors_are_given_back(tmp_path: Path, octets: bytes, encoded: Callable[[bytes], bytes]) -> None:
    path, broken = tmp_path / "capture", tmp_path / "broken"
    path.write_bytes(encoded(octets))
    broken.write_bytes(encoded(b"no capture"))
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - a Path would keep one open
    for each in (path, broken, tmp_path, tmp_path / "missing"):
        read_file(each, rows=50)
    shutil.rmtree(tmp_path)
    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
