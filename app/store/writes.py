"""Every write into Sentry with what it replaced: the memory that tells an echo from a person, and undoes.

Values are sealed by the vault: a comment's text tells of the event.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Row, func, insert, select, update

from .engine import write
from .tables import writes
from .vault import Vault

Clock = Callable[[], datetime]

STANDS = frozenset({"written", "same"})
"""Outcomes after which Sentry shows our value."""


@dataclass(frozen=True, slots=True)
class LoggedWrite:
    """One row of ``writes``. ``outcome`` as the writer says it (``written``, ``same``, ``yielded``,
    ``refused``, ``unconfirmed``); ``ref``: id of the comment, external issue or event."""

    id: int
    issue_id: str
    version: int
    kind: str
    outcome: str
    before: str | None
    after: str | None
    ref: str
    reason: str
    at: datetime
    undone_at: datetime | None


class WriteLog:
    """The ``writes`` table."""

    def __init__(self, engine: Engine, vault: Vault, clock: Clock) -> None:
        self._engine = engine
        self._vault = vault
        self._clock = clock

    def add(
        self,
        issue_id: str,
        version: int,
        kind: str,
        *,
        outcome: str,
        before: str | None,
        after: str | None,
        reason: str,
        ref: str = "",
    ) -> None:
        """Log one write that was done, or that came to nothing."""
        query = insert(writes).values(
            issue_id=issue_id,
            version=version,
            kind=kind,
            outcome=outcome,
            before=self._vault.seal(before),
            after=self._vault.seal(after),
            ref=ref[:64],
            reason=reason[:500],
            at=self._clock(),
        )
        write(self._engine, query)

    def of_issue(self, issue_id: str) -> list[LoggedWrite]:
        """Oldest first."""
        query = select(writes).where(writes.c.issue_id == issue_id).order_by(writes.c.id)
        with self._engine.connect() as connection:
            return [self._logged(row) for row in connection.execute(query).all()]

    def mark_undone(self, ids: Sequence[int]) -> None:
        """These lines were undone now; what was undone before keeps its time."""
        query = update(writes).where(writes.c.id.in_(ids), writes.c.undone_at.is_(None))
        write(self._engine, query.values(undone_at=self._clock()))

    def written_issues(self, since: datetime | None = None) -> list[str]:
        """Ids of the issues with writes that stand, made since then; the newest first."""
        newest = func.max(writes.c.id)
        query = select(writes.c.issue_id).where(
            writes.c.outcome.in_(sorted(STANDS)), writes.c.undone_at.is_(None)
        )
        if since is not None:
            query = query.where(writes.c.at >= since)
        query = query.group_by(writes.c.issue_id).order_by(newest.desc())
        with self._engine.connect() as connection:
            return list(connection.execute(query).scalars())

    def standing(self, kind: str, issue_ids: Sequence[str]) -> dict[str, str]:
        """Issue id → the value of this kind that we wrote last and that was not undone."""
        if not issue_ids:
            return {}
        query = (
            select(writes.c.issue_id, writes.c.after)
            .where(
                writes.c.issue_id.in_(issue_ids),
                writes.c.kind == kind,
                writes.c.outcome.in_(sorted(STANDS)),
                writes.c.undone_at.is_(None),
            )
            .order_by(writes.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        opened = {row.issue_id: self._vault.open(row.after) for row in rows}
        return {issue: value for issue, value in opened.items() if value}

    def written_within(self, kind: str, seconds: float) -> int:
        """How many writes of a kind were done in the last so many seconds, over all issues."""
        since = self._clock() - timedelta(seconds=seconds)
        query = (
            select(func.count())
            .select_from(writes)
            .where(writes.c.kind == kind, writes.c.outcome == "written", writes.c.at >= since)
        )
        with self._engine.connect() as connection:
            return int(connection.execute(query).scalar_one())

    def _logged(self, row: Row[Any]) -> LoggedWrite:
        return LoggedWrite(
            id=row.id,
            issue_id=row.issue_id,
            version=row.version,
            kind=row.kind,
            outcome=row.outcome,
            before=self._vault.open(row.before),
            after=self._vault.open(row.after),
            ref=row.ref,
            reason=row.reason,
            at=row.at,
            undone_at=row.undone_at,
        )
