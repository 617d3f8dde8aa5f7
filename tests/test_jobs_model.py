"""A model that misbehaves in every way, over real sockets: worker processes, sandbox Sentry, a fake endpoint.

Every issue ends with one verdict of the right source, one comment and one annotation event.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from app.core.intake import Intent, Kind
from app.core.vocabulary import Severity, Source
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer
from app.settings import fixed_settings
from app.store import Store, open_store
from app.store.tables import model_calls
from app.store.verdicts import StoredVerdict

from .live import Live, kill, wait_until
from .model_server import Handler, ModelServer

LETTERS = "abcdefghijklmnopqrstuvwxyz"
BREAKER = "breaker:openai:gpt-6-luna@"


def error(word: str, said: str = "", level: str = "error") -> dict[str, Any]:
    """An error whose class no knowledge base knows; each ``word`` is a signature of its own."""
    name = f"Unknown{word.title().replace('-', '')}Trouble"
    frame = {"filename": f"shop/{word}.py", "function": f"do_{word.replace('-', '_')}", "in_app": True}
    value = {"type": name, "value": f"it went wrong at {word} {said}", "stacktrace": {"frames": [frame]}}
    return {
        "platform": "python",
        "level": level,
        "environment": "production",
        "exception": {"values": [value]},
        "fingerprint": [word, said],
    }


@dataclass
class World:
    """Everything that is real in these tests."""

    live: Live
    sandbox: SandboxServer
    model: ModelServer
    store: Store

    def happen(self, word: str, said: str = "") -> str:
        """A new issue, as its webhook would store it; its id."""
        before = {issue["id"] for issue in self.sandbox.sandbox.issues()}
        self.sandbox.sandbox.capture("shop-api", error(word, said))
        (new,) = {issue["id"] for issue in self.sandbox.sandbox.issues()} - before
        self.store.work.add(Intent(Kind.TRIAGE, new, "issue.created"), dedupe=f"test:{new}")
        return str(new)

    def settled(self, *issues: str, within: float = 90) -> dict[str, StoredVerdict]:
        """Waits until all are done; their verdicts by issue."""
        wanted = [(issue, f"test:{issue}") for issue in issues]

        def done() -> bool:
            jobs = [self.store.work.find(dedupe) for _, dedupe in wanted]
            return all(job is not None and job.state == "done" for job in jobs)

        try:
            wait_until(done, within, f"{len(issues)} jobs are done")
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.store.work.recent(['queued', 'running', 'failed'])}"
                                 f"{self.live.logs()}") from None  # fmt: skip
        found = {issue: self.store.verdicts.history(issue) for issue in issues}
        assert {len(history) for history in found.values()} == {1}, "one verdict each"
        for shown in self.sandbox.sandbox.issues():
            if shown["id"] in issues:
                assert len(shown["comments"]) == 1, shown
                assert shown["count"] == 2, "the error and one annotation event"
        return {issue: history[0] for issue, history in found.items()}

    def ledger(self) -> list[Any]:
        with self.store.engine.connect() as connection:
            return list(connection.execute(select(model_calls).order_by(model_calls.c.id)))


@pytest.fixture
def world(tmp_path: Path, database_url: str) -> Iterator[World]:
    sentry = SandboxSentry()
    with SandboxServer(sentry) as sandbox, ModelServer() as model:
        settings = {
            "TRIAGE_MODEL": "openai:gpt-6-luna",
            "TRIAGE_MODE": "model",
            "OPENAI_BASE_URL": model.url,
            "TRIAGE_MODEL_RPM": "10000",
        }
        with Live(tmp_path, sandbox, database_url, **settings) as live:
            sentry.app.webhook_url = None  # rows are put in by hand: the webhook's way has tests of its own
            live.release()
            store = open_store(
                fixed_settings(database_url=database_url, sentry_client_secret=sentry.client_secret)
            )
            yield World(live, sandbox, model, store)
            store.close()


sqlite_only = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def _rate_limited_once(handler: Handler, seen: int) -> None:
    handler.json({"error": {"message": "slow down"}}, 429, Retry_After="1") if not seen else handler.answer()


def _hang(handler: Handler, seen: int) -> None:
    time.sleep(45)


FAULTS: dict[str, tuple[Any, Source, str]] = {
    "good": (lambda h, n: h.answer(), Source.MODEL, ""),
    "limited-once": (_rate_limited_once, Source.MODEL, ""),
    "always-broken": (lambda h, n: h.json({"error": {}}, 500), Source.OFFLINE, "server-error"),
    "reset": (lambda h, n: h.reset(), Source.OFFLINE, "connection"),
    "hang": (_hang, Source.OFFLINE, "timeout"),
    "garbage": (lambda h, n: h.raw(b"\xff\xfe{{{"), Source.OFFLINE, "not-json"),
    "page": (lambda h, n: h.raw(b"<html>maintenance</html>"), Source.OFFLINE, "html-error-page"),
    "prose": (lambda h, n: h.answer("I think it is the network."), Source.OFFLINE, "not-json"),
    "repaired": (lambda h, n: h.answer("" if not n else None), Source.MODEL, ""),
    "wrong-enum": (lambda h, n: h.answer(category="Weather"), Source.OFFLINE, "wrong-enum"),
    "refusal": (
        lambda h, n: h.json({"choices": [{"message": {"refusal": "I will not."}, "finish_reason": "stop"}]}),
        Source.OFFLINE,
        "refused",
    ),
    "obeys": (
        lambda h, n: h.answer(severity="info", root_cause="@maya see [here](http://evil.test)", evidence=[]),
        Source.MODEL,
        "severity held",
    ),
}


@sqlite_only
def test_every_fault_ends_with_a_verdict_that_says_so(world: World) -> None:
    world.model.behaviours = {f"shop/{word}.py": behave for word, (behave, _, _) in FAULTS.items()}
    issues = {word: world.happen(word) for word in FAULTS}
    world.live.worker("only")
    verdicts = world.settled(*issues.values(), within=150)
    for word, (_, source, said) in FAULTS.items():
        verdict = verdicts[issues[word]].verdict
        assert (verdict.source, said in verdict.note) == (source, True), (word, verdict)
    obeyed = verdicts[issues["obeys"]].verdict
    assert obeyed.severity is not Severity.INFO
    for shown in world.sandbox.sandbox.issues():
        assert "@maya" not in shown["comments"][0]
        assert "evil.test" not in shown["comments"][0]
    rows = {row.issue_id: row for row in world.ledger()}
    assert len(world.ledger()) == len(FAULTS), "one question an issue"
    assert rows[issues["good"]].cost_usd == pytest.approx((1000 * 0.10 + 200 * 0.50) / 1e6)
    assert rows[issues["hang"]].cost_usd > rows[issues["good"]].cost_usd, "it may have been answered"
    assert world.store.calls.ledger().month == pytest.approx(sum(row.cost_usd for row in world.ledger()))
    assert {row.result for row in world.ledger()} >= {"ok", "timeout", "connection", "refused"}


def test_near_duplicates_are_asked_once_also_when_the_worker_dies_asking(world: World) -> None:
    world.model.latency = 4.0
    issues = [world.happen("pool", f"order {number}") for number in range(10)]
    first = world.live.worker("first")
    wait_until(lambda: world.model.calls == 1, 60, "the model is asked")
    kill(first)
    world.model.latency = 1.0
    world.live.worker("second")
    world.live.worker("third")
    verdicts = world.settled(*issues)
    assert world.model.calls == 2, "once by the worker that died, once after it"
    sources = sorted(found.verdict.source for found in verdicts.values())
    assert sources == [Source.MODEL, *[Source.REUSED] * 9]
    lost, answered = world.ledger()[:-1], world.ledger()[-1]
    assert answered.result == "ok"
    assert {row.result for row in lost} == {"lost"}, "the dead worker may have booked for others already"
    assert all(row.cost_usd > 0 for row in lost), "a call that died may have been made"


@sqlite_only
def test_the_circuit_opens_takes_the_load_off_and_closes_by_itself(world: World) -> None:
    world.model.default = lambda handler, seen: handler.json({"error": {}}, 503)
    world.live.worker("only")
    failing = [world.happen(f"down{letter}") for letter in LETTERS[:5]]
    world.settled(*failing)
    calls = world.model.calls
    skipped = [world.happen(f"skipped{letter}") for letter in LETTERS[:5]]
    for found in world.settled(*skipped).values():
        assert found.verdict.source is Source.OFFLINE
        assert found.verdict.note == "the model does not answer at present"
    assert world.model.calls == calls, "while it is open nobody asks"
    again = world.store.work.recent(["queued"])
    assert {job.subject for job in again} == {*failing, *skipped}, "all are looked at again later"
    world.model.default = world.model.good
    key = next(key for key in _fact_keys(world.store) if key.startswith(BREAKER))
    world.store.facts.change(key, lambda kept: {**kept, "open_until": time.time()})
    (found,) = world.settled(world.happen("after")).values()
    assert found.verdict.source is Source.MODEL
    assert world.store.facts.get(key)["open_until"] is None, "one good answer closed it"


def _fact_keys(store: Store) -> list[str]:
    from app.store.tables import facts

    with store.engine.connect() as connection:
        return list(connection.execute(select(facts.c.key)).scalars())


@sqlite_only
def test_a_key_revoked_and_a_budget_spent_in_mid_run(world: World) -> None:
    world.live.environment["TRIAGE_BUDGET_USD_DAY"] = "1.0"
    expensive = {"prompt_tokens": 1000, "completion_tokens": 1_200_000}
    world.model.default = lambda handler, seen: handler.answer(usage=expensive)
    world.live.worker("only")
    one = world.settled(world.happen("first")).popitem()[1].verdict
    world.model.default = lambda handler, seen: handler.json({"error": {"message": "no"}}, 401)
    two = world.settled(world.happen("second")).popitem()[1].verdict
    assert (one.source, two.source) == (Source.MODEL, Source.OFFLINE)
    assert "key-rejected" in two.note
    world.model.default = lambda handler, seen: handler.answer(usage=expensive)
    three = world.settled(world.happen("third")).popitem()[1].verdict
    four = world.settled(world.happen("fourth")).popitem()[1].verdict
    assert three.source is Source.MODEL
    assert four.source is Source.OFFLINE
    assert "budget spent: $1.20 of $1.00 today" in four.note
    assert world.model.calls == 3


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_two_workers_together_keep_to_the_calls_a_minute(world: World) -> None:
    world.live.environment["TRIAGE_MODEL_RPM"] = "10"
    for letter in LETTERS[:14]:
        world.happen(f"many{letter}", "order 1")
    world.live.worker("first")
    world.live.worker("second")
    wait_until(lambda: world.model.calls >= 9, 60, "the model is asked")
    time.sleep(8)
    assert world.model.calls == 9, "a tenth of the ten is kept as a margin"
    assert world.store.work.counts() == {"done": 9, "running": 5}
    answered = next(iter(job.subject for job in world.store.work.recent(["done"])))
    title = world.sandbox.sandbox.issue(answered).title
    word = next(f"many{letter}" for letter in LETTERS if f"many{letter} " in title)
    again = world.happen(word, "order 2")
    found = world.settled(again, within=40)[again]
    assert found.verdict.source is Source.REUSED, "what needs no call does not wait for one"


@sqlite_only
def test_a_project_whose_errors_stay_here_is_never_asked_about(world: World) -> None:
    (world.live.folder / "triage.toml").write_text('[project."shop-api".privacy]\nlevel = "offline-only"\n')
    world.live.worker("only")
    (found,) = world.settled(world.happen("secret")).values()
    assert found.verdict.source is Source.OFFLINE
    assert "offline-only" in found.verdict.note
    assert (world.model.calls, world.ledger()) == (0, [])
