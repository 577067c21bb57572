"""Which C sources an object file is of: a stamp that the build writes into it and the engine looks for.

Owns the stamp. Must not import anything but the standard library: the build (hatch_build.py) runs this file
where nothing else is installed.
"""

from hashlib import sha256
from pathlib import Path

SOURCES = "program"
"""The folder of the sources, in the engine's."""

OBJECT = "program.o"
"""What is made of them, in the engine's folder."""


def stamp(folder: Path, byteorder: str) -> str:
    """Return what an object of the sources in *folder*, for machines of *byteorder*, is to contain.

    *byteorder* is as in `sys.byteorder`. Raises OSError where a source cannot be read.
    """
    digest = sha256(byteorder.encode())
    for path in sorted(path for path in folder.iterdir() if path.suffix in {".c", ".h"}):
        content = path.read_bytes()
        digest.update(f"\n{path.name} {len(content)}\n".encode())
        digest.update(content)
    return f"mirrorplane sources sha256:{digest.hexdigest()}"
