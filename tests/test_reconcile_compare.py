"""What a row of Sentry's list asks of us, rule by rule, and how far a walk looks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.intake import Kind
from app.core.issue import Issue
from app.core.reconcile import (
    FURTHEST,
    OVERLAP,
    SWEEP,
    Ask,
    Case,
    Known,
    began,
    begin,
    compare,
    turn,
)

NOW = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
FLOOR = NOW - timedelta(days=2)
ISSUE = Issue(
    id="7", status="unresolved", substatus="new", first_seen=NOW - HOUR, last_seen=NOW, priority="high"
)
TRIAGED = Known("triaged", 1, NOW - HOUR)


def case(issue: Issue = ISSUE, known: Known | None = None, work: str = "") -> Case:
    return Case(issue, known, work, FLOOR, NOW, timedelta(days=13))


def ask(of: Case) -> Ask | None:
    return compare(of)[0]


def test_what_we_do_not_have_is_triaged() -> None:
    found = ask(case())
    assert found is not None
    assert (found.kind, found.trigger) == (Kind.TRIAGE, "reconcile")
    assert ask(case()) == found, "the same row asks for the same work, under the same key"


@pytest.mark.parametrize("work", ["queued", "running"])
def test_what_waits_already_is_left_alone(work: str) -> None:
    assert compare(case(work=work)) == (None, "its work is waiting already")


def test_what_was_there_before_us_is_for_backfill_unless_it_came_back() -> None:
    old = replace(ISSUE, first_seen=FLOOR - HOUR, substatus="ongoing")
    assert ask(case(old)) is None
    assert ask(case(replace(old, substatus="regressed"))) is not None


def test_feedback_stays_out() -> None:
    assert ask(case(replace(ISSUE, category="feedback"))) is None


def test_an_issue_without_a_verdict_is_asked_for_again_and_a_gone_one_that_is_there() -> None:
    assert ask(case(known=Known("new", 0, NOW - HOUR))) is not None
    assert ask(case(known=Known("gone", 2, NOW - HOUR))) is not None
    assert compare(case(known=TRIAGED)) == (None, "nothing has changed")


def test_a_job_that_failed_is_tried_once_a_day_while_the_issue_lives() -> None:
    first = ask(case(work="failed"))
    later = ask(replace(case(work="failed"), now=NOW + HOUR))
    tomorrow = ask(replace(case(work="failed"), now=NOW + timedelta(days=1)))
    assert first
    assert later
    assert tomorrow
    assert first.dedupe == later.dedupe != tomorrow.dedupe
    assert ask(case(known=TRIAGED, work="failed")), "also what failed after there was a verdict"


def test_an_issue_that_came_back_is_confirmed_by_its_activity() -> None:
    found = ask(case(replace(ISSUE, substatus="regressed"), TRIAGED))
    assert found is not None
    assert found.confirm
    unseen = replace(ISSUE, substatus="regressed", last_seen=NOW - 2 * HOUR)
    assert ask(case(unseen, TRIAGED)) is None, "no event since we read it"


def test_a_priority_that_is_not_what_we_wrote_is_noticed_once() -> None:
    ours = replace(TRIAGED, priority="medium")
    found = ask(case(known=ours))
    assert found is not None
    assert (found.kind, found.trigger) == (Kind.OBSERVE, "priority changed")
    assert ask(case(known=replace(TRIAGED, priority="high"))) is None
    assert ask(case(replace(ISSUE, priority=None), ours)) is None, "23.7 has no priority"


def test_tags_are_refreshed_when_old_and_the_issue_is_active() -> None:
    old = replace(TRIAGED, tags_at=NOW - timedelta(days=13))
    found = ask(case(known=old))
    assert found is not None
    assert found.kind is Kind.REFRESH
    assert ask(case(known=replace(TRIAGED, tags_at=NOW - timedelta(days=12)))) is None
    assert ask(case(replace(ISSUE, last_seen=NOW - timedelta(days=14)), old)) is None


moments = st.integers(min_value=0, max_value=200 * 24).map(lambda hours: NOW + timedelta(hours=hours))


@given(st.lists(moments, min_size=1, max_size=20).map(sorted))
def test_walks_overlap_and_leave_no_gap(times: list[datetime]) -> None:
    progress = began(NOW, timedelta(hours=24))
    looked_until = progress.seen
    for now in times:
        run = begin(progress, now)
        assert run.start <= max(looked_until - OVERLAP, now - FURTHEST)
        assert run.start >= now - FURTHEST
        progress = turn(progress, run, None)
        looked_until = run.end
        assert progress.seen == now


def test_a_walk_that_was_broken_off_goes_on_at_its_page() -> None:
    progress = began(NOW, timedelta(hours=24))
    run = begin(progress, NOW)
    progress = turn(progress, run, "0:100:0")
    again = begin(progress, NOW + HOUR)
    assert (again.start, again.end, again.cursor) == (run.start, run.end, "0:100:0")
    progress = turn(progress, again, None)
    assert begin(progress, NOW + HOUR).start == NOW - OVERLAP, "what came meanwhile is in the next walk"


def test_once_a_day_two_weeks_are_swept() -> None:
    progress = replace(began(NOW, timedelta(days=60)), seen=NOW)
    assert not begin(progress, NOW + 23 * HOUR).sweep
    run = begin(progress, NOW + 25 * HOUR)
    assert run.sweep
    assert run.start == NOW + 25 * HOUR - SWEEP
    assert turn(progress, run, None).swept == run.end
