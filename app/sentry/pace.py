"""Keeps all threads of a process to Sentry's rate limits, by what the headers of its answers say.

The limits are counted by organisation and kind of call, for all tokens and integrations together
(``ratelimits/utils.py``): whoever runs into them takes places from the others. Self-hosted Sentry sends no
such headers, and then nothing waits.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

LONGEST = 5.0
"""Seconds that a call is held back at the most; what needs longer is told by Sentry's own 429."""

_CHANGES = re.compile(r"/(?!0/)[^/]*\d[^/]*(?=/|$)")


@dataclass(slots=True)
class _Window:
    """``limit`` calls in ``length`` seconds, ``remaining`` of them left until ``reset`` (unix seconds).

    Sentry tells ``reset`` in whole seconds, rounded up: a window of one second looks like two.
    """

    limit: int
    remaining: int
    reset: float
    length: float


class Pace:
    """``clock`` gives unix seconds, ``sleep`` waits seconds. Safe to use from several threads."""

    def __init__(self, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def take(self, kind: str) -> None:
        """Wait until a call of this kind is welcome, ``LONGEST`` seconds at the most."""
        until = self._clock() + LONGEST
        while (wait := self._place(kind)) and self._clock() + wait <= until:
            self._sleep(wait)

    def learn(self, kind: str, headers: Mapping[str, str]) -> None:
        """What an answer says about its kind. Header names are lower case."""
        try:
            limit, remaining, reset = (
                float(headers[f"x-sentry-rate-limit-{name}"]) for name in ("limit", "remaining", "reset")
            )
        except (KeyError, ValueError):
            return
        now = self._clock()
        if limit < 1 or not now < reset <= now + 3600:
            return
        with self._lock:
            known = self._windows.get(kind)
            length = max(1.0, reset - now - 1.0, known.length if known else 0.0)
            if known is not None and known.reset >= reset:  # an answer that was overtaken by another
                remaining, reset = min(remaining, known.remaining), known.reset
            self._windows[kind] = _Window(int(limit), max(0, int(remaining)), reset, length)

    def _place(self, kind: str) -> float:
        """Take a place; else the seconds until there may be one."""
        with self._lock:
            window, now = self._windows.get(kind), self._clock()
            if window is None:
                return 0.0
            if now >= window.reset:
                window.remaining, window.reset = window.limit, now + window.length
            if window.remaining > 0:
                window.remaining -= 1
                return 0.0
            return max(0.01, window.reset - now)


def kind_of(method: str, path: str) -> str:
    """What Sentry counts together: the endpoint, whatever the ids in its path."""
    return f"{method} {_CHANGES.sub('/*', path)}"
