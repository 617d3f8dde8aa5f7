"""Sentry's rate limits are kept before they refuse, by the headers of its answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.sentry.pace import LONGEST, Pace, kind_of
from tests.writeback import Clock

KIND = "GET /api/0/organizations/acme/issues/*/"


def headers(limit: int, remaining: int, reset: float) -> dict[str, str]:
    named = {"limit": limit, "remaining": remaining, "reset": int(reset)}
    return {f"x-sentry-rate-limit-{name}": str(value) for name, value in named.items()}


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def pace(clock: Clock) -> Pace:
    return Pace(clock, clock.sleep)


def test_without_headers_nothing_waits(pace: Pace, clock: Clock) -> None:
    for _ in range(100):
        pace.take(KIND)
        pace.learn(KIND, {})
    assert clock.slept == []


def test_the_last_call_of_a_window_makes_the_next_one_wait_for_its_end(pace: Pace, clock: Clock) -> None:
    pace.learn(KIND, headers(5, 2, clock.now + 3))
    for _ in range(2):
        pace.take(KIND)
    assert clock.slept == []
    pace.take(KIND)
    assert clock.slept == [3.0]
    pace.take("PUT /api/0/organizations/acme/issues/*/")
    assert clock.slept == [3.0], "another kind is counted apart"


def test_a_window_that_has_ended_gives_its_whole_limit_and_no_more(pace: Pace, clock: Clock) -> None:
    pace.learn(KIND, headers(5, 0, clock.now + 1))
    for _ in range(6):
        pace.take(KIND)
    assert clock.slept == [1.0, 1.0], "five in the second one, the sixth in the third"


def test_an_answer_that_was_overtaken_gives_no_place_back(pace: Pace, clock: Clock) -> None:
    pace.learn(KIND, headers(5, 0, clock.now + 2))
    pace.learn(KIND, headers(5, 4, clock.now + 2))
    pace.take(KIND)
    assert clock.slept == [2.0]


def test_what_would_take_long_is_left_to_sentrys_own_answer(pace: Pace, clock: Clock) -> None:
    pace.learn(KIND, headers(5, 0, clock.now + LONGEST + 60))
    pace.take(KIND)
    assert clock.slept == []


@given(st.dictionaries(st.sampled_from(sorted(headers(1, 1, 1))), st.text() | st.integers().map(str)))
def test_no_header_can_stop_it(given_headers: dict[str, str]) -> None:
    clock = Clock()
    pace = Pace(clock, clock.sleep)
    for _ in range(3):
        pace.learn(KIND, given_headers)
        pace.take(KIND)
    assert sum(clock.slept) <= 3 * LONGEST


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/api/0/organizations/acme/issues/6507376925/", KIND),
        ("/api/0/organizations/acme/issues/SHOP-API-41/", KIND),
        (
            "/api/0/organizations/acme/eventids/" + "a1" * 16 + "/",
            "GET /api/0/organizations/acme/eventids/*/",
        ),
    ],
)
def test_what_sentry_counts_together_is_one_kind(path: str, kind: str) -> None:
    assert kind_of("GET", path) == kind
