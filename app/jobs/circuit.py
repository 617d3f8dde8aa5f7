"""The circuit breaker of one model, kept where all workers see it and changed by one of them at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from app.core.breaker import Circuit, Limits, State, allow, failed, succeeded
from app.store.facts import FactRepository

DEFAULT = Limits()


class SharedCircuit:
    """One fact; ``clock`` gives seconds of the wall, because the workers may be on several machines."""

    def __init__(
        self,
        facts: FactRepository,
        place: str,
        limits: Limits = DEFAULT,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._facts = facts
        self._key = f"breaker:{place}"[:100]
        self._limits = limits
        self._clock = clock

    def open_for(self) -> float:
        """Seconds until it lets a call try; 0 while it is closed or half open."""
        circuit, now = self._read(), self._clock()
        return (circuit.open_until or now) - now if circuit.state(now) is State.OPEN else 0.0

    def allow(self) -> bool:
        """Whether a call may go out now. Where it says yes half open, the call must follow at once."""
        if self._read() == Circuit():
            return True
        allowed = False

        def ask(kept: Any) -> Any:
            nonlocal allowed
            circuit, allowed, _reason = allow(Circuit(**kept or {}), self._clock(), self._limits)
            return asdict(circuit)

        self._facts.change(self._key, ask)
        return allowed

    def succeeded(self) -> None:
        if self._read() != Circuit():
            self._facts.change(self._key, lambda kept: asdict(succeeded(Circuit(**kept or {}))))

    def failed(self, after: float | None = None) -> None:
        """``after``: seconds the server asked for."""

        def count(kept: Any) -> Any:
            return asdict(failed(Circuit(**kept or {}), self._clock(), self._limits, after=after))

        self._facts.change(self._key, count)

    def _read(self) -> Circuit:
        return Circuit(**self._facts.get(self._key, {}))
