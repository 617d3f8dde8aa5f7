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
        world.services.tags._sleep = lambda seconds: world.clock.travel(seconds=seconds)
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
