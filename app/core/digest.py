"""Sentry's event JSON, either shape, becomes a ``Digest``: bounded, without the person, one shape after.

Two shapes come in: the SDK and webhook shape (``exception.values``, snake_case frames) and the REST shape
(``entries[]``, camelCase frames). Users, cookies, headers, request bodies, local variables and URL queries
are never taken over.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .shapes import Reader, bare_url, items, mapping, pair, truth, values_of, whole
from .vocabulary import TagKey

MAX_EXCEPTIONS = 10
MAX_FRAMES = 50
MAX_TAGS = 60
MAX_BREADCRUMBS = 10
SHORT, LINE, TEXT = 200, 400, 4000
"""Characters kept of a name, of a line, of a message."""

_CONTEXTS = ("runtime", "os", "browser", "device", "app")


@dataclass(frozen=True, slots=True)
class Frame:
    """One stack frame; frames run caller first, crash last."""

    filename: str = ""
    module: str = ""
    function: str = ""
    lineno: int | None = None
    in_app: bool | None = None
    context_line: str = ""
    package: str = ""


@dataclass(frozen=True, slots=True)
class ExceptionInfo:
    """One exception of the chain; the chain runs innermost cause first, what surfaced last."""

    type: str = ""
    value: str = ""
    module: str = ""
    mechanism: str = ""
    handled: bool | None = None
    frames: tuple[Frame, ...] = ()


@dataclass(frozen=True, slots=True)
class Digest:
    """What is known of one error event. Every text and tuple is bounded."""

    event_id: str = ""
    platform: str = ""
    level: str = ""
    title: str = ""
    message: str = ""
    """The log message of a message event (``logentry.formatted``, ``message``), else empty."""
    culprit: str = ""
    transaction: str = ""
    logger: str = ""
    environment: str = ""
    release: str = ""
    exceptions: tuple[ExceptionInfo, ...] = ()
    frames: tuple[Frame, ...] = ()
    """Frames of the thread or stacktrace interface, for events without exception frames."""
    tags: Mapping[str, str] = field(default_factory=dict)
    request_method: str = ""
    request_url: str = ""
    """Without query, fragment and credentials."""
    breadcrumbs: tuple[str, ...] = ()
    """The last few, one line each, oldest first: ``category level message``."""
    contexts: Mapping[str, str] = field(default_factory=dict)
    """Flat and short: ``runtime`` → ``CPython 3.12``, ``os``, ``browser``, ``device``."""
    sdk: str = ""
    synthetic: bool = False
    """True for our own annotation events (tag ``triage.synthetic``)."""
    processing_errors: bool = False
    truncated: bool = False
    """True where something was cut to keep the digest bounded."""


def digest_event(event: Mapping[str, Any]) -> Digest:
    """Read one event. Never raises on a hostile or broken shape: what cannot be read is left out.

    Takes the event itself, in either shape; a webhook envelope (``data.error``, ``data.event``) must be
    unwrapped by the caller.
    """
    read = Reader()
    event = mapping(event)
    parts = _interfaces(event)
    tags = _tags(read, event.get("tags"))
    exceptions = tuple(
        _exception(read, one) for one in read.ends(values_of(parts.get("exception")), 4, MAX_EXCEPTIONS - 4)
    )
    named = any(one.type or one.value for one in exceptions)
    request = mapping(parts.get("request"))
    found = {
        "message": "" if named else _message(read, event, parts),
        "frames": () if any(one.frames for one in exceptions) else _loose_frames(read, parts),
        "breadcrumbs": _breadcrumbs(read, parts.get("breadcrumbs")),
        "contexts": _contexts(read, event.get("contexts")),
        "request_method": read.text(request.get("method"), 16),
        "request_url": bare_url(read.text(request.get("url"), LINE)),
        "sdk": read.text(mapping(event.get("sdk")).get("name"), SHORT),
        **_names(read, event, tags),
    }
    return Digest(
        exceptions=exceptions,
        tags=tags,
        title=_title(read, event, exceptions, found["message"]),
        synthetic=tags.get(TagKey.SYNTHETIC.value, "false") not in ("false", ""),
        processing_errors=bool(items(event.get("errors"))),
        truncated=read.cut,
        **found,
    )


def _interfaces(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The interfaces by name: top-level keys (SDK, webhook) or ``entries[]`` (REST)."""
    parts = dict(event)
    for legacy in ("Exception", "Stacktrace", "Message"):
        if (old := event.get(f"sentry.interfaces.{legacy}")) is not None:
            parts.setdefault(legacy.lower(), old)
    for entry in items(event.get("entries"))[:40]:
        kind = mapping(entry).get("type")
        if isinstance(kind, str) and mapping(entry).get("data") is not None:
            parts["logentry" if kind == "message" else kind] = mapping(entry)["data"]
    return parts


