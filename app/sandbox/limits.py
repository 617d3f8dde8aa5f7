"""Sentry's published rate limits, enforced only when switched on (self-hosted Sentry has none).

Source: ratelimits/config.py and each endpoint; tokens of integrations share one bucket per organisation.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict, deque
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Limit:
    """``count`` requests in ``window`` seconds for what ``pattern`` matches."""

    pattern: str
    methods: tuple[str, ...]
    count: int
    window: int


PUBLISHED = (
    Limit(r"/eventids/[^/]+/$", ("GET",), 1, 1),
    Limit(r"/issues/[^/]+/events/", ("GET",), 15, 1),
    Limit(r"/projects/[^/]+/[^/]+/events/", ("GET",), 5, 1),
    Limit(r"/issues/[^/]+/$", ("GET",), 5, 1),
    Limit(r"/issues/[^/]+/$", ("PUT",), 5, 1),
    Limit(r"/issues/[^/]+/$", ("DELETE",), 5, 5),
)


@dataclass(frozen=True)
class Grant:
    allowed: bool
    limit: Limit
    remaining: int
    reset: int

    @property
    def headers(self) -> dict[str, str]:
        return {
            "X-Sentry-Rate-Limit-Limit": str(self.limit.count),
            "X-Sentry-Rate-Limit-Remaining": str(self.remaining),
            "X-Sentry-Rate-Limit-Reset": str(self.reset),
            "X-Sentry-Rate-Limit-ConcurrentLimit": "25",
            "X-Sentry-Rate-Limit-ConcurrentRemaining": "24",
        }

    @property
    def body(self) -> dict[str, str]:
        rule = f"Limit is {self.limit.count} requests in {self.limit.window} seconds"
        return {"detail": f"You are attempting to use this endpoint too frequently. {rule}"}


class Limits:
    """``enabled`` is off. Call ``take`` with the lock held."""

    def __init__(self, limits: tuple[Limit, ...] = PUBLISHED) -> None:
        self.enabled = False
        self.limits = limits
        self._taken: dict[Limit, deque[float]] = defaultdict(deque)

    def take(self, method: str, path: str, now: datetime) -> Grant | None:
        """None: not limited."""
        limit = next((r for r in self.limits if method in r.methods and re.search(r.pattern, path)), None)
        if not self.enabled or limit is None:
            return None
        stamps, at = self._taken[limit], now.timestamp()
        while stamps and stamps[0] <= at - limit.window:
            stamps.popleft()
        allowed = len(stamps) < limit.count
        if allowed:
            stamps.append(at)
        return Grant(allowed, limit, limit.count - len(stamps), math.ceil(stamps[0] + limit.window))
