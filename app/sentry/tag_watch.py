"""What becomes of an annotation event that was sent: where it landed, what it changed, and when a project's
tags are stopped for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol

from app.core.aftermath import Snapshot, regression_event, resolved_again, same_after
from app.core.annotation_rules import AnnotationState, Missing
from app.sentry.client import SentryClient
from app.sentry.tag_writer import TagOutcome, TagResult

CANARY_WAIT = 60
LATER_WAIT = 15
"""Seconds that Sentry gets to store the event, asked once a second (its limit for this call)."""

LOST_IN_A_ROW = 3
"""Issues whose events Sentry took and did not store, with none that it did between them: so many stop a
project's tags."""

LOST_AFTER = timedelta(hours=1)
LOOKED_UP = 5
"""The newest that are missing are looked up once more: what only came late shows that all is well."""

UNCOMPARED = "it had been sent before and is in the issue"


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

    def missing(self, project_id: str) -> Sequence[Missing]:
        """Events that Sentry took since one was last seen to land in the project, and did not show in time:
        the newest of each issue, the newest first."""

    def disable(self, project_id: str, reason: str) -> None:
        """No more annotation events to this project until a person switches it on again."""


class TagWatch:
    """Looks after events that were sent. ``clock``: unix seconds; ``sleep``: waits seconds."""

    def __init__(
        self,
        client: SentryClient,
        memory: AnnotationMemory,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
    ) -> None:
        self._client = client
        self._memory = memory
        self._clock = clock
        self._sleep = sleep

    def result(self, project_id: str, before: Snapshot, sent: str, *, canary_passed: bool) -> TagResult:
        """Wait until Sentry has stored the event, then compare the issue with what it was."""
        group = self._wait_for(sent, LATER_WAIT if canary_passed else CANARY_WAIT)
        if group is not None:
            return self.landed(before.issue_id, project_id, sent, group, before)
        if not canary_passed:
            return self.stop(project_id, TagOutcome.FILTERED, f"not stored within {CANARY_WAIT} s", sent)
        if self._all_are_lost(project_id):
            reason = f"Sentry took {LOST_IN_A_ROW} events in a row and stored none of them"
            return self.stop(project_id, TagOutcome.FILTERED, reason, sent)
        return TagResult(TagOutcome.UNCONFIRMED, f"not stored within {LATER_WAIT} s", sent)

    def landed(
        self, issue_id: str, project_id: str, sent: str, group: str, before: Snapshot | None
    ) -> TagResult:
        """The event is stored: is it in the right issue, and is that as it was ``before``?"""
        if group != issue_id:
            reason = f"it landed in issue {group}"
            return self.stop(project_id, TagOutcome.WRONG_GROUP, reason, sent, group)
        after = self._client.issue(issue_id, expand_owners=True)
        if regression_event(after) == sent and after.status == "unresolved":
            self._client.update_issue(after.id, **resolved_again(after))
            self._memory.landed(project_id, sent)
            return TagResult(
                TagOutcome.UNDONE, "it re-opened the issue, which is resolved again", sent, group
            )
        same, reason = same_after(before, after, sent) if before else (True, UNCOMPARED)
        if not same:
            return self.stop(project_id, TagOutcome.CHANGED, reason, sent, group)
        self._memory.landed(project_id, sent)
        return TagResult(TagOutcome.LANDED, reason, sent, group)

    def stop(
        self, project_id: str, outcome: TagOutcome, reason: str, sent: str, group: str = ""
    ) -> TagResult:
        self._memory.disable(project_id, f"{outcome.value}: {reason}")
        return TagResult(outcome, reason, sent, group)

    def _all_are_lost(self, project_id: str) -> bool:
        """Whether a filter or a quota drops every event of ours."""
        missing, now = self._memory.missing(project_id), datetime.fromtimestamp(self._clock(), UTC)
        if sum(now - event.sent_at >= LOST_AFTER for event in missing) < LOST_IN_A_ROW:
            return False
        return not any(self._client.event_lookup(event.event_id) for event in missing[:LOOKED_UP])

    def _wait_for(self, sent: str, seconds: int) -> str | None:
        end = self._clock() + seconds
        while True:
            group = self._client.event_lookup(sent)
            if group is not None or self._clock() >= end:
                return group
            self._sleep(1.0)
