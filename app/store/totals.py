"""Counts and sums that only grow, though the rows they count are deleted by retention.

Each total is what was folded into one row of ``facts`` up to a horizon, plus the rows after it. So a scrape
counts the rows of about the last hour, whatever the database holds, and deleting older rows changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Engine, extract, func, select

from .facts import FactRepository
from .tables import model_calls, redactions, verdicts, work, writes

Clock = Callable[[], datetime]
KEY = "metrics.totals"

SETTLED = timedelta(minutes=5)
"""A row this old has been committed and changes no more, also where clocks differ by some seconds."""

EVERY = timedelta(hours=1)
"""How far the horizon lies behind before it is moved."""

Labels = tuple[str, ...]
Sums = dict[Labels, list[float]]


@dataclass(frozen=True, slots=True)
class Total:
    """Rows of a table by labels, each with ``count`` first and then the sums of ``values``."""

    name: str
    at: Any
    labels: Sequence[Any] = ()
    values: Sequence[Any] = ()
    where: Sequence[ColumnElement[bool]] = field(default_factory=tuple)


def seconds_between(engine: Engine, start: Any, end: Any) -> Any:
    """``end - start`` in seconds, as each database says it."""
    if engine.dialect.name == "sqlite":
        return (func.julianday(end) - func.julianday(start)) * 86400.0
    return extract("epoch", end - start)


def declared(engine: Engine) -> list[Total]:
    """Every total. One that is added here starts with the rows that are there."""
    finished = (work.c.state.in_(("done", "failed")),)
    waited = [seconds_between(engine, work.c.created_at, work.c.started_at)]
    worked = [seconds_between(engine, work.c.started_at, work.c.finished_at)]
    ran = (*finished, work.c.started_at.is_not(None))
    asked = (model_calls.c.result != "asking",)
    return [
        Total("jobs", work.c.finished_at, [work.c.outcome], where=finished),
        Total("job_waiting", work.c.finished_at, [], waited, ran),
        Total("job_working", work.c.finished_at, [], worked, ran),
        Total("reconciled", work.c.finished_at, where=(work.c.trigger.startswith("reconcile"),)),
        Total(
            "decisions",
            verdicts.c.created_at,
            [verdicts.c.category, verdicts.c.severity, verdicts.c.source],
        ),
        Total("abstained", verdicts.c.created_at, [verdicts.c.source], where=(verdicts.c.abstained,)),
        Total("writes", writes.c.at, [writes.c.kind, writes.c.outcome]),
        Total(
            "model_calls",
            model_calls.c.at,
            [model_calls.c.model, model_calls.c.result],
            where=asked,
        ),
        Total(
            "model_use",
            model_calls.c.at,
            [model_calls.c.model],
            [
                model_calls.c.tokens_in,
                model_calls.c.tokens_cached,
                model_calls.c.tokens_out,
                model_calls.c.cost_usd,
                model_calls.c.seconds,
            ],
            asked,
        ),
        Total("redactions", redactions.c.at, [redactions.c.kind], [redactions.c["count"]]),
    ]


class TotalsRepository:
    """Reads the totals, and moves their horizon when it lies too far behind."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._facts = FactRepository(engine, clock)
        self._totals = declared(engine)

    def read(self) -> Mapping[str, Sums]:
        """``{name: {labels: [count, sums…]}}`` as of now."""
        until, kept, version = self._kept()
        now = self._clock()
        if until is None or now - until > EVERY:
            until, kept = self._fold(until, kept, version, now - SETTLED)
        return {total.name: self._add(total, kept.get(total.name, {}), until, None) for total in self._totals}

    def _fold(
        self, until: datetime | None, kept: Mapping[str, Sums], version: datetime | None, horizon: datetime
    ) -> tuple[datetime, Mapping[str, Sums]]:
        """Count once more up to the horizon and keep that, unless another process was faster."""
        new = {
            total.name: self._add(total, kept.get(total.name, {}), until, horizon) for total in self._totals
        }
        rows = {name: [[list(key), sums] for key, sums in found.items()] for name, found in new.items()}
        # Where another process counted first, what it kept is the same.
        self._facts.swap(KEY, {"until": horizon.isoformat(), "totals": rows}, seen=version)
        return horizon, new

    def _add(self, total: Total, base: Sums, after: datetime | None, until: datetime | None) -> Sums:
        columns = [func.coalesce(label, "") for label in total.labels]
        sums = [func.coalesce(func.sum(value), 0) for value in total.values]
        query = select(*columns, func.count(), *sums).where(total.at.is_not(None), *total.where)
        if after is not None:
            query = query.where(total.at > after)
        if until is not None:
            query = query.where(total.at <= until)
        found = {key: list(values) for key, values in base.items()}
        width = len(columns)
        with self._engine.connect() as connection:
            for row in connection.execute(query.group_by(*columns) if columns else query).all():
                key = tuple(str(label) for label in row[:width])
                more = [float(value) for value in row[width:]]
                have = found.get(key, [0.0] * len(more))
                found[key] = [a + b for a, b in zip(have, more, strict=True)]
        return found

    def _kept(self) -> tuple[datetime | None, Mapping[str, Sums], datetime | None]:
        read = self._facts.read(KEY)
        if read is None:
            return None, {}, None
        value, version = read
        totals = {
            name: {tuple(key): list(sums) for key, sums in found} for name, found in value["totals"].items()
        }
        return datetime.fromisoformat(value["until"]), totals, version
