"""Undoing what we wrote, issue by issue, beside workers that go on working.

Done at once and not as a job, because a person who wants it undone may have stopped the workers before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from app.core.undo import STAYS_TAGS, Restore, restores
from app.core.writes import WriteKind
from app.errors import Retryable
from app.sentry.undo import undo
from app.sentry.writer import Done, Outcome
from app.services import Services
from app.store.writes import STANDS

PATIENCE = 30.0
"""Seconds to wait for a job that is writing on the issue at this moment."""


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of one issue's writes. ``lines`` of a dry run are what would be put back."""

    issue_id: str
    short_id: str
    lines: tuple[Done, ...]


class Undoing:
    def __init__(self, services: Services, sleep: Callable[[float], None]) -> None:
        self._services = services
        self._store = services.store
        self._sleep = sleep

    def issues(self, since: datetime | None) -> list[str]:
        """Those that have anything to undo."""
        return self._store.writes.written_issues(since)

    def run(self, issue_id: str, *, since: datetime | None = None, dry: bool = False) -> Undone:
        """Put back what our writes (since then) replaced, and mark them. Raises ``Retryable``."""
        if not dry:
            self._wait(issue_id)
        todo = self._restores(issue_id, since)
        if dry:
            lines = [_would(one) for one in todo]
        else:
            services = self._services
            lines = undo(
                services.client, issue_id, todo, services.installation(), services.issue_url(issue_id)
            )
            self._store.writes.mark_undone([line for one in todo for line in one.ids])
        stored = self._store.issues.get(issue_id)
        return Undone(issue_id, stored.short_id if stored else issue_id, tuple(lines))

    def _restores(self, issue_id: str, since: datetime | None) -> list[Restore]:
        log = [
            write
            for write in self._store.writes.of_issue(issue_id)
            if write.outcome in STANDS and write.undone_at is None and (since is None or write.at >= since)
        ]
        return restores(log)

    def _wait(self, issue_id: str) -> None:
        """Until no job has the issue; the next one will see that it was undone and write nothing."""
        waited = 0.0
        while any(job.subject == issue_id for job in self._store.work.running_since_before(0)):
            if waited >= PATIENCE:
                raise Retryable(f"a job is still writing on issue {issue_id}")
            self._sleep(0.5)
            waited += 0.5


def _would(one: Restore) -> Done:
    if one.kind is WriteKind.TAGS:
        return Done(one.kind, Outcome.REFUSED, one.after, one.after, STAYS_TAGS, one.ref)
    return Done(one.kind, Outcome.WRITTEN, one.after, one.before, "would be put back if still ours", one.ref)
