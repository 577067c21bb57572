"""A script, and what it does as a function: a pcap file whose records are those of another, over and over.

`python repeat.py IN TIMES` writes it to standard output.

Owns making large captures of small ones. Must not know packets; it stands alone, so that it starts at once.
"""

import sys
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

FILE_HEADER_LEN = 24


def repeat(path: Path, times: int, into: BinaryIO) -> None:
    """Write the file header of *path*, then its records *times* over. Raises OSError."""
    whole = path.read_bytes()
    records = memoryview(whole)[FILE_HEADER_LEN:]
    into.write(whole[:FILE_HEADER_LEN])
    for _ in range(times):
        into.write(records)


def main() -> None:
    """Do it; a reader that has enough may leave."""
    with suppress(BrokenPipeError):
        repeat(Path(sys.argv[1]), int(sys.argv[2]), sys.stdout.buffer)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
