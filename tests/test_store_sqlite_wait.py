"""SQLite's write lock: taken soon after it is free, and not waited for without end."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, Engine, Integer, MetaData, String, Table, event, select

from app.store import sqlite_wait
from app.store.engine import make_engine, write
from app.store.group_commit import GroupInsert

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


@pytest.fixture
def free_after_statements(engine: Engine, other: sqlite3.Connection) -> list[bool]:
    """For each statement that the engine has run: whether the lock was free right after it, before Python
    said anything more to the driver."""
    found: list[bool] = []
    other.execute("PRAGMA busy_timeout=0")

    @event.listens_for(engine, "after_cursor_execute")
    def _ask(*_args: Any) -> None:
        try:
            other.execute("BEGIN IMMEDIATE")
            other.execute("ROLLBACK")
        except sqlite3.OperationalError:
            found.append(False)
        else:
            found.append(True)

    return found


def names(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.scalars(select(ROWS.c.name).order_by(ROWS.c.name)))


def add(engine: Engine, name: str) -> None:
    with engine.begin() as connection:
        connection.execute(ROWS.insert().values(name=name))


def test_many_threads_wait_for_the_lock_and_all_get_it(engine: Engine, other: sqlite3.Connection) -> None:
    insert = GroupInsert(engine, ROWS, ["name"], unique="name")
    other.execute("BEGIN IMMEDIATE")
    waiting = [threading.Thread(target=add, args=(engine, f"row {n}")) for n in range(4)]
    waiting.append(threading.Thread(target=insert, kwargs={"name": "row 4"}))
    for thread in waiting:
        thread.start()
    waiting[0].join(0.1)
    assert all(thread.is_alive() for thread in waiting)
    other.execute("COMMIT")
    for thread in waiting:
        thread.join(10)
    assert names(engine) == [f"row {n}" for n in range(5)]
    assert insert(name="row 4") is False


@pytest.mark.parametrize(("method", "values"), [("execute", ("one",)), ("executemany", [("one",), ("two",)])])
def test_a_lock_that_is_never_given_up_is_an_error(
    engine: Engine, other: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch, method: str, values: Any
) -> None:
    monkeypatch.setattr(sqlite_wait, "PATIENCE", 0.05)
    other.execute("BEGIN IMMEDIATE")
    with closing(engine.raw_connection()) as connection:
        statement = getattr(connection.cursor(), method)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            statement("INSERT INTO rows (name) VALUES (?)", values)
    other.execute("COMMIT")
    add(engine, "after")
    assert names(engine) == ["after"]


def test_statements_of_the_connection_itself_wait_as_well(engine: Engine, other: sqlite3.Connection) -> None:
    """``PRAGMA journal_mode`` while another opens or closes the file, and what DBOS sets."""
    with closing(engine.raw_connection()) as connection:
        driver: Any = connection.driver_connection
        assert type(driver.execute("PRAGMA busy_timeout=30000")) is type(connection.cursor())
        other.execute("BEGIN IMMEDIATE")
        done: list[Any] = []
        statement = "INSERT INTO rows (name) VALUES ('waited')"
        waiting = threading.Thread(target=lambda: done.append(driver.execute(statement)))
        waiting.start()
        waiting.join(0.1)
        assert waiting.is_alive()
        other.execute("COMMIT")
        waiting.join(10)
        driver.commit()
    assert names(engine) == ["waited"]


def test_what_is_out_of_date_is_not_waited_for(engine: Engine, other: sqlite3.Connection) -> None:
    """A transaction that has read before another wrote can never write: it must begin again."""
    with closing(engine.raw_connection()) as connection:
        cursor: Any = connection.cursor()
        cursor.execute("BEGIN")
        cursor.execute("SELECT * FROM rows").fetchall()
        other.execute("INSERT INTO rows (name) VALUES ('other')")
        with pytest.raises(sqlite3.OperationalError) as raised:
            cursor.execute("INSERT INTO rows (name) VALUES ('own')")
        assert raised.value.sqlite_errorcode == sqlite3.SQLITE_BUSY_SNAPSHOT


def test_a_group_that_fails_tells_each_of_its_rows_and_leaves_nothing(engine: Engine) -> None:
    insert = GroupInsert(engine, ROWS, ["id", "name"], unique="name")
    assert insert(id=1, name="first")
    with pytest.raises(sqlite3.IntegrityError):
        insert(id=1, name="second")
    assert insert(id=2, name="third")
    assert names(engine) == ["first", "third"]


def test_one_statement_holds_the_lock_no_longer_than_it_runs(
    engine: Engine, free_after_statements: list[bool]
) -> None:
    write(engine, ROWS.insert().values(name="at once"))
    assert free_after_statements == [True]
    add(engine, "with a commit")
    assert free_after_statements == [True, False]
    write(engine, ROWS.insert().values(name="at once again"))
    assert free_after_statements == [True, False, True]
    assert len(names(engine)) == 3


def test_a_webhook_alone_is_one_statement_and_several_are_one_transaction(
    engine: Engine, other: sqlite3.Connection
) -> None:
    said: list[str] = []

    @event.listens_for(engine, "checkout")
    def _trace(driver: Any, *_args: Any) -> None:
        driver.set_trace_callback(lambda statement: said.append(statement.split()[0]))

    insert = GroupInsert(engine, ROWS, ["name"], unique="name")
    insert(name="alone")
    assert [word for word in said if word != "PRAGMA"] == ["INSERT"]
    other.execute("BEGIN IMMEDIATE")
    first, *rest = [threading.Thread(target=insert, kwargs={"name": f"row {n}"}) for n in range(3)]
    first.start()
    first.join(0.1)
    for thread in rest:
        thread.start()
    rest[0].join(0.1)
    said.clear()
    other.execute("COMMIT")
    for thread in (first, *rest):
        thread.join(10)
    assert said[-4:] == ["BEGIN", "INSERT", "INSERT", "COMMIT"]
    assert names(engine) == ["alone", "row 0", "row 1", "row 2"]
