"""What both file formats share: the file, errors of it, standard output, not writing over an input."""

import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mirrorplane import batch
from mirrorplane.forward.output import refuse_inputs
from mirrorplane.forward.pcap import PcapFile, PcapSink
from mirrorplane.forward.pcapng import PcapngFile, PcapngSink
from mirrorplane.forward.records import BUFFER_LEN, RecordSink
from mirrorplane.forward.sink import ForwardError
from tests.capture.captures import read_file
from tests.forward.mirroring import forward

Make = Callable[[Path | str], RecordSink]


def pcap(path: Path | str) -> RecordSink:
    return PcapSink(PcapFile(path, nanoseconds=False))


def pcapng(path: Path | str) -> RecordSink:
    return PcapngSink(PcapngFile(path))


@pytest.fixture(params=[pcap, pcapng])
def make(request: pytest.FixtureRequest) -> Make:
    """Return what makes a sink of either format."""
    return request.param  # type: ignore[no-any-return] # a fixture's parameter


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond *size* bytes meanwhile: a full disk, as far as writing can tell."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_whole_records(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "out"
    mirrored = [(n * 1000, bytes(100 + n)) for n in range(50)]
    whole = set[int]()
    for size in range(1000, 1300, 7):
        sink = make(path)
        with largest_file(size):
            forward(sink, mirrored[:5])
            with pytest.raises(ForwardError, match=r"out: File too large"):
                forward(sink, mirrored[5:])
        sink.close()
        found = read_file(path)
        assert found.error is None
        assert [(row.time, row.data) for row in found.rows] == mirrored[: len(found.rows)]
        assert size - 200 < path.stat().st_size <= size
        whole.add(len(found.rows))
    assert len(whole) > 1


def test_a_device_that_is_full_is_named(make: Make) -> None:
    with pytest.raises(ForwardError, match=r"^/dev/full: No space left on device$"):
        make("/dev/full")


def test_what_cannot_be_made_is_named(tmp_path: Path, make: Make) -> None:
    missing = tmp_path / "missing" / "out"
    with pytest.raises(ForwardError) as raised:
        make(missing)
    assert str(raised.value) == f"{missing}: No such file or directory"
    with pytest.raises(ForwardError) as raised:
        make(tmp_path)
    assert str(raised.value) == f"{tmp_path}: Is a directory"


def test_a_reader_that_left_is_an_error(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    sink = make(path)
    os.close(reading)
    with pytest.raises(ForwardError, match=r"fifo: Broken pipe"):
        forward(sink, [(0, b"x")])
    sink.close()


def test_standard_output(make: Make, tmp_path: Path) -> None:
    mirrored = [(1000, b"one"), (2000, b"two")]
    path, kept = tmp_path / "redirected", os.dup(1)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    os.dup2(descriptor, 1)
    sink = make("-")
    forward(sink, mirrored)
    sink.close()
    os.write(1, b"")  # still open
    os.dup2(kept, 1)
    for each in (kept, descriptor):
        os.close(each)
    assert [(row.time, row.data) for row in read_file(path).rows] == mirrored


def test_an_older_file_is_emptied_first_and_permissions_are_the_usual(tmp_path: Path, make: Make) -> None:
    path = tmp_path / "out"
    path.write_bytes(bytes(9999))
    make(path).close()
    assert read_file(path) == ([], None)
    path.unlink()
    make(path).close()
    mask = os.umask(0)
    os.umask(mask)
    assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_a_full_buffer_takes_no_more_until_it_is_sent(tmp_path: Path, make: Make) -> None:
    sink, frames, copies = make(tmp_path / "out"), batch.frames(3), batch.copies(3)
    copies.count[0], copies.length[:] = 3, BUFFER_LEN // 2 - 100
    assert sink.place(frames, copies, 0) == 2
    assert sink.place(frames, copies, 2) == 0
    sink.send()
    assert sink.place(frames, copies, 2) == 1
    sink.close()
    assert len(read_file(tmp_path / "out").rows) == 3


def test_closing_sends_what_is_left(tmp_path: Path, make: Make) -> None:
    sink, frames, copies = make(tmp_path / "out"), batch.frames(1), batch.copies(1)
    copies.count[0], copies.length[0] = 1, 4
    assert sink.place(frames, copies, 0) == 1
    sink.data[copies.offset[0] :][:4] = list(b"left")
    sink.close()
    assert [row.data for row in read_file(tmp_path / "out").rows] == [b"left"]


def test_a_frame_that_no_buffer_holds_is_an_error_and_no_endless_loop(tmp_path: Path, make: Make) -> None:
    sink, frames, copies = make(tmp_path / "out"), batch.frames(1), batch.copies(1)
    copies.count[0], copies.length[0] = 1, BUFFER_LEN
    with pytest.raises(ForwardError, match=rf"out: a frame of {BUFFER_LEN} bytes is too long"):
        sink.place(frames, copies, 0)
    sink.close()


def test_nothing_to_place_is_no_error(tmp_path: Path, make: Make) -> None:
    sink = make(tmp_path / "out")
    assert sink.place(batch.frames(1), batch.copies(1), 0) == 0
    sink.close()


def test_an_input_is_refused_as_output_by_whatever_name(tmp_path: Path) -> None:
    path, link, hard, other = (tmp_path / name for name in ("a.pcap", "link.pcap", "hard.pcap", "other.pcap"))
    for each in (path, other):
        each.write_bytes(b"kept")
    link.symlink_to(path)
    hard.hardlink_to(path)
    for output in (path, link, hard, tmp_path / "." / "a.pcap"):
        with pytest.raises(ForwardError) as raised:
            refuse_inputs(output, [other, path])
        assert str(raised.value) == f"{output}: is an input as well ({path})"
    refuse_inputs(other, [path, link])
    refuse_inputs(tmp_path / "new", [path, tmp_path / "missing"])
    refuse_inputs("/dev/null", ["/dev/null"])
    refuse_inputs("-", [path, "-"])


def test_standard_streams_are_compared_as_well(tmp_path: Path) -> None:
    path, kept = tmp_path / "both.pcap", os.dup(0)
    path.write_bytes(b"kept")
    with path.open("rb") as file:
        os.dup2(file.fileno(), 0)
    with pytest.raises(ForwardError, match=r"is an input as well \(-\)"):
        refuse_inputs(path, ["-"])
    os.dup2(kept, 0)
    os.close(kept)
