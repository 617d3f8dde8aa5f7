"""A webhook's row and SQLite's write lock: taken soon after it is free, and not waited for without end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, select

from app.store.engine import BUSY_TIMEOUT_MS, make_engine
from app.store.group_commit import GroupInsert, take_write_lock

ROWS = Table("rows", MetaData(), Column("id", Integer, primary_key=True), Column("name", String, unique=True))


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = make_engine(f"sqlite:///{tmp_path / 'rows.db'}")
    ROWS.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def other(engine: Engine) -> Iterator[sqlite3.Connection]:
    """Another process's connection."""
    with closing(sqlite3.connect(str(engine.url.database), isolation_level=None)) as connection:
        yield connection


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(ROWS.c.name).order_by(ROWS.c.name)))


def test_a_row_waits_for_the_lock_and_is_stored(engine: Engine, other: sqlite3.Connection) -> None:
    insert = GroupInsert(engine, ROWS, ["name"], unique="name")
    other.execute("BEGIN IMMEDIATE")
    stored: list[bool] = []
    waiting = threading.Thread(target=lambda: stored.append(insert(name="first")))
    waiting.start()
    waiting.join(0.1)
    assert waiting.is_alive()
    other.execute("COMMIT")
    waiting.join(10)
    assert stored == [True]
    assert insert(name="first") is False
    assert names(engine) == ["first"]


def test_a_lock_that_is_never_given_up_is_an_error(engine: Engine, other: sqlite3.Connection) -> None:
    other.execute("BEGIN IMMEDIATE")
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            take_write_lock(cursor, seconds=0.02)
        assert cursor.execute("PRAGMA busy_timeout").fetchone() == (BUSY_TIMEOUT_MS,)


def test_what_is_no_lock_is_not_waited_for(engine: Engine, other: sqlite3.Connection) -> None:
    with closing(engine.raw_connection()) as connection:
        cursor = connection.cursor()
        take_write_lock(cursor)
        with pytest.raises(sqlite3.OperationalError, match="within a transaction"):
            take_write_lock(cursor)


def test_a_group_that_fails_tells_each_of_its_rows_and_leaves_nothing(engine: Engine) -> None:
    insert = GroupInsert(engine, ROWS, ["id", "name"], unique="name")
    assert insert(id=1, name="first")
    with pytest.raises(sqlite3.IntegrityError):
        insert(id=1, name="second")
    assert insert(id=2, name="third")
    assert names(engine) == ["first", "third"]
