"""Writes tags onto an issue by an annotation event (``app.core.annotation``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.core.aftermath import Snapshot
from app.core.annotation import annotation_event, event_id
from app.core.annotation_rules import (
    WATCHED,
    AnnotationState,
    Ownership,
    may_annotate,
    with_frames,
    works_out_owners,
)
from app.core.issue import Issue
from app.core.policy import Policy
from app.core.verdict import Verdict
from app.errors import Permanent, Retryable
from app.sentry.client import SentryClient
from app.sentry.errors import Forbidden
from app.sentry.ingest import Dsn, EnvelopeSender, check_dsn
from app.sentry.tag_watch import AnnotationMemory, TagWatch
from app.sentry.tag_writer import TagOutcome, TagResult

CANARY_RETRY = 3.0
"""Seconds after which an issue asks again whether the project's first event has landed."""


class AnnotationTagWriter:
    """``TagWriter`` by annotation events.

    ``allowed_hosts``: ingest hosts (``app.sentry.ingest.ingest_hosts``). ``dsn_for``: a configured DSN for a
    project slug, or None for the project's own first active key. ``clock``: unix seconds; ``sleep``: waits
    seconds.
    """

    def __init__(
        self,
        client: SentryClient,
        sender: EnvelopeSender,
        memory: AnnotationMemory,
        *,
        allowed_hosts: Sequence[str],
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        dsn_for: Callable[[str], str | None] = lambda _project: None,
    ) -> None:
        self._client = client
        self._sender = sender
        self._memory = memory
        self._allowed_hosts = tuple(allowed_hosts)
        self._clock = clock
        self._watch = TagWatch(client, memory, clock, sleep)
        self._dsn_for = dsn_for

    def write(
        self, issue_id: str, verdict: Verdict, version: int, policy: Policy, *, manual: bool = False
    ) -> TagResult:
        """Annotate the issue if every rule allows it. Safe to repeat: the event's id is a function of issue,
        version and tags. ``policy`` is the project's; ``manual``: a person's word is behind it. Raises
        ``Retryable`` when Sentry or its ingest asks to wait."""
        event = self._client.event(issue_id, newest=True)
        if event is None:
            return TagResult(TagOutcome.SKIPPED, "the issue has no readable event")
        issue = self._client.issue(issue_id, expand_owners=True)
        dsn, why = self._dsn(issue)
        if dsn is None:
            return TagResult(TagOutcome.SKIPPED, why)
        try:
            ownership = self._ownership(issue)
        except Forbidden:
            return TagResult(TagOutcome.SKIPPED, "the token may not read the project's ownership rules")
        # Read again at the last moment: an event on an issue that was resolved meanwhile re-opens it.
        issue = self._client.issue(issue.id, expand_owners=True)
        tags = verdict.tags()
        state = self._memory.state(issue.project_id, issue.id, version, tags)
        state = replace(state, manual=manual)
        wanted = event_id(issue.id, version, tags, state.landed)
        stored_in = self._client.event_lookup(wanted) if self._memory.was_sent(wanted) else None
        if stored_in is not None:
            # A repeat after a crash or a late arrival: it is not sent twice, and looked at like a first one.
            before = self._memory.before(wanted)
            return self._watch.landed(issue.id, issue.project_id, wanted, stored_in, before)
        allowed, reason = may_annotate(issue, event, self._now(), policy, state, ownership)
        if reason == WATCHED:
            raise Retryable(reason, after=CANARY_RETRY)
        if not allowed:
            return TagResult(TagOutcome.SKIPPED, reason)
        frames = with_frames(issue, ownership)
        body = annotation_event(issue, event, verdict, version, with_frames=frames, refresh=state.landed)
        before = Snapshot.of(issue)
        if ownership.by_our_tags:  # who is suggested by them is meant to change
            before = replace(before, owners=None)
        return self._send(issue.project_id, before, dsn, body, version, state)

    def _send(
        self,
        project_id: str,
        before: Snapshot,
        dsn: str,
        body: dict[str, Any],
        version: int,
        state: AnnotationState,
    ) -> TagResult:
        sent = str(body["event_id"])
        tags = {name: text for name, text in body["tags"].items() if name != "triage.synthetic"}
        self._memory.sending(before, project_id, sent, version, tags)
        try:
            self._sender.send(dsn, body)
        except Permanent as error:
            return self._watch.stop(project_id, TagOutcome.REFUSED, str(error), sent)
        return self._watch.result(project_id, before, sent, canary_passed=state.canary_passed)

    def _ownership(self, issue: Issue) -> Ownership:
        if not works_out_owners(issue) or not issue.project_slug:
            return Ownership()
        return Ownership.from_api(self._client.project_ownership(issue.project_slug))

    def _dsn(self, issue: Issue) -> tuple[str | None, str]:
        dsn = configured = self._dsn_for(issue.project_slug)
        if dsn is None:
            try:
                keys = self._client.project_keys(issue.project_slug)
            except Forbidden:
                return None, "the token may not read the project's keys (project:read)"
            active = [key["dsn"] for key in keys if key.get("isActive") and isinstance(key.get("dsn"), dict)]
            dsn = str(active[0].get("public") or "") if active else None
        if not dsn:
            return None, "the project has no active client key"
        allowed, reason = check_dsn(dsn, self._allowed_hosts)
        if allowed and configured and Dsn.parse(dsn).project_id != issue.project_id:
            return None, "the configured DSN ([tags] dsn) is another project's"
        return (dsn, reason) if allowed else (None, reason)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)
