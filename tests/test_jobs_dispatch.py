"""Rows become workflows exactly once, and nothing stays ``running`` by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from app.core.intake import Intent, Kind
from app.jobs.dispatch import AHEAD, MAX_CRASHES, Dispatcher, workflow_name
from app.jobs.engine import jobs_url
from app.jobs.workflows import LONGEST_WAIT, wait_before
from app.store import Store
from app.store.engine import migrate
from app.store.vault import Vault, derived_key
from app.store.work import Job


class FakeEngine:
    """Holds workflows by id; ``lose`` and ``forget`` are what a crash does."""

    def __init__(self) -> None:
        self.workflows: dict[str, str] = {}
        self.subjects: set[str] = set()

    def enqueue(self, kind: Kind, workflow_id: str, job: Job) -> bool:
        if job.subject in self.subjects:
            return False
        self.workflows[workflow_id] = "RUNNING"
        return True

    def statuses(self, workflow_ids: Sequence[str]) -> Mapping[str, str]:
        return {name: state for name, state in self.workflows.items() if name in workflow_ids}


class World:
    """A store whose clock can be moved, an engine that can lose things, and the dispatcher between them."""

    def __init__(self, folder: Path) -> None:
        self.now = datetime(2026, 11, 23, 12, tzinfo=UTC)
        self.store = Store.open(
            f"sqlite:///{folder / 'w.db'}", Vault([derived_key("k")]), clock=lambda: self.now
        )
        migrate(self.store.engine)
        self.engine = FakeEngine()
        self.numbers = count()
        self.dispatcher = Dispatcher(self.store, self.engine, lambda: frozenset({Kind.TRIAGE}))

    def add(self, subject: str = "41", kind: Kind = Kind.TRIAGE) -> None:
        self.store.work.add(Intent(kind, subject, "test"), dedupe=str(next(self.numbers)))

    def wait(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World(tmp_path)
    yield world
    world.store.close()


def test_a_due_row_is_started_once(world: World) -> None:
    world.add()
    assert (world.dispatcher.dispatch(), world.dispatcher.dispatch()) == (1, 0)
    assert world.engine.workflows == {"triage:1:0": "RUNNING"}


def test_a_kind_that_this_worker_does_not_know_is_left_alone(world: World) -> None:
    world.add(kind=Kind.RELAY)
    assert world.dispatcher.dispatch() == 0
    assert world.store.work.counts() == {"queued": 1}


def test_a_row_whose_subject_is_held_elsewhere_goes_back(world: World) -> None:
    world.add()
    world.engine.subjects.add("41")
    assert world.dispatcher.dispatch() == 0
    assert world.store.work.counts() == {"queued": 1}
    world.engine.subjects.clear()
    world.wait(2)
    assert world.dispatcher.dispatch() == 1


def test_a_claimed_row_that_never_became_a_workflow_is_started_by_the_sweep(world: World) -> None:
    world.add()
    (job,) = world.store.work.due()
    world.store.work.claim(job, workflow_name(job))
    assert world.dispatcher.sweep() == 0, "its worker may be about to start it"
    world.wait(10)
    assert world.dispatcher.sweep() == 1
    assert world.engine.workflows == {"triage:1:0": "RUNNING"}
    assert world.dispatcher.sweep() == 0


def test_a_lost_workflow_is_tried_again_and_given_up_in_the_end(world: World) -> None:
    world.add()
    for _ in range(MAX_CRASHES):
        assert world.dispatcher.dispatch() == 1
        world.engine.workflows = dict.fromkeys(world.engine.workflows, "LOST")
        world.wait(60)
        world.dispatcher.sweep()
        world.wait(60)
    assert world.store.work.counts() == {"failed": 1}
    (job,) = world.store.work.recent(["failed"])
    assert job.reason == "The job ended in error again and again."
    assert world.store.work.run_again(job.id)
    assert world.dispatcher.dispatch() == 1


def test_waiting_for_sentry_does_not_use_up_what_crashes_may(world: World) -> None:
    world.add()
    for _ in range(3 * MAX_CRASHES):
        assert world.dispatcher.dispatch() == 1
        (job,) = world.store.work.recent(["running"])
        world.store.work.postpone(job.id, workflow_name(job), 0.0, "Sentry answered 503")
        world.engine.workflows.clear()
    assert world.dispatcher.dispatch() == 1
    world.engine.workflows = dict.fromkeys(world.engine.workflows, "LOST")
    world.wait(60)
    world.dispatcher.sweep()
    assert world.store.work.counts() == {"queued": 1}, "its first crash"


def test_a_backlog_stays_in_our_own_table(world: World) -> None:
    for subject in range(AHEAD + 5):
        world.add(str(subject))
    assert (world.dispatcher.dispatch(), world.dispatcher.dispatch()) == (AHEAD, 0)
    assert world.store.work.counts() == {"queued": 5, "running": AHEAD}


@pytest.mark.parametrize("attempts", range(0, 60, 5))
def test_waits_grow_and_are_bounded(attempts: int) -> None:
    assert 1.0 <= wait_before(attempts, None) <= LONGEST_WAIT * 1.2


def test_what_sentry_asked_for_is_waited() -> None:
    assert 30 <= wait_before(0, 30.0) <= 31
    assert wait_before(0, 1e9) <= LONGEST_WAIT + 1


@pytest.mark.parametrize(
    ("database", "jobs"),
    [
        ("sqlite:///triage.db", "sqlite:///triage-jobs.db"),
        ("sqlite:////data/t", "sqlite:////data/t-jobs"),
        ("postgresql+psycopg://u:p@h:5/d", "postgresql://u:p@h:5/d"),
    ],
)
def test_jobs_have_a_place_of_their_own(database: str, jobs: str) -> None:
    assert jobs_url(database) == jobs
