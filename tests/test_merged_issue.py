"""Two issues become one while we work on them: the survivor gets its own verdict, and one comment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from app.core.comment import has_marker
from app.core.intake import Intent, Kind
from app.jobs.steps import MERGING
from app.jobs.workflows import Workflows
from app.sandbox import effects
from app.store import Store

from .rig import Rig, rig


@pytest.fixture
def world(store: Store) -> Iterator[Rig]:
    with rig(store) as world:
        yield world


def merge(world: Rig, *issue_ids: str) -> str:
    state = world.box.state
    survivor, _ = effects.merge(state, [state.issues[int(one)] for one in issue_ids])
    return str(survivor.id)


def ours(world: Rig, issue_id: str) -> list[str]:
    notes = world.services.client.notes(issue_id)
    return [note.text for note in notes if has_marker(note.text) and "withdrawn" not in note.text]


def test_merged_after_it_was_read_the_other_verdict_is_not_written_on_the_survivor(world: Rig) -> None:
    survivor, loser = world.capture(0), world.capture(1, level="warning")
    world.capture(0)
    world.triage(survivor)
    before = world.shown(survivor)
    world.store.work.add(Intent(Kind.TRIAGE, loser, "issue.created"), dedupe="loser")
    (job,) = world.store.work.due()
    flows = Workflows(world.services)
    for step in flows._first()[Kind.TRIAGE]:
        assert step(job.id, loser)["next"] == "go"
    assert merge(world, survivor, loser) == survivor
    outcome = flows._read.plan(job.id, loser)
    assert (outcome["next"], outcome["result"]) == ("done", "moved")
    assert outcome["reason"].endswith(f" {survivor}")
    after = world.shown(survivor)
    assert (after["comments"], after["priority"]) == (before["comments"], before["priority"])


def test_after_a_merge_one_comment_of_ours_stays(world: Rig) -> None:
    survivor, loser = world.capture(0), world.capture(1)
    world.capture(0)
    for issue in (survivor, loser):
        world.triage(issue)
    merge(world, survivor, loser)
    assert len(ours(world, survivor)) == 2
    world.triage(survivor, "merged")
    assert len(ours(world, survivor)) == 1


def test_an_issue_that_sentry_does_not_show_is_asked_for_again_before_it_is_gone(world: Rig) -> None:
    issue = world.capture(0)
    effects.delete(world.box.state, world.box.state.issues[int(issue)])
    world.store.work.add(Intent(Kind.TRIAGE, issue, "issue.created"), dedupe="a")
    read = Workflows(world.services)._read.read
    for attempt in range(MERGING):
        (job,) = world.store.work.due()
        assert read(job.id, issue)["next"] == "retry", attempt
        assert world.store.work.claim(job, f"w{attempt}")
        world.store.work.postpone(job.id, f"w{attempt}", 0.0, "Sentry does not show it")
    (job,) = world.store.work.due()
    assert read(job.id, issue)["result"] == "gone"


def test_an_organization_that_sentry_does_not_know_loses_no_issue(world: Rig) -> None:
    issue = world.capture(0)
    world.services.client._org = "renamed"
    world.store.work.add(Intent(Kind.TRIAGE, issue, "issue.created"), dedupe="a")
    (job,) = world.store.work.due()
    outcome = Workflows(world.services)._read.read(job.id, issue)
    assert outcome["next"] == "retry"
    assert "does not know the organization" in outcome["reason"]
    assert outcome["after"] is not None
    assert timedelta(seconds=outcome["after"]) >= timedelta(minutes=5)
