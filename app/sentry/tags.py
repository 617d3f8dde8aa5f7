"""Writes tags onto an issue, by whatever way Sentry has. Today: an annotation event
(``app.core.annotation``).

The day Sentry offers tags on issues, another ``TagWriter`` takes this one's place and nothing else changes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from app.core.aftermath import Snapshot, regression_event, resolved_again, same_after
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

CANARY_RETRY = 3.0
"""Seconds after which an issue asks again whether the project's first event has landed."""

CANARY_WAIT = 60
LATER_WAIT = 15
"""Seconds that Sentry gets to store the event, asked once a second (its limit for this call)."""

UNCOMPARED = "it had been sent before and is in the issue"


class TagOutcome(StrEnum):
    LANDED = "landed"
    """In the right issue, which is otherwise as it was."""
    SKIPPED = "skipped"
    """A rule said no; nothing was sent."""
    UNCONFIRMED = "unconfirmed"
    """Sent; not yet found, in a project where it has worked before."""
    FILTERED = "filtered"
    """The project's first event never appeared: a filter, a quota or a disabled key. The project was switched
    off."""
    REFUSED = "refused"
    """The ingest refused it (disabled key, unknown project). The project was switched off."""
    WRONG_GROUP = "wrong_group"
    """It landed in another issue. The project was switched off."""
    CHANGED = "changed"
    """The issue changed beyond its count. The project was switched off."""
    UNDONE = "undone"
    """Somebody resolved the issue meanwhile and our event re-opened it: it is resolved again."""


@dataclass(frozen=True, slots=True)
class TagResult:
    outcome: TagOutcome
    reason: str
    event_id: str = ""
    group_id: str = ""
    """The issue that the event landed in."""


class TagWriter(Protocol):
    """Puts the verdict's tags onto an issue so that Sentry's search finds it by them."""

    def write(
        self, issue_id: str, verdict: Verdict, version: int, policy: Policy, *, manual: bool = False
    ) -> TagResult: ...


class AnnotationMemory(Protocol):
    """What has to outlive the process, kept by the database."""

    def state(
        self, project_id: str, issue_id: str, version: int, tags: Mapping[str, str]
    ) -> AnnotationState: ...

    def was_sent(self, event_id: str) -> bool:
        """True from ``sending`` on, for ever: also the way to recognise our own events."""

    def sending(
        self, before: Snapshot, project_id: str, event_id: str, version: int, tags: Mapping[str, str]
    ) -> None:
        """Called directly before an event leaves for the issue of ``before``; counts towards the caps. Of an
        event that leaves again, the first snapshot is kept."""

    def before(self, event_id: str) -> Snapshot | None:
        """What the issue was when the event left first; None where an older version sent it."""

    def landed(self, project_id: str, event_id: str) -> None:
        """The event is in its issue: the project's canary has passed."""

    def disable(self, project_id: str, reason: str) -> None:
        """No more annotation events to this project until a person switches it on again."""


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
        self._sleep = sleep
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
            return self._landed(issue.id, issue.project_id, wanted, stored_in, before)
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
            return self._stop(project_id, TagOutcome.REFUSED, str(error), sent)
        return self._watch(project_id, before, sent, state)

    def _watch(self, project_id: str, before: Snapshot, sent: str, state: AnnotationState) -> TagResult:
        """Wait until Sentry has stored the event, then compare the issue with what it was."""
        group = self._wait_for(sent, LATER_WAIT if state.canary_passed else CANARY_WAIT)
        if group is None and state.canary_passed:
            return TagResult(TagOutcome.UNCONFIRMED, f"not stored within {LATER_WAIT} s", sent)
        if group is None:
            return self._stop(project_id, TagOutcome.FILTERED, f"not stored within {CANARY_WAIT} s", sent)
        return self._landed(before.issue_id, project_id, sent, group, before)

    def _landed(
        self, issue_id: str, project_id: str, sent: str, group: str, before: Snapshot | None
    ) -> TagResult:
        """The event is stored: is it in the right issue, and is that as it was ``before``?"""
        if group != issue_id:
            reason = f"it landed in issue {group}"
            return self._stop(project_id, TagOutcome.WRONG_GROUP, reason, sent, group)
        after = self._client.issue(issue_id, expand_owners=True)
        if regression_event(after) == sent and after.status == "unresolved":
            self._client.update_issue(after.id, **resolved_again(after))
            self._memory.landed(project_id, sent)
            return TagResult(
                TagOutcome.UNDONE, "it re-opened the issue, which is resolved again", sent, group
            )
        same, reason = same_after(before, after, sent) if before else (True, UNCOMPARED)
        if not same:
            return self._stop(project_id, TagOutcome.CHANGED, reason, sent, group)
        self._memory.landed(project_id, sent)
        return TagResult(TagOutcome.LANDED, reason, sent, group)

    def _stop(
        self, project_id: str, outcome: TagOutcome, reason: str, sent: str, group: str = ""
    ) -> TagResult:
        self._memory.disable(project_id, f"{outcome.value}: {reason}")
        return TagResult(outcome, reason, sent, group)

    def _wait_for(self, sent: str, seconds: int) -> str | None:
        end = self._clock() + seconds
        while True:
            group = self._client.event_lookup(sent)
            if group is not None or self._clock() >= end:
                return group
            self._sleep(1.0)

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
