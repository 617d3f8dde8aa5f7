"""Backfill against the sandbox: found, priced, put in once, in its turn."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from app.cli.backfill import command
from app.core.intake import Intent, Kind
from app.errors import Retryable
from app.jobs.backfill import Backfill, Survey
from app.sentry.paging import wait_by
from app.store import Store
from app.store.work import LATER

from .rig import Rig, rig

QUERY = "is:unresolved"


@pytest.fixture
def world(store: Store) -> Iterator[Rig]:
    with rig(store) as found:
        yield found


def survey_all(world: Rig, limit: int = 1000) -> tuple[Backfill, Survey]:
    backfill = Backfill(world.services, lambda _seconds: None)
    survey = backfill.resume(QUERY, world.clock() - timedelta(days=14), limit)
    while not survey.walked:
        survey = backfill.walk(survey)
    return backfill, survey


def test_it_finds_what_has_no_verdict_and_prices_it(world: Rig) -> None:
    triaged = world.capture(0)
    world.triage(triaged)
    ids = {world.capture(n, at=world.clock() - timedelta(days=5)) for n in range(1, 131)}
    world.capture(500, at=world.clock() - timedelta(days=20))
    backfill, survey = survey_all(world)
    assert set(survey.ids) == ids
    estimate = backfill.estimate(survey, 60)
    assert (estimate.issues, estimate.have, estimate.seconds, estimate.usd) == (130, 1, 130, 0)
    assert world.store.work.counts() == {"done": 1}, "nothing is put in before somebody agrees"


def test_the_limit_is_kept(world: Rig) -> None:
    for number in range(130):
        world.capture(number)
    assert len(survey_all(world, limit=7)[1].ids) == 7
    assert len(survey_all(world, limit=120)[1].ids) == 120


def test_a_survey_that_broke_off_goes_on_at_its_page(world: Rig) -> None:
    for number in range(250):
        world.capture(number)
    backfill = Backfill(world.services, lambda _seconds: None)
    since = world.clock() - timedelta(days=14)
    first = backfill.walk(backfill.resume(QUERY, since, 1000))
    world.box.faults.add(r"/issues/$", status=429, headers={"Retry-After": "40"})
    with pytest.raises(Retryable):
        backfill.walk(first)
    world.box.faults.clear()
    again = Backfill(world.services, lambda _seconds: None).resume(QUERY, since + timedelta(minutes=9), 1000)
    assert (again.run, again.cursor, len(again.ids)) == (first.run, first.cursor, 100)
    other = backfill.resume("is:unresolved level:fatal", since, 1000)
    assert (other.run, other.ids) != (first.run, first.ids)


def test_what_is_put_in_comes_once_and_slowly_and_last(world: Rig) -> None:
    ids = [world.capture(number) for number in range(3)]
    backfill, survey = survey_all(world)
    backfill.enqueue(survey, 60)
    backfill.enqueue(survey, 60)
    assert world.store.work.counts() == {"queued": 3}
    assert len(world.store.work.due()) == 1, "one a second"
    world.clock.travel(seconds=3)
    new = world.capture(9)
    world.store.work.add(Intent(Kind.TRIAGE, new, "issue.created"), dedupe="webhook")
    due = world.store.work.due()
    assert (due[0].subject, {job.rank for job in due[1:]}) == (new, {LATER})
    world.drain()
    assert backfill.progress(survey) == {"done": 3}
    assert all(world.shown(issue)["comments"] for issue in ids)
    assert survey_all(world)[1].ids == ()


def test_the_walk_waits_where_the_rate_limit_is_used_up() -> None:
    headers = {"x-sentry-rate-limit-remaining": "0", "x-sentry-rate-limit-reset": "107"}
    assert wait_by(headers, 100.0) == 7.0
    assert wait_by({**headers, "x-sentry-rate-limit-remaining": "3"}, 100.0) == 0.0
    assert wait_by({}, 100.0) == 0.0
    assert wait_by({**headers, "x-sentry-rate-limit-reset": "soon"}, 100.0) == 0.0
    assert wait_by({**headers, "x-sentry-rate-limit-reset": "99999"}, 100.0) == 60.0


def test_the_command_estimates_and_queues(world: Rig) -> None:
    for number in range(3):
        world.capture(number)
    settings = world.services.settings
    environment = {
        "SENTRY_URL": settings.sentry_url,
        "SENTRY_ORG": settings.sentry_org,
        "SENTRY_AUTH_TOKEN": settings.sentry_auth_token.get_secret_value(),
        "SENTRY_CLIENT_SECRET": settings.client_secrets[0],
        "DATABASE_URL": world.store.engine.url.render_as_string(hide_password=False),
    }
    estimate = CliRunner().invoke(command, ["--json"], env=environment)
    assert estimate.exit_code == 0, estimate.output
    assert json.loads(estimate.stdout) | {"seconds": 3.0} == {
        "issues": 3,
        "have": 0,
        "seconds": 3.0,
        "usd": 0.0,
        "priced_by": "offline: no model is asked",
        "queued": False,
    }
    asked = CliRunner().invoke(command, ["--since", "7d"], env=environment, input="n\n")
    assert "3 issues to triage" in asked.output
    assert world.store.work.counts() == {}
    done = CliRunner().invoke(command, ["--yes"], env=environment)
    assert "No worker is running" in done.output
    assert world.store.work.counts() == {"queued": 3}
    assert datetime.now(UTC) < world.store.work.recent(["queued"])[0].due_at
