"""What the ``work`` table is asked, without changing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, select

from app.core.intake import Kind

from .tables import work

Clock = Callable[[], datetime]
GAVE_UP = "gave_up"
"""Outcome of a job that failed only because Sentry did not answer for too long."""


@dataclass(frozen=True, slots=True)
class Job:
    """One row of work."""

    id: int
    kind: Kind
    subject: str
    trigger: str
    attempts: int
    state: str
    created_at: datetime
    due_at: datetime
    workflow_id: str | None = None
    outcome: str | None = None
    reason: str | None = None
    rank: int = 0
    crashes: int = 0
    """How many of the attempts ended in error; the others had to wait for something."""


class WorkQueries:
    """Reads of the ``work`` table."""

    _engine: Engine
    _clock: Clock

    def running_since_before(self, seconds: float) -> list[Job]:
        """Rows that have been running for at least so many seconds."""
        since = self._clock() - timedelta(seconds=seconds)
        query = select(work).where(work.c.state == "running", work.c.started_at <= since)
        with self._engine.connect() as connection:
            return [job_of(row) for row in connection.execute(query).all()]

    def newest(self, subjects: Sequence[str]) -> dict[str, Job]:
        """The newest row of each of ``subjects`` that has any."""
        if not subjects:
            return {}
        last = select(func.max(work.c.id)).where(work.c.subject.in_(subjects)).group_by(work.c.subject)
        with self._engine.connect() as connection:
            rows = connection.execute(select(work).where(work.c.id.in_(last))).all()
        return {row.subject: job_of(row) for row in rows}

    def progress(self, prefix: str) -> dict[str, int]:
        """Rows by state whose key begins so."""
        query = select(work.c.state, func.count()).where(work.c.dedupe.startswith(prefix, autoescape=True))
        with self._engine.connect() as connection:
            return {state: count for state, count in connection.execute(query.group_by(work.c.state)).all()}

    def gave_up(self, since: datetime, limit: int = 500) -> list[Job]:
        """Rows that failed since then only because Sentry did not answer for too long."""
        query = (
            select(work)
            .where(work.c.state == "failed", work.c.outcome == GAVE_UP, work.c.finished_at >= since)
            .order_by(work.c.id)
            .limit(limit)
        )
        with self._engine.connect() as connection:
            return [job_of(row) for row in connection.execute(query).all()]

    def count(self, state: str, *, but_not_ending: str = "") -> int:
        """Rows in a state; without those whose workflow's id has this ending."""
        query = select(func.count()).select_from(work).where(work.c.state == state)
        if but_not_ending:
            query = query.where(work.c.workflow_id.not_like(f"%{but_not_ending}"))
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def counts(self) -> dict[str, int]:
        """Rows by state."""
        query = select(work.c.state, func.count()).group_by(work.c.state)
        with self._engine.connect() as connection:
            return {state: count for state, count in connection.execute(query).all()}

    def oldest_due(self) -> datetime | None:
        """When the oldest waiting row became due."""
        query = select(func.min(work.c.due_at)).where(
            work.c.state == "queued", work.c.due_at <= self._clock()
        )
        with self._engine.connect() as connection:
            value = connection.execute(query).scalar()
        return value if isinstance(value, datetime) else None

    def recent(self, states: Sequence[str], limit: int = 100) -> list[Job]:
        query = select(work).where(work.c.state.in_(states)).order_by(work.c.id.desc()).limit(limit)
        with self._engine.connect() as connection:
            return [job_of(row) for row in connection.execute(query).all()]


def job_of(row: Row[Any]) -> Job:
    return Job(
        id=row.id,
        kind=Kind(row.kind),
        subject=row.subject,
        trigger=row.trigger,
        attempts=row.attempts,
        state=row.state,
        created_at=row.created_at,
        due_at=row.due_at,
        workflow_id=row.workflow_id,
        outcome=row.outcome,
        reason=row.reason,
        rank=row.rank,
        crashes=row.crashes,
    )
