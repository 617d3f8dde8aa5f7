"""A raw event that a team's own relay posts: no Sentry is needed to read it.

Its shape: ``event_id, timestamp, platform, exception{values}, message, tags, release, environment, project,
url, user``; ``issue_id`` names the Sentry issue that it belongs to, if any, which is then written back too.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .intake import Intent, Kind
from .verdict import Verdict
from .webhook import BadPayload

_EVENT_ID = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class RelayEvent:
    """One relayed event: ``payload`` as it came."""

    event_id: str
    payload: Mapping[str, Any]

    def intent(self) -> Intent:
        return Intent(Kind.RELAY, subject(self.event_id), "relay")

    @property
    def issue_id(self) -> str | None:
        """The Sentry issue that the event names, as digits."""
        return issue_of(self.payload)


def issue_of(payload: Mapping[str, Any]) -> str | None:
    """``issue_id`` of a relayed payload, where it is a Sentry issue's number."""
    value = payload.get("issue_id")
    return str(value) if isinstance(value, str | int) and str(value).isdigit() else None


def subject(event_id: str) -> str:
    """The name under which a relayed event's work and verdict are kept."""
    return f"event:{event_id}"


def is_subject(text: str) -> bool:
    """True for the name of a relayed event, as against an issue's id."""
    return text.startswith("event:")


def parse(payload: Mapping[str, Any]) -> RelayEvent:
    """Check the least that is needed; ``BadPayload`` says what is missing."""
    raw = payload.get("event_id")
    event_id = raw.replace("-", "").lower() if isinstance(raw, str) else ""
    if not _EVENT_ID.fullmatch(event_id):
        raise BadPayload("event_id must be 32 hexadecimal digits.")
    if not any(payload.get(key) for key in ("exception", "message", "logentry", "title")):
        raise BadPayload("The event has neither an exception nor a message.")
    return RelayEvent(event_id=uuid.UUID(event_id).hex, payload=payload)


def classification(verdict: Verdict) -> dict[str, Any]:
    """The verdict as the relay gets it."""
    return {
        "category": verdict.written_category.value,
        "severity": verdict.severity.value,
        "root_cause": verdict.root_cause,
        "suggested_fix": verdict.suggested_fix,
        "requires_immediate_action": verdict.requires_immediate_action,
        "confidence": round(verdict.confidence, 3),
        "source": verdict.source.value,
    }
