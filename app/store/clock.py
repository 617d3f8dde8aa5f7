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


def steady_seconds() -> float:
    """Seconds that no setting of the clock changes, and that go on while the machine is suspended (Linux)."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic() if boot is None else time.clock_gettime(boot)


def clock_for(engine: Engine) -> Clock:
    """The clock of a deployment that keeps its rows in this database."""
    return utc_now if engine.dialect.name == "sqlite" else DatabaseClock(engine)


class DatabaseClock:
    """The database's time; this machine's as long as the database has never answered."""

    def __init__(
        self, engine: Engine, machine: Clock = utc_now, steady: Callable[[], float] = steady_seconds
    ) -> None:
        self._engine = engine
        self._machine = machine
        self._steady = steady
        self._lock = threading.Lock()
        self._base: tuple[datetime, float] | None = None
        self._ask_at = steady()

    def __call__(self) -> datetime:
        # Who knows the time already does not wait for another's question.
        if self._steady() >= self._ask_at and self._lock.acquire(blocking=self._base is None):
            try:
                if self._steady() >= self._ask_at:
                    self._ask()
            finally:
                self._lock.release()
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
