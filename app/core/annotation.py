"""Tags for an issue that Sentry has no tags for: one small event of ours that lands in the issue by
construction.

Sentry's tags belong to events (getsentry/sentry issues 5572 and 93308), so the tags come on an *annotation
event* whose ``checksum`` is the issue's stored hash: the grouping then looks at nothing else. It repeats the
issue's own type, value, culprit and level, because Sentry overwrites these by the event it processed last; it
is dated just before the last real event, with an id that sorts last, so it never becomes the one people read;
and its id is a function of issue, verdict version and tags, so that sending it twice is harmless.
Measured on Sentry 23.7.1; the rules are in ``app.core.annotation_rules``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from app.core.issue import Issue
from app.core.verdict import Verdict
from app.core.vocabulary import TagKey

SDK_NAME = "sentry-triage"
SDK_VERSION = "1.0.0"
"""Of the annotation format, shown as the event's SDK."""

ID_PREFIX = "00000000"
"""Sentry's order is ``-timestamp, -event_id``: an id that begins so is last among equals."""

MAX_MESSAGE = 8192
MAX_FRAMES = 50

_HASH = re.compile(r"[0-9a-f]{32}")


def event_id(issue_id: str, version: int, tags: Mapping[str, str], refresh: int = 0) -> str:
    """32 hex digits, the same for the same issue, verdict version, tags and refresh.

    Of two events with one id Sentry keeps the first. A new database counts versions from 1 again: without the
    tags in it, the id would be that of an old event with other tags.
    """
    seed = json.dumps([issue_id, version, sorted(tags.items()), refresh], separators=(",", ":"))
    return ID_PREFIX + sha256(seed.encode()).hexdigest()[:24]


def event_time(issue: Issue) -> datetime | None:
    """``max(firstSeen, lastSeen − 1 s)``: moves neither first nor last seen. None where Sentry gave no dates.

    ``lastSeen`` may come cut to whole seconds and so lie before ``firstSeen``.
    """
    if issue.first_seen is None or issue.last_seen is None:
        return None
    return max(issue.first_seen, issue.last_seen - timedelta(seconds=1))


def event_tags(event: Mapping[str, Any]) -> dict[str, str]:
    """The tags of an event in any shape: ``[{key, value}]``, ``[[key, value]]`` or a map."""
    tags = event.get("tags")
    if isinstance(tags, Mapping):
        return {str(key): str(value) for key, value in tags.items()}
    found: dict[str, str] = {}
    for tag in _list(tags):
        if isinstance(tag, Mapping) and "key" in tag:
            found[str(tag["key"])] = str(tag.get("value"))
        elif isinstance(tag, Sequence) and not isinstance(tag, str) and len(tag) == 2:
            found[str(tag[0])] = str(tag[1])
    return found


def is_synthetic(event: Mapping[str, Any]) -> bool:
    """True for an annotation event of ours: it is never read, triaged or counted."""
    return event_tags(event).get(TagKey.SYNTHETIC.value) == "true"


def stored_hash(event: Mapping[str, Any]) -> str | None:
    """The hash by which Sentry groups this event (``fingerprints[0]``), None unless it is 32 hex digits."""
    stored = _list(event.get("fingerprints"))
    first = stored[0] if stored else None
    return first if isinstance(first, str) and _HASH.fullmatch(first) else None


def annotation_event(
    issue: Issue,
    event_json: Mapping[str, Any],
    verdict: Verdict,
    version: int,
    with_frames: bool = False,
    refresh: int = 0,
) -> dict[str, Any]:
    """The event to send, as JSON. ``event_json`` is the issue's newest real event, as the REST API shows it.

    ``with_frames`` adds the names of the in-app frames (no variables, no source), which ownership rules match
    on; grouping does not look at them. ``refresh`` counts repeats for the same verdict, each of which needs
    its own id. Raises ``ValueError`` where ``may_annotate`` would have said no: no stored hash, no dates,
    nothing to repeat.
    """
    checksum, at, subject = stored_hash(event_json), event_time(issue), repeat_subject(issue, event_json)
    if checksum is None or at is None or subject is None:
        raise ValueError(f"issue {issue.id} cannot be annotated")
    tags = verdict.tags()
    event: dict[str, Any] = {
        "event_id": event_id(issue.id, version, tags, refresh),
        "timestamp": round(at.timestamp(), 6),
        "platform": "other",
        "level": issue.level or "error",
        "checksum": checksum,
        "fingerprint": ["{{ default }}"],
        "culprit": issue.culprit,
        **subject,
        "sdk": {"name": SDK_NAME, "version": SDK_VERSION},
        "tags": {**tags, TagKey.SYNTHETIC.value: "true"},
    }
    environment = event_tags(event_json).get("environment")
    if environment:
        event["environment"] = environment
    if with_frames and issue.culprit and "exception" in event:
        frames = frame_names(event_json)
        if frames:
            event["exception"]["values"][0]["stacktrace"] = {"frames": frames}
    return event


def repeat_subject(issue: Issue, event_json: Mapping[str, Any]) -> dict[str, Any] | None:
    """What gives the issue its title, to be said again unchanged: ``exception`` or ``logentry``; None for
    neither."""
    if issue.type == "default":
        text = _message(event_json) or str(issue.metadata.get("title") or "")
        return {"logentry": {"formatted": text[:MAX_MESSAGE]}} if text else None
    if issue.type not in {"", "error"}:
        return None
    last = _last_exception(event_json)
    value: dict[str, Any] = {}
    for name in ("type", "value"):
        # The issue's own metadata decides the title; the event fills in where an old server left it out.
        said = issue.metadata.get(name) if name in issue.metadata else last.get(name)
        if said:
            value[name] = str(said)
    if "type" not in value:
        return None
    mechanism = last.get("mechanism")
    if isinstance(mechanism, Mapping) and isinstance(mechanism.get("handled"), bool):
        value["mechanism"] = {
            "type": str(mechanism.get("type") or "generic"),
            "handled": mechanism["handled"],
        }
    return {"exception": {"values": [value]}}


def _entry(event: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    for entry in _list(event.get("entries")):
        if (
            isinstance(entry, Mapping)
            and entry.get("type") == kind
            and isinstance(entry.get("data"), Mapping)
        ):
            return dict(entry["data"])
    return {}


def _exceptions(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    values = _list(_entry(event, "exception").get("values"))
    return [value for value in values if isinstance(value, Mapping)]


def _last_exception(event: Mapping[str, Any]) -> Mapping[str, Any]:
    values = _exceptions(event)
    return values[-1] if values else {}


def _message(event: Mapping[str, Any]) -> str:
    entry = _entry(event, "message")
    return str(entry.get("formatted") or entry.get("message") or event.get("message") or "")


def frame_names(event: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Names of the in-app frames of every exception of the chain, the last of them, caller first. Empty for a
    message: it has no exception to carry them."""
    names: list[dict[str, Any]] = []
    for exception in _exceptions(event):
        trace = exception.get("stacktrace")
        for frame in _list(trace.get("frames") if isinstance(trace, Mapping) else None):
            if isinstance(frame, Mapping) and frame.get("inApp") is True:
                kept = {name: frame[name] for name in ("filename", "module", "function") if frame.get(name)}
                names.append({**kept, "in_app": True})
    return names[-MAX_FRAMES:]


def _list(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list | tuple) else ()
