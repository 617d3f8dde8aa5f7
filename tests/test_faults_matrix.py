"""Whatever goes wrong on the way, every issue ends triaged once and no person's value is changed.

Real processes over real sockets: gunicorn, workers (``tests.faulty_worker``) and the sandbox Sentry, on
SQLite and on Postgres.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .faulty_worker import POINTS
from .fire import annotation_events, whole
from .live import Live, wait_until
from .rig import error

MAYA = "maya@example.test"
TOP = Path(__file__).parents[1]


@pytest.fixture
def sandbox(request: pytest.FixtureRequest) -> Iterator[SandboxServer]:
    version = getattr(request, "param", "modern")
    with SandboxServer(SandboxSentry(version=version)) as server:
        yield server


@pytest.fixture
def live(tmp_path: Path, sandbox: SandboxServer, database_url: str) -> Iterator[Live]:
    more = {"TRIAGE_RECONCILE_SECONDS": "2", "PYTHONPATH": str(TOP)}
    with Live(tmp_path, sandbox, database_url, **more) as live:
        live.release()
        yield live


def worker(live: Live, *what: str) -> Any:
    return live._start(sys.executable, "-m", "tests.faulty_worker", *what, log=f"{what[-1]}.log")


def end(live: Live, sandbox: SandboxServer, count: int, seconds: float = 120) -> None:
    """Wait until all is triaged and stays so, then look at every issue."""

    def left() -> list[dict[str, Any]]:
        return [issue for issue in sandbox.sandbox.issues() if not whole(issue)]

    try:
        wait_until(lambda: len(sandbox.sandbox.issues()) == count and not left(), seconds, "all are triaged")
    except AssertionError as late:
        tails = {name: text[-3000:] for name, text in live.logs().items()}
        raise AssertionError(f"{late}: {len(left())} left, {left()[:1]}; {tails}") from None
    time.sleep(0.5)
    for issue in sandbox.sandbox.issues():
        assert len(issue["comments"]) == 1, issue
        assert len(issue["annotations"]) == 1, issue
        assert annotation_events(sandbox, issue["id"]) == 1, issue
        assert issue["status"] == "unresolved"


def belongs_to_maya(sandbox: SandboxServer, number: int) -> str:
    """An issue to which a person has given an assignee and a priority already."""
    event = sandbox.sandbox.capture("shop-api", error(number, level="warning"))
    issue = sandbox.sandbox.state.issue_of[event.project.id, event.id]
    person = sandbox.sandbox.as_person(MAYA)
    person.assign(issue.id, MAYA)
    person.set_priority(issue.id, "high")
    return str(issue.id)


def assert_still_mayas(sandbox: SandboxServer, issue_id: str) -> None:
    shown = next(issue for issue in sandbox.sandbox.issues() if issue["id"] == issue_id)
    assert shown["assignee"] == MAYA
    if sandbox.sandbox.state.modern:
        assert shown["priority"] == "high"


def test_a_worker_killed_between_any_two_steps(live: Live, sandbox: SandboxServer) -> None:
    sandbox.sandbox.app.webhook_url = None
    mayas = belongs_to_maya(sandbox, 0)
    for number in (1, 2):
        sandbox.sandbox.capture("shop-api", error(number, level="warning"))
    worker(live, "chain")
    for step, when in POINTS:
        died = f"{step} {when}: 9"
        wait_until(lambda died=died: died in live.logs()["chain.log"], 60, died)
    end(live, sandbox, 3)
    assert_still_mayas(sandbox, mayas)


def test_two_hundred_issues_while_the_receiver_was_down_for_an_hour(
    live: Live, sandbox: SandboxServer
) -> None:
    sandbox.sandbox.hooks.chaos.drop = 1.0
    began = datetime.now(UTC) - timedelta(hours=1)
    mayas = belongs_to_maya(sandbox, 500)
    for number in range(199):
        sandbox.sandbox.capture("shop-api", error(number, at=began + timedelta(seconds=18 * number)))
    worker(live, "run", "only")
    end(live, sandbox, 200)
    assert_still_mayas(sandbox, mayas)


def test_every_webhook_five_times_and_out_of_order(live: Live, sandbox: SandboxServer) -> None:
    live.environment["TRIAGE_RECONCILE_SECONDS"] = "0"
    live.web()
    worker(live, "run", "only")
    chaos = sandbox.sandbox.hooks.chaos
    chaos.copies, chaos.spread = 5, 1.5
    mayas = belongs_to_maya(sandbox, 0)
    for number in range(1, 10):
        sandbox.sandbox.capture("shop-api", error(number))
    end(live, sandbox, 10)
    assert sandbox.sandbox.hooks.flush()
    time.sleep(1.0)
    end(live, sandbox, 10)
    assert_still_mayas(sandbox, mayas)


def test_sentry_fails_three_calls_of_ten(live: Live, sandbox: SandboxServer) -> None:
    faults = sandbox.sandbox.faults
    faults.add(r"^/api/", share=0.1, status=429, headers={"Retry-After": "1"})
    faults.add(r"^/api/", share=0.06, status=500)
    faults.add(r"^/api/", share=0.05, status=502, after=True)  # carried out, and the answer lost
    faults.add(r"^/api/", share=0.05, status=504, hang=1.5)
    faults.add(r"^/api/", share=0.05, hang=1.5, after=True)
    sandbox.sandbox.app.webhook_url = None
    mayas = belongs_to_maya(sandbox, 0)
    for number in range(1, 8):
        sandbox.sandbox.capture("shop-api", error(number))
    worker(live, "run", "only")
    end(live, sandbox, 8)
    assert all(rule.hits for rule in faults.rules)
    assert_still_mayas(sandbox, mayas)


def test_the_token_is_revoked_and_restored(live: Live, sandbox: SandboxServer) -> None:
    tokens, token = sandbox.sandbox.state.tokens, sandbox.sandbox.token
    live.web()
    worker(live, "run", "only")
    sandbox.sandbox.capture("shop-api", error(0))
    end(live, sandbox, 1)
    revoked = tokens.pop(token)
    mayas = belongs_to_maya(sandbox, 1)
    for number in range(2, 8):
        sandbox.sandbox.capture("shop-api", error(number))
    time.sleep(3.0)
    assert not any(whole(issue) for issue in sandbox.sandbox.issues()[1:])
    tokens[token] = revoked
    end(live, sandbox, 8)
    assert_still_mayas(sandbox, mayas)


@pytest.mark.parametrize("sandbox", ["23.7"], indirect=True)
def test_the_old_sentry_from_end_to_end(live: Live, sandbox: SandboxServer) -> None:
    live.web()
    worker(live, "run", "only")
    mayas = belongs_to_maya(sandbox, 0)
    for number in range(1, 4):
        sandbox.sandbox.capture("shop-api", error(number))
    end(live, sandbox, 4)
    assert_still_mayas(sandbox, mayas)
    sandbox.sandbox.as_person(MAYA).resolve(4)
    event = sandbox.sandbox.capture("shop-api", error(3, at=datetime.now(UTC) + timedelta(seconds=20)))
    assert sandbox.sandbox.state.issue_of[event.project.id, event.id].id == 4
