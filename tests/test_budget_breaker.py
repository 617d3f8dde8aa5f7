"""Money and the circuit breaker: decisions on plain values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.breaker import Circuit, Limits, State, allow, failed, succeeded
from app.core.budget import Ceilings, Ledger

LIMITS = Limits(failures=3, cool_down=60, longest=300, probe=40)


@pytest.mark.parametrize(
    ("ledger", "ceilings", "allowed", "said"),
    [
        (Ledger(), Ceilings(), True, "within budget"),
        (Ledger(999, 999), Ceilings(), True, "within budget"),
        (Ledger(0.5, 5), Ceilings(1, 20), True, "within budget"),
        (Ledger(0.995, 5), Ceilings(1, 20), False, "budget spent: $0.99 of $1.00 today"),
        (Ledger(0, 20), Ceilings(None, 20), False, "budget spent: $20.00 of $20.00 this month"),
        (Ledger(), Ceilings(0, None), False, "budget spent: $0.00 of $0.00 today"),
    ],
)
def test_a_call_is_paid_only_under_both_ceilings(
    ledger: Ledger, ceilings: Ceilings, allowed: bool, said: str
) -> None:
    assert ledger.may_spend(0.01, ceilings) == (allowed, said)


def test_what_remains_is_under_the_nearer_ceiling() -> None:
    assert Ledger(1, 15).remaining(Ceilings(3, 20)) == pytest.approx(2)
    assert Ledger(9, 30).remaining(Ceilings(3, 20)) == 0
    assert Ledger().remaining(Ceilings()) is None


@given(st.lists(st.floats(0, 0.3), max_size=60), st.floats(0, 2))
def test_allowed_calls_never_pass_the_ceiling(costs: list[float], ceiling: float) -> None:
    spent = 0.0
    for cost in costs:
        if Ledger(month=spent).may_spend(cost, Ceilings(month=ceiling))[0]:
            spent += cost
    assert spent <= ceiling


def _broken(now: float = 0.0) -> Circuit:
    circuit = Circuit()
    for _ in range(LIMITS.failures):
        circuit = failed(circuit, now, LIMITS)
    return circuit


def test_a_few_failures_leave_it_closed_and_a_success_forgets_them() -> None:
    circuit = failed(failed(Circuit(), 0, LIMITS), 0, LIMITS)
    assert circuit.state(0) is State.CLOSED
    circuit = failed(succeeded(circuit), 0, LIMITS)
    assert circuit.state(0) is State.CLOSED


def test_it_opens_cools_down_lets_one_call_try_and_closes() -> None:
    circuit = _broken()
    assert allow(circuit, 59, LIMITS)[1:] == (False, "circuit open for 1 s more after failures")
    circuit, one, why = allow(circuit, 60, LIMITS)
    assert (one, why) == (True, "circuit half open: this call tries")
    circuit, two, _ = allow(circuit, 61, LIMITS)
    assert not two, "one at a time"
    assert succeeded(circuit).state(61) is State.CLOSED


def test_a_failed_try_doubles_the_pause_up_to_the_longest() -> None:
    circuit, now, pauses = _broken(), 0.0, []
    for _ in range(5):
        assert circuit.open_until is not None
        pauses.append(circuit.open_until - now)
        now = circuit.open_until
        circuit, allowed, _ = allow(circuit, now, LIMITS)
        assert allowed
        circuit = failed(circuit, now, LIMITS)
    assert pauses == [60, 120, 240, 300, 300]


def test_a_probe_that_never_reports_is_replaced() -> None:
    circuit, _, _ = allow(_broken(), 60, LIMITS)
    assert not allow(circuit, 99, LIMITS)[1]
    assert allow(circuit, 100, LIMITS)[1]


def test_what_the_server_asks_for_is_waited_for() -> None:
    circuit = failed(failed(failed(Circuit(), 0, LIMITS), 0, LIMITS), 0, LIMITS, after=200)
    assert circuit.open_until == 200


def test_calls_that_began_before_it_opened_do_not_prolong_it() -> None:
    circuit = _broken()
    assert failed(circuit, 5, LIMITS).open_until == circuit.open_until


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 100)), max_size=60))
def test_it_always_lets_a_call_through_in_the_end(history: list[tuple[bool, float]]) -> None:
    circuit, now = Circuit(), 0.0
    for good, pause in history:
        now += pause
        circuit, allowed, _ = allow(circuit, now, LIMITS)
        if allowed:
            circuit = succeeded(circuit) if good else failed(circuit, now, LIMITS)
    assert allow(circuit, now + LIMITS.longest + LIMITS.probe, LIMITS)[1]
