"""Send one event to a project's DSN, as an SDK would: an envelope to ``/api/{project}/envelope/``.

The format is that of Sentry's SDK documentation (envelopes) and of ``tests/samples/sentry/ingest``. 200 means
that the edge (Relay) took it, not that it is stored: quotas, filters and a disabled key may still drop it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from app.core.annotation import SDK_NAME, SDK_VERSION
from app.errors import Permanent
from app.sentry.errors import BadAnswer, RateLimited, error_for, wait_seconds
from app.sentry.transport import Request, Transport

SAAS_INGEST = ("*.ingest.us.sentry.io", "*.ingest.de.sentry.io", "*.ingest.sentry.io")
SDK = f"{SDK_NAME}/{SDK_VERSION}"
DEFAULT_WAIT = 60.0
_CATEGORIES = {"", "error", "default"}


@dataclass(frozen=True, slots=True)
class Dsn:
    """A parsed DSN: ``scheme://key@host[:port][/prefix]/project``."""

    scheme: str
    key: str = field(repr=False)
    host: str
    port: int | None
    prefix: str
    project_id: str

    @classmethod
    def parse(cls, text: str) -> Dsn:
        """Raises ``Permanent`` for what is no DSN; the message does not repeat the key."""
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise Permanent("the DSN cannot be read") from None
        prefix, _, project = parts.path.rstrip("/").rpartition("/")
        if (
            parts.scheme not in {"http", "https"}
            or not parts.hostname
            or not (parts.username or "").isalnum()  # a Sentry key is hexadecimal
            or not project.isdigit()
        ):
            raise Permanent("the DSN is not of the form https://key@host/project")
        return cls(parts.scheme, parts.username or "", parts.hostname, port, prefix, project)

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}" if self.port else host

    @property
    def public(self) -> str:
        return f"{self.scheme}://{self.key}@{self.authority}{self.prefix}/{self.project_id}"

    @property
    def envelope_url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.prefix}/api/{self.project_id}/envelope/"


def ingest_hosts(base_url: str, configured: Sequence[str] = ()) -> tuple[str, ...]:
    """The hosts that events may be sent to: Sentry's own for SaaS, else the host of ``SENTRY_URL``; and
    configured ones (``host`` or ``*.suffix``), for a Relay on another name."""
    host = urlsplit(base_url).hostname or ""
    saas = host == "sentry.io" or host.endswith(".sentry.io")
    return (*(SAAS_INGEST if saas else (host,)), *configured)


def check_dsn(dsn: str, allowed_hosts: Sequence[str]) -> tuple[bool, str]:
    """Whether events may be sent to this DSN. Its text comes from the API, so an odd answer must not choose
    the host."""
    try:
        parsed = Dsn.parse(dsn)
    except Permanent as error:
        return False, str(error)
    if any(_host_fits(parsed.host, pattern) for pattern in allowed_hosts):
        return True, f"{parsed.host} is a known ingest host"
    return False, f"{parsed.host} is not among the allowed ingest hosts"


class EnvelopeSender:
    """Sends events. ``clock`` gives unix seconds."""

    def __init__(self, transport: Transport, clock: Callable[[], float]) -> None:
        self._transport = transport
        self._clock = clock

    def send(self, dsn: str, event: Mapping[str, Any]) -> str:
        """Send ``event`` and return its id.

        Raises ``RateLimited`` (429, with the seconds asked for), ``Forbidden`` (disabled key, unknown
        project), ``BadRequest``, ``TooLarge``, ``ServerTrouble``, ``Unreachable``.
        """
        target = Dsn.parse(dsn)
        response = self._transport.send(
            Request("POST", target.envelope_url, _headers(target), envelope(target, event, self._clock()))
        )
        what = f"envelope to {target.host}"
        if response.status == 429:
            raise RateLimited(f"{what}: 429", after=limit_seconds(response.headers, self._clock()))
        if response.status >= 300:
            raise error_for(response.status, response.headers, response.body, what, self._clock())
        try:
            return str(json.loads(response.body)["id"])
        except (ValueError, KeyError, TypeError):
            raise BadAnswer(f"{what}: {response.status}, but no event id came back") from None


def envelope(dsn: Dsn, event: Mapping[str, Any], now: float) -> bytes:
    """Header, item header with the length in bytes, payload, each ended by a newline."""
    payload = _compact(event)
    sent_at = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    header = {"event_id": event["event_id"], "sent_at": sent_at, "dsn": dsn.public}
    item = {"type": "event", "length": len(payload), "content_type": "application/json"}
    return b"\n".join((_compact(header), _compact(item), payload, b""))


def limit_seconds(headers: Mapping[str, str], now: float) -> float:
    """The longest wait that concerns error events: ``X-Sentry-Rate-Limits: 60:error:key, 2700:…``,
    ``Retry-After``."""
    waits = [wait_seconds(headers, now) or 0.0]
    for limit in headers.get("x-sentry-rate-limits", "").split(","):
        seconds, _, rest = limit.strip().partition(":")
        if set(rest.partition(":")[0].split(";")) & _CATEGORIES and seconds.replace(".", "", 1).isdigit():
            waits.append(float(seconds))
    return max(waits) or DEFAULT_WAIT


def _headers(dsn: Dsn) -> dict[str, str]:
    return {
        "Content-Type": "application/x-sentry-envelope",
        "User-Agent": SDK,
        "X-Sentry-Auth": f"Sentry sentry_version=7, sentry_key={dsn.key}, sentry_client={SDK}",
    }


def _compact(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _host_fits(host: str, pattern: str) -> bool:
    host, pattern = host.lower(), pattern.lower()
    if pattern.startswith("*."):
        return host.endswith(pattern[1:]) and len(host) > len(pattern) - 1
    return bool(pattern) and host == pattern
