"""Bytes and headers become an event, or a reason why not. Logic only; nothing here knows HTTP frameworks.

The signature is ``hex(HMAC-SHA256(client secret, raw body))``; there is no way to skip the check. Sentry uses
one header for webhooks, another for its UI components, and signs the empty string for their GETs (Sentry's
``sentry_apps/api/serializers/app_platform_event.py`` and ``external_requests/select_requester.py``).
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json

from app.errors import TriageError

HOOK_SIGNATURE = "Sentry-Hook-Signature"
APP_SIGNATURE = "Sentry-App-Signature"
RELAY_SIGNATURE = "Sentry-Signature"
"""Header of a raw event that a team's own relay posts, ``sha256=<hex>``."""

HEADERS = (
    HOOK_SIGNATURE,
    "Sentry-Hook-Resource",
    "Sentry-Hook-Timestamp",
    "Request-ID",
    "Idempotency-Key",
)
"""All that is read of a webhook's headers."""

MAX_BODY = 4 * 1024 * 1024
"""Largest body that is read, in bytes."""

_HEX = re.compile(r"[0-9a-f]{64}")


class BadSignature(TriageError):
    """The signature is missing or not made with any of our secrets."""


class BadPayload(TriageError):
    """The body is not what was agreed; the message says what is wrong."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted: ``type`` is ``user`` or ``application``; ``id`` is ``sentry`` for Sentry itself."""

    type: str = ""
    id: str = ""
    name: str = ""

    @property
    def is_person(self) -> bool:
        return self.type == "user"


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """One verified webhook. ``resource`` and ``action`` stay strings: Sentry adds to them without us."""

    resource: str
    action: str
    data: Mapping[str, Any]
    actor: Actor = Actor()
    installation: str = ""
    request_id: str = ""
    timestamp: int | None = None
    """Unix seconds at which Sentry sent it; not covered by the signature."""
    delivery: str = ""
    """The same for a repeated delivery of the same request: Sentry's idempotency key where it sends one."""

    @classmethod
    def from_http(cls, headers: Mapping[str, str], body: bytes, *, secrets: Sequence[str]) -> WebhookEvent:
        """Verify and parse.

        Raises ``BadSignature`` (401) or ``BadPayload`` (400).
        """
        lower = {name.lower(): value for name, value in headers.items()}
        signature = lower.get("sentry-hook-signature", "")
        verify(signature, body, secrets)
        payload = parse_object(body)
        request_id = lower.get("request-id", "")[:64]
        stamp = lower.get("sentry-hook-timestamp", "")
        installation = payload.get("installation")
        return cls(
            resource=lower.get("sentry-hook-resource", "")[:64],
            action=_text(payload.get("action")),
            data=_mapping(payload.get("data")),
            actor=_actor(payload.get("actor")),
            installation=_text(_mapping(installation).get("uuid")),
            request_id=request_id,
            timestamp=int(stamp) if stamp.isascii() and stamp.isdigit() and len(stamp) < 14 else None,
            # The signature stands for the body.
            delivery=lower.get("idempotency-key", "")[:64]
            or fingerprint(f"{request_id} {signature}".encode()),
        )

    @property
    def issue_id(self) -> str | None:
        """The issue it is about, by Sentry's own table of subjects; none for what has no issue."""
        where = _ISSUE_ID.get(self.resource)
        if where is None:
            return None
        value: Any = self.data
        for key in where:
            value = _mapping(value).get(key)
        return str(value) if isinstance(value, str | int) and str(value).isdigit() else None

    @property
    def issue(self) -> Mapping[str, Any]:
        """``data.issue`` of ``issue.*`` and ``activity_alert``; empty elsewhere."""
        return _mapping(self.data.get("issue"))


_ISSUE_ID: Mapping[str, tuple[str, ...]] = {
    "issue": ("issue", "id"),
    "activity_alert": ("issue", "id"),
    "comment": ("issue_id",),
    "error": ("error", "issue_id"),
    "event_alert": ("event", "issue_id"),
    "seer": ("group_id",),
}
"""Where each resource keeps the issue's id (``sentry_apps/utils/webhook_subjects.py``)."""


def sign(secret: str, body: bytes) -> str:
    """What Sentry puts into the signature header for ``body``."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def verify(signature: str, body: bytes, secrets: Sequence[str]) -> None:
    """Raise ``BadSignature`` unless one of ``secrets`` made ``signature`` over ``body``.

    Every secret is tried, in constant time each, so that timing tells nothing of which one fits.
    """
    if not signature:
        raise BadSignature("The signature header is missing.")
    if not _HEX.fullmatch(signature):
        raise BadSignature("The signature is not 64 lower-case hexadecimal digits.")
    fits = False
    for secret in secrets:
        fits |= hmac.compare_digest(sign(secret, body), signature)
    if not fits:
        raise BadSignature("The signature does not fit the body: check SENTRY_CLIENT_SECRET.")


def verify_relay(signature: str, body: bytes, secrets: Sequence[str]) -> None:
    """The same for a relay's ``sha256=<hex>``."""
    scheme, _, digest = signature.partition("=")
    if scheme != "sha256":
        raise BadSignature("The signature must read sha256=<hexadecimal digits>.")
    verify(digest, body, secrets)


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object in ``body``; ``BadPayload`` says what else it is."""
    try:
        value = from_json(body)
    except ValueError as error:
        if "recursion limit" in str(error):
            raise BadPayload("The body is nested too deeply.") from None
        raise BadPayload("The body is not JSON.") from None
    if not isinstance(value, dict):
        raise BadPayload("The body is JSON but not an object.")
    return value


def fingerprint(data: bytes) -> str:
    """32 hexadecimal digits that stand for ``data``."""
    return hashlib.sha256(data).hexdigest()[:32]


def _text(value: object) -> str:
    return value[:200] if isinstance(value, str) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _actor(value: object) -> Actor:
    actor = _mapping(value)
    who = actor.get("id")
    return Actor(
        type=_text(actor.get("type")),
        id=str(who)[:64] if isinstance(who, str | int) else "",
        name=_text(actor.get("name")),
    )
