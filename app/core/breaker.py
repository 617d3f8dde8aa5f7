"""A circuit breaker as a value: after repeated failures the model is left alone, then one call tries.

Keep one :class:`Circuit` per model where all workers see it; every function gives the next one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


@dataclass(frozen=True, slots=True)
class Limits:
    """``failures`` in a row open the circuit for ``cool_down`` seconds, doubling up to ``longest``."""

    failures: int = 5
    cool_down: float = 60.0
    longest: float = 900.0
    probe: float = 45.0
    """Seconds after which a probe that never reported is taken for lost; longer than a call may take."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """Plain numbers; times are seconds of one clock. ``opened``: how often in a row it opened."""

    failures: int = 0
    opened: int = 0
    open_until: float | None = None
    probing_until: float | None = None

    def state(self, now: float) -> State:
        if self.open_until is None:
            return State.CLOSED
        return State.OPEN if now < self.open_until else State.HALF_OPEN


def allow(circuit: Circuit, now: float, limits: Limits = Limits()) -> tuple[Circuit, bool, str]:
    """Whether a call may go out now, and why. Half open lets one call through at a time."""
    state = circuit.state(now)
    if state is State.CLOSED:
        return circuit, True, "circuit closed"
    if state is State.OPEN:
        return (
            circuit,
            False,
            f"circuit open for {(circuit.open_until or now) - now:.0f} s more after failures",
        )
    if circuit.probing_until is not None and now < circuit.probing_until:
        return circuit, False, "circuit half open: another call is trying"
    return replace(circuit, probing_until=now + limits.probe), True, "circuit half open: this call tries"


def succeeded(_circuit: Circuit) -> Circuit:
    """Any success closes it."""
    return Circuit()


def failed(circuit: Circuit, now: float, limits: Limits = Limits(), *, after: float | None = None) -> Circuit:
    """One more failure. ``after``: seconds the server asked for; it is waited for when that is longer."""
    failures = circuit.failures + 1
    tried = circuit.state(now) is State.HALF_OPEN
    if circuit.state(now) is State.OPEN:
        return replace(circuit, failures=failures)  # a call that began before it opened
    if not tried and failures < limits.failures:
        return replace(circuit, failures=failures)
    pause = min(limits.cool_down * 2**circuit.opened, limits.longest)
    pause = max(pause, min(after or 0.0, limits.longest))
    return Circuit(failures, min(circuit.opened + 1, 16), now + pause)
