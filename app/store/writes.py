"""Every write into Sentry with what it replaced: the memory that tells an echo from a person, and undoes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select

from .tables import writes

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """One row of ``writes``; ``before`` and ``after`` are plain JSON values."""

    id: int
    issue_id: str
    version: int
    kind: str
    before: Any
    after: Any
    done: bool
    reason: str
    at: datetime
    undone_at: datetime | None


class WriteLog:
    """The ``writes`` table."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def add(
        self, issue_id: str, version: int, kind: str, *, before: Any, after: Any, done: bool, reason: str
    ) -> None:
        """Log one write, or one that was decided against (``done`` False)."""
        with self._engine.begin() as connection:
            connection.execute(
                insert(writes).values(
                    issue_id=issue_id,
                    version=version,
                    kind=kind,
                    before=before,
                    after=after,
                    done=done,
                    reason=reason[:500],
                    at=self._clock(),
                )
            )

    def of_issue(self, issue_id: str) -> list[LoggedWrite]:
        """Oldest first."""
        query = select(writes).where(writes.c.issue_id == issue_id).order_by(writes.c.id)
        with self._engine.connect() as connection:
            return [_write(row) for row in connection.execute(query).all()]

    def done_within(self, kind: str, seconds: float) -> int:
        """How many writes of a kind were done in the last so many seconds, over all issues."""
        since = self._clock() - timedelta(seconds=seconds)
        query = (
            select(func.count())
            .select_from(writes)
            .where(writes.c.kind == kind, writes.c.done.is_(True), writes.c.at >= since)
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())


def _write(row: Row[Any]) -> LoggedWrite:
    return LoggedWrite(
        id=row.id,
        issue_id=row.issue_id,
        version=row.version,
        kind=row.kind,
        before=row.before,
        after=row.after,
        done=row.done,
        reason=row.reason,
        at=row.at,
        undone_at=row.undone_at,
    )
