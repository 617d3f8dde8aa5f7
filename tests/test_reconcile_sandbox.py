"""Reconcile and the tags refresh against the sandbox Sentry, with time that travels."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.core.intake import Intent, Kind
from app.errors import Retryable
from app.jobs.chores import Chore, Chores
from app.jobs.lease import Lease
from app.jobs.reconcile import FACT, Reconciler
from app.jobs.refresh import Refresh
from app.store import Store
from app.store.work import GAVE_UP

from .rig import Rig, rig


@pytest.fixture
def world(store: Store) -> Iterator[Rig]:
    with rig(store) as found:
        yield found


def test_days_of_downtime_are_made_up_for_page_by_page(world: Rig) -> None:
    Reconciler(world.services).run()
    world.clock.travel(days=3)
    ids = {world.capture(n, at=world.clock() - timedelta(minutes=20 * n)) for n in range(210)}
    report = Reconciler(world.services).run()
    assert report.complete
    assert report.asked == {"reconcile": 210}
    assert {job.subject for job in world.store.work.due(500)} == ids
    assert Reconciler(world.services).run().enqueued == 0, "a second look finds nothing"


def test_the_first_look_goes_back_a_day_and_leaves_older_issues_to_backfill(world: Rig) -> None:
    world.capture(1, at=world.clock() - timedelta(days=10))
    world.capture(1)
    new = world.capture(2, at=world.clock() - timedelta(hours=20))
    report = Reconciler(world.services).run()
    assert (report.older, [job.subject for job in world.store.work.due()]) == (1, [new])


def test_a_rate_limit_in_the_middle_is_gone_on_from(world: Rig) -> None:
    for number in range(120):
        world.capture(number)
    world.box.faults.add(r"/issues/$", status=None, times=1)
    limit = world.box.faults.add(r"/issues/$", status=429, headers={"Retry-After": "30"})
    with pytest.raises(Retryable) as stopped:
        Reconciler(world.services).run()
    assert stopped.value.after == 30
    assert world.store.work.counts() == {"queued": 100}
    assert limit.hits
    world.box.faults.clear()
    assert Reconciler(world.services).run().asked == {"reconcile": 20}


def test_a_cursor_that_sentry_forgot_begins_the_walk_again(world: Rig) -> None:
    for number in range(120):
        world.capture(number)
    world.box.faults.add(r"/issues/$", status=None, times=1)
    world.box.faults.add(r"/issues/$", status=429, headers={"Retry-After": "60"}, times=1)
    with pytest.raises(Retryable):
        Reconciler(world.services).run()
    world.box.faults.clear()
    world.box.faults.add(r"/issues/$", status=400, body={"detail": "Invalid cursor parameter."}, times=1)
    Reconciler(world.services).run()
    assert world.store.work.counts() == {"queued": 120}


def test_an_issue_that_was_resolved_and_came_back_unheard_is_looked_at_again(world: Rig) -> None:
    issue = world.capture(0)
    world.triage(issue)
    Reconciler(world.services).run()
    world.clock.travel(hours=1)
    world.box.as_person("maya@example.test").resolve(issue)
    world.clock.travel(hours=1)
    world.capture(0)
    assert world.shown(issue)["substatus"] == "regressed"
    assert Reconciler(world.services).run().asked == {"reconcile regressed": 1}
    world.drain()
    world.capture(0)
    assert Reconciler(world.services).run().enqueued == 0, "it came back once, and that was seen"


def test_a_person_who_changed_our_priority_is_noticed(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    ours = world.store.writes.standing("priority", [issue])[issue]
    theirs = next(value for value in ("low", "medium", "high") if value != ours)
    world.box.as_person("maya@example.test").set_priority(issue, theirs)
    assert Reconciler(world.services).run().asked == {"priority changed": 1}
    assert Reconciler(world.services).run().enqueued == 0
    world.drain()
    assert world.shown(issue)["priority"] == theirs, "a person's value stays"


def test_jobs_that_gave_up_get_another_life_once_sentry_answers(world: Rig) -> None:
    issue = world.capture(0)
    world.store.work.add(Intent(Kind.TRIAGE, issue, "issue.created"), dedupe="a")
    (job,) = world.store.work.due()
    world.store.work.claim(job, "w")
    world.store.work.fail(job.id, "w", "401", GAVE_UP)
    assert Reconciler(world.services).run().enqueued >= 1
    world.drain()
    assert world.shown(issue)["tags"]["triage.category"] == "Database"


def test_a_correction_that_gave_up_comes_back_with_what_was_said(world: Rig) -> None:
    said = {"field": "category", "value": "Network"}
    world.store.work.add(Intent(Kind.CORRECT, "41", "comment"), dedupe="a", payload=said)
    (job,) = world.store.work.due()
    world.store.work.claim(job, "w")
    world.store.work.fail(job.id, "w", "401", GAVE_UP)
    Reconciler(world.services).run()
    (again,) = world.store.work.due()
    assert (again.kind, again.subject) == (Kind.CORRECT, "41")
    assert world.store.work.payload(again.id) == said


def test_tags_are_refreshed_at_thirteen_days_where_the_issue_is_alive(world: Rig) -> None:
    alive, quiet = world.capture(0), world.capture(1)
    for issue in (alive, quiet):
        world.triage(issue)
    world.clock.travel(days=12)
    world.capture(0)
    assert Refresh(world.services).run() == 0
    world.clock.travel(days=1, hours=1)
    assert Refresh(world.services).run() == 2
    assert Refresh(world.services).run() == 0, "each comes up once"
    world.drain()
    assert world.shown(alive)["count"] == 4, "two errors and two annotation events"
    assert world.shown(quiet)["count"] == 2, "no real event since: nothing is sent"
    assert len(world.shown(alive)["comments"]) == 1


def test_an_issue_that_wakes_up_after_its_tags_were_forgotten_gets_them_again(world: Rig) -> None:
    issue = world.capture(0)
    world.triage(issue)
    world.clock.travel(days=20)
    world.capture(0)
    assert Reconciler(world.services).run().asked == {"tags refresh": 1}
    world.drain()
    assert world.shown(issue)["count"] == 4


def test_one_worker_runs_a_chore_and_another_takes_over_from_the_dead(world: Rig) -> None:
    facts, ran = world.store.facts, []

    def worker(name: str) -> Chores:
        chore = Chore("count", 300.0, lambda go_on: ran.append(name))
        return Chores(world.services, name, [chore], lambda: False)

    first, second = worker("a"), worker("b")
    assert (first.tick(), second.tick(), first.tick()) == (1, 0, 0)
    world.clock.travel(seconds=301)
    assert Lease(facts, "count", "dead", world.clock).claim(), "it takes the chore and dies"
    assert second.tick() == 0
    world.clock.travel(seconds=61)
    assert second.tick() == 1
    assert ran == ["a", "b"]
    assert not Lease(facts, "count", "dead", world.clock).renew()


def test_a_chore_that_sentry_asks_to_wait_is_due_again_sooner(world: Rig) -> None:
    ran = []

    def run(go_on: object) -> None:
        ran.append(1)
        raise Retryable("slow down", after=20.0)

    chores = Chores(world.services, "a", [Chore("busy", 3600.0, run)], lambda: False)
    chores.tick()
    world.clock.travel(seconds=21)
    chores.tick()
    assert len(ran) == 2


def test_what_was_seen_outlives_the_process(world: Rig, store: Store) -> None:
    Reconciler(world.services).run()
    kept = store.facts.get(FACT)
    assert kept["run"] is None
    assert kept["seen"] > kept["floor"]
