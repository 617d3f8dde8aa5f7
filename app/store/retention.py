"""Deleting what is old, table by table. What must stay and why: ``app.jobs.retention``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Engine, Select, and_, delete, func, or_, select

from .tables import annotation_events, issues, model_calls, redactions, verdicts, work, writes

AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Purged:
    """Rows that went."""

    work: int = 0
    issues: int = 0
    verdicts: int = 0
    writes: int = 0
    annotation_events: int = 0
    model_calls: int = 0
    redactions: int = 0


def purge(engine: Engine, *, before: datetime, ledger_before: datetime) -> Purged:
    """Delete what ended, or was superseded, before that moment; at most ``AT_ONCE`` issues at a time."""
    with engine.begin() as connection:
        gone = _ended_issues(connection, before)
        return Purged(
            work=_delete(connection, work, _finished(before)),
            issues=_delete(connection, issues, issues.c.issue_id.in_(gone)) if gone else 0,
            verdicts=_delete(connection, verdicts, _old_verdicts(before, gone)),
            writes=_delete(connection, writes, _old_writes(before, gone)),
            # Their number is part of the next event's id: of a living issue none may go.
            annotation_events=_delete(connection, annotation_events, annotation_events.c.issue_id.in_(gone))
            if gone
            else 0,
            model_calls=_delete(connection, model_calls, model_calls.c.at < ledger_before),
            redactions=_delete(connection, redactions, redactions.c.at < before),
        )


def _delete(connection: Connection, table: Any, where: Any) -> int:
    return int(connection.execute(delete(table).where(where)).rowcount)


def _finished(before: datetime) -> Any:
    return and_(work.c.state.in_(("done", "failed")), work.c.finished_at < before)


def _ended_issues(connection: Connection, before: datetime, limit: int = AT_ONCE) -> list[str]:
    """Issues that neither Sentry saw nor we touched since then, and for which nothing waits."""
    waiting = select(work.c.subject).where(work.c.state.in_(("queued", "running")))
    touched = [
        or_(column.is_(None), column < before)
        for column in (issues.c.last_seen, issues.c.read_at, issues.c.triaged_at)
    ]
    query = select(issues.c.issue_id).where(*touched, issues.c.issue_id.not_in(waiting)).limit(limit)
    return list(connection.execute(query).scalars())


def _newest(table: Any, *by: Any) -> Select[Any]:
    return select(func.max(table.c.id)).group_by(*by)


def _old_verdicts(before: datetime, gone: list[str]) -> Any:
    newest = _newest(verdicts, verdicts.c.issue_id)
    known = select(issues.c.issue_id)
    superseded = and_(verdicts.c.created_at < before, verdicts.c.id.not_in(newest))
    # Its issue is gone already.
    orphaned = and_(verdicts.c.created_at < before, verdicts.c.issue_id.not_in(known))
    return or_(superseded, orphaned, verdicts.c.issue_id.in_(gone))


def _old_writes(before: datetime, gone: list[str]) -> Any:
    """All lines of a living issue stay, so that an undo can go back to the very first value; only the tags,
    which are sent again every fortnight and cannot be undone, keep their newest line of each outcome."""
    newest = _newest(writes, writes.c.issue_id, writes.c.kind, writes.c.outcome)
    tags = and_(writes.c.kind == "tags", writes.c.at < before, writes.c.id.not_in(newest))
    return or_(tags, writes.c.issue_id.in_(gone))
