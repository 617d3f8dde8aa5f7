"""What each bad answer of Sentry means for the job that asked: wait and try again, or give up.

Only the three behaviours of ``app.errors`` exist; the classes here say which fact stands behind one. Sentry's
error bodies come in many forms (``tests/samples/sentry``): ``{"detail": text}``, ``{"detail": {"message":
…}}``, ``{"field": [text]}``, a bare JSON string, a JSON string that holds JSON, ``{"message": …}``, and a
proxy's HTML.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from app.errors import Permanent, Retryable

MAX_TEXT = 300
SETTING_WAIT = 300.0
"""Seconds to wait where a person has to mend a setting (a revoked token) before a new try can succeed."""


class NotFound(Permanent):
    """404: it does not exist, is being deleted or merged, or belongs to another organisation."""


class Forbidden(Permanent):
    """403: the token lacks a scope."""


class BadRequest(Permanent):
    """400 and other 4xx: Sentry refuses these values. ``fields``: the names it complained about."""

    def __init__(self, message: str, *, fields: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.fields = fields


class Conflict(Permanent):
    """409: somebody else is changing the same thing in a way a repeat would not mend."""


class Gone(Permanent):
    """410: Sentry has retired this endpoint."""


class TooLarge(Permanent):
    """413, or an answer above our own bound."""


class Unauthorized(Retryable):
    """401: the token is revoked or mistyped. A new one may be set any moment, so the issues wait."""


class Redirected(Retryable):
    """3xx: ``SENTRY_URL`` is not the API's own address, or a login page stands before it. Never followed."""


class RateLimited(Retryable):
    """429: over the organisation's or the key's limit. Nothing was done, whatever the method."""


class ServerTrouble(Retryable):
    """5xx. ``status`` is the HTTP status."""

    def __init__(self, message: str, *, status: int, after: float | None = None) -> None:
        super().__init__(message, after=after)
        self.status = status


class Unreachable(Retryable):
    """No whole answer: refused, reset, timed out. The request may have been carried out."""


class BadAnswer(Retryable):
    """2xx with a body that is not what was asked for: a proxy's page, half a JSON."""


_PERMANENT: Mapping[int, type[Permanent]] = {
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    410: Gone,
    413: TooLarge,
}


def error_for(status: int, headers: Mapping[str, str], body: bytes, what: str, now: float) -> Exception:
    """The error that an answer with ``status`` ≥ 300 stands for. ``now``: unix seconds; ``what``: for the
    message."""
    text = f"{what}: {status} {error_text(body)}".strip()
    if status == 401:
        return Unauthorized(text, after=SETTING_WAIT)
    if status < 400:
        return Redirected(f"{text}: redirects are not followed, check SENTRY_URL", after=SETTING_WAIT)
    if status == 429:
        return RateLimited(text, after=wait_seconds(headers, now))
    if status >= 500:
        return ServerTrouble(text, status=status, after=wait_seconds(headers, now))
    if status in _PERMANENT:
        return _PERMANENT[status](text)
    return BadRequest(text, fields=_fields(body))


def error_text(body: bytes) -> str:
    """The human sentence in an error body of any form, at most 300 characters, on one line."""
    text = " ".join(_sentences(_loads(body)))
    if not text:
        text = "" if b"\0" in body else _plain(body)
    return " ".join(text.split())[:MAX_TEXT]


def wait_seconds(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds asked for by ``Retry-After`` (seconds) or ``X-Sentry-Rate-Limit-Reset`` (unix seconds), else
    None."""
    try:
        if "retry-after" in headers:
            return max(0.0, float(headers["retry-after"]))
        if "x-sentry-rate-limit-reset" in headers:
            return max(0.0, float(headers["x-sentry-rate-limit-reset"]) - now)
    except ValueError:  # a Retry-After may be a date: Sentry never sends one, a proxy might
        pass
    return None


def _loads(body: bytes) -> Any:
    """The JSON in a body; a JSON string that itself holds JSON is opened once more (note duplicates of
    23.7.1)."""
    try:
        value = json.loads(body)
        return json.loads(value) if isinstance(value, str) and value[:1] in "{[" and value else value
    except (ValueError, RecursionError):
        return None


def _sentences(value: Any, depth: int = 0) -> list[str]:
    if isinstance(value, str):
        return [value]
    if depth > 3:
        return []
    if isinstance(value, Mapping):
        if "detail" in value:
            return _sentences(value["detail"], depth + 1)
        if "message" in value:
            return _sentences(value["message"], depth + 1)
        return [
            f"{name}: {text}" if name != "non_field_errors" else text
            for name, inner in list(value.items())[:5]
            for text in _sentences(inner, depth + 1)
        ]
    if isinstance(value, list):
        return [text for inner in value[:5] for text in _sentences(inner, depth + 1)]
    return []


def _fields(body: bytes) -> tuple[str, ...]:
    value = _loads(body)
    return tuple(name for name in value if isinstance(name, str)) if isinstance(value, Mapping) else ()


def _plain(body: bytes) -> str:
    """The words of a proxy's HTML page or of a plain text."""
    return re.sub(r"<[^>]*>", " ", body[:4000].decode("utf-8", "replace"))
