"""The signals by name, and those of one event."""

from __future__ import annotations

from collections.abc import Callable

from . import endings as e
from . import signals as s
from .facts import Facts

SIGNALS: dict[str, Callable[[Facts], bool]] = {
    one.__name__: one
    for one in (
        s.non_production, s.background, s.request, s.react_native, s.browser, s.server, s.remote_answer,
        s.request_body, s.redacted, s.mobile, e.app_crash, e.native, e.panic, e.ended, s.handled,
        s.telemetry, s.interactive, s.payment_webhook, s.payment, s.test_event,
    )
}  # fmt: skip
"""Every circumstance by its name."""


class Circumstances:
    """The signals of one event, each asked at most once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._known: dict[str, bool] = {}

    def holds(self, name: str) -> bool:
        """Whether the signal of that name holds."""
        if name not in self._known:
            self._known[name] = SIGNALS[name](self._facts)
        return self._known[name]
