"""Shadow mode, plan, apply and undo against the sandbox: an undo leaves Sentry as it was, field by field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from app.core.intake import Intent, Kind
from app.core.policy import Policy
from app.core.undo import HELD, STAYS_LOCK, STAYS_TAGS
from app.core.writes import WriteKind
from app.jobs.plans import enqueue_apply, pending
from app.jobs.undo import Undoing
from app.sandbox.sandbox import DEFAULT_SCOPES
from app.settings import WriteMode
from app.store import Store

from .rig import ADMIN, Rig, rig

ROUTES = Policy.model_validate({"route": [{"category": "Database", "owner": "team:backend"}]})
MAYA = "maya@example.test"


@pytest.fixture
def world(store: Store) -> Iterator[Rig]:
    """A token that may delete (``event:admin``), and an owner for database errors."""
    with rig(store, scopes=ADMIN, policy=ROUTES) as found:
        yield found


@pytest.fixture
def least(store: Store) -> Iterator[Rig]:
    with rig(store, scopes=DEFAULT_SCOPES, policy=ROUTES) as found:
        yield found


def snapshot(world: Rig, issue: str) -> dict[str, Any]:
    """Everything that people see of the issue but what an annotation event adds for good."""
    shown = world.shown(issue)
    shown["tags"] = {key: value for key, value in shown["tags"].items() if not key.startswith("triage.")}
    shown.pop("count")
    return shown


def undo(world: Rig, issue: str, **options: Any) -> dict[WriteKind, Any]:
    done = Undoing(world.services, lambda _seconds: None).run(issue, **options)
    return {line.kind: line for line in done.lines}


def test_undo_brings_everything_back_field_by_field(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    before = snapshot(world, issue)
    world.triage(issue)
    written = snapshot(world, issue)
    for name in ("priority", "assignee", "comments", "annotations"):
        assert written[name] != before[name], name
    lines = undo(world, issue)
    assert snapshot(world, issue) == before
    assert lines[WriteKind.PRIORITY].reason == STAYS_LOCK
    assert lines[WriteKind.TAGS].reason == STAYS_TAGS
    assert world.box.issue(issue).count == 2, "the annotation event stays"
    assert world.box.issue(issue).priority_locked_at is not None


def test_with_the_least_scopes_comment_and_annotation_say_that_they_were_withdrawn(least: Rig) -> None:
    issue = least.capture(0, level="warning")
    before = snapshot(least, issue)
    least.triage(issue)
    undo(least, issue)
    after = snapshot(least, issue)
    (comment,) = after.pop("comments")
    assert comment.startswith("This triage was withdrawn.")
    assert after.pop("annotations") == ["Triage#withdrawn"]
    assert {"comments": [], "annotations": [], **after} == before


def test_a_dry_run_changes_nothing_and_says_the_same(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    before = snapshot(world, issue)
    lines = undo(world, issue, dry=True)
    assert snapshot(world, issue) == before
    assert set(lines) == set(WriteKind)
    assert lines[WriteKind.PRIORITY].after == "medium"
    assert not any(write.undone_at for write in world.store.writes.of_issue(issue))


def test_what_a_person_changed_after_us_stays(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    maya = world.box.as_person(MAYA)
    maya.set_priority(issue, "high")
    maya.assign(issue, MAYA)
    lines = undo(world, issue)
    shown = world.shown(issue)
    assert (shown["priority"], shown["assignee"]) == ("high", MAYA)
    assert lines[WriteKind.PRIORITY].outcome == lines[WriteKind.ASSIGNEE].outcome == "yielded"


def test_an_undone_issue_is_not_written_again_unless_asked(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    undo(world, issue)
    before = snapshot(world, issue)
    world.clock.travel(days=2)
    world.triage(issue, "issue.unresolved regressed")
    assert snapshot(world, issue) == before
    plan = world.store.issues.plan(issue)
    assert plan is not None
    assert not plan.todo
    assert HELD in {write.reason for write in plan.writes}
    stored = world.store.issues.get(issue)
    assert stored is not None
    enqueue_apply(world.services, [stored])
    world.drain()
    shown = world.shown(issue)
    assert (len(shown["comments"]), shown["priority"]) == (1, "low")
    world.triage(issue, "reconcile")
    assert len(world.shown(issue)["comments"]) == 1


def test_undoing_twice_does_nothing_more(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    undo(world, issue)
    times = [write.undone_at for write in world.store.writes.of_issue(issue)]
    before = snapshot(world, issue)
    world.clock.travel(hours=1)
    assert undo(world, issue) == {}
    assert snapshot(world, issue) == before
    assert [write.undone_at for write in world.store.writes.of_issue(issue)] == times


def test_undo_since_goes_back_to_what_stood_then(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    first = snapshot(world, issue)
    world.clock.travel(days=2)
    for kind, before, after in (
        ("comment", first["comments"][0], "**Triage: Network, severity high.**"),
        ("annotation", "Database-low", "Network-high"),
        ("priority", "low", "high"),
    ):
        last = next(w for w in reversed(world.store.writes.of_issue(issue)) if w.kind == kind)
        world.store.writes.add(
            issue, 2, kind, outcome="written", before=before, after=after, reason="", ref=last.ref
        )
    client, note = world.services.client, world.store.writes.of_issue(issue)[-3].ref
    client.edit_note(issue, note, "**Triage: Network, severity high.**")
    client.update_issue(issue, priority="high")
    undo(world, issue, since=world.clock() - timedelta(hours=1))
    assert snapshot(world, issue) == first


def test_an_issue_that_is_gone_is_marked_and_said(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    with world.box.state.lock:
        del world.box.state.issues[int(issue)]
    lines = undo(world, issue)
    assert all("does not have this issue" in line.reason for line in lines.values())
    assert undo(world, issue) == {}


@pytest.fixture
def shadow(store: Store) -> Iterator[Rig]:
    with rig(store, scopes=ADMIN, policy=ROUTES, triage_write=WriteMode.SHADOW) as found:
        yield found


def test_shadow_plans_and_apply_writes_it_once(shadow: Rig) -> None:
    issue = shadow.capture(0, level="warning")
    before = snapshot(shadow, issue)
    shadow.triage(issue)
    assert snapshot(shadow, issue) == before
    assert shadow.box.issue(issue).count == 1
    (found,) = pending(shadow.services, shadow.store.issues.decided())
    assert {write.kind for write in found.writes} == set(WriteKind)
    enqueue_apply(shadow.services, [found.issue])
    shadow.drain()
    assert shadow.shown(issue)["priority"] == "low"
    assert shadow.shown(issue)["tags"]["triage.category"] == "Database"
    assert pending(shadow.services, shadow.store.issues.decided()) == []
    written = shadow.shown(issue)
    shadow.clock.travel(seconds=5)
    enqueue_apply(shadow.services, [found.issue])
    shadow.drain()
    assert shadow.shown(issue) == written


def test_apply_plans_against_what_sentry_shows_now(shadow: Rig) -> None:
    issue = shadow.capture(0, level="warning")
    shadow.triage(issue)
    shadow.box.as_person(MAYA).set_priority(issue, "high")
    shadow.box.as_person(MAYA).assign(issue, MAYA)
    (found,) = pending(shadow.services, shadow.store.issues.decided())
    enqueue_apply(shadow.services, [found.issue])
    shadow.drain()
    shown = shadow.shown(issue)
    assert (shown["priority"], shown["assignee"]) == ("high", MAYA)
    assert len(shown["comments"]) == 1


def test_undo_waits_for_the_job_that_is_writing(world: Rig) -> None:
    issue = world.capture(0, level="warning")
    world.triage(issue)
    world.store.work.add(Intent(Kind.TRIAGE, issue, "reconcile"), dedupe="running")
    (job,) = world.store.work.due()
    world.store.work.claim(job, "w")
    slept = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        world.store.work.finish(job.id, "w", "triaged", "")

    Undoing(world.services, sleep).run(issue)
    assert slept == [0.5]
    assert world.shown(issue)["comments"] == []


def test_decided_writes_are_json(shadow: Rig) -> None:
    from app.cli.plan import _as_json

    issue = shadow.capture(0, level="warning")
    shadow.triage(issue)
    (found,) = pending(shadow.services, shadow.store.issues.decided())
    shown = json.loads(json.dumps(_as_json(found)))
    assert shown["category"] == "Database"
    assert [write["kind"] for write in shown["writes"]] == [kind.value for kind in WriteKind]
