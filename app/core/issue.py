"""One Sentry issue as we need it, read from any of Sentry's shapes: 23.7.1's and today's, REST's and the
webhook's.

Fields and their differences between versions: Sentry's group serialiser
(``src/sentry/api/serializers/models/group.py``) and the recorded answers under ``tests/samples/sentry``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Actor:
    """Who an issue is assigned to. ``type`` is ``user`` or ``team``; ``id`` is the user's or team's id."""

    type: str
    id: str
    name: str = ""
    email: str = ""

    @property
    def key(self) -> str:
        """As Sentry takes it in ``assignedTo``: ``user:12`` or ``team:4``."""
        return f"{self.type}:{self.id}"


@dataclass(frozen=True, slots=True)
class Owner:
    """A suggestion of Sentry: ``source`` is ``suspectCommit``, ``ownershipRule`` or ``codeowners``;
    ``key`` is ``user:12`` or ``team:4``."""

    source: str
    key: str


@dataclass(frozen=True, slots=True)
class Activity:
    """One entry of the issue's activity. ``user_id`` is empty where Sentry itself acted."""

    type: str
    data: Mapping[str, Any]
    user_id: str = ""
    at: datetime | None = None
    user_name: str = ""
    by_app: bool = False
    """An integration acted, ours or another."""

    @property
    def by_person(self) -> bool:
        return bool(self.user_id) and not self.by_app


@dataclass(frozen=True, slots=True)
class Issue:
    """What Sentry says of an issue. Texts are as Sentry sent them and not to be trusted."""

    id: str
    short_id: str = ""
    title: str = ""
    culprit: str = ""
    level: str = ""
    status: str = ""
    substatus: str = ""
    status_details: Mapping[str, Any] = field(default_factory=dict)
    category: str = "error"
    type: str = ""
    """The event type: ``error``, ``default`` (a message), ``csp`` …"""
    platform: str = ""
    project_id: str = ""
    project_slug: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    assigned_to: Actor | None = None
    priority: str | None = None
    supports_priority: bool = False
    """False where the server knows no priority (23.7.1): it would take a PUT with 200 and do nothing."""
    priority_locked_at: datetime | None = None
    first_seen: datetime | None = None
    last_seen: datetime | None = None
    owners: tuple[Owner, ...] | None = None
    """Sentry's suggested owners; None where they were not asked for (``expand=owners``)."""
    annotations: tuple[str, ...] = ()
    """Names of the external issues shown on the issue, such as ``Triage#Database-high``."""
    activity: tuple[Activity, ...] = ()
    autofix_at: datetime | None = None
    """When Seer's autofix ran last; None where it never did or there is no Seer."""

    @classmethod
    def from_api(cls, json: Mapping[str, Any]) -> Issue:
        """Read ``GET …/issues/{id}/``, an entry of the issue list, or a webhook's ``data.issue``.

        Raises ``ValueError`` when there is no id; everything else may be missing or odd.
        """
        if json.get("id") in (None, ""):
            raise ValueError("an issue without an id")
        return cls(
            id=str(json["id"]),
            **_texts(json),
            status_details=_mapping(json.get("statusDetails")),
            metadata=_mapping(json.get("metadata")),
            assigned_to=_actor(json.get("assignedTo")),
            priority=_text(json.get("priority")) or None,
            supports_priority="priority" in json,
            priority_locked_at=parse_time(json.get("priorityLockedAt")),
            first_seen=parse_time(json.get("firstSeen")),
            last_seen=parse_time(json.get("lastSeen")),
            owners=_owners(json["owners"]) if "owners" in json else None,
            annotations=_annotations(json),
            activity=_activity(json.get("activity")),
            autofix_at=parse_time(
                json.get("seerAutofixLastTriggered") or json.get("seerExplorerAutofixLastTriggered")
            ),
        )

    def moved_from(self, asked_id: str) -> bool:
        """True when another issue was asked for: that one was merged into this (Sentry's
        ``GroupRedirect``)."""
        return str(asked_id) not in {self.id, self.short_id}


def parse_time(value: Any) -> datetime | None:
    """An aware datetime from Sentry's ISO 8601 (``…Z`` or ``…+00:00``), else None."""
    if not isinstance(value, str) or not value:
        return None
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _rows(value: Any) -> list[Mapping[str, Any]]:
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        return []
    return [row for row in value if isinstance(row, Mapping)]


def _texts(json: Mapping[str, Any]) -> dict[str, Any]:
    project = _mapping(json.get("project"))
    return {
        "short_id": _text(json.get("shortId")),
        "title": _text(json.get("title")),
        "culprit": _text(json.get("culprit")),
        "level": _text(json.get("level")),
        "status": _text(json.get("status")),
        "substatus": _text(json.get("substatus")),
        "category": _text(json.get("issueCategory")) or "error",
        "type": _text(json.get("type")),
        "platform": _text(json.get("platform")),
        "project_id": str(project.get("id") or ""),
        "project_slug": _text(project.get("slug")),
    }


def _actor(value: Any) -> Actor | None:
    actor = _mapping(value)
    if not actor.get("id"):
        return None
    return Actor(
        _text(actor.get("type")) or "user",
        str(actor["id"]),
        _text(actor.get("name")),
        _text(actor.get("email")),
    )


def _owners(value: Any) -> tuple[Owner, ...]:
    return tuple(
        Owner(_text(row.get("type")), _text(row.get("owner"))) for row in _rows(value) if row.get("owner")
    )


def _annotations(json: Mapping[str, Any]) -> tuple[str, ...]:
    """From ``sentryAppIssues`` and today's annotation objects; the HTML strings of old servers are not
    parsed."""
    names = [
        _text(row.get("displayName"))
        for key in ("sentryAppIssues", "annotations")
        for row in _rows(json.get(key))
    ]
    return tuple(dict.fromkeys(name for name in names if name))


def _activity(value: Any) -> tuple[Activity, ...]:
    return tuple(
        Activity(
            type=_text(row.get("type")),
            data=_mapping(row.get("data")),
            user_id=str(_mapping(row.get("user")).get("id") or ""),
            at=parse_time(row.get("dateCreated")),
            user_name=_text(_mapping(row.get("user")).get("name")),
            by_app=_is_app(row),
        )
        for row in _rows(value)
    )


_PROXY = re.compile(r".+-[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}")
"""User name of the user behind an integration: ``{slug}-{uuid}``. 23.7.1 shows nothing else of the app."""


def _is_app(row: Mapping[str, Any]) -> bool:
    user_name = _text(_mapping(row.get("user")).get("username"))
    return bool(row.get("sentry_app")) or _PROXY.fullmatch(user_name) is not None
