"""One clock for all machines of a deployment: the database's.

Whether a worker lives, when a job is due, what is today's budget: each compares a time that one machine wrote
with the time of another. On Postgres all of them take the database's; SQLite is one machine.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

log = logging.getLogger(__name__)

Clock = Callable[[], datetime]

EVERY = 60.0
"""Seconds between two questions; between them the machine's steady clock counts on."""

AGAIN = 5.0
"""Seconds until a database that did not answer is asked again."""

NOTABLE = timedelta(seconds=5)
"""From which difference on a machine's clock is worth a line in the log."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def clock_for(engine: Engine) -> Clock:
    """The clock of a deployment that keeps its rows in this database."""
    return utc_now if engine.dialect.name == "sqlite" else DatabaseClock(engine)


class DatabaseClock:
    """The database's time; this machine's as long as the database has never answered."""

    def __init__(
        self, engine: Engine, machine: Clock = utc_now, steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._engine = engine
        self._machine = machine
        self._steady = steady
        self._lock = threading.Lock()
        self._base: tuple[datetime, float] | None = None
        self._ask_at = steady()

    def __call__(self) -> datetime:
        if self._steady() >= self._ask_at:
            with self._lock:
                if self._steady() >= self._ask_at:
                    self._ask()
        if self._base is None:
            return self._machine()
        told, at = self._base
        return told + timedelta(seconds=self._steady() - at)

    def _ask(self) -> None:
        before = self._steady()
        try:
            with self._engine.connect() as connection:
                told = connection.execute(text("SELECT clock_timestamp()")).scalar_one()
        except SQLAlchemyError:
            self._ask_at = self._steady() + AGAIN
            return
        after = self._steady()
        if self._base is None and abs(told - self._machine()) > NOTABLE:
            seconds = round((self._machine() - told).total_seconds())
            log.warning("this machine's clock is %d s off the database's, which counts", seconds)
        # Half of the way there and back is the best guess of when it looked at its clock.
        self._base = told.astimezone(UTC), (before + after) / 2
        self._ask_at = after + EVERY
