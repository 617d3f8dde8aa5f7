"""The steps of triaging one issue, each of which may be repeated at any moment without harm.

Between two steps only ids and reasons are checkpointed: what was read of an issue is kept sealed in our own
tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.core import relay
from app.core.classify import Decision, decide
from app.core.digest import Digest, digest_event
from app.core.intake import Intent, Kind
from app.core.issue import Issue
from app.core.offline import explain
from app.core.plan import Around, plan
from app.core.signature import signature
from app.core.undo import HELD
from app.core.verdict import Verdict
from app.core.writes import Plan
from app.errors import Permanent, Retryable
from app.sentry.errors import NotFound
from app.services import Services
from app.settings import TriageMode
from app.store.issues import StoredIssue
from app.store.verdicts import StoredVerdict

from .learned import NamedOwner, learn, named_owner, observe
from .memory import undone, write_memory
from .outcome import Outcome, done, go, guarded

BY_WISH = frozenset({Kind.APPLY, Kind.CORRECT})


MERGING = 2
"""How often an issue that Sentry does not show is asked for again."""

MERGING_WAIT = 60.0


class TriageSteps:
    """What reads and decides; ``WriteSteps`` is what writes."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store

    @guarded
    def read(self, job_id: int, issue_id: str) -> Outcome:
        """GET the issue and its event, and keep their digest."""
        try:
            issue = self._services.client.issue(issue_id, expand_owners=True)
        except NotFound:
            return self._not_there(job_id, issue_id)
        refused = self._refused(issue)
        if refused:
            return done("skipped", refused)
        event = self._services.client.event(issue.id) or _from_metadata(issue)
        self._keep(issue, event)
        observe(self._store, issue)
        return moved(issue) if issue.moved_from(issue_id) else go()

    def _not_there(self, job_id: int, issue_id: str) -> Outcome:
        """A 404: the issue is gone, or is just being merged or deleted, or Sentry does not know our
        organisation any more, and then it has every issue. Raises ``Retryable`` for the last two."""
        self._services.know_organization()
        job = self._store.work.get(job_id)
        if job is not None and job.attempts < MERGING:
            raise Retryable("Sentry does not show the issue: it may be being merged", after=MERGING_WAIT)
        self._store.issues.set_state(issue_id, "gone")
        return done("gone", "Sentry does not have this issue any more")

    @guarded
    def read_relay(self, job_id: int, subject: str) -> Outcome:
        """The same for a relayed event, which is in the job's own payload."""
        payload = self._store.work.payload(job_id)
        if not isinstance(payload, dict):
            raise Permanent("The relayed event cannot be opened: its encryption key is gone.")
        digest = digest_event(payload)
        self._store.issues.save_read(
            subject,
            project=str(payload.get("project") or "")[:100],
            short_id="",
            status="",
            signature=signature(digest),
            first_seen=None,
            last_seen=None,
            digest=digest,
            extra={"title": digest.title, "event_id": digest.event_id},
        )
        return go()

    @guarded
    def hand_on(self, job_id: int, subject: str) -> Outcome:
        """The issue that a relayed event names gets a job of its own."""
        self._store.issues.set_state(subject, "triaged")
        payload = self._store.work.payload(job_id)
        issue_id = relay.issue_of(payload) if isinstance(payload, dict) else None
        if issue_id is None:
            return done("triaged", "no issue is named: nothing to write to")
        intent = Intent(Kind.TRIAGE, issue_id, "relay")
        self._store.work.add(intent, dedupe=f"relay:{job_id}:{issue_id}")
        return done("triaged", f"its issue {issue_id} is triaged too")

    @guarded
    def decide(self, job_id: int, issue_id: str) -> Outcome:
        """What it is: the cascade over the digest."""
        return self.decided(issue_id)

    def decided(self, issue_id: str, *, fresh: bool = False) -> Outcome:
        """The same for other workflows. ``fresh``: as if the same error had not been seen elsewhere."""
        stored = self._store.issues.get(issue_id)
        content = self._store.issues.content(issue_id)
        if stored is None or content is None:
            raise Permanent("What was read of the issue cannot be opened: its encryption key is gone.")
        _, decision = self.weigh(stored, content[0], fresh=fresh)
        if decision.ask_model:
            return go(decision.reason, ask_model=True)
        self._store.verdicts.add(
            issue_id,
            decision.verdict,
            project=stored.project,
            signature=stored.signature,
            reason=decision.reason,
        )
        return go(decision.reason)

    def weigh(self, stored: StoredIssue, digest: Digest, *, fresh: bool = False) -> tuple[Verdict, Decision]:
        """The offline verdict, and what is decided with all that is known."""
        found = explain(digest, self._services.rules)
        offline = found.verdict
        known = learn(self._store, stored, fresh=fresh)
        seen = known.own if known.correction is not None else None
        return offline, decide(
            seen or offline,
            correction=known.correction,
            before=known.before,
            own=known.own,
            rule=found.decided_by,
            model=self._services.model is not None,
            always_model=self._services.settings.triage_mode is TriageMode.MODEL,
        )

    @guarded
    def plan(self, job_id: int, issue_id: str) -> Outcome:
        """What to write, against what Sentry shows now."""
        return self.planned(job_id, issue_id)

    def planned(self, job_id: int, issue_id: str, *, notice: str = "") -> Outcome:
        """The same for other workflows. ``notice``: an answer to a person, for the comment."""
        latest = self._latest(issue_id)
        try:
            issue = self._services.client.issue(issue_id, expand_owners=True)
        except NotFound:
            return self._not_there(job_id, issue_id)
        if issue.moved_from(issue_id):  # since it was read: the verdict is not the survivor's
            return moved(issue)
        content = self._store.issues.content(issue_id)
        if content is None:
            raise Permanent("What was read of the issue cannot be opened: its encryption key is gone.")
        decided = self._plan(latest, issue, content[0], notice)
        if undone(self._store.writes.of_issue(issue_id)) and not self._asked(job_id):
            decided = decided.held(HELD)
        self._store.issues.save_plan(issue_id, decided)
        return go(f"{len(decided.todo)} writes")

    def _plan(self, latest: StoredVerdict, issue: Issue, digest: Any, notice: str) -> Plan:
        services, stored = self._services, self._store.issues.get(issue.id)
        named = named_owner(self._store, stored, issue) if stored else NamedOwner()
        around = Around(
            version=latest.version,
            directory=services.directory(issue.project_slug),
            public_url=services.issue_url(issue.id),
            corrections_learned=self._store.corrections.learned(issue.id, stored.signature if stored else ""),
            assigned_last_hour=self._store.writes.written_within("assignee", 3600),
            notice=notice,
            owner=named.owner,
            owner_by=named.by,
            owner_asked=named.asked,
        )
        return plan(
            latest.verdict,
            issue,
            digest,
            write_memory(self._store, issue),
            services.policy.for_project(issue.project_slug),
            services.clock(),
            around,
        )

    def _asked(self, job_id: int) -> bool:
        """True where a person's wish is behind the job: it may write on an issue that was undone."""
        job = self._store.work.get(job_id)
        return job is not None and job.kind in BY_WISH

    def _latest(self, issue_id: str) -> StoredVerdict:
        latest = self._store.verdicts.latest(issue_id)
        if latest is None:
            raise Permanent("The issue's verdict cannot be opened: its encryption key is gone.")
        return latest

    def _refused(self, issue: Issue) -> str:
        if self._services.is_our_own(issue.project_id):
            return "our own errors are not triaged by ourselves"
        return "user feedback is not an error" if issue.category == "feedback" else ""

    def _keep(self, issue: Issue, event: Mapping[str, Any]) -> None:
        digest = digest_event(event)
        self._store.issues.save_read(
            issue.id,
            project=issue.project_slug,
            short_id=issue.short_id,
            status=issue.status,
            signature=signature(digest),
            first_seen=issue.first_seen,
            last_seen=issue.last_seen,
            digest=digest,
            extra={"title": issue.title, "event_id": digest.event_id},
        )


def moved(issue: Issue) -> Outcome:
    """``issue`` is the survivor of a merge: it gets a job of its own."""
    return done("moved", f"the issue was merged into {issue.id}")


def _from_metadata(issue: Issue) -> dict[str, Any]:
    """What can be known of an issue whose events are gone or that never had any (an outage)."""
    meta = issue.metadata
    event: dict[str, Any] = {"platform": issue.platform, "level": issue.level, "title": issue.title}
    if meta.get("type"):
        event["exception"] = {"values": [{"type": meta.get("type"), "value": meta.get("value")}]}
    else:
        event["message"] = issue.title
    return event
