"""Small things to remember over restarts, each under a name: a cursor, a breaker's state, a switch."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, insert, select, update
from sqlalchemy.exc import IntegrityError

from .engine import upsert, write
from .tables import facts

Clock = Callable[[], datetime]


class FactRepository:
    """The ``facts`` table: JSON values by key."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def get(self, key: str, default: Any = None) -> Any:
        with self._engine.connect() as connection:
            row = connection.execute(select(facts.c.value).where(facts.c.key == key)).first()
        return default if row is None else row.value

    def read(self, key: str) -> tuple[Any, datetime] | None:
        """The value and when it was put; none where there is none."""
        with self._engine.connect() as connection:
            row = connection.execute(select(facts).where(facts.c.key == key)).first()
        return None if row is None else (row.value, row.updated_at)

    def swap(self, key: str, value: Any, *, seen: datetime | None) -> bool:
        """Put ``value`` only where the fact is still the one of time ``seen`` (``None``: there is none).

        False where somebody else was faster, so that of several processes one wins.
        """
        now = self._clock()
        if seen is not None and now <= seen:
            now = seen + timedelta(microseconds=1)
        try:
            if seen is None:
                write(self._engine, insert(facts).values(key=key, value=value, updated_at=now))
                return True
            query = update(facts).where(facts.c.key == key, facts.c.updated_at == seen)
            return write(self._engine, query.values(value=value, updated_at=now)).rowcount == 1
        except IntegrityError:
            return False

    def change(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Replace the value by what ``change`` makes of it (``None``: none yet); answers the new one.

        The row is locked in between, so that of two workers who count up, both are counted.
        """
        mine = facts.c.key == key
        while True:
            with self._engine.begin() as connection:
                touched = update(facts).where(mine).values(updated_at=self._clock())
                if connection.execute(touched).rowcount:
                    value = change(connection.execute(select(facts.c.value).where(mine)).scalar())
                    connection.execute(update(facts).where(mine).values(value=value))
                    return value
            value = change(None)
            try:
                write(self._engine, insert(facts).values(key=key, value=value, updated_at=self._clock()))
                return value
            except IntegrityError:  # another process put it between the two: change that one
                continue

    def put(self, key: str, value: Any) -> None:
        values = {"value": value, "updated_at": self._clock()}
        upsert(self._engine, facts, {"key": key}, values)
