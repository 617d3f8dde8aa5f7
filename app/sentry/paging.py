"""Sentry's ``Link`` header: only the cursor is taken, never the URL, whose host could be another."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_LINK = re.compile(r'<[^>]*>((?:\s*;\s*[a-z]+="[^"]*")+)')
_PARAM = re.compile(r';\s*([a-z]+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``cursor`` asks for the next one and is None at the end."""

    items: tuple[T, ...]
    cursor: str | None = None


def next_cursor(link: str) -> str | None:
    """The cursor of ``rel="next"`` while it says ``results="true"``; the link itself is there even at the
    end."""
    for match in _LINK.finditer(link):
        params = dict(_PARAM.findall(match.group(1)))
        if params.get("rel") == "next" and params.get("results") == "true":
            return params.get("cursor") or None
    return None
