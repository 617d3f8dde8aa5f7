"""``reconcile``: walks through Sentry's issue list and puts in what we do not have or what came back.

Everything it finds is ordinary work under a key that makes it come only once, so that a walk may be broken
off at any moment, be done twice, or run beside a webhook for the same issue.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from app.core.intake import Intent, Kind
from app.core.issue import Issue
from app.core.policy import TagMode
from app.core.reconcile import Ask, Case, Known, Progress, Run, began, begin, came_back_at, compare, turn
from app.sentry.errors import BadRequest, NotFound
from app.sentry.paging import Page
from app.services import Services
from app.store.work import Job

log = logging.getLogger(__name__)

FACT = "reconcile"
QUERY = "is:unresolved"
MAX_CONFIRMED = 100
"""Issues whose activity is read in one walk; Sentry allows five such reads a second."""

AGAIN_WITHIN = timedelta(days=30)
"""Jobs that gave up are put in again for so long."""

_PROGRESS = TypeAdapter(Progress)


@dataclass
class Report:
    """What one run did. ``asked``: pieces of work by their trigger; ``complete``: the end was reached."""

    looked_at: int = 0
    asked: dict[str, int] = field(default_factory=dict)
    older: int = 0
    complete: bool = False

    @property
    def enqueued(self) -> int:
        return sum(self.asked.values())

    def as_json(self) -> dict[str, Any]:
        return {
            "looked_at": self.looked_at,
            "enqueued": self.enqueued,
            "by_trigger": dict(self.asked),
            "older": self.older,
            "complete": self.complete,
        }


class Reconciler:
    """Walks through Sentry's list and puts in what is missing."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self._confirmed = 0

    def run(self, go_on: Callable[[], bool] = lambda: True) -> Report:
        """Walk until the end of the list, or until ``go_on()`` is false.

        Raises ``Retryable`` where Sentry asks to wait: the next run goes on at the same page.
        """
        report, self._confirmed = Report(), 0
        progress = self._progress()
        while not report.complete and go_on():
            run = begin(progress, self._services.clock())
            page, cursor = self._page(run)
            self._look(page, progress.floor, report)
            progress = turn(progress, run, cursor)
            self._store.facts.put(FACT, _PROGRESS.dump_python(progress, mode="json"))
            report.complete = progress.run is None
        if report.complete:
            self._again(report)
        return report

    def _progress(self) -> Progress:
        kept = self._store.facts.get(FACT)
        if kept is not None:
            return _PROGRESS.validate_python(kept)
        hours = self._services.settings.triage_reconcile_first_hours
        return began(self._services.clock(), timedelta(hours=hours))

    def _page(self, run: Run) -> tuple[tuple[Issue, ...], str | None]:
        try:
            page = self._list(run, run.cursor)
        except BadRequest:
            if run.cursor is None:
                raise
            log.warning("Sentry does not know the cursor any more: the walk begins again")
            page = self._list(run, None)
        return page.items, page.cursor

    def _list(self, run: Run, cursor: str | None) -> Page[Issue]:
        start, end = _utc(run.start), _utc(run.end + timedelta(seconds=1))
        return self._services.client.issues(QUERY, cursor, start=start, end=end)

    def _look(self, issues: Iterable[Issue], floor: datetime, report: Report) -> None:
        rows = [issue for issue in issues if not self._services.is_our_own(issue.project_id)]
        ids = [issue.id for issue in rows]
        jobs, known = self._store.work.newest(ids), self._known(ids)
        for issue in rows:
            report.looked_at += 1
            job = jobs.get(issue.id)
            case = self._case(issue, known.get(issue.id), job, floor)
            ask, reason = compare(case)
            if ask is None:
                report.older += reason.startswith("older")
            elif self._certain(ask, issue, case.known) and self._add(issue, ask):
                report.asked[ask.trigger] = report.asked.get(ask.trigger, 0) + 1
        self._store.issues.saw({issue.id: issue.last_seen for issue in rows if issue.last_seen})

    def _case(self, issue: Issue, known: Known | None, job: Job | None, floor: datetime) -> Case:
        tags = self._services.policy.for_project(issue.project_slug).tags
        days = timedelta(days=tags.refresh_days) if tags.mode is TagMode.ANNOTATE else timedelta.max
        state = job.state if job else ""
        return Case(issue, known, state, floor, self._services.clock(), days)

    def _known(self, ids: list[str]) -> dict[str, Known]:
        priorities = self._store.writes.standing("priority", ids)
        tags = self._store.annotations.last_sent(ids)
        return {
            issue_id: Known(row.state, row.version, row.read_at, priorities.get(issue_id), tags.get(issue_id))
            for issue_id, row in self._store.issues.known(ids).items()
        }

    def _certain(self, ask: Ask, issue: Issue, known: Known | None) -> bool:
        """Where the list leaves it open, the issue's own activity says whether it came back since we read
        it."""
        if not ask.confirm or known is None or known.read_at is None:
            return True
        if self._confirmed >= MAX_CONFIRMED:
            return False
        self._confirmed += 1
        try:
            back = came_back_at(self._services.client.issue(issue.id))
        except NotFound:
            return False
        return back is not None and back > known.read_at

    def _add(self, issue: Issue, ask: Ask) -> bool:
        return self._store.work.add(Intent(ask.kind, issue.id, ask.trigger), dedupe=ask.dedupe)

    def _again(self, report: Report) -> None:
        """Sentry answers: what was given up because it did not gets another life, once."""
        since = self._services.clock() - AGAIN_WITHIN
        for job in self._store.work.gave_up(since):
            if job.kind is Kind.RELAY:
                continue  # its answer was waited for 30 seconds, long ago
            intent, said = Intent(job.kind, job.subject, "again"), self._store.work.payload(job.id)
            if self._store.work.add(intent, dedupe=f"again:{job.id}", payload=said):
                report.asked["again"] = report.asked.get("again", 0) + 1


def _utc(moment: datetime) -> str:
    """As every version of Sentry reads it: no fraction and no zone, which means UTC."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
