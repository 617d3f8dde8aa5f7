"""Faults on demand: make any path fail in any way, by share, from a seed. Off until a rule is added.

sandbox.faults.add(r"/issues/\\d+/$", share=0.3, status=429, headers={"Retry-After": "2"})
sandbox.faults.add(r"/notes/", methods=["POST"], hang=5.0, after=True)   # done, but the answer is late
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Fault:
    """``share`` 0–1 of the matching requests. ``status`` None: only late. ``hang``: seconds of silence.

    ``after``: the request is carried out and only its answer lost, which makes clients write twice.
    ``times``: stop after that many.
    """

    pattern: str
    methods: frozenset[str] = frozenset()
    share: float = 1.0
    status: int | None = None
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    hang: float = 0.0
    after: bool = False
    times: int | None = None
    hits: int = 0

    def matches(self, method: str, path: str) -> bool:
        return (not self.methods or method in self.methods) and re.search(self.pattern, path) is not None


class Faults:
    """The rules; the first that matches and whose dice fall decides."""

    def __init__(self, *, seed: int = 0, sleep: Callable[[float], None] = time.sleep) -> None:
        self.rules: list[Fault] = []
        self.sleep = sleep
        self._random = random.Random(seed)  # noqa: S311 - repeatable tests, no secrets
        self._lock = threading.Lock()

    def add(self, pattern: str, *, methods: Collection[str] = (), **rest: Any) -> Fault:
        """See ``Fault``. Returns the rule; ``hits`` counts what it did."""
        fault = Fault(pattern, frozenset(methods), **rest)
        with self._lock:
            self.rules.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self.rules.clear()

    def pick(self, method: str, path: str) -> Fault | None:
        with self._lock:
            for fault in self.rules:
                spent = fault.times is not None and fault.hits >= fault.times
                if not spent and fault.matches(method, path) and self._random.random() < fault.share:
                    fault.hits += 1
                    return fault
        return None


_BODIES: dict[int, Any] = {
    401: {"detail": "Invalid token"},
    403: {"detail": "You do not have permission to perform this action."},
    404: {"detail": "The requested resource does not exist"},
    410: {"message": "This API no longer exists."},
    429: {
        "detail": "You are attempting to use this endpoint too frequently. Limit is 5 requests in 1 seconds"
    },
    500: {"detail": "Internal Error", "errorId": "92098830612941b4b20c4c619346be7e"},
}


def default_body(status: int) -> Any:
    """What Sentry, or the proxy before it (HTML for 502 to 504), answers with this status."""
    return _BODIES.get(
        status, f"<html><head><title>{status}</title></head><body>upstream error</body></html>"
    )
