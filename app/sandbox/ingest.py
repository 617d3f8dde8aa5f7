"""The ingest edge: ``POST /api/{project}/envelope/`` and ``/store/``, as Relay answers them."""

from __future__ import annotations

import importlib
import json
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from . import effects
from .formats import moment
from .model import Event, Key, Project
from .normalise import BadEvent, normalise
from .problems import Problem
from .state import State

MAX_EVENT = 1024 * 1024
MAX_BODY = 20 * 1024 * 1024
_LIMITED = (
    "Sentry dropped data due to a quota or internal rate limit being reached."
    " This will not affect your application."
    " See https://docs.sentry.io/product/accounts/quotas/ for more information."
)


class RateLimited(Problem):
    """429. ``after``: whole seconds."""

    def __init__(self, after: int) -> None:
        super().__init__(429, {"detail": _LIMITED})
        self.after = after

    @property
    def headers(self) -> dict[str, str]:
        return {"Retry-After": str(self.after), "X-Sentry-Rate-Limits": f"{self.after}:error:key"}


@dataclass(frozen=True)
class Credentials:
    """``key``: the public key. ``project``: from the path."""

    project: str
    key: str | None


def public_key(auth_header: str, query_key: str | None, body: bytes) -> str | None:
    """From ``X-Sentry-Auth``, the ``sentry_key`` parameter, or the ``dsn`` of an envelope's first line."""
    fields = auth_header.removeprefix("Sentry").replace("\n", "").split(",")
    for name, _, value in (field.strip().partition("=") for field in fields):
        if name == "sentry_key" and value:
            return value.strip()
    if query_key:
        return query_key
    header = _json_or_none(body.split(b"\n", 1)[0])
    dsn = header.get("dsn") if isinstance(header, dict) else None
    return urlsplit(str(dsn)).username if dsn else None


def authenticate(state: State, credentials: Credentials) -> tuple[Project, Key]:
    """Raises ``Problem``: 401 without a key, 403 for an unknown project, a foreign or a disabled key."""
    if not credentials.key:
        raise Problem(401, {"detail": "missing authorization information"})
    project = state.project(credentials.project) if credentials.project.isdigit() else None
    key = next((k for k in project.keys if k.public == credentials.key), None) if project else None
    if project is None or key is None or not key.active:
        raise Problem(403, {"detail": "event submission rejected with_reason: ProjectId"})
    return project, key


def decompress(body: bytes, encoding: str) -> bytes:
    """``gzip``, ``deflate``, ``br`` (where the brotli module is installed) or none. Raises ``Problem``."""
    try:
        if encoding in ("", "identity"):
            return body
        if encoding in ("gzip", "deflate"):
            return _inflate(body, 31 if encoding == "gzip" else 15)
        if encoding == "br":
            return bytes(importlib.import_module("brotli").decompress(body))
    except ImportError:
        pass
    except Exception as problem:  # each library has its own error; all mean one thing here
        if isinstance(problem, Problem):
            raise
        raise Problem(400, {"detail": "failed to decode request body"}) from problem
    raise Problem(415, {"detail": f"unsupported content encoding {encoding}"})


def _inflate(body: bytes, window: int) -> bytes:
    stream = zlib.decompressobj(window)
    data = stream.decompress(body, MAX_BODY)
    if stream.unconsumed_tail:
        raise Problem(413, {"detail": "request body too large"})
    if not stream.eof:
        raise zlib.error("truncated")
    return data


def accept_envelope(state: State, project: Project, key: Key, body: bytes) -> str | None:
    """Store the events of an envelope; the id of the envelope's event, None when it has none.

    Sessions, transactions, client reports and the rest are accepted and forgotten.
    """
    header, events = parse_envelope(body)
    sent_at = moment(header.get("sent_at"))
    first = header.get("event_id")
    for payload in events:
        payload.setdefault("event_id", header.get("event_id"))
        first = _store(state, project, key, payload, sent_at)
    return str(first).replace("-", "") if first else None


def accept_store(state: State, project: Project, key: Key, body: bytes) -> str:
    payload = _json_or_none(body)
    if not isinstance(payload, dict):
        raise Problem(400, {"detail": "failed to read request body", "causes": ["invalid JSON"]})
    return _store(state, project, key, payload, None)


def parse_envelope(body: bytes) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """(envelope header, payloads of the ``event`` items). Raises ``Problem`` (400, 413)."""
    line, _, rest = body.partition(b"\n")
    header = _json_or_none(line)
    if not isinstance(header, dict):
        raise Problem(400, {"detail": "invalid event envelope", "causes": ["invalid envelope header"]})
    return header, list(_events(rest))


def _events(rest: bytes) -> Iterable[dict[str, Any]]:
    while rest.strip():
        line, _, rest = rest.lstrip(b"\n").partition(b"\n")
        item = _json_or_none(line)
        if not isinstance(item, dict):
            raise Problem(400, {"detail": "invalid event envelope", "causes": ["invalid item header"]})
        length = item.get("length")
        if isinstance(length, int) and length >= 0:
            if length > len(rest):
                raise Problem(400, {"detail": "invalid event envelope", "causes": ["unexpected end of file"]})
            payload, rest = rest[:length], rest[length:]
        else:
            payload, _, rest = rest.partition(b"\n")
        if item.get("type") != "event":
            continue
        if len(payload) > MAX_EVENT:
            raise Problem(413, {"detail": "envelope exceeded size limits for type 'event'"})
        event = _json_or_none(payload)
        if not isinstance(event, dict):
            raise Problem(400, {"detail": "invalid event envelope", "causes": ["invalid item payload"]})
        yield event


def _store(
    state: State, project: Project, key: Key, payload: Mapping[str, Any], sent_at: datetime | None
) -> str:
    received = state.now()
    _take_quota(key, received)
    if not state.ingestion.honours_checksum:
        payload = {name: value for name, value in payload.items() if name != "checksum"}
    size = len(json.dumps(payload, default=str))
    try:
        event = normalise(
            payload, project, received=received, modern=state.modern, sent_at=sent_at, size=size
        )
    except BadEvent as problem:
        raise Problem(400, {"detail": str(problem)}) from problem
    _keep(state, event)
    return event.id


def _keep(state: State, event: Event) -> None:
    if state.ingestion.discard(event):
        return
    if not state.ingestion.delay:
        effects.store(state, event)
        return

    def store() -> None:
        with state.lock:
            effects.store(state, event)

    state.ingestion.later(state.ingestion.delay, store)


def _take_quota(key: Key, now: datetime) -> None:
    if key.rate_limit is None:
        return
    count, window = key.rate_limit
    while key.accepted and key.accepted[0] <= now - timedelta(seconds=window):
        key.accepted.popleft()
    if len(key.accepted) >= count:
        free_at = (key.accepted[0] if key.accepted else now) + timedelta(seconds=window)
        raise RateLimited(max(1, int((free_at - now).total_seconds()) + 1))
    key.accepted.append(now)


def _json_or_none(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        return None