def _names(read: Reader, event: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    release = event.get("release")
    if isinstance(release, Mapping):
        release = release.get("version")
    found = {
        "event_id": read.text(event.get("event_id") or event.get("eventID") or event.get("id"), 64),
        "culprit": read.text(event.get("culprit"), SHORT),
        "platform": read.text(event.get("platform"), 32).lower(),
        "release": read.text(release, SHORT) or tags.get("release", ""),
    }
    for name in ("level", "transaction", "logger", "environment"):
        found[name] = read.text(event.get(name), SHORT) or tags.get(name, "")
    found["level"] = found["level"].lower()
    return found


def _title(read: Reader, event: Mapping[str, Any], exceptions: Sequence[ExceptionInfo], message: str) -> str:
    if title := read.text(event.get("title"), LINE):
        return title
    if exceptions:
        last = exceptions[-1]
        return ": ".join(filter(None, (last.type, last.value)))[:LINE]
    return message[:LINE]


def _message(read: Reader, event: Mapping[str, Any], parts: Mapping[str, Any]) -> str:
    for found in (parts.get("logentry"), parts.get("message"), event.get("message")):
        one = mapping(found)
        text = read.text(one.get("formatted") or one.get("message") or found, TEXT)
        if text:
            return text
    return ""


def _exception(read: Reader, value: object) -> ExceptionInfo:
    one = mapping(value)
    mechanism = mapping(one.get("mechanism"))
    return ExceptionInfo(
        type=read.text(one.get("type"), SHORT),
        value=read.text(one.get("value"), TEXT),
        module=read.text(one.get("module"), SHORT),
        mechanism=read.text(mechanism.get("type") or one.get("mechanism"), SHORT),
        handled=truth(mechanism.get("handled")),
        frames=_frames(read, one.get("stacktrace") or one.get("rawStacktrace")),
    )


def _frames(read: Reader, stacktrace: object) -> tuple[Frame, ...]:
    listed = items(mapping(stacktrace).get("frames"))
    return tuple(_frame(read, one) for one in read.ends(listed, 10, MAX_FRAMES - 10))


def _frame(read: Reader, value: object) -> Frame:
    one = mapping(value)
    lineno = whole(one.get("lineno", one.get("lineNo")))
    line = read.text(one.get("context_line"), SHORT)
    if not line and lineno is not None:
        around = dict(
            filter(lambda one: whole(one[0]) is not None, map(pair, items(one.get("context"))[:20]))
        )
        line = read.text(around.get(lineno), SHORT)
    return Frame(
        filename=read.text(one.get("filename"), SHORT)
        or read.text(one.get("abs_path") or one.get("absPath"), SHORT),
        module=read.text(one.get("module"), SHORT),
        function=read.text(one.get("function"), SHORT),
        lineno=lineno,
        in_app=truth(one.get("in_app", one.get("inApp"))),
        context_line=line.strip(),
        package=read.text(one.get("package"), SHORT),
    )


def _loose_frames(read: Reader, parts: Mapping[str, Any]) -> tuple[Frame, ...]:
    if frames := _frames(read, parts.get("stacktrace")):
        return frames
    threads = [mapping(one) for one in values_of(parts.get("threads"))[:200]]
    threads.sort(key=lambda one: (not truth(one.get("crashed")), not truth(one.get("current"))))
    return next((found for one in threads if (found := _frames(read, one.get("stacktrace")))), ())


def _tags(read: Reader, value: object) -> dict[str, str]:
    """Pairs, ``{key, value}`` or a mapping. Tags that name the person are left out."""
    listed: Sequence[Any] = list(value.items()) if isinstance(value, Mapping) else items(value)
    tags: dict[str, str] = {}
    for one in read.ends(listed, MAX_TAGS, 0):
        key, text = (one.get("key"), one.get("value")) if isinstance(one, Mapping) else pair(one)
        name = read.text(key, SHORT).removeprefix("sentry:")
        if name and name != "user" and not name.startswith("user."):
            found = read.text(text, SHORT)
            tags[name] = bare_url(found) if name == "url" else found
    return tags


def _breadcrumbs(read: Reader, value: object) -> tuple[str, ...]:
    lines = []
    for crumb in read.ends(values_of(value), 0, MAX_BREADCRUMBS):
        one, data = mapping(crumb), mapping(mapping(crumb).get("data"))
        said = read.text(one.get("message"), SHORT) or " ".join(
            filter(None, (read.text(data.get("method"), 16), bare_url(read.text(data.get("url"), SHORT))))
        )
        parts = (read.text(one.get("category"), 64), read.text(one.get("level"), 16), said)
        status = read.text(data.get("status_code"), 16)
        lines.append(" ".join(" ".join(filter(None, (*parts, status))).split())[:SHORT])
    return tuple(filter(None, lines))


def _contexts(read: Reader, value: object) -> dict[str, str]:
    found = {}
    for name in _CONTEXTS:
        one = mapping(mapping(value).get(name))
        kind = one.get("name") or one.get("model") or one.get("app_name")
        words = (read.text(kind, 80), read.text(one.get("version") or one.get("app_version"), 80))
        if text := " ".join(filter(None, words)):
            found[name] = text
    if op := read.text(mapping(mapping(value).get("trace")).get("op"), 80):
        found["trace"] = op
    return found
