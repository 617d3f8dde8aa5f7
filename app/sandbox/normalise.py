"""What Relay does to an event on its way in, as far as it shows: times, tags, level, environment, titles.

Limits: relay-event-schema ``protocol/{tags,event}.rs`` and, for 23.7, ``sentry/constants.py``.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from . import derive
from .formats import moment
from .grouping import hashes
from .model import Event, Project, Tag

FUTURE = timedelta(seconds=60)
PAST = timedelta(days=30)
CLOCK_DRIFT = timedelta(minutes=55)
KEY_LIMIT = 200
KEY_LIMIT_23_7 = 32
VALUE_LIMIT = 200
LEVELS = ("fatal", "error", "warning", "info", "debug")
RESERVED_TAGS = frozenset({"release", "dist", "user", "filename", "function"})
_MAPPINGS = ("user", "request", "contexts", "sdk", "modules", "extra")
_TAG_KEY = re.compile(r"^[a-zA-Z0-9_.:-]+$")
_EVENT_ID = re.compile(r"^[0-9a-f]{32}$")


class BadEvent(ValueError):
    """Not an event Relay would take; the text is its ``detail``."""


def normalise(
    payload: Mapping[str, Any],
    project: Project,
    *,
    received: datetime,
    modern: bool,
    sent_at: datetime | None = None,
    size: int = 0,
) -> Event:
    """The stored form of a raw SDK event. Raises ``BadEvent``."""
    data = dict(payload)
    errors: list[dict[str, Any]] = []
    data["event_id"] = event_id(data.get("event_id"))
    data |= interfaces(data)
    at = timestamp(data.get("timestamp"), received, sent_at, errors)
    pairs = client_tags(data.get("tags"), modern=modern, errors=errors)
    environment = data.get("environment") or dict(pairs).get("environment")
    data["environment"] = str(environment).strip()[:64] or None if environment else None
    data["release"] = str(data["release"]).strip()[:200] if data.get("release") else None
    data["errors"] = errors
    own = [(key, value) for key, value in pairs if key != "environment"]
    kind, metadata = derive.kind_and_metadata(data)
    return Event(
        id=data["event_id"],
        project=project,
        at=at,
        received=received,
        data=data,
        tags=tuple(sorted(merge_tags(derive.tags(data), own))),
        hashes=hashes(data),
        type=kind,
        level=data["level"],
        title=derive.title(kind, metadata),
        culprit=derive.culprit(data),
        location=metadata.get("filename"),
        message=data["logentry"].get("formatted") or "",
        metadata=metadata,
        size=size,
    )


def interfaces(data: Mapping[str, Any]) -> dict[str, Any]:
    """The parts whose form the rest relies on; what has another form becomes null."""
    found: dict[str, Any] = {
        "level": level(data.get("level")),
        "platform": data["platform"] if isinstance(data.get("platform"), str) else "other",
        "logentry": logentry(data),
        "exception": exception(data.get("exception")),
        "stacktrace": stacktrace(data.get("stacktrace")),
        "fingerprint": data["fingerprint"] if isinstance(data.get("fingerprint"), list) else None,
    }
    for key in _MAPPINGS:
        found[key] = data[key] if isinstance(data.get(key), Mapping) else None
    return found


def event_id(value: Any) -> str:
    if not value:
        return uuid.uuid4().hex
    text = str(value).replace("-", "").lower()
    if not _EVENT_ID.match(text):
        raise BadEvent("invalid event id")
    return text


def level(value: Any) -> str:
    text = {"log": "info", "critical": "fatal"}.get(str(value).lower(), str(value).lower())
    return text if text in LEVELS else "error"


def timestamp(
    value: Any, received: datetime, sent_at: datetime | None, errors: list[dict[str, Any]]
) -> datetime:
    """The event's time; a wrong sender's clock is corrected, an impossible time becomes ``received``."""
    at = moment(value) or received
    drift = received - sent_at if sent_at else timedelta(0)
    if abs(drift) >= CLOCK_DRIFT:
        errors.append({"type": "clock_drift", "name": "timestamp", "value": str(value)})
        at += drift
    if at > received + FUTURE:
        errors.append({"type": "future_timestamp", "name": "timestamp", "value": str(value)})
        return received
    if at < received - PAST:
        errors.append({"type": "past_timestamp", "name": "timestamp", "value": str(value)})
        return received
    return at


def client_tags(value: Any, *, modern: bool, errors: list[dict[str, Any]]) -> list[Tag]:
    """The sender's own tags that survive: legal key, length, no newline; the first of a key wins."""
    limit = KEY_LIMIT if modern else KEY_LIMIT_23_7
    kept: dict[str, str] = {}
    for key, text in _pairs(value):
        key = key.strip().replace(" ", "-")
        problem = _tag_problem(key, text, limit)
        if problem:
            errors.append({"type": "invalid_data", "name": f"tags.{key[:60]}", "value": problem})
        elif key not in RESERVED_TAGS:
            kept.setdefault(key, text)
    return list(kept.items())


def _tag_problem(key: str, value: str, limit: int) -> str | None:
    if not _TAG_KEY.match(key):
        return "invalid characters in tag key"
    if len(key) > limit:
        return "tag key too long"
    if len(value) > VALUE_LIMIT:
        return "tag value too long"
    return "invalid characters in tag value" if "\n" in value or not value.strip() else None


def _pairs(value: Any) -> Iterable[Tag]:
    items = value.items() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for item in items:
        if not isinstance(item, list | tuple) or len(item) != 2 or item[1] is None:
            continue
        text = str(item[1]).lower() if isinstance(item[1], bool) else str(item[1])
        yield str(item[0]), text


def merge_tags(derived: Iterable[Tag], own: Iterable[Tag]) -> list[Tag]:
    merged = dict(derived)
    for key, value in own:
        merged.setdefault(key, value)
    return list(merged.items())


def logentry(data: Mapping[str, Any]) -> dict[str, Any]:
    """``logentry``/``message`` in their many client shapes as ``{formatted, message, params}``."""
    raw = data.get("logentry") or data.get("message") or {}
    entry = dict(raw) if isinstance(raw, Mapping) else {"formatted": str(raw)}
    template, params = entry.get("message"), entry.get("params")
    if not entry.get("formatted") and template:
        entry["formatted"] = _format(str(template), params)
    return {"formatted": entry.get("formatted") or "", "message": template, "params": params}


def _format(template: str, params: Any) -> str:
    try:
        return template % (tuple(params) if isinstance(params, list) else params) if params else template
    except (TypeError, ValueError, KeyError):
        return template


def exception(value: Any) -> dict[str, Any]:
    """``{values: [...]}`` from a list, a mapping with values or one bare exception."""
    if isinstance(value, Mapping):
        value = value.get("values") if "values" in value else [value]
    values = [dict(item) for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
    for item in values:
        item["stacktrace"] = stacktrace(item.get("stacktrace"))
        item["mechanism"] = item["mechanism"] if isinstance(item.get("mechanism"), Mapping) else None
    return {"values": values}


def stacktrace(value: Any) -> dict[str, Any] | None:
    frames = value.get("frames") if isinstance(value, Mapping) else None
    if not isinstance(frames, list):
        return None
    return {**value, "frames": [frame for frame in frames if isinstance(frame, Mapping)]}
