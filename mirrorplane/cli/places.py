"""Where a server keeps its files.

Owns their names. Must not know what is in them.
"""

from pathlib import Path

from mirrorplane.cli.reading import STANDARD_INPUT
from mirrorplane.model import Api


def state(config: str | None, api: Api) -> Path:
    """Return the store's file, relative to the configuration's folder; without one, to the current one."""
    folder = Path.cwd() if config in (None, STANDARD_INPUT) else Path(str(config)).resolve().parent
    return folder / api.state


def keys(store: Path) -> Path:
    """Return the file of the access key that is made if none is configured."""
    return store.with_name(f"{store.name}.key")


def private(store: Path) -> Path:
    """Return the socket that lists are asked by."""
    return store.with_name(f"{store.name}.sock")
