"""A script that reads a file and writes a share of it, block by block, and does nothing else.

`python blocks.py IN OUT N_READ N_WRITTEN`: for each byte read, N_WRITTEN / N_READ bytes are written.

Owns the limit of whatever makes one file from another by reading and writing. Must not know packets.
"""

import os
import sys

BLOCK = 256 << 10
"""Bytes: they stay in a cache, so that what was read need not be fetched again to be written."""


def main() -> None:
    """Do it."""
    path, output, n_read, n_written = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    source = os.open(path, os.O_RDONLY)
    target = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    block = memoryview(bytearray(BLOCK))
    read = written = 0
    while count := os.readv(source, [block]):
        read += count
        while written < (due := read * n_written // n_read):
            written += os.write(target, block[: min(due - written, BLOCK)])


if __name__ == "__main__":
    main()
