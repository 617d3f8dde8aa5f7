"""``event.as_dict()`` as ``error.created`` and ``event_alert.triggered`` carry it."""

from __future__ import annotations

from typing import Any

from .model import Event, Issue
from .state import State

_KEPT = [
    "breadcrumbs",
    "contexts",
    "environment",
    "exception",
    "extra",
    "fingerprint",
    "level",
    "logentry",
    "logger",
    "modules",
    "request",
    "sdk",
    "threads",
    "user",
]


def as_dict(event: Event) -> dict[str, Any]:
    """The raw event: ``project`` an int, ``tags`` a list of pairs, interfaces snake_case at the top."""
    data = event.data
    shown: dict[str, Any] = {
        "event_id": event.id,
        "project": event.project.id,
        "release": data["release"],
        "dist": data.get("dist"),
        "platform": data["platform"],
        "message": event.message,
        "datetime": event.at.isoformat(),
        "tags": [list(tag) for tag in event.tags],
        "_metrics": {"bytes.stored.event": event.size},
        "_ref": event.project.id,
        "_ref_version": 2,
        "culprit": event.culprit,
        "hashes": list(event.hashes),
        "location": event.location,
        "metadata": event.metadata,
        "received": event.received.timestamp(),
        "timestamp": event.at.timestamp(),
        "title": event.title,
        "transaction": data.get("transaction"),
        "type": event.type,
        "version": "7",
    }
    for key in _KEPT:
        value = data.get(key)
        if value and value != {"values": []}:
            shown[key] = value
    return shown


def for_webhook(state: State, event: Event, issue: Issue) -> dict[str, Any]:
    api = f"{state.url}/api/0"
    scoped = f"organizations/{state.org}/issues" if state.modern else "issues"
    return {
        **as_dict(event),
        "url": f"{api}/projects/{state.org}/{event.project.slug}/events/{event.id}/",
        "web_url": f"{state.permalink(issue)}events/{event.id}/",
        "issue_url": f"{api}/{scoped}/{issue.id}/",
        "issue_id": str(issue.id),
    }
