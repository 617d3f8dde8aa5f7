"""One of many workers does a thing at a time; when it dies, another one does it.

A lease is a fact ``{"holder", "due"}`` that is swapped atomically; its time is the
holder's last sign of life.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from app.store.facts import FactRepository

STALE = timedelta(seconds=60)
"""Silence after which a holder counts as dead: renew at least every 30 seconds."""


class Lease:
    """The right to run one named thing, for one holder (a worker's id)."""

    def __init__(self, facts: FactRepository, name: str, holder: str, clock: Callable[[], datetime]) -> None:
        self._facts = facts
        self._key = f"lease:{name}"
        self._holder = holder
        self._clock = clock

    def claim(self, *, early: bool = False) -> bool:
        """Take it when it is due (``early``: even before) and nobody alive has it."""
        found = self._facts.read(self._key)
        value, seen = found if found else ({}, None)
        now = self._clock()
        if seen is not None:
            if value.get("holder"):
                if now - seen < STALE:
                    return False
            elif not early and now < datetime.fromisoformat(value["due"]):
                return False
        return self._facts.swap(self._key, {"holder": self._holder, "due": now.isoformat()}, seen=seen)

    def renew(self) -> bool:
        """A sign of life; False where somebody took it over: stop."""
        found = self._facts.read(self._key)
        if found is None or found[0].get("holder") != self._holder:
            return False
        return self._facts.swap(self._key, found[0], seen=found[1])

    def release(self, again_in: float) -> None:
        """Give it back; it is due again in so many seconds."""
        found = self._facts.read(self._key)
        if found is None or found[0].get("holder") != self._holder:
            return
        due = self._clock() + timedelta(seconds=again_in)
        self._facts.swap(self._key, {"holder": "", "due": due.isoformat()}, seen=found[1])
