"""INSERTs that many threads wait for, committed together: a webhook's answer waits for its row.

The statement is compiled once and run on the driver's own cursor, and rows that arrive while another commit
is under way go into the next one as a group. Done row by row through SQLAlchemy's usual way, storing cost
more than all the rest of the request (``benchmarks/ack.py``). SQLAlchemy's types still translate the values.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Engine, Table

from .engine import insert_of


class _Ticket:
    """One row that waits: ``stored`` is None until its group is committed, or ``error`` says why not."""

    __slots__ = ("error", "stored", "values")

    def __init__(self, values: Any) -> None:
        self.values = values
        self.stored: bool | None = None
        self.error: Exception | None = None


class GroupInsert:
    """Inserts rows of the same columns; a row whose ``unique`` column has a known value is left out."""

    def __init__(self, engine: Engine, table: Table, columns: Sequence[str], *, unique: str) -> None:
        dialect = engine.dialect
        statement = insert_of(engine)(table).on_conflict_do_nothing(index_elements=[unique]).inline()
        compiled = statement.compile(dialect=dialect, column_keys=list(columns))
        self._engine = engine
        self._sql = str(compiled)
        self._order: Sequence[str] | None = compiled.positiontup
        self._processors = {
            name: processor
            for name in columns
            if (processor := table.c[name].type.dialect_impl(dialect).bind_processor(dialect))
        }
        self._waiting: list[_Ticket] = []
        self._list = threading.Lock()
        self._commit = threading.Lock()

    def __call__(self, **row: Any) -> bool:
        """True once the row is committed; False where its unique value is known. Raises what the driver
        raises."""
        for name, process in self._processors.items():
            row[name] = process(row[name])
        ticket = _Ticket(row if self._order is None else [row[name] for name in self._order])
        with self._list:
            self._waiting.append(ticket)
        with self._commit:
            if ticket.stored is None and ticket.error is None:
                self._store_all()
        if ticket.error is not None:
            raise ticket.error
        return bool(ticket.stored)

    def _store_all(self) -> None:
        """Store every row that waits now, together."""
        with self._list:
            group, self._waiting = self._waiting, []
        try:
            results = self._commit_all(group)
        except Exception as error:
            for ticket in group:
                ticket.error = error
            return
        for ticket, stored in zip(group, results, strict=True):
            ticket.stored = stored

    def _commit_all(self, group: list[_Ticket]) -> list[bool]:
        """A row that is alone is committed by the statement itself (see ``write``)."""
        with self._engine.connect() as connection:
            if len(group) == 1:
                connection.execution_options(isolation_level="AUTOCOMMIT")
            cursor = connection.connection.cursor()
            results = []
            for ticket in group:
                cursor.execute(self._sql, ticket.values)
                results.append(cursor.rowcount == 1)
            cursor.close()
            if len(group) > 1:
                connection.connection.commit()
        return results
