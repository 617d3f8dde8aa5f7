"""What metrics and ``doctor`` want to know of the database now; an index bounds every query."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, func, select

from .tables import corrections, work, workers

Clock = Callable[[], datetime]

STATES = ("queued", "running", "failed")


@dataclass(frozen=True, slots=True)
class Queue:
    """Rows by state; seconds that the oldest due one has waited."""

    depth: dict[str, int]
    oldest_seconds: float


class Vitals:
    """Reads only."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def queue(self) -> Queue:
        now = self._clock()
        by_state = select(work.c.state, func.count()).where(work.c.state.in_(STATES)).group_by(work.c.state)
        oldest = select(func.min(work.c.due_at)).where(work.c.state == "queued", work.c.due_at <= now)
        with self._engine.connect() as connection:
            counts: dict[str, int] = {state: count for state, count in connection.execute(by_state).all()}
            due = connection.execute(oldest).scalar()
        waited = (now - due).total_seconds() if isinstance(due, datetime) else 0.0
        return Queue({state: counts.get(state, 0) for state in STATES}, max(0.0, waited))

    def workers_alive(self, within: float = 10.0) -> int:
        since = self._clock() - timedelta(seconds=within)
        return self._count(select(func.count()).select_from(workers).where(workers.c.beat_at >= since))

    def last_webhook(self) -> datetime | None:
        """When work last came from Sentry by itself, and not from reconcile or a person here."""
        query = (
            select(work.c.created_at)
            .where(work.c.trigger.startswith("issue.") | (work.c.trigger == "event_alert"))
            .order_by(work.c.id.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            found = connection.execute(query).scalar()
        return found if isinstance(found, datetime) else None

    def corrections(self) -> dict[str, int]:
        """Corrections ever made, by field: also those taken back since, because a counter does not fall."""
        query = select(corrections.c.field, func.count()).group_by(corrections.c.field)
        with self._engine.connect() as connection:
            return {name: count for name, count in connection.execute(query).all()}

    def _count(self, query: Any) -> int:
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())
