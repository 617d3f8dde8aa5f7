"""The read models, on SQLite and Postgres: right, and fast on a filled database."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.vocabulary import Category, ConfidenceBand, Source
from app.store import Store
from app.store.reports.listed import Cursor, Filters
from app.store.reports.listing import SCAN
from app.store.reports.operations import percentile
from app.store.reports.score import Score
from app.web.dashboard.scorecard import interval

from .filled import NOW, fill_many, put_call, put_correction, put_issue, put_job, verdict_of

SLOW = 3.0
"""Seconds that no read may take on 10,000 issues; on a quiet machine each takes under 0.4."""


def score(store: Store, field: str = "category") -> Score:
    return store.reports.score.score(field, NOW - timedelta(days=1))


def test_ten_thousand_issues_stay_fast(store: Store) -> None:
    fill_many(store, 10_000)
    listing, operations = store.reports.listing, store.reports.operations
    deep = Cursor(NOW - timedelta(days=59), "0")
    month = NOW - timedelta(days=30)
    reads = {
        "first page": lambda: listing.page(Filters()),
        "deep page": lambda: listing.page(Filters(), deep),
        "filtered": lambda: listing.page(Filters(category=Category.LOGIC, project="project-3")),
        "text that nothing holds": lambda: listing.page(Filters(text="nowhere to be found")),
        "counts": lambda: listing.counts(Filters()),
        "score": lambda: store.reports.score.score("category", NOW - timedelta(days=90)),
        "latency": lambda: operations.latency(month),
        "span": lambda: operations.span(month),
        "days": lambda: operations.per_day(NOW),
    }
    for name, read in reads.items():
        started = time.perf_counter()
        read()
        assert time.perf_counter() - started < SLOW, name
    assert listing.page(Filters(text="nowhere to be found")).scanned == SCAN
    assert listing.counts(Filters()).total == 10_005


def test_a_text_search_goes_on_where_it_stopped(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.store.reports.listing.SCAN", 7)
    monkeypatch.setattr("app.store.reports.listing.CHUNK", 3)
    for number in range(25):
        put_issue(store, number)
    found, after = [], None
    for _ in range(4):
        page = store.reports.listing.page(Filters(text="keyerror"), after)
        found += [row.issue_id for row in page.rows]
        after = page.next
    assert after is None
    assert sorted(found) == ["1001", "1006", "1011", "1016", "1021"]


def test_pages_hold_though_times_are_equal(store: Store) -> None:
    for number in range(9):
        put_issue(store, number)
    with store.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE issues SET read_at = '2026-11-23 10:00:00.000000'")
    found, after = [], None
    for _ in range(3):
        page = store.reports.listing.page(Filters(), after, size=4)
        found += [row.issue_id for row in page.rows]
        after = page.next
    assert after is None
    assert found == sorted(found, reverse=True)
    assert len(found) == 9


@given(st.datetimes(timezones=st.just(NOW.tzinfo)), st.text("0123456789", min_size=1, max_size=32))
def test_a_cursor_reads_back(at: datetime, issue_id: str) -> None:
    assert Cursor.parse(str(Cursor(at, issue_id))) == Cursor(at, issue_id)


@given(st.text(max_size=60))
def test_no_text_breaks_a_cursor(text: str) -> None:
    cursor = Cursor.parse(text)
    assert cursor is None or cursor.at.tzinfo is not None


def test_counts_follow_the_filters(store: Store) -> None:
    for number in range(10):
        put_issue(store, number)
    counts = store.reports.listing.counts(Filters())
    assert (counts.total, counts.immediate, counts.abstained) == (10, 2, 2)
    assert counts.by["category"] == {
        "Database": 2, "Logic": 2, "ThirdParty": 2, "Infrastructure": 2, "Unknown": 2,
    }  # fmt: skip
    assert store.reports.listing.counts(Filters(band=ConfidenceBand.LOW)).total == 2
    assert store.reports.listing.counts(Filters(since=NOW + timedelta(days=1))).total == 0


def test_the_score_is_of_the_machines_own_words(store: Store) -> None:
    for number in (0, 1, 2, 3, 5):
        put_issue(store, number)
    put_correction(store, "1000", "category", "Network", was="Database")
    human = verdict_of(0, category=Category.NETWORK, source=Source.HUMAN, confidence=1.0)
    store.verdicts.add("1000", human, project="", signature="", reason="Maya said so")
    put_correction(store, "1001", "category", "Logic", was="Logic")
    put_correction(store, "1002", "category", "Network", was="ThirdParty", retracted_at=NOW)
    put_correction(store, "1003", "category", "Validation", was="Unknown")
    put_correction(store, "1005", "priority", "low", was="high")
    found = score(store)
    assert (found.issues, found.covered, found.answered) == (5, 4, 1)
    assert found.coverage == 0.8
    assert (found.all.agreed, found.all.contradicted, found.all.agreement) == (1, 1, 0.5)
    assert dict(found.confusion) == {("Database", "Network"): 1, ("Logic", "Logic"): 1}
    assert found.classes["Database"].n == 2, "the person's own verdict is not held against them"
    assert found.all.mean_confidence == pytest.approx((0.95 + 0.87 + 0.93 + 0.95) / 4)
    assert {index: tally.n for index, tally in found.bands.items()} == {3: 1, 4: 3}


def test_the_last_word_counts(store: Store) -> None:
    put_issue(store, 0)
    put_correction(store, "1000", "category", "Network", was="Database")
    put_correction(store, "1000", "category", "Database", was="Network")
    assert score(store).all.agreement == 1.0
    put_correction(store, "1000", "wrong", "wrong", was="Database-high")
    assert dict(score(store).confusion) == {("Database", "wrong"): 1}
    assert store.reports.score.uncontradicted(NOW - timedelta(days=30)) == {"category": 0.0, "severity": 1.0}
    assert store.reports.score.uncontradicted(NOW + timedelta(days=1)) == {}


def test_nothing_is_a_share_of_nothing(store: Store) -> None:
    empty = score(store)
    assert (empty.coverage, empty.all.agreement, empty.all.uncontradicted) == (None, None, None)


def test_corrections_fall_into_their_weeks(store: Store) -> None:
    for days, field in ((0, "category"), (1, "severity"), (8, "category"), (200, "category")):
        at = NOW - timedelta(days=days, minutes=1)
        put_correction(store, f"{days}", field, "high", was="low", at=at)
    put_correction(store, "gone", "category", "Logic", was="", retracted_at=NOW)
    weeks = store.reports.score.by_week(NOW + timedelta(minutes=1))
    assert len(weeks) == 12
    assert [counts for _, counts in weeks][-2:] == [{"category": 1}, {"category": 1, "severity": 1}]
    assert sum(sum(counts.values()) for _, counts in weeks) == 3


def test_latency_is_of_webhooks_that_were_written(store: Store) -> None:
    assert store.reports.operations.latency(NOW - timedelta(days=1)).p50 is None
    put_job(store, put_issue(store, 1))
    put_job(store, "1002", failed="no")
    found = store.reports.operations.latency(NOW - timedelta(days=1))
    assert found.n == 1
    assert found.p50 == found.p95
    assert found.p50 is not None
    assert 0 <= found.p50 < 5


def test_money_is_counted_from_its_moment_on(store: Store) -> None:
    put_call(store, "1", 0.25)
    put_call(store, "1", 0.5, at=NOW - timedelta(days=2))
    spend = store.reports.operations.spend
    assert (spend(NOW - timedelta(days=1)).dollars, spend(NOW - timedelta(days=3)).dollars) == (0.25, 0.75)
    assert spend(NOW - timedelta(days=3)).tokens == 2040
    assert spend(NOW + timedelta(days=1)).calls == 0


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([0.5, 0.95, 1.0]))
def test_a_percentile_is_one_of_the_values_and_bounds_its_share(values: list[float], share: float) -> None:
    ordered = sorted(values)
    found = percentile(ordered, share)
    assert found in ordered
    assert sum(value <= found for value in ordered) >= share * len(ordered)


@pytest.mark.parametrize(
    ("hits", "n", "said"), [(0, 0, ""), (0, 10, "0%–28%"), (10, 10, "72%–100%"), (81, 263, "26%–37%")]
)
def test_the_interval_is_wilsons(hits: int, n: int, said: str) -> None:
    assert interval(hits, n) == said
