"""The file, its rights and versions, and what a commit keeps."""

import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import create_engine, inspect

from mirrorplane.control.migrations import MIGRATIONS
from mirrorplane.control.resources import Filter, Life, Rule, Scope, Session, Status, Target, Thing
from mirrorplane.control.schema import METADATA, TABLES, row_of, thing_of
from mirrorplane.control.state import KINDS, Change
from mirrorplane.control.store import Store, StoreError
from mirrorplane.control.tokens import KEPT, Answer, Key
from mirrorplane.control.writer import LARGEST_GROUP
from tests.control.desk import HERE, THERE, VOLC

NOW = 1_700_000_000.0

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
numbers = st.integers(0, 2**31)
lives = st.builds(
    Life,
    created=st.floats(0, 2e9),
    updated=st.floats(0, 2e9),
    since=st.floats(0, 2e9),
    status=st.sampled_from(Status),
    reason=texts,
)
common = {"scope": st.builds(Scope, texts, texts, texts), "life": lives}
named = common | {"tags": st.dictionaries(texts, texts, max_size=3)}
things = st.one_of(
    st.builds(Rule, priority=numbers, **common),
    st.builds(Filter, **named),
    st.builds(Target, **named),
    st.builds(
        Session,
        priority=numbers,
        vni=numbers,
        packet_length=numbers,
        sources=st.lists(texts, max_size=3).map(tuple),
        **named,
    ),
)


def a_filter(name: str = "tmf-1", created: float = NOW, scope: Scope = HERE) -> Filter:
    return Filter(name, scope, "n", "d", "g", Life(created, created, created), {"k": "v"})


def made(*new: Thing) -> list[Change]:
    return [Change(thing.id, None, thing) for thing in new]


def keep(store: Store, *new: Thing) -> None:
    store.commit(made(*new), {}, {}, NOW)


@given(things)
def test_a_thing_is_its_row(thing: Thing) -> None:
    kind = KINDS[type(thing)]
    row = row_of(kind, thing)
    assert set(row) == set(TABLES[kind].c.keys())
    assert thing_of(kind, row) == thing


@given(st.lists(things, max_size=8, unique_by=lambda thing: (type(thing), thing.id)))
def test_what_is_committed_is_there_again_in_the_order_of_creation(
    tmp_path_factory: pytest.TempPathFactory, new: list[Thing]
) -> None:
    path = tmp_path_factory.mktemp("store") / "m.db"
    with Store(path) as store:
        keep(store, *new)
    with Store(path) as store:
        kept = store.load().things
    for cls in (Rule, Filter, Target, Session):
        expected = [thing for thing in new if isinstance(thing, cls)]
        found = [thing for thing in kept if isinstance(thing, cls)]
        assert [thing.life.created for thing in found] == sorted(thing.life.created for thing in expected)
        assert sorted(found, key=repr) == sorted(expected, key=repr)


def test_things_are_replaced_and_removed(tmp_path: Path) -> None:
    first, second = a_filter("tmf-1"), a_filter("tmf-2", NOW + 1)
    with Store(tmp_path / "m.db") as store:
        keep(store, first, second)
        changed = replace(first, name="new")
        store.commit([Change("tmf-1", first, changed), Change("tmf-2", second, None)], {}, {}, NOW)
        assert store.load().things == [changed]


def test_subscriptions_are_kept(tmp_path: Path) -> None:
    with Store(tmp_path / "m.db") as store:
        store.commit([], {HERE: NOW, VOLC: NOW + 1}, {}, NOW)
    with Store(tmp_path / "m.db") as store:
        assert store.load().subscriptions == {HERE: NOW, VOLC: NOW + 1}


def test_answers_are_found_by_all_of_their_key(tmp_path: Path) -> None:
    keys = [
        Key(scope, action, text)
        for scope in (HERE, THERE, VOLC)
        for action in ("Create", "Delete")
        for text in ("t", "T", "é%_")
    ]
    answers = {key: Answer(f"f{at}", f"{{{at}}}") for at, key in enumerate(keys)}
    with Store(tmp_path / "m.db") as store:
        assert store.answers([]) == store.answers(keys) == {}
        store.commit([], {}, answers, NOW)
        assert store.answers(keys[:2]) == {key: answers[key] for key in keys[:2]}
    with Store(tmp_path / "m.db") as store:
        assert store.answers([*keys, Key(HERE, "Create", "other")]) == answers


def test_as_many_answers_are_found_as_a_group_asks_for(tmp_path: Path) -> None:
    keys = [Key(HERE, "Create", str(at)) for at in range(LARGEST_GROUP)]
    with Store(tmp_path / "m.db") as store:
        store.commit([], {}, dict.fromkeys(keys, Answer("f", "{}")), NOW)
        assert len(store.answers(keys)) == LARGEST_GROUP


def test_answers_are_kept_for_a_day(tmp_path: Path) -> None:
    old, new = Key(HERE, "Create", "old"), Key(HERE, "Create", "new")
    with Store(tmp_path / "m.db") as store:
        store.commit([], {}, {old: Answer("f", "{}")}, NOW)
        store.commit([], {}, {new: Answer("f", "{}")}, NOW + 1)
        store.forget(NOW + KEPT)
        assert set(store.answers([old, new])) == {old, new}
        store.forget(NOW + KEPT + 0.5)
        assert set(store.answers([old, new])) == {new}


