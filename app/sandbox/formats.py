"""How Sentry writes times, short ids and slugs."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

_BASE32 = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_DURATION = re.compile(r"^(\d+)([smhdw])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def iso(moment: datetime | None) -> str | None:
    """``2026-11-23T11:45:07.462885Z``; without a fraction when it is zero."""
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def seconds(moment: datetime) -> datetime:
    """Sentry's event store keeps whole seconds, so everything read from it has lost its fraction."""
    return moment.replace(microsecond=0)


def short_code(number: int) -> str:
    """The letters after the dash of a short id: Crockford's base 32 (23 is ``Q``)."""
    out = ""
    while True:
        number, digit = divmod(number, 32)
        out = _BASE32[digit] + out
        if not number:
            return out


def duration(text: str) -> timedelta | None:
    """``90m`` or ``14d``; None when it is no duration."""
    found = _DURATION.match(text.strip())
    try:
        return timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else None
    except OverflowError:
        return None


def moment(value: Any) -> datetime | None:
    """An ISO 8601 text or unix seconds as an aware UTC time; None when it is neither."""
    try:
        if isinstance(value, bool) or value is None:
            return None
        if isinstance(value, int | float):
            return datetime.fromtimestamp(value, UTC)
        parsed = datetime.fromisoformat(str(value).strip().replace("Z", "+00:00"))
    except (ValueError, OverflowError, OSError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def slugify(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "app"
