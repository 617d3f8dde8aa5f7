"""What the write-back tests share: recorded samples, plain makers, and a Sentry that answers from a list."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from app.core.digest import Digest, ExceptionInfo, Frame
from app.core.issue import Issue
from app.core.verdict import Evidence, Verdict
from app.core.vocabulary import Category, Severity, Source
from app.sentry.client import SentryClient
from app.sentry.transport import Request, Response

SAMPLES = Path(__file__).parent / "samples" / "sentry"
NOW = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
TOKEN = "sntryt_secret_0123456789"


def sample(name: str) -> Any:
    return json.loads((SAMPLES / name).read_text())


def transcript(name: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers (lower case) and body of a recorded exchange with Sentry 23.7.1."""
    text = (SAMPLES / "transcripts" / name).read_text()
    head, _, body = text[text.index("< HTTP") :].partition("\n\n")
    status, *lines = head.splitlines()
    headers = {key.lower(): value for key, _, value in (line.partition(": ") for line in lines)}
    return int(status.split()[2]), headers, body.strip().encode()


def issue(**changes: Any) -> Issue:
    return replace(Issue.from_api(sample("api/issue.get.json")), **changes)


def event(**changes: Any) -> dict[str, Any]:
    return {**sample("api/event.latest.json"), **changes}


def verdict(**changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "category": Category.DATABASE,
        "severity": Severity.HIGH,
        "root_cause": "Postgres did not answer in time.",
        "suggested_fix": "Check that 10.0.0.7:5432 accepts connections.",
        "confidence": 0.91,
        "source": Source.OFFLINE,
        "evidence": (
            Evidence(id="exception:0.type", seen="OperationalError", says="A database driver's error"),
        ),
    }
    return Verdict(**{**values, **changes})


def digest(*files: str) -> Digest:
    frames = tuple(Frame(filename=name, in_app=True) for name in files)
    return Digest(exceptions=(ExceptionInfo(type="OperationalError", frames=frames),))


@dataclass
class Clock:
    """Time that passes only by sleeping."""

    now: float = NOW.timestamp()
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


Handler = Callable[[dict[str, Any]], Any]


class FakeTransport:
    """Answers by ``METHOD path``: a queue of answers, the last of which stays. Keeps every request.

    An answer is JSON (200), ``(status, JSON)``, a ``Response``, an exception, or a function of the body.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[str, list[Any]] = {}

    def on(self, what: str, *answers: Any) -> FakeTransport:
        self._answers[what] = list(answers)
        return self

    def send(self, request: Request) -> Response:
        self.requests.append(request)
        key = f"{request.method} {urlsplit(request.url).path}"
        if key not in self._answers:
            return Response(404, {}, b'{"detail": "The requested resource does not exist"}')
        queue = self._answers[key]
        answer = queue.pop(0) if len(queue) > 1 else queue[0]
        if callable(answer):
            answer = answer(json.loads(request.body) if request.body else {})
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Response):
            return answer
        status, value = answer if isinstance(answer, tuple) else (200, answer)
        return Response(status, {"content-type": "application/json"}, json.dumps(value).encode())

    def calls(self, start: str) -> list[Request]:
        """The requests whose ``METHOD path`` begins so."""
        return [r for r in self.requests if f"{r.method} {urlsplit(r.url).path}".startswith(start)]

    def bodies(self, start: str) -> list[Any]:
        return [json.loads(request.body or b"null") for request in self.calls(start)]

    def queries(self, start: str) -> list[dict[str, list[str]]]:
        return [parse_qs(urlsplit(request.url).query) for request in self.calls(start)]


def client(
    transport: FakeTransport, clock: Clock | None = None, base: str = "https://sentry.example"
) -> SentryClient:
    clock = clock or Clock()
    return SentryClient(
        base, TOKEN, "acme", transport=transport, clock=clock, sleep=clock.sleep, jitter=lambda: 0.0
    )


ORG = "/api/0/organizations/acme"
ISSUE = f"{ORG}/issues/6507376925"
