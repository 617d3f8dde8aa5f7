"""Every older schema, filled, comes up to today's with all its rows."""

from __future__ import annotations

from typing import Any

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, MetaData, Table, func, insert, select

from app.core.aftermath import Snapshot
from app.core.issue import Issue
from app.store import Store
from app.store.engine import _config, is_migrated, make_engine, migrate
from app.store.vault import Vault, derived_key

from .conftest import SECRET
from .filled import fill_many, put_call, put_correction, put_issue, put_job

REVISIONS = [
    one.revision for one in ScriptDirectory.from_config(_config(make_engine("sqlite://"))).walk_revisions()
]


@pytest.fixture(scope="module")
def today(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    """Rows of every table as today's code writes them."""
    store = Store.open(
        f"sqlite:///{tmp_path_factory.mktemp('today') / 'triage.db'}", Vault([derived_key(SECRET)])
    )
    migrate(store.engine)
    fill_many(store, 300)
    for number in range(10, 20):
        issue = put_issue(store, number)
        put_job(store, issue)
        put_correction(store, issue, "category", "Network", was="Database")
        put_call(store, issue, 0.01)
    before = Snapshot.of(Issue(id="1012", status="unresolved"))
    store.annotations.sending(before, "1", "00000000ab", 1, {"triage.category": "Logic"})
    store.facts.put("a fact", {"of": "somebody"})
    store.workers.beat("worker", host="here", pid=1)
    rows = contents(store.engine)
    store.close()
    return rows


def tables(engine: Engine) -> dict[str, Table]:
    found = MetaData()
    found.reflect(engine)
    return {name: table for name, table in found.tables.items() if name != "alembic_version"}


def contents(engine: Engine) -> dict[str, list[dict[str, Any]]]:
    with engine.connect() as connection:
        return {
            name: [dict(row) for row in connection.execute(select(table)).mappings()]
            for name, table in tables(engine).items()
        }


@pytest.mark.parametrize("revision", REVISIONS)
def test_a_filled_database_comes_up_to_date(
    database_url: str, today: dict[str, list[dict[str, Any]]], revision: str
) -> None:
    engine = make_engine(database_url)
    command.upgrade(_config(engine), revision)
    filled = {}
    with engine.begin() as connection:
        for name, table in tables(engine).items():
            known = [{key: row[key] for key in row if key in table.c} for row in today.get(name, [])]
            if known:
                connection.execute(insert(table), known)
                filled[name] = len(known)
    assert {"work", "issues", "verdicts", "writes", "corrections", "facts"} <= filled.keys()
    migrate(engine)
    assert is_migrated(engine)
    with engine.connect() as connection:
        after = {
            name: connection.execute(select(func.count()).select_from(table)).scalar()
            for name, table in tables(engine).items()
        }
    assert filled.items() <= after.items()
    store = Store.open(database_url, Vault([derived_key(SECRET)]))
    assert store.verdicts.latest("100000") is not None
    assert store.issues.content("1012") is not None
    assert store.work.counts() == {"done": 310}
    assert store.annotations.was_sent("00000000ab")
    assert (store.annotations.before("00000000ab") is not None) == (revision >= "0004")
    store.close()
    engine.dispose()
