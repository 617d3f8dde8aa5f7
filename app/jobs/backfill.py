"""``backfill``: issues that were there before us, found first, counted and priced, then put in slowly.

What was found is kept under a fact, so that a backfill which was broken off goes on where it was; each issue
has one key in it and comes in once. The rows are due one after the other, at the asked rate, and of the
lowest rank: a webhook never waits for them.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter

from app.core.intake import Intent, Kind
from app.core.issue import Issue
from app.models.capabilities import capability_of
from app.services import Services
from app.settings import TriageMode
from app.store.work import LATER

FACT = "backfill"
TYPICAL_TOKENS = 3000
"""Input tokens of a question, on the large side; used until calls of our own say better."""

ENOUGH_CALLS = 20


@dataclass(frozen=True, slots=True)
class Survey:
    """What a backfill has found so far. ``cursor`` is none once the list was walked to its end or limit."""

    run: str
    query: str
    since: datetime
    end: datetime
    limit: int
    ids: tuple[str, ...] = ()
    have: int = 0
    """Issues passed over because they are triaged already, or wait."""
    cursor: str | None = None
    walked: bool = False
    queued: bool = False

    def same(self, query: str, since: datetime, limit: int) -> bool:
        """True where the same was asked for; relative times differ a little from one start to the next."""
        near = abs(self.since - since) < timedelta(hours=12)
        return self.query == query and self.limit == limit and near

    @property
    def prefix(self) -> str:
        """What the keys of its work begin with."""
        return f"backfill:{self.run}:"


@dataclass(frozen=True, slots=True)
class Estimate:
    """``usd`` is an upper bound; ``priced_by`` says where it comes from."""

    issues: int
    have: int
    seconds: float
    usd: float
    priced_by: str


_SURVEY = TypeAdapter(Survey)


class Backfill:
    """``sleep`` waits seconds where Sentry's rate limit asks for it."""

    def __init__(self, services: Services, sleep: Callable[[float], None]) -> None:
        self._services = services
        self._store = services.store
        self._sleep = sleep

    def resume(self, query: str, since: datetime, limit: int) -> Survey:
        """The unfinished survey of the same request, else a new one."""
        kept = self._store.facts.get(FACT)
        if kept:
            survey = _SURVEY.validate_python(kept)
            if not survey.queued and survey.same(query, since, limit):
                return survey
        return Survey(uuid.uuid4().hex[:8], query, since, self._services.clock(), limit)

    def walk(self, survey: Survey) -> Survey:
        """Look at one more page of the list. Raises ``Retryable``; nothing found so far is lost by it."""
        page = self._services.client.issues(
            survey.query, survey.cursor, start=_utc(survey.since), end=_utc(survey.end + timedelta(seconds=1))
        )
        fresh = [issue.id for issue in page.items if not self._services.is_our_own(issue.project_id)]
        wanted = self._without_verdict(page.items, fresh)
        room = survey.limit - len(survey.ids)
        ids = (*survey.ids, *wanted[:room])
        walked = page.cursor is None or len(ids) >= survey.limit
        survey = replace(
            survey,
            ids=tuple(dict.fromkeys(ids)),
            have=survey.have + len(fresh) - len(wanted),
            cursor=page.cursor,
            walked=walked,
        )
        self._keep(survey)
        if not walked and page.wait:
            self._sleep(page.wait)
        return survey

    def estimate(self, survey: Survey, per_minute: float) -> Estimate:
        count = len(survey.ids)
        price, priced_by = self._price()
        return Estimate(count, survey.have, count * 60.0 / per_minute, count * price, priced_by)

    def enqueue(self, survey: Survey, per_minute: float) -> Survey:
        """Put everything in, due one by one. May be repeated: what is in stays as it is."""
        for place, issue_id in enumerate(survey.ids):
            self._store.work.add(
                Intent(Kind.TRIAGE, issue_id, "backfill"),
                dedupe=f"{survey.prefix}{issue_id}",
                delay=place * 60.0 / per_minute,
                rank=LATER,
            )
        survey = replace(survey, queued=True, cursor=None)
        self._keep(survey)
        return survey

    def progress(self, survey: Survey) -> dict[str, int]:
        """Its work by state: ``queued``, ``running``, ``done``, ``failed``."""
        return self._store.work.progress(survey.prefix)

    def _without_verdict(self, issues: tuple[Issue, ...], ids: list[str]) -> list[str]:
        known, jobs = self._store.issues.known(ids), self._store.work.newest(ids)
        waiting = {issue for issue, job in jobs.items() if job.state in ("queued", "running")}
        feedback = {issue.id for issue in issues if issue.category == "feedback"}
        return [
            issue
            for issue in ids
            if issue not in waiting | feedback and not (issue in known and known[issue].version)
        ]

    def _price(self) -> tuple[float, str]:
        """Dollars an issue at the most, as if the model were asked about each."""
        services = self._services
        if services.model is None or services.settings.triage_mode is TriageMode.OFFLINE:
            return 0.0, "offline: no model is asked"
        since = services.clock() - timedelta(days=30)
        count, mean = self._store.calls.mean_usd(since)
        if count >= ENOUGH_CALLS:
            return mean, f"the mean of {count} calls in the last 30 days"
        capability = capability_of(services.model, overrides=services.policy.models)
        return capability.most_usd(TYPICAL_TOKENS), "the price table, at the most"

    def _keep(self, survey: Survey) -> None:
        value: Any = _SURVEY.dump_python(survey, mode="json")
        self._store.facts.put(FACT, value)


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")
