"""How the machine runs: the queue, its speed, its money, and what it did."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Engine, and_, func, select

from app.store.calls import OK
from app.store.tables import issues, model_calls, verdicts, work, workers, writes

SAMPLE = 5000
"""Newest jobs that the percentiles are made of."""


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the webhook's arrival to the last write, over the newest ``n`` triage jobs."""

    n: int
    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class Spend:
    """Model calls of a span of time."""

    calls: int
    failed: int
    tokens: int
    dollars: float


@dataclass(frozen=True, slots=True)
class Span:
    """What was done since a moment."""

    issues: int
    """Issues with a verdict made in that time."""
    sorted: int
    """Of these, with a verdict that did not abstain."""
    jobs_done: int
    jobs_failed: int
    writes: int
    """Values written into Sentry; what stood there already and what was refused is not counted."""


@dataclass(frozen=True, slots=True)
class LivingWorker:
    executor_id: str
    host: str
    pid: int
    started_at: datetime
    beat_at: datetime


class OperationsReport:
    """Reads ``work``, ``workers``, ``model_calls`` and the rest. Spans are half-open: from ``since`` on."""

    def __init__(self, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._engine = engine
        self._clock = clock

    def latency(self, since: datetime) -> Latency:
        query = (
            select(work.c.created_at, work.c.finished_at)
            .where(
                work.c.state == "done",
                work.c.due_at >= since,  # never before created_at, and indexed with the state
                work.c.kind == "triage",
                work.c.outcome == "triaged",
                work.c.trigger.like("issue.%"),
                work.c.created_at >= since,
                work.c.finished_at.is_not(None),
            )
            .order_by(work.c.id.desc())
            .limit(SAMPLE)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        seconds = sorted((row.finished_at - row.created_at).total_seconds() for row in rows)
        return Latency(len(seconds), percentile(seconds, 0.5), percentile(seconds, 0.95))

    def spend(self, since: datetime) -> Spend:
        query = select(
            func.count(),
            func.count().filter(model_calls.c.result != OK),
            func.coalesce(func.sum(model_calls.c.tokens_in + model_calls.c.tokens_out), 0),
            func.coalesce(func.sum(model_calls.c.cost_usd), 0.0),
        ).where(model_calls.c.at >= since)
        with self._engine.connect() as connection:
            calls, failed, tokens, dollars = connection.execute(query).one()
        return Spend(int(calls), int(failed), int(tokens), float(dollars))

    def span(self, since: datetime) -> Span:
        current = issues.join(
            verdicts, and_(verdicts.c.issue_id == issues.c.issue_id, verdicts.c.version == issues.c.version)
        )
        judged = (
            select(func.count(), func.count().filter(verdicts.c.abstained.is_(False)))
            .select_from(current)
            .where(verdicts.c.created_at >= since)
        )
        jobs = (
            select(work.c.state, func.count())
            .where(work.c.state.in_(("done", "failed")), work.c.due_at >= since, work.c.created_at >= since)
            .group_by(work.c.state)
        )
        written = select(func.count()).where(writes.c.at >= since, writes.c.outcome == "written")
        with self._engine.connect() as connection:
            total, sorted_ = connection.execute(judged).one()
            by_state = {state: count for state, count in connection.execute(jobs)}
            count = connection.execute(written).scalar_one()
        return Span(total, sorted_, by_state.get("done", 0), by_state.get("failed", 0), count)

    def workers(self, within: float) -> list[LivingWorker]:
        """Those that gave a sign of life within so many seconds."""
        since = self._clock() - timedelta(seconds=within)
        query = select(workers).where(workers.c.beat_at >= since).order_by(workers.c.started_at).limit(200)
        with self._engine.connect() as connection:
            return [LivingWorker(*row) for row in connection.execute(query)]

    def per_day(self, now: datetime, days: int = 14) -> list[tuple[datetime, int]]:
        """Verdicts made on each of the last days (UTC), oldest first; today is the last."""
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        found = []
        with self._engine.connect() as connection:
            for back in range(days - 1, -1, -1):
                day = today - timedelta(days=back)
                query = select(func.count()).where(
                    verdicts.c.created_at >= day, verdicts.c.created_at < day + timedelta(days=1)
                )
                found.append((day, int(connection.execute(query).scalar_one())))
        return found


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile of ascending numbers; none of none."""
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
