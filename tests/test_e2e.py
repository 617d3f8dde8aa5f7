"""The whole way over real sockets: gunicorn, workers, the sandbox Sentry, real signatures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.core.webhook import sign
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .live import Live, kill, wait_until

CATEGORY = "triage.category"
SHAPES = (
    ("psycopg.OperationalError", 'connection to server at "10.0.0.7", port 5432 failed: timeout expired'),
    ("KeyError", "'quantity'"),
    ("requests.exceptions.ReadTimeout", "HTTPSConnectionPool(host='pay.example', port=443): Read timed out."),
    ("jwt.exceptions.ExpiredSignatureError", "Signature has expired"),
    ("OSError", "[Errno 28] No space left on device"),
)


def error(number: int) -> dict:
    """A Python error as an SDK sends it; each ``number`` is an issue of its own."""
    module, _, name = SHAPES[number % len(SHAPES)][0].rpartition(".")
    frame = {
        "filename": f"shop/page{number}.py",
        "module": f"shop.page{number}",
        "function": "view",
        "lineno": 7,
    }
    return {
        "platform": "python",
        "level": "error",
        "environment": "production",
        "exception": {
            "values": [
                {
                    "type": name,
                    "module": module,
                    "value": SHAPES[number % len(SHAPES)][1],
                    "mechanism": {"type": "django", "handled": False},
                    "stacktrace": {"frames": [{**frame, "in_app": True}]},
                }
            ]
        },
    }


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxSentry()) as server:
        # Sentry waits 1 s; a machine that is busy with other tests would lose some, which is not the point.
        server.sandbox.hooks.timeout = 15.0
        yield server


@pytest.fixture
def live(tmp_path: Path, sandbox: SandboxServer, database_url: str) -> Iterator[Live]:
    with Live(tmp_path, sandbox, database_url) as live:
        live.release()
        yield live


def triaged(sandbox: SandboxServer) -> list[dict]:
    return [
        issue
        for issue in sandbox.sandbox.issues()
        if CATEGORY in issue["tags"] and issue["comments"] and issue["annotations"]
    ]


def test_fifty_issues_survive_two_killed_workers(live: Live, sandbox: SandboxServer) -> None:
    live.web()
    worker = live.worker("first")
    for number in range(25):
        sandbox.sandbox.capture("shop-api", error(number))
    wait_until(lambda: len(triaged(sandbox)) >= 3, 60, "the first worker has begun")
    kill(worker)
    worker = live.worker("second")
    for number in range(25, 50):
        sandbox.sandbox.capture("shop-api", error(number))
    before = len(triaged(sandbox))
    wait_until(lambda: len(triaged(sandbox)) >= before + 5, 60, "the second worker has begun")
    kill(worker)
    live.worker("third")
    try:
        wait_until(lambda: len(triaged(sandbox)) == 50, 120, "all are triaged")
    except AssertionError as late:
        raise AssertionError(f"{late}: {len(triaged(sandbox))}; {live.logs()}") from None
    for issue in sandbox.sandbox.issues():
        assert len(issue["comments"]) == 1, issue
        assert len(issue["annotations"]) == 1, issue
        assert issue["count"] == 2, "the error and one annotation event"
        assert issue["status"] == "unresolved"


def test_the_tags_filter_in_the_issue_list(live: Live, sandbox: SandboxServer) -> None:
    live.web()
    live.worker("only")
    for number in range(5):
        sandbox.sandbox.capture("shop-api", error(number))
    wait_until(lambda: len(triaged(sandbox)) == 5, 60, "all are triaged")
    for issue in sandbox.sandbox.issues():
        category = issue["tags"][CATEGORY]
        found = requests.get(
            f"{sandbox.url}/api/0/organizations/acme/issues/",
            params={"query": f"is:unresolved {CATEGORY}:{category}", "project": "-1"},
            headers={"Authorization": f"Bearer {sandbox.sandbox.token}"},
            timeout=5,
        ).json()
        expected = {i["short_id"] for i in sandbox.sandbox.issues() if i["tags"][CATEGORY] == category}
        assert {row["shortId"] for row in found} == expected


def test_a_relayed_event_is_answered_with_its_verdict(live: Live, sandbox: SandboxServer) -> None:
    live.web()
    live.worker("only")
    event = error(0) | {"event_id": "7ca573c0f4814912aaa9bdc77d1a7d51", "project": "shop-api"}
    body = json.dumps(event).encode()
    signature = "sha256=" + sign(sandbox.sandbox.client_secret, body)
    for header in ("Sentry-Signature", "sentry_signature"):
        answer = requests.post(
            f"{live.url}/webhooks/sentry", data=body, headers={header: signature}, timeout=40
        )
        assert answer.status_code == 200, (answer.text, live.logs())
        assert answer.json()["status"] == "ok"
        assert answer.json()["event_id"] == event["event_id"]
        assert answer.json()["classification"]["category"]


def test_a_relayed_event_that_names_an_issue_is_written_back(live: Live, sandbox: SandboxServer) -> None:
    live.web()
    sandbox.sandbox.app.webhook_url = None
    sandbox.sandbox.capture("shop-api", error(0))
    (issue,) = sandbox.sandbox.issues()
    live.worker("only")
    event = error(0) | {"event_id": "7ca573c0f4814912aaa9bdc77d1a7d52", "issue_id": issue["id"]}
    body = json.dumps(event).encode()
    headers = {"Sentry-Signature": "sha256=" + sign(sandbox.sandbox.client_secret, body)}
    answer = requests.post(f"{live.url}/webhooks/sentry", data=body, headers=headers, timeout=40)
    assert answer.status_code == 200, answer.text
    wait_until(lambda: len(triaged(sandbox)) == 1, 30, "its issue is triaged")


def test_shadow_mode_decides_and_writes_nothing(live: Live, sandbox: SandboxServer) -> None:
    live.environment["TRIAGE_WRITE"] = "shadow"
    live.web()
    live.worker("only")
    sandbox.sandbox.capture("shop-api", error(0))

    def settled() -> bool:
        return requests.get(f"{live.url}/ready", timeout=5).json()["queue"] == {"done": 1}

    wait_until(settled, 30, "it is decided")
    (issue,) = sandbox.sandbox.issues()
    assert (issue["comments"], issue["annotations"], issue["count"]) == ([], [], 1)
    assert CATEGORY not in issue["tags"]
