"""Sentry's ``Link`` header: only the cursor is taken, never the URL, whose host could be another."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_LINK = re.compile(r'<[^>]*>((?:\s*;\s*[a-z]+="[^"]*")+)')
_PARAM = re.compile(r';\s*([a-z]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``cursor`` asks for the next one and is None at the end.

    ``wait``: seconds until the next call is welcome, by Sentry's rate limit headers.
    """

    items: tuple[T, ...]
    cursor: str | None = None
    wait: float = 0.0


def wait_by(headers: Mapping[str, str], now: float) -> float:
    """Seconds to wait before the next call of the same kind: until the window ends where this was its last
    one. 0 where the server sends no limits (self-hosted). ``now``: unix seconds."""
    try:
        remaining = int(headers.get("x-sentry-rate-limit-remaining", "1"))
        reset = float(headers.get("x-sentry-rate-limit-reset", "0"))
    except ValueError:
        return 0.0
    return min(max(0.0, reset - now), 60.0) if remaining <= 0 else 0.0


def next_cursor(link: str) -> str | None:
    """The cursor of ``rel="next"`` while it says ``results="true"``; the link itself is there even at the
    end."""
    for match in _LINK.finditer(link):
        params = dict(_PARAM.findall(match.group(1)))
        if params.get("rel") == "next" and params.get("results") == "true":
            return params.get("cursor") or None
    return None
