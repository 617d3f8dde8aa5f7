"""An annotation event that Sentry's ingest took and a filter or a quota dropped, after the canary."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.core.intake import Intent, Kind
from app.jobs.write_steps import CONFIRM_AFTER
from app.store import Store

from .filled import put_correction
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


def triage_dropped(world: Rig, monkeypatch: pytest.MonkeyPatch, *numbers: int) -> list[str]:
    issues = [world.capture(number) for number in numbers]
    with monkeypatch.context() as patch:
        drop_events(world, patch)
        for issue in issues:
            world.triage(issue)
    return issues


def missing(world: Rig) -> int:
    project = next(project for project in world.box.state.projects.values() if project.slug == "shop-api")
    return len(world.store.annotations.missing(str(project.id)))


def test_one_that_landed_between_them_ends_the_row(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    triage_dropped(world, monkeypatch, 1, 2)
    assert missing(world) == 2
    world.clock.travel(seconds=60)
    world.triage(world.capture(3))
    assert missing(world) == 0
    world.clock.travel(seconds=60)
    triage_dropped(world, monkeypatch, 4)
    assert missing(world) == 1


def test_an_old_one_that_lands_ends_the_row_as_well(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """After an hour of quota: the first one that is sent again lands, the next one is slow."""
    triage_dropped(world, monkeypatch, 1, 2, 3, 4)
    world.clock.travel(seconds=CONFIRM_AFTER)
    tags: Any = world.services.tags
    send, sent = tags._sender.send, []

    def first_only(dsn: str, event: dict[str, Any]) -> str:
        sent.append(event["event_id"])
        return str(send(dsn, event) if len(sent) == 1 else event["event_id"])

    monkeypatch.setattr(tags._sender, "send", first_only)
    world.drain()
    assert len(sent) == 4
    assert not world.store.annotations.disabled_projects()


def test_younger_ones_that_are_there_show_that_all_is_well(
    world: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    triage_dropped(world, monkeypatch, 1, 2, 3)
    world.clock.travel(seconds=3000)
    with monkeypatch.context() as slow:
        slow.setattr(world.services.tags._client, "event_lookup", lambda _event_id: None)
        for number in (4, 5, 6):
            world.triage(world.capture(number))
    world.clock.travel(seconds=700)
    triage_dropped(world, monkeypatch, 7)
    assert not world.store.annotations.disabled_projects()


def test_one_issue_alone_stops_no_project(world: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A filter may fit just that one, and each correction makes another event."""
    (issue,) = triage_dropped(world, monkeypatch, 1)
    dropped = drop_events(world, monkeypatch)
    for category in ("Network", "Infrastructure", "Logic"):
        world.clock.travel(minutes=1)
        put_correction(world.store, issue, "category", category, was="Database")
        world.store.work.add(Intent(Kind.OBSERVE, issue, "corrected"), dedupe=category)
        world.drain()
    assert len(set(dropped)) == 3
    world.clock.travel(seconds=CONFIRM_AFTER)
    world.drain()
    assert len(dropped) > 3
    assert set(outcomes(world, issue)) == {"unconfirmed"}
    assert not world.store.annotations.disabled_projects()
