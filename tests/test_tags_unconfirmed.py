"""An annotation event that Sentry's ingest took and a filter or a quota dropped, after the canary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.jobs.write_steps import CONFIRM_AFTER
from app.store import Store

from .rig import Rig, rig


@pytest.fixture
def world(store: Store) -> Iterator[Rig]:
    with rig(store) as world:
        world.triage(world.capture(0))  # the canary
        world.services.tags._watch._sleep = lambda seconds: world.clock.travel(seconds=seconds)
        yield world


def drop_events(world: Rig, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    dropped: list[str] = []

    def send(_dsn: str, event: dict[str, Any]) -> str:
        dropped.append(event["event_id"])
        return str(event["event_id"])

    monkeypatch.setattr(world.services.tags._sender, "send", send)
    return dropped


def outcomes(world: Rig, issue: str) -> list[str]:
    return [line.outcome for line in world.store.writes.of_issue(issue) if line.kind == "tags"]


def test_it_is_sent_once_more_under_the_same_id(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = world.capture(1)
    with monkeypatch.context() as patch:
        dropped = drop_events(world, patch)
        world.triage(issue)
    assert outcomes(world, issue) == ["unconfirmed"]
    assert "triage.category" not in world.shown(issue)["tags"]
    assert world.drain() == 0, "not at once"
    world.clock.travel(seconds=CONFIRM_AFTER)
    assert world.drain() == 1
    assert outcomes(world, issue) == ["unconfirmed", "written"]
    assert world.shown(issue)["tags"]["triage.category"] == "Database"
    assert world.store.annotations.was_sent(dropped[0])
    assert world.shown(issue)["count"] == 2, "one error and one annotation event"


def test_it_is_found_when_it_came_late(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = world.capture(1)
    tags: Any = world.services.tags
    with monkeypatch.context() as patch:
        patch.setattr(tags._client, "event_lookup", lambda _event_id: None)
        world.triage(issue)
    assert outcomes(world, issue) == ["unconfirmed"]
    assert world.store.annotations.last_landed(issue) is None
    world.clock.travel(seconds=CONFIRM_AFTER)
    world.drain()
    assert world.store.annotations.last_landed(issue) is not None
    assert world.shown(issue)["count"] == 2, "it was not sent again"


def test_where_all_are_dropped_it_is_not_tried_for_ever(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    issue = world.capture(1)
    dropped = drop_events(world, monkeypatch)
    world.triage(issue)
    for _ in range(5):
        world.clock.travel(seconds=2 * CONFIRM_AFTER)
        world.drain()
    assert len(dropped) == 2
    assert len(set(dropped)) == 1
    assert set(outcomes(world, issue)) == {"unconfirmed"}


def test_a_project_that_drops_every_event_is_stopped(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    issues = [world.capture(number) for number in (1, 2, 3)]
    dropped = drop_events(world, monkeypatch)
    for issue in issues:
        world.triage(issue)
    assert not world.store.annotations.disabled_projects()
    world.clock.travel(seconds=CONFIRM_AFTER)
    world.drain()
    (reason,) = world.store.annotations.disabled_projects().values()
    assert reason == "filtered: Sentry took 3 events in a row and stored none of them"
    assert len(dropped) == 4, "the second look at the first stopped it"
    assert outcomes(world, issues[0]) == ["unconfirmed", "refused"]


def test_events_that_only_came_late_do_not_stop_it(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as slow:
        slow.setattr(world.services.tags._client, "event_lookup", lambda _event_id: None)
        for number in (1, 2, 3):
            world.triage(world.capture(number))
    world.clock.travel(hours=1, seconds=5)
    issue = world.capture(4)
    drop_events(world, monkeypatch)
    world.triage(issue)
    assert outcomes(world, issue) == ["unconfirmed"]
    assert not world.store.annotations.disabled_projects()


def test_one_that_landed_between_them_ends_the_row(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    project = next(iter(world.box.state.projects.values())).id
    for number, drop in ((1, True), (2, True), (3, False), (4, True)):
        world.clock.travel(seconds=60)
        issue = world.capture(number)
        with monkeypatch.context() as patch:
            if drop:
                drop_events(world, patch)
            world.triage(issue)
    world.clock.travel(hours=1, seconds=30)
    assert len(world.store.annotations.lost(str(project))) == 1
