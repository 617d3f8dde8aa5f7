"""Retention: what is old goes, what tells an echo from a person or undoes a write stays."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from app.core.intake import Intent, Kind
from app.jobs.engine import migrate_jobs
from app.jobs.reconcile import Reconciler
from app.jobs.retention import BATCH, Retention, delete_workflows
from app.jobs.undo import Undoing
from app.jobs.workflows import build_engine
from app.store import Store
from app.store.engine import migrate
from app.store.tables import annotation_events, issues, model_calls, redactions, verdicts, work, writes
from app.store.vault import Vault

from .live import wait_until
from .rig import ADMIN, Rig, rig


@pytest.fixture
def world(store: Store) -> Iterator[Rig]:
    with rig(store, scopes=ADMIN, triage_retention_days=30) as found:
        yield found


def rows(world: Rig, table: Any) -> int:
    with world.store.engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


def purge(world: Rig) -> Any:
    return Retention(world.services, lambda before, limit: 0).run()


def test_an_issue_that_ended_goes_with_everything_of_it(world: Rig) -> None:
    ended = world.capture(0, level="warning")
    world.triage(ended)
    world.clock.travel(days=29)
    assert purge(world)["issues"] == 0
    world.clock.travel(days=2)
    gone = purge(world)
    assert (gone["issues"], gone["verdicts"], gone["work"]) == (1, 1, 1)
    for table in (issues, verdicts, writes, annotation_events, work):
        assert rows(world, table) == 0, table.name


def test_an_issue_that_lives_keeps_what_undoes_it(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    before = world.shown(issue)["priority"]
    world.triage(issue)
    for _ in range(6):
        world.clock.travel(days=10)
        world.capture(0, level="warning")
        Reconciler(world.services).run()
        world.drain()
        purge(world)
    assert rows(world, issues) == 1
    assert rows(world, work) < 6, "finished work goes"
    Undoing(world.services, lambda _seconds: None).run(issue)
    shown = world.shown(issue)
    assert (shown["priority"], shown["comments"], shown["annotations"]) == (before, [], [])


def test_no_refresh_is_lost_because_events_were_forgotten(world: Rig) -> None:
    """The number of events sent is part of the next one's id: of a living issue none is dropped."""
    issue = world.capture(0)
    world.triage(issue)
    for _ in range(5):
        world.clock.travel(days=14)
        world.capture(0)
        purge(world)
        Reconciler(world.services).run()
        world.drain()
    sent = [e.id for e in world.box.issue(issue).events if e.tag("triage.synthetic")]
    assert len(sent) == len(set(sent)) == 6


def test_superseded_verdicts_go_and_the_newest_stays(world: Rig) -> None:
    issue = world.capture(0)
    world.triage(issue)
    first = world.store.verdicts.latest(issue)
    assert first is not None
    changed = first.verdict.model_copy(update={"root_cause": "Another one."})
    world.store.verdicts.add(issue, changed, project="shop-api", signature="", reason="test")
    world.clock.travel(days=31)
    world.store.issues.saw({issue: world.clock()})
    assert purge(world)["verdicts"] == 1
    kept = world.store.verdicts.latest(issue)
    assert kept is not None
    assert (kept.version, kept.verdict.root_cause) == (2, "Another one.")


def test_what_waits_or_runs_is_never_purged(world: Rig) -> None:
    issue = world.capture(0)
    world.triage(issue)
    world.clock.travel(days=60)
    world.store.work.add(Intent(Kind.TRIAGE, issue, "reconcile"), dedupe="waits")
    world.clock.travel(days=60)
    purge(world)
    assert (rows(world, issues), rows(world, work)) == (1, 1)


def test_the_ledger_is_kept_for_two_months_at_least(world: Rig) -> None:
    with world.store.engine.begin() as connection:
        connection.execute(
            model_calls.insert().values(issue_id="1", model="m", result="ok", cost_usd=0.1, at=world.clock())
        )
        connection.execute(redactions.insert().values(call_id=1, kind="email", count=2, at=world.clock()))
    world.clock.travel(days=45)
    purge(world)
    assert rows(world, redactions) == 0
    assert rows(world, model_calls) == 1, "the monthly ceiling counts it"
    world.clock.travel(days=20)
    purge(world)
    assert rows(world, model_calls) == 0


def test_dbos_records_go_in_batches_until_none_is_left(world: Rig) -> None:
    left, asked = [BATCH * 2 + 5], []

    def delete(before: Any, limit: int) -> int:
        asked.append(world.clock() - before)
        count = min(limit, left[0])
        left[0] -= count
        return count

    assert Retention(world.services, delete).run()["workflows"] == BATCH * 2 + 5
    assert len(asked) == 3
    assert all(timedelta(days=3) <= kept < timedelta(days=3, minutes=1) for kept in asked)


def test_many_ended_issues_go_at_once(world: Rig) -> None:
    issue = world.capture(0)
    world.triage(issue)
    with world.store.engine.begin() as connection:
        row = dict(connection.execute(select(issues)).mappings().one())
        connection.execute(issues.insert(), [{**row, "issue_id": f"9{n}"} for n in range(1100)])
        connection.execute(update(issues).values(last_seen=row["last_seen"]))
    world.clock.travel(days=40)
    assert purge(world)["issues"] == 1101


def test_dbos_forgets_workflows_that_ended(tmp_path: Path, vault: Vault) -> None:
    """The real engine: what it keeps of a finished job can be deleted, and another job still runs after."""
    url = f"sqlite:///{tmp_path / 'triage.db'}"
    store = Store.open(url, vault)
    migrate(store.engine)
    migrate_jobs(url)
    with rig(store, database_url=url, triage_reconcile_seconds=0) as world:
        engine = build_engine(world.services)
        engine.launch()
        try:
            for number in range(2):
                issue = world.capture(number)
                world.store.work.add(Intent(Kind.TRIAGE, issue, "test"), dedupe=f"{number}")
                wait_until(lambda: not world.store.work.counts().keys() & {"queued", "running"}, 60, "done")
                time.sleep(0.5)  # the workflow itself ends just after its row
                soon = datetime.now(UTC) + timedelta(minutes=1)
                assert delete_workflows(soon, 100) == 1
                assert delete_workflows(soon, 100) == 0
            assert world.store.work.counts() == {"done": 2}
        finally:
            engine.stop()
    store.close()
