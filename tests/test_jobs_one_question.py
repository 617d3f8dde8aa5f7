"""A job pays for one question: what makes it begin again (a write that waits, a worker's death) asks none."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.core.intake import Intent, Kind
from app.core.vocabulary import Source
from app.jobs.workflows import Workflows
from app.models.base import HttpRequest, HttpResponse
from app.store import Store

from .rig import Rig, rig

GOOD = {
    "category": "Logic",
    "severity": "high",
    "root_cause": "The pool of connections is empty.",
    "suggested_fix": "Raise the size of the pool.",
    "requires_immediate_action": False,
    "confidence": 0.9,
    "evidence": ["title"],
}


class Endpoint:
    """Answers with ``text`` and counts."""

    def __init__(self, text: str) -> None:
        self.text, self.calls = text, 0

    def __call__(self, request: HttpRequest, within: float) -> HttpResponse:
        self.calls += 1
        choice = {"message": {"content": self.text}, "finish_reason": "stop"}
        return HttpResponse(200, {}, json.dumps({"choices": [choice]}).encode())


@pytest.fixture
def asked(store: Store) -> Iterator[Rig]:
    settings: dict[str, Any] = {
        "triage_model": "openai:gpt-6-luna",
        "triage_mode": "model",
        "openai_base_url": "http://127.0.0.1:9/v1",
    }
    with rig(store, **settings) as made:
        yield made


def _begin(asked: Rig, issue: str, key: str) -> int:
    asked.store.work.add(Intent(Kind.TRIAGE, issue, "issue.created"), dedupe=key)
    job = asked.store.work.find(key)
    assert job is not None
    asked.store.work.claim(job, key)
    return job.id


def _once(flows: Workflows, job: int, issue: str) -> None:
    """The job from its start to its verdict, as the engine runs it."""
    for step in flows._first()[Kind.TRIAGE]:
        outcome = step(job, issue)
        assert outcome["next"] == "go", outcome
    if outcome.get("ask_model"):
        outcome = flows._model.line_up(job, issue, "way", "way:ask")
        assert outcome["next"] == "go", outcome
    if outcome.get("ask_model"):
        outcome = flows._model.ask(job, issue)
        assert outcome["next"] == "go", outcome


@pytest.mark.parametrize(
    ("text", "calls", "source"),
    [("no JSON at all", 2, Source.OFFLINE), (json.dumps(GOOD), 1, Source.MODEL)],
    ids=["useless, after one repair turn", "good"],
)
def test_a_job_that_begins_again_asks_no_second_time(
    asked: Rig, text: str, calls: int, source: Source
) -> None:
    asked.services.send_to_model = endpoint = Endpoint(text)
    flows, issue = Workflows(asked.services), asked.capture()
    job = _begin(asked, issue, "first")
    for _ in range(3):
        _once(flows, job, issue)
    assert endpoint.calls == calls
    history = asked.store.verdicts.history(issue)
    assert [found.verdict.source for found in history] == [source]


def test_what_was_kept_from_the_model_is_counted_once_it_was_asked(asked: Rig) -> None:
    asked.services.send_to_model = Endpoint(json.dumps(GOOD))
    issue = asked.capture(tags={"billing": "ann@example.com", "api_key": "hunter2"})
    _once(Workflows(asked.services), _begin(asked, issue, "first"), issue)
    counted = asked.store.totals.read()["redactions"]
    assert counted["email",][1] >= 1
    assert counted["secret",][1] >= 1


def test_the_next_job_of_the_issue_may_ask_again(asked: Rig) -> None:
    asked.services.send_to_model = endpoint = Endpoint("no JSON at all")
    flows, issue = Workflows(asked.services), asked.capture()
    first = _begin(asked, issue, "first")
    _once(flows, first, issue)
    asked.store.work.finish(first, "first", "triaged", "")
    asked.clock.travel(minutes=5)
    endpoint.text = json.dumps(GOOD)
    _once(flows, _begin(asked, issue, "second"), issue)
    sources = [found.verdict.source for found in asked.store.verdicts.history(issue)]
    assert sources == [Source.OFFLINE, Source.MODEL]


def test_a_good_answer_that_died_with_its_worker_is_asked_for_again(asked: Rig) -> None:
    """Booked, and the worker died before the verdict was kept; an older verdict stands."""
    asked.services.send_to_model = endpoint = Endpoint("no JSON at all")
    flows, issue = Workflows(asked.services), asked.capture()
    first = _begin(asked, issue, "first")
    _once(flows, first, issue)
    asked.store.work.finish(first, "first", "triaged", "")
    asked.clock.travel(minutes=5)
    second = _begin(asked, issue, "second")
    endpoint.text = json.dumps(GOOD)
    kept, asked.store.verdicts.add = asked.store.verdicts.add, _die  # type: ignore[method-assign]
    with pytest.raises(KeyboardInterrupt):
        _once(flows, second, issue)
    asked.store.verdicts.add = kept  # type: ignore[method-assign]
    _once(flows, second, issue)
    assert asked.store.verdicts.history(issue)[-1].verdict.source is Source.MODEL


def _die(*args: Any, **kwargs: Any) -> Any:
    raise KeyboardInterrupt
