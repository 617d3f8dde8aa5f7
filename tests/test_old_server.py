"""Self-hosted 23.7.1 as the sandbox plays it: no priority, no recommended event, no second annotation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.core.vocabulary import Severity
from app.core.writes import WriteKind
from app.jobs.plans import enqueue_apply
from app.jobs.undo import Undoing
from app.store import Store

from .rig import ADMIN, Rig, rig


@pytest.fixture
def old(store: Store) -> Iterator[Rig]:
    with rig(store, version="23.7") as found:
        yield found


def change_verdict(world: Rig, issue: str) -> None:
    latest = world.store.verdicts.latest(issue)
    assert latest is not None
    changed = latest.verdict.model_copy(update={"severity": Severity.LOW})
    world.store.verdicts.add(issue, changed, project="shop-api", signature="", reason="test")


def test_an_issue_is_triaged_though_recommended_is_unknown(old: Rig) -> None:
    issue = old.capture(0)
    old.triage(issue)
    shown = old.shown(issue)
    assert shown["tags"]["triage.category"] == "Database"
    assert (len(shown["comments"]), len(shown["annotations"])) == (1, 1)


def test_an_annotation_that_cannot_be_replaced_does_not_stop_the_rest(old: Rig) -> None:
    issue = old.capture(0)
    old.triage(issue)
    change_verdict(old, issue)
    stored = old.store.issues.get(issue)
    assert stored is not None
    enqueue_apply(old.services, [stored])
    old.drain()
    assert old.store.work.recent(["failed"]) == []
    last = [write for write in old.store.writes.of_issue(issue) if write.kind == "annotation"][-1]
    assert (last.outcome, "event:admin" in last.reason) == ("refused", True)
    assert "severity low" in old.shown(issue)["comments"][0]


def test_an_undo_that_may_not_delete_says_what_stays(old: Rig) -> None:
    issue = old.capture(0)
    old.triage(issue)
    done = Undoing(old.services, lambda _seconds: None).run(issue)
    said = {line.kind: line for line in done.lines}
    assert said[WriteKind.ANNOTATION].outcome == "refused"
    assert "it stays" in said[WriteKind.ANNOTATION].reason
    assert old.shown(issue)["comments"][0].startswith("This triage was withdrawn.")


def test_with_event_admin_it_is_as_before(store: Store) -> None:
    with rig(store, version="23.7", scopes=ADMIN) as old:
        issue = old.capture(0)
        before = old.shown(issue)
        old.triage(issue)
        Undoing(old.services, lambda _seconds: None).run(issue)
        after = old.shown(issue)
        for name in ("assignee", "comments", "annotations", "status", "priority", "title"):
            assert after[name] == before[name], name
