"""Tags that Sentry's search is about to forget: issues that are due are annotated again.

Sentry's search looks at events inside its time window, 14 days by default, so a tag goes out of sight with
the event that carried it. Here an issue comes up once, when its tags reach ``refresh_days``; the job then
reads the issue, and ``app.core.annotation_rules`` decides (unresolved, and real events since). An issue
that gets its next event only later is found by ``reconcile``.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from app.core.intake import Intent, Kind
from app.core.policy import Policy, TagMode
from app.services import Services
from app.settings import WriteMode
from app.store.work import LATER

LATE = timedelta(days=3)
"""So long after they were due, issues still come up: workers may have been down over a weekend."""


class Refresh:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store

    def run(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Put in what is due; answers how many."""
        if self._services.settings.triage_write is WriteMode.SHADOW:
            return 0
        now, found = self._services.clock(), 0
        for days, projects in self._by_days().items():
            due = now - timedelta(days=days)
            sent = self._store.annotations.newest_between(due - LATE, due)
            known = self._store.issues.known(list(sent))
            for issue_id, at in sent.items():
                row = known.get(issue_id)
                if row is None or not projects(row.project) or not go_on():
                    continue
                dedupe = f"due:{issue_id}:{int(at.timestamp())}"
                intent = Intent(Kind.REFRESH, issue_id, "tags refresh")
                found += self._store.work.add(intent, dedupe=dedupe, rank=LATER)
        return found

    def _by_days(self) -> dict[int, Callable[[str], bool]]:
        """The different ``refresh_days`` there are, each with a test for the projects that it holds for."""
        policy = self._services.policy
        policies = [policy, *(policy.for_project(slug) for slug in policy.project)]
        days = {each.tags.refresh_days for each in policies if each.tags.mode is TagMode.ANNOTATE}
        return {each: _holds_for(policy, each) for each in days}


def _holds_for(policy: Policy, days: int) -> Callable[[str], bool]:
    def test(project: str) -> bool:
        tags = policy.for_project(project).tags
        return tags.mode is TagMode.ANNOTATE and tags.refresh_days == days

    return test
