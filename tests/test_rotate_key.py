"""Rotation: all sealed values under the newest key, step by step, and on from where it stopped."""

from __future__ import annotations

from typing import Any

import pytest
from click.testing import CliRunner
from cryptography.fernet import Fernet
from sqlalchemy import insert, select, update

from app.cli import cli
from app.core.intake import Intent, Kind
from app.store import Store
from app.store.engine import migrate
from app.store.rotation import AT_ONCE, KEY, rotate, sealed_columns
from app.store.tables import issues, work, writes
from app.store.vault import Vault, derived_key

from .conftest import SECRET

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def fill(store: Store, count: int) -> None:
    for number in range(count):
        store.work.add(Intent(Kind.RELAY, f"{number}", "relay"), dedupe=f"{number}", payload={"n": number})
    store.writes.add("1", 1, "comment", outcome="written", before=None, after="text", reason="")


@pytest.fixture
def filled(database_url: str) -> Store:
    store = Store.open(database_url, Vault([OLD]))
    migrate(store.engine)
    fill(store, AT_ONCE + 5)
    return store


def opened(store: Store, key: str) -> list[Any]:
    vault = Vault([key])
    with store.engine.connect() as connection:
        return [
            vault.open(sealed)
            for sealed in connection.execute(select(work.c.payload).order_by(work.c.id)).scalars()
        ]


def test_afterwards_the_new_key_alone_opens_everything(filled: Store) -> None:
    steps = list(rotate(filled.engine, Vault([NEW, OLD]), filled.facts, newest="new"))
    assert [(s.table, s.done) for s in steps] == [("work", AT_ONCE), ("work", AT_ONCE + 5), ("writes", 1)]
    assert [one["n"] for one in opened(filled, NEW)] == list(range(AT_ONCE + 5))
    assert set(opened(filled, OLD)) == {None}
    assert Store(filled.engine, Vault([NEW])).writes.of_issue("1")[0].after == "text"
    filled.close()


def test_broken_off_it_goes_on_where_it_stopped(filled: Store) -> None:
    vault = Vault([NEW, OLD])
    next(rotate(filled.engine, vault, filled.facts, newest="new"))
    assert filled.facts.get(KEY)["table"] == "work"
    rest = list(rotate(filled.engine, vault, filled.facts, newest="new"))
    assert [(s.table, s.done) for s in rest] == [("work", AT_ONCE + 5), ("writes", 1)]
    assert None not in opened(filled, NEW)
    assert filled.facts.get(KEY) is None
    again = list(rotate(filled.engine, vault, filled.facts, newest="another"))
    assert again[0].done == AT_ONCE, "another key begins at the beginning"
    filled.close()


def test_what_no_key_opens_stays_and_is_counted(filled: Store) -> None:
    with filled.engine.begin() as connection:
        connection.execute(update(work).where(work.c.id == 1).values(payload=b"of a key long gone"))
    steps = list(rotate(filled.engine, Vault([NEW, OLD]), filled.facts, newest="new"))
    assert max(s.lost for s in steps) == 1
    with filled.engine.connect() as connection:
        assert (
            connection.execute(select(work.c.payload).where(work.c.id == 1)).scalar() == b"of a key long gone"
        )
    filled.close()


def test_every_sealed_column_is_among_them() -> None:
    names = {
        f"{table.name}.{column.name}" for table, columns in sealed_columns().items() for column in columns
    }
    assert {"work.payload", "issues.content", "issues.plan", "verdicts.body", "verdicts.sent"} <= names
    assert {"writes.before", "writes.after"} <= names


def test_the_command(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    store = Store.open(database_url, Vault([derived_key(SECRET)]))
    migrate(store.engine)
    fill(store, 3)
    with store.engine.begin() as connection:
        connection.execute(
            insert(issues).values(
                issue_id="1", project="p", state="new", content=Vault([derived_key(SECRET)]).seal({"a": 1})
            )
        )
    for name, value in {
        "SENTRY_CLIENT_SECRET": SECRET,
        "TRIAGE_ENCRYPTION_KEY": NEW,
        "DATABASE_URL": database_url.replace("postgresql+psycopg", "postgresql"),
    }.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(cli, ["rotate-key", "--json"])
    assert done.exit_code == 0, done.output
    assert None not in opened(store, NEW)
    with store.engine.connect() as connection:
        assert Vault([NEW]).open(connection.execute(select(issues.c.content)).scalar()) == {"a": 1}
        assert Vault([NEW]).open(connection.execute(select(writes.c.after)).scalar()) == "text"
    store.close()
