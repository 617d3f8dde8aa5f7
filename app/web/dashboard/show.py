"""How values are shown: times, shares, money, texts of events; and the links into Sentry."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from app.core.redact import redact_text
from app.settings import Settings
from app.store.clock import utc_now

from .form import csrf_token, fresh_once

NONE_YET = "none yet"


def moment(at: datetime | None) -> Markup:
    """``23 Nov 2026, 20:06 UTC`` as a ``<time>`` element."""
    if at is None:
        return Markup("—")
    text = at.astimezone(UTC).strftime("%d %b %Y, %H:%M UTC").lstrip("0")
    return Markup('<time datetime="{}">{}</time>').format(at.isoformat(timespec="seconds"), text)


def ago(at: datetime | None) -> Markup:
    """``5 min ago``, with the exact time behind it."""
    if at is None:
        return Markup("—")
    past = max(1.0, (utc_now() - at).total_seconds() // 1)
    text = f"{past:.0f} s ago" if past < 90 else f"{seconds(past)} ago"
    exact = at.astimezone(UTC).isoformat(sep=" ", timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(at.isoformat(), exact, text)


def seconds(value: float | None) -> str:
    """A span of time in its largest sensible unit."""
    if value is None:
        return NONE_YET
    if value < 1:
        return f"{value * 1000:.0f} ms"
    for below, unit, factor in ((10, "s", 1), (90, "s", 1), (5400, "min", 60), (172800, "h", 3600)):
        if value < below:
            return f"{value / factor:.{1 if below == 10 else 0}f} {unit}"
    return f"{value / 86400:.0f} days"


def percent(share: float | None) -> str:
    return NONE_YET if share is None else f"{share:.0%}"


def dollars(value: float) -> str:
    """Four digits where cents would say nothing."""
    return f"${value:,.2f}" if value == 0 or value >= 0.1 else f"${value:.4f}"


def number(value: int) -> str:
    return f"{value:,}"


def redacted(text: str | None) -> str:
    """A text that came from an event, without credentials and people."""
    return redact_text(text)[0] if text else ""


def pretty(value: Any) -> str:
    """JSON as people read it; a text as it is."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


FILTERS: Mapping[str, Callable[[Any], Any]] = {
    "moment": moment,
    "ago": ago,
    "seconds": seconds,
    "percent": percent,
    "dollars": dollars,
    "number": number,
    "redacted": redacted,
    "pretty": pretty,
}
"""Template filters by name."""


def sentry_link(settings: Settings, issue_id: str) -> str:
    """The issue's page in Sentry."""
    return f"{settings.sentry_url}/organizations/{quote(settings.sentry_org)}/issues/{quote(issue_id)}/"


def forms() -> dict[str, Any]:
    """What every template with a form needs."""
    return {"csrf_token": csrf_token, "once": fresh_once}
