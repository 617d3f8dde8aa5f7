"""What a webhook asks of us: one small handler per resource and action, each registered by name.

A handler answers ``(intent, reason)``; no intent means that there is nothing to do, and the reason says why.
What nobody registered for is accepted and ignored: Sentry adds resources without us.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from .alerts import loud_enough
from .annotation import event_tags, is_synthetic
from .commands import MAX_COMMENT, read_command
from .webhook import WebhookEvent


class Kind(StrEnum):
    """The kinds of work there are; one durable workflow each."""

    TRIAGE = "triage"
    RELAY = "relay"
    CORRECT = "correct"
    """A person told us something of an issue; the job's payload says what."""
    OBSERVE = "observe"
    """A person changed an issue, or corrected the same error elsewhere: look again."""


@dataclass(frozen=True, slots=True)
class Intent:
    """One piece of work about one subject (an issue id)."""

    kind: Kind
    subject: str
    trigger: str
    """What caused it, for people: ``issue.created``, ``reconcile``, …"""
    payload: Mapping[str, Any] | None = None
    """What the job needs beyond its subject, as JSON; kept sealed."""


Answer = tuple[Intent | None, str]
Handler = Callable[[WebhookEvent], Answer]


class Router:
    """Handlers by (resource, action)."""

    def __init__(self) -> None:
        self._handlers: dict[tuple[str, str], Handler] = {}

    def on(self, resource: str, *actions: str) -> Callable[[Handler], Handler]:
        """Register the decorated handler; registering twice for the same pair is a ``ValueError``."""

        def register(handler: Handler) -> Handler:
            for action in actions:
                if (resource, action) in self._handlers:
                    raise ValueError(f"{resource}.{action} has a handler already")
                self._handlers[resource, action] = handler
            return handler

        return register

    def fetch(self, event: WebhookEvent) -> Handler | None:
        """The handler for an event, without running it."""
        return self._handlers.get((event.resource, event.action))

    def dispatch(self, event: WebhookEvent) -> Answer:
        handler = self.fetch(event)
        if handler is None:
            return None, "nothing registered for this resource and action"
        return handler(event)


router = Router()


@router.on("issue", "created")
def issue_created(event: WebhookEvent) -> Answer:
    """A new issue: triage it."""
    if event.issue.get("issueCategory") == "feedback":
        return None, "user feedback is not an error"
    return _triage(event, "issue.created")


@router.on("issue", "unresolved")
def issue_unresolved(event: WebhookEvent) -> Answer:
    """An issue came back (regressed, escalating, or by hand): look again."""
    return _triage(event, f"issue.unresolved {event.issue.get('substatus') or ''}".strip())


@router.on("event_alert", "triggered")
def alert_triggered(event: WebhookEvent) -> Answer:
    """An alert rule names us as its action: triage the issue it fired for, if the event is loud enough."""
    inner = event.data.get("event")
    inner = inner if isinstance(inner, dict) else {}
    if is_synthetic(inner):
        return None, "our own annotation event"
    alert = event.data.get("issue_alert")
    settings = alert.get("settings") if isinstance(alert, dict) else None
    loud, reason = loud_enough(str(inner.get("level") or event_tags(inner).get("level", "")), settings)
    return _triage(event, "event_alert") if loud else (None, reason)


@router.on("issue", "assigned")
def issue_assigned(event: WebhookEvent) -> Answer:
    """A person assigned the issue: that may correct us."""
    if not event.actor.is_person:
        return None, "done by an application, most likely ourselves"
    if event.issue_id is None:
        return None, "no issue is named"
    return Intent(Kind.OBSERVE, event.issue_id, "issue.assigned"), "a person assigned it"


@router.on("issue", "resolved", "ignored", "archived")
def issue_changed(event: WebhookEvent) -> Answer:
    """Somebody worked on the issue."""
    if not event.actor.is_person:
        return None, "done by an application, most likely ourselves"
    return None, "people's own work needs nothing of us"


@router.on("comment", "created", "updated", "deleted")
def commented(event: WebhookEvent) -> Answer:
    """A comment with a command in it is a correction. An edited one may have held a command before, and a
    deleted one takes its word back."""
    text, comment_id = event.data.get("comment"), event.data.get("comment_id")
    if not event.actor.is_person:
        return None, "written by an application, most likely ourselves"
    if event.issue_id is None or not isinstance(text, str) or not isinstance(comment_id, int):
        return None, "no comment on an issue"
    command, problem = read_command(text)
    if command is None and not problem and event.action != "updated":
        return None, "the comment holds no command"
    payload = {
        "origin": "comment",
        "comment_id": str(comment_id)[:20],
        "text": text[:MAX_COMMENT],
        "author": event.actor.name,
        "edited": event.action != "created",
    }
    return Intent(Kind.CORRECT, event.issue_id, f"comment.{event.action}", payload), "a person's comment"


def _triage(event: WebhookEvent, trigger: str) -> Answer:
    if event.issue_id is None:
        return None, "no issue is named"
    return Intent(Kind.TRIAGE, event.issue_id, trigger), trigger
