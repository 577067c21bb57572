"""Access keys: those listed, and the pair that is made once."""

import os
import stat
from pathlib import Path

import pytest

from mirrorplane.api.keys import KeysError, configured, kept
from mirrorplane.model import Api


def test_the_keys_are_those_that_are_listed() -> None:
    api = Api.model_validate({"access_keys": [{"id": "AK1", "secret": "S1"}, {"id": "AK2", "secret": "S2"}]})
    keys = configured(api)
    assert [keys.secret(name) for name in ("AK1", "AK2", "AK3")] == ["S1", "S2", None]
    assert keys.first == "AK1"


def test_a_pair_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    before = os.umask(0)
    try:
        made = kept(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = kept(path)
    secret = made.secret(made.first)
    assert again.first == made.first
    assert secret is not None
    assert again.secret(made.first) == secret
    assert len(secret) == 40
    other = kept(tmp_path / "others.json")
    assert other.first != made.first


def test_a_secret_shows_in_no_repr(tmp_path: Path) -> None:
    keys = kept(tmp_path / "keys.json")
    assert str(keys.secret(keys.first)) not in repr(keys)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys.json"
    kept(path)
    path.chmod(0o640)
    with pytest.raises(KeysError, match="others can read it"):
        kept(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"id": "AK1"}', '{"id": "AK1", "secret": "a b"}', "\xff"])
def test_a_file_without_a_pair_is_refused_without_its_text(tmp_path: Path, text: str) -> None:
    path = tmp_path / "keys.json"
    path.write_text(text, encoding="latin-1")
    path.chmod(0o600)
    with pytest.raises(KeysError, match=r"no access key in it; remove it") as refused:
        kept(path)
    assert "a b" not in str(refused.value)


def test_what_was_half_written_is_not_taken_for_a_pair(tmp_path: Path) -> None:
    (tmp_path / "keys.json.part").write_text('{"id"')
    keys = kept(tmp_path / "keys.json")
    assert keys.secret(keys.first)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.json"]
