"""Events in the REST shape (``entries[]``, camelCase) ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import derive
from .formats import iso, moment, seconds
from .model import Event, Issue
from .serialize_release import release
from .state import State

Json = dict[str, Any]
_META = ("message", "user", "contexts", "sdk", "context", "packages")
_ENHANCEMENTS = "eJybzDRxc15qeXFJZU6qlZGBkbGugaGuoeEEAHJMCAM"
_FRAME_NULLS = ("package", "platform", "instructionAddr", "symbolAddr")


def light(event: Event, issue: Issue) -> Json:
    """A row of ``…/events/``."""
    return {
        "id": event.id,
        "event.type": event.type,
        "groupID": str(issue.id),
        "eventID": event.id,
        "projectID": str(event.project.id),
        "message": event.message,
        "title": event.title,
        "location": event.location,
        "culprit": event.culprit,
        "user": user(event.data.get("user")),
        "tags": tags(event),
        "platform": event.data["platform"],
        "dateCreated": iso(seconds(event.at)),
        "crashFile": None,
    }


def full(state: State, event: Event, issue: Issue, *, neighbours: bool = True) -> Json:
    """``GET …/events/{latest|<id>}/``; without ``neighbours`` as inside ``/hashes/``."""
    shown = {**_head(event, issue), **_body(state, event)}
    if neighbours:
        before, after = _neighbours(event, issue)
        shown["release"] = release(state, event.data["release"], event.project)
        shown |= {"userReport": None, "sdkUpdates": []}
        if state.modern:
            shown["resolvedWith"] = []
        shown |= {"nextEventID": after, "previousEventID": before}
    return shown


def _head(event: Event, issue: Issue) -> Json:
    data = event.data
    return {
        "id": event.id,
        "groupID": str(issue.id),
        "eventID": event.id,
        "projectID": str(event.project.id),
        "size": event.size,
        "entries": entries(data),
        "dist": data.get("dist"),
        "message": event.message,
        "title": event.title,
        "location": event.location,
        "user": user(data.get("user")),
        "contexts": data.get("contexts") or {},
        "sdk": _sdk(data),
        "context": data.get("extra") or {},
        "packages": data.get("modules") or {},
    }


def _body(state: State, event: Event) -> Json:
    metadata = event.metadata if state.modern else {**event.metadata, "display_title_with_tree_label": False}
    return {
        "type": event.type,
        "metadata": metadata,
        "tags": tags(event),
        "platform": event.data["platform"],
        "dateReceived": iso(event.received),
        "errors": [_error(error) for error in event.data["errors"]],
        "occurrence": None,
        "_meta": {"entries": {}, **dict.fromkeys(_META), "tags": {}},
        "crashFile": None,
        "culprit": event.culprit,
        "dateCreated": iso(seconds(event.at)),
        "fingerprints": list(event.hashes),
        "groupingConfig": {"id": "newstyle:2023-01-11", "enhancements": _ENHANCEMENTS},
    }


def _error(error: Mapping[str, Any]) -> Json:
    return {"type": error["type"], "message": error["type"].replace("_", " "), "data": dict(error)}


def _neighbours(event: Event, issue: Issue) -> tuple[str | None, str | None]:
    before = max((e for e in issue.events if e.order < event.order), key=lambda e: e.order, default=None)
    after = min((e for e in issue.events if e.order > event.order), key=lambda e: e.order, default=None)
    return before.id if before else None, after.id if after else None


def tags(event: Event) -> list[Json]:
    shown: list[Json] = []
    for key, value in event.tags:
        entry: Json = {"key": key, "value": value}
        if key == "user" and ":" in value:
            field, _, rest = value.partition(":")
            entry["query"] = f'user.{field}:"{rest}"'
        shown.append(entry)
    return shown


def user(raw: Any) -> Json | None:
    if not isinstance(raw, Mapping) or not raw:
        return None
    shown = {key: raw.get(key) for key in ("id", "email", "username", "ip_address", "name")}
    shown["id"] = None if shown["id"] is None else str(shown["id"])
    return {**shown, "data": raw.get("data")}


def _sdk(data: Mapping[str, Any]) -> Json | None:
    sdk = data.get("sdk")
    return {"name": sdk.get("name"), "version": sdk.get("version")} if isinstance(sdk, Mapping) else None


def entries(data: Mapping[str, Any]) -> list[Json]:
    shown: list[Json] = []
    if chain := derive.exceptions(data):
        values = [_exception(value) for value in chain]
        has_system = any(f.get("in_app") is False for v in chain for f in _frames(v.get("stacktrace")))
        body = {"values": values, "hasSystemFrames": has_system, "excOmitted": None}
        shown.append({"data": body, "type": "exception"})
    elif _frames(data.get("stacktrace")):
        shown.append({"data": _stacktrace(data["stacktrace"]), "type": "stacktrace"})
    if threads := _values(data.get("threads")):
        shown.append({"data": {"values": [_thread(thread) for thread in threads]}, "type": "threads"})
    entry = data["logentry"]
    if entry["formatted"]:
        shown.append({"data": {**entry, "params": entry["params"] or None}, "type": "message"})
    if crumbs := _values(data.get("breadcrumbs")):
        shown.append({"data": {"values": [_breadcrumb(crumb) for crumb in crumbs]}, "type": "breadcrumbs"})
    if data.get("request"):
        shown.append({"data": _request(data["request"]), "type": "request"})
    return shown


def _values(holder: Any) -> list[Mapping[str, Any]]:
    values = holder.get("values") if isinstance(holder, Mapping) else holder
    return [value for value in values if isinstance(value, Mapping)] if isinstance(values, list) else []


def _exception(value: Mapping[str, Any]) -> Json:
    return {
        "type": value.get("type"),
        "value": value.get("value"),
        "mechanism": value.get("mechanism"),
        "threadId": value.get("thread_id"),
        "module": value.get("module"),
        "stacktrace": _stacktrace(value.get("stacktrace")),
        "rawStacktrace": None,
    }


def _frames(stacktrace: Any) -> list[Mapping[str, Any]]:
    return _values(stacktrace.get("frames")) if isinstance(stacktrace, Mapping) else []


def _stacktrace(stacktrace: Any) -> Json | None:
    frames = _frames(stacktrace)
    if not frames:
        return None
    has_system = any(frame.get("in_app") is False for frame in frames)
    shown = [frame_json(frame) for frame in frames]
    return {"frames": shown, "framesOmitted": None, "registers": None, "hasSystemFrames": has_system}


def frame_json(frame: Mapping[str, Any]) -> Json:
    return {
        "filename": frame.get("filename"),
        "absPath": frame.get("abs_path"),
        "module": frame.get("module"),
        **dict.fromkeys(_FRAME_NULLS),
        "function": frame.get("function"),
        "rawFunction": None,
        "symbol": None,
        "context": _context(frame),
        "lineNo": frame.get("lineno"),
        "colNo": frame.get("colno"),
        "inApp": bool(frame.get("in_app")),
        **dict.fromkeys(("trust", "errors", "lock")),
        "vars": frame.get("vars"),
    }


def _context(frame: Mapping[str, Any]) -> list[list[Any]]:
    line = frame.get("lineno")
    if not isinstance(line, int) or frame.get("context_line") is None:
        return []
    before, after = frame.get("pre_context") or [], frame.get("post_context") or []
    return [[line - len(before) + i, text] for i, text in enumerate([*before, frame["context_line"], *after])]


def _thread(thread: Mapping[str, Any]) -> Json:
    shown = {key: thread.get(key) for key in ("id", "name", "crashed", "current", "state")}
    return {**shown, "stacktrace": _stacktrace(thread.get("stacktrace")), "rawStacktrace": None}


def _breadcrumb(crumb: Mapping[str, Any]) -> Json:
    shown = {key: crumb.get(key) for key in ("type", "category", "level", "message", "data", "event_id")}
    shown["type"] = shown["type"] or "default"
    shown["level"] = shown["level"] or "info"
    return {"timestamp": iso(moment(crumb.get("timestamp"))), **shown}


def _request(request: Mapping[str, Any]) -> Json:
    query = request.get("query_string")
    pairs = (
        [part.partition("=")[::2] for part in query.split("&") if part] if isinstance(query, str) else query
    )
    headers = request.get("headers") or []
    return {
        "apiTarget": None,
        "method": request.get("method"),
        "url": request.get("url"),
        "query": [list(pair) for pair in _pairs(pairs)],
        "fragment": request.get("fragment"),
        "data": request.get("data"),
        "headers": [list(pair) for pair in _pairs(headers)],
        "cookies": [list(pair) for pair in _pairs(request.get("cookies"))],
        "env": request.get("env"),
        "inferredContentType": None,
    }


def _pairs(value: Any) -> list[Any]:
    items = list(value.items()) if isinstance(value, Mapping) else value if isinstance(value, list) else []
    return sorted(pair for pair in items if isinstance(pair, list | tuple) and len(pair) == 2)
