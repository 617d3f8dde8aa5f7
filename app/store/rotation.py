"""All that is sealed, sealed again under the newest key: in small steps, and on from where it stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, LargeBinary, Table, func, select, update

from .facts import FactRepository
from .tables import metadata
from .vault import Vault

AT_ONCE = 200
KEY = "rotate-key"
"""Where a rotation that was broken off is remembered: ``{"key": …, "table": …, "after": …}``."""


@dataclass(frozen=True, slots=True)
class Progress:
    """One step: rows of ``table`` looked at so far and in all; values that no key opens."""

    table: str
    done: int
    total: int
    lost: int


def sealed_columns() -> dict[Table, list[Any]]:
    """Each table with columns that hold sealed values."""
    found = {
        table: [column for column in table.columns if isinstance(column.type, LargeBinary)]
        for table in metadata.sorted_tables
    }
    return {table: columns for table, columns in found.items() if columns}


def rotate(engine: Engine, vault: Vault, facts: FactRepository, *, newest: str) -> Iterator[Progress]:
    """Reseal step by step, each its own transaction. ``newest``: a name for the newest key, by which a
    rotation to the same key goes on where it stopped. What changes meanwhile is sealed by its writer."""
    kept = facts.get(KEY) or {}
    resumed = kept if kept.get("key") == newest else {}
    waiting = bool(resumed)
    for table, columns in sealed_columns().items():
        if waiting and table.name != resumed["table"]:
            continue
        after = resumed["after"] if waiting else None
        waiting = False
        for step, last in _table(engine, vault, table, columns, after):
            facts.put(KEY, {"key": newest, "table": table.name, "after": last})
            yield step
    facts.put(KEY, None)


def _table(
    engine: Engine, vault: Vault, table: Table, columns: list[Any], after: Any
) -> Iterator[tuple[Progress, Any]]:
    (key,) = table.primary_key.columns
    with engine.connect() as connection:
        total = int(connection.execute(select(func.count()).select_from(table)).scalar_one())
        done = 0
        if after is not None:
            before = select(func.count()).select_from(table).where(key <= after)
            done = int(connection.execute(before).scalar_one())
    lost = 0
    while True:
        query = select(key, *columns).order_by(key).limit(AT_ONCE)
        if after is not None:
            query = query.where(key > after)
        with engine.connect() as connection:
            rows = connection.execute(query).all()
        if not rows:
            return
        for row in rows:
            lost += _row(engine, vault, table, key, columns, row)
        after, done = rows[-1][0], done + len(rows)
        yield Progress(table.name, done, max(total, done), lost), after


def _row(engine: Engine, vault: Vault, table: Table, key: Any, columns: list[Any], row: Any) -> int:
    lost = 0
    with engine.begin() as connection:
        for column, sealed in zip(columns, row[1:], strict=True):
            if sealed is None:
                continue
            again = vault.rotate(sealed)
            if again is None:
                lost += 1
                continue
            # Only what is still there: a worker may have written something newer in between.
            unchanged = (key == row[0], column == sealed)
            connection.execute(update(table).where(*unchanged).values({column.name: again}))
    return lost