def test_the_oldest_of_too_many_answers_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mirrorplane.control.store.MOST_KEPT", 3)
    keys = [Key(HERE, "Create", str(at)) for at in range(5)]
    with Store(tmp_path / "m.db") as store:
        for key in keys:
            store.commit([], {}, {key: Answer("f", "{}")}, NOW)
        store.forget(NOW)
        assert set(store.answers(keys)) == set(keys[2:])


def test_a_commit_is_whole_or_nothing(tmp_path: Path) -> None:
    key = Key(HERE, "Create", "t")
    with Store(tmp_path / "m.db") as store:
        store.commit([], {}, {key: Answer("f", "{}")}, NOW)
        with pytest.raises(StoreError, match=r"m\.db: UNIQUE"):
            store.commit(made(a_filter()), {HERE: NOW}, {key: Answer("g", "{}")}, NOW)
        assert store.load() == ([], {})
        keep(store, a_filter())


@contextmanager
def full() -> Iterator[None]:
    """Let no file grow, as a full disk does."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_refuses_and_leaves_what_was_there(tmp_path: Path) -> None:
    with Store(tmp_path / "m.db") as store:
        keep(store, a_filter())
        with full(), pytest.raises(StoreError, match=r"m\.db: "):
            keep(store, a_filter("tmf-2"))
        assert store.load().things == [a_filter()]
        keep(store, a_filter("tmf-3"))
        assert len(store.load().things) == 2


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "m.db"
        path.touch(mode=0o666)
        with Store(path) as store:
            keep(store, a_filter())
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert modes == dict.fromkeys(("m.db", "m.db-wal", "m.db-shm", "m.db.lock"), 0o600)


def test_one_process_has_it(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    again = (
        f"from mirrorplane.control.store import Store; from pathlib import Path; Store(Path({str(path)!r}))"
    )
    with Store(path):
        with pytest.raises(StoreError, match=r"m\.db: in use by another process"):
            Store(path)
        done = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True, check=False)
        assert "m.db: in use by another process" in done.stderr
    with Store(path):
        pass


def test_a_newer_file_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    Store(path).close()
    with sqlite3.connect(path) as file:
        file.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    file.close()
    with pytest.raises(StoreError, match=rf"m\.db: has version {len(MIGRATIONS) + 1}, .* newer"):
        Store(path)
    with pytest.raises(StoreError, match="newer"):
        Store(path)


@pytest.mark.parametrize(
    ("place", "text"),
    [("text", "file is not a database"), ("folder", "directory"), ("none/m.db", "No such file or directory")],
)
def test_what_is_no_store_is_told_in_a_line(tmp_path: Path, place: str, text: str) -> None:
    (tmp_path / "text").write_text("something that is no database" * 100)
    (tmp_path / "folder").mkdir()
    with pytest.raises(StoreError, match=text) as caught:
        Store(tmp_path / place)
    assert str(tmp_path / place) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rows_that_nobody_wrote_are_told_in_a_line(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with Store(path) as store:
        keep(store, a_filter())
    with sqlite3.connect(path) as file:
        file.execute("UPDATE filter SET status = 'odd'")
    file.close()
    with Store(path) as store, pytest.raises(StoreError, match=r"m\.db: holds what .*'odd'"):
        store.load()


def test_migrations_lead_to_the_schema(tmp_path: Path) -> None:
    Store(tmp_path / "m.db").close()
    described = create_engine(f"sqlite:///{tmp_path / 'described.db'}")
    METADATA.create_all(described)
    migrated = create_engine(f"sqlite:///{tmp_path / 'm.db'}")
    try:
        assert shape(migrated) == shape(described)
    finally:
        migrated.dispose()
        described.dispose()


def shape(engine: object) -> object:
    found = inspect(engine)
    return {
        table: (
            {
                each["name"]: (str(each["type"]), each["nullable"], each["primary_key"])
                for each in found.get_columns(table)
            },
            found.get_pk_constraint(table)["constrained_columns"],
            [each["column_names"] for each in found.get_unique_constraints(table)],
            {each["name"]: each["column_names"] for each in found.get_indexes(table)},
        )
        for table in found.get_table_names()
    }


def test_the_first_version_is_what_it_was() -> None:
    """A file of version 1 is in someone's hands: whatever is wanted now is a step after it."""
    assert len(MIGRATIONS[0]) == 7
    with sqlite3.connect(":memory:") as file:
        for statement in MIGRATIONS[0]:
            file.execute(statement)
        columns = [row[1] for row in file.execute("PRAGMA table_info(session)")]
    file.close()
    common = ["id", "dialect", "account", "region", "created", "updated", "since"]
    texts = ["status", "reason", "description", "name", "group", "tags", "kind", "instance", "target"]
    own = ["filter", "priority", "vni", "packet_length", "enabled", "sources"]
    assert columns == [*common, *texts, *own]
