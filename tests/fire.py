"""Webhooks under fire: sent at a pace, each answer noted, and what must hold once the fire is out."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from urllib3.exceptions import NewConnectionError

from app.sandbox.server import SandboxServer

from .live import Live, wait_until
from .rig import error

PROJECT = "shop-api"
OWN = "shop-web"
"""The project to which our own errors go; it is never triaged."""


@dataclass(frozen=True)
class Answer:
    """What one webhook got. ``status`` 0: sent, and no answer came. ``issue``: where it is of PROJECT."""

    resource: str
    action: str
    issue: str
    status: int
    hook_error: str


class Deliveries:
    """The sandbox's ``send``: one attempt, at the first of ``targets`` that does not refuse the connection,
    as a proxy before several processes does. A refused connection has cost nothing: nothing was sent."""

    def __init__(self) -> None:
        self.targets: list[str] = []
        self.answers: list[Answer] = []
        self._lock = threading.Lock()

    def __call__(self, url: str, body: bytes, headers: Mapping[str, str], timeout: float) -> int:
        for target in self.targets or [url]:
            status, hook_error = 0, ""
            try:
                answer = requests.post(
                    target, data=body, headers={**headers, "Connection": "close"}, timeout=10
                )
                status, hook_error = answer.status_code, answer.headers.get("Sentry-Hook-Error", "")
            except requests.ConnectionError as problem:
                if was_refused(problem):
                    continue
            except requests.Timeout:
                pass
            self._note(headers["Sentry-Hook-Resource"], json.loads(body), status, hook_error)
            return status
        self._note(headers["Sentry-Hook-Resource"], json.loads(body), 0, "nobody listens")
        return 0

    def _note(self, resource: str, payload: Any, status: int, hook_error: str) -> None:
        about = payload["data"].get("issue") or {}
        issue = str(about["id"]) if (about.get("project") or {}).get("slug") == PROJECT else ""
        with self._lock:
            self.answers.append(Answer(resource, payload["action"], issue, status, hook_error))

    def by_status(self) -> Counter[int]:
        return Counter(answer.status for answer in self.answers)

    def taken(self) -> set[str]:
        """Issues of PROJECT whose ``issue.created`` was answered 202."""
        return {
            one.issue
            for one in self.answers
            if (one.resource, one.action, one.status) == ("issue", "created", 202) and one.issue
        }


def was_refused(problem: requests.ConnectionError) -> bool:
    reason = getattr(problem.args[0], "reason", None) if problem.args else None
    return isinstance(reason, NewConnectionError)


@contextmanager
def hail(sandbox: SandboxServer, rate: float, most: int = 1000) -> Iterator[None]:
    """New issues at this pace a second, in a thread, for as long as the block runs; at most ``most``."""
    stopped = threading.Event()

    def fall() -> None:
        for number in range(most):
            sandbox.sandbox.capture(PROJECT, error(number))
            if stopped.wait(1 / rate):
                break

    thread = threading.Thread(target=fall, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()
        assert sandbox.sandbox.hooks.flush()


def whole(issue: dict[str, Any]) -> bool:
    return bool("triage.category" in issue["tags"] and issue["comments"] and issue["annotations"])


def annotation_events(sandbox: SandboxServer, issue_id: str) -> int:
    events = sandbox.sandbox.issue(issue_id).events
    return sum(event.tag("triage.synthetic") == "true" for event in events)


def triaged(sandbox: SandboxServer) -> set[str]:
    return {issue["id"] for issue in sandbox.sandbox.issues() if whole(issue)}


def wait_triaged(live: Live, sandbox: SandboxServer, wanted: set[str], seconds: float) -> None:
    """Until every one of ``wanted`` is triaged; fails with the ends of the logs."""
    try:
        wait_until(lambda: wanted <= triaged(sandbox), seconds, "all are triaged")
    except AssertionError as late:
        left = sorted(wanted - triaged(sandbox), key=int)
        tails = "\n".join(f"--- {name}\n{text[-4000:]}" for name, text in live.logs().items())
        raise AssertionError(f"{late}: {len(left)} left: {left[:20]}\n{tails}") from None


def assert_once(sandbox: SandboxServer, wanted: set[str]) -> None:
    """Of each issue one comment, one annotation and one annotation event, and nothing set twice."""
    for issue in sandbox.sandbox.issues():
        if issue["id"] not in wanted:
            continue
        assert len(issue["comments"]) == 1, issue
        assert len(issue["annotations"]) == 1, issue
        assert annotation_events(sandbox, issue["id"]) == 1, issue
        assert issue["status"] == "unresolved", issue
        done = Counter(entry.type for entry in sandbox.sandbox.issue(issue["id"]).activity)
        assert not {what: count for what, count in done.items() if count > 1}, (issue, done)
