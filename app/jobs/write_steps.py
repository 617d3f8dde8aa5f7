"""The steps that write into Sentry, each by the plan that was kept and each idempotent by content."""

from __future__ import annotations

from app.core.intake import Intent, Kind
from app.core.issue import Issue
from app.core.writes import Plan, WriteKind
from app.errors import Permanent
from app.sentry.tag_writer import TagOutcome
from app.sentry.writer import (
    Done,
    Installation,
    withdraw_others,
    write_annotation,
    write_comment,
    write_fields,
    write_tags,
)
from app.services import Services

from .memory import write_memory
from .outcome import Outcome, done, go, guarded

CONFIRM_AFTER = 3900.0
"""Seconds until an annotation event that was not to be found is looked for again. Sentry drops an id that it
saw within the hour, and a quota or spike protection counts by the hour: earlier would be for nothing."""

MERGED = "merged"
"""Trigger of a job whose issue another one was merged into."""


class WriteSteps:
    """One method a step; the write log is what they leave behind."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store

    @guarded
    def fields(self, job_id: int, issue_id: str) -> Outcome:
        """Priority and assignee, in one PUT."""
        plan = self._plan(issue_id)
        return self._log(plan, write_fields(self._services.client, plan))

    @guarded
    def annotation(self, job_id: int, issue_id: str) -> Outcome:
        """``Triage#Database-high`` in the issue list and header."""
        plan = self._plan(issue_id)
        url = self._services.issue_url(issue_id)
        if not plan.get(WriteKind.ANNOTATION).do or url is None:
            return go("nothing to write")
        installation = self._services.installation()
        if installation is None:
            return go("our installation is not to be seen with this token: set SENTRY_APP_SLUG")
        return self._log(plan, write_annotation(self._services.client, plan, installation, url))

    @guarded
    def comment(self, job_id: int, issue_id: str) -> Outcome:
        """The one comment."""
        plan = self._plan(issue_id)
        memory = write_memory(self._store, Issue(id=issue_id))
        client, installation = self._services.client, self._services.installation() or Installation("", "")
        lines = write_comment(client, plan, memory, installation)
        job, keep = self._store.work.get(job_id), lines[0].ref if lines else memory.note_id
        if job is not None and job.trigger == MERGED and keep:
            withdraw_others(client, plan.issue_id, keep, installation.app_slug)
        return self._log(plan, lines)

    @guarded
    def tags(self, job_id: int, issue_id: str) -> Outcome:
        """The annotation event, last of all."""
        return self._tags(issue_id, manual=False)

    @guarded
    def tags_by_hand(self, job_id: int, issue_id: str) -> Outcome:
        """The same where a person's word is behind it: they need not wait a day for it to show."""
        return self._tags(issue_id, manual=True)

    def _tags(self, issue_id: str, *, manual: bool) -> Outcome:
        plan = self._plan(issue_id)
        latest = self._store.verdicts.latest(issue_id)
        stored = self._store.issues.get(issue_id)
        if latest is None or stored is None:
            raise Permanent("The issue's verdict cannot be opened: its encryption key is gone.")
        policy = self._services.policy.for_project(stored.project)
        lines, result = write_tags(self._services.tags, plan, latest.verdict, policy, manual=manual)
        if result is not None and result.outcome is TagOutcome.UNCONFIRMED:
            self._confirm(issue_id, result.event_id)
        return self._log(plan, lines)

    def _confirm(self, issue_id: str, event_id: str) -> None:
        """Sentry's ingest took the event, and a filter or a quota may have dropped it: later it is found, or
        sent once more under the same id."""
        intent = Intent(Kind.REFRESH, issue_id, "unconfirmed tags")
        self._store.work.add(intent, dedupe=f"confirm:{event_id}", delay=CONFIRM_AFTER)

    @guarded
    def close(self, job_id: int, issue_id: str) -> Outcome:
        """Every write is where it belongs."""
        self._store.issues.set_state(issue_id, "triaged")
        latest = self._store.verdicts.latest(issue_id)
        return done("triaged", latest.reason if latest else "")

    def _plan(self, issue_id: str) -> Plan:
        plan = self._store.issues.plan(issue_id)
        if plan is None:
            raise Permanent("The issue's plan cannot be opened: its encryption key is gone.")
        return plan

    def _log(self, plan: Plan, lines: list[Done]) -> Outcome:
        for line in lines:
            self._store.writes.add(
                plan.issue_id,
                plan.version,
                line.kind.value,
                outcome=line.outcome.value,
                before=line.before,
                after=line.after,
                reason=line.reason,
                ref=line.ref,
            )
        return go(
            "; ".join(f"{line.kind.value} {line.outcome.value}" for line in lines) or "nothing to write"
        )
