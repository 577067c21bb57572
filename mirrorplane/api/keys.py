"""Access keys and their secrets: those of the configuration, else a pair made once and kept in a file.

Owns that file. Must not know how anything is signed. No secret is ever shown.
"""

import json
import os
import secrets
import string
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from mirrorplane.model import AccessKey, Api

_ALPHABET = string.ascii_letters + string.digits
_ID_LENGTH, _SECRET_LENGTH = 20, 40
_MAX_BYTES = 4096


class KeysError(Exception):
    """The keys' file is not what it should be: one line that says why."""


class Keys:
    """Secrets by access key id. All keys are good for every dialect."""

    def __init__(self, keys: Mapping[str, str]) -> None:
        self._keys = dict(keys)

    def secret(self, key: str) -> str | None:
        """Return the secret of the access key with the id *key*, None if there is none."""
        return self._keys.get(key)

    @property
    def first(self) -> str:
        """The id of one of them, to show a user."""
        return next(iter(self._keys))


def configured(api: Api) -> Keys:
    """Return the keys that the configuration lists."""
    return Keys({key.id: key.secret.get_secret_value() for key in api.access_keys})


def kept(path: Path) -> Keys:
    """Return the pair in the file *path*, made now if there is no such file; only its owner can read it.

    Raises KeysError where the file holds no pair or others can read it, OSError.
    """
    if path.exists():
        return _read(path)
    pair = {"id": f"AK{_text(_ID_LENGTH)}", "secret": _text(_SECRET_LENGTH)}
    _write(path, json.dumps(pair) + "\n")
    return Keys({pair["id"]: pair["secret"]})


def _write(path: Path, text: str) -> None:
    """Put *text* there whole or not at all."""
    part = path.with_name(f"{path.name}.part")
    part.unlink(missing_ok=True)
    opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(opened, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def _text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def _read(path: Path) -> Keys:
    with path.open("rb") as file:
        if os.fstat(file.fileno()).st_mode & 0o077:
            raise KeysError(f"{path}: others can read it: chmod 600, or remove it to have another pair made")
        octets = file.read(_MAX_BYTES)
    try:
        pair = AccessKey.model_validate(json.loads(octets))
    except (ValueError, ValidationError):
        raise KeysError(f"{path}: no access key in it; remove it to have another pair made") from None
    return Keys({pair.id: pair.secret.get_secret_value()})
