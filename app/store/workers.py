"""Which workers live: each beats, so that the work of one that died is taken over."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from sqlalchemy import Engine, delete, select

from .engine import upsert, write
from .tables import workers

Clock = Callable[[], datetime]


class WorkerRepository:
    """The ``workers`` table."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def beat(self, executor_id: str, *, host: str, pid: int) -> None:
        """This worker lives."""
        now = self._clock()
        fresh = {"host": host, "pid": pid, "started_at": now}
        upsert(self._engine, workers, {"executor_id": executor_id}, {"beat_at": now}, fresh)

    def leave(self, executor_id: str) -> None:
        """It stopped in good order."""
        write(self._engine, delete(workers).where(workers.c.executor_id == executor_id))

    def alive(self, within: float) -> set[str]:
        """Ids of the workers that have beaten within so many seconds."""
        since = self._clock() - timedelta(seconds=within)
        with self._engine.connect() as connection:
            rows = connection.execute(select(workers.c.executor_id).where(workers.c.beat_at >= since))
            return set(rows.scalars())

    def forget(self, older_than: float) -> None:
        """Drop the rows of workers that have been silent for so many seconds."""
        before = self._clock() - timedelta(seconds=older_than)
        write(self._engine, delete(workers).where(workers.c.beat_at < before))
