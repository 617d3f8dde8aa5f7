"""Sentry's event JSON, either shape, becomes a ``Digest``: bounded, and without the person.

Two shapes come in: the SDK and webhook shape (``exception.values``, snake_case frames) and the REST shape
(``entries[]``, camelCase frames). Users, cookies, headers, request bodies, local variables and URL queries
are never taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


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
    """Read one event. Never raises on a hostile or broken shape: what cannot be read is left out."""
    raise NotImplementedError
