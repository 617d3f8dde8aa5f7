"""Secrets at rest, requests to nowhere but Sentry, and the timing of the signature check."""

from __future__ import annotations

import ast
import contextlib
import inspect
import json
import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest
import requests

from app.core import webhook
from app.core.webhook import BadSignature, sign, verify
from app.errors import TriageError
from app.sandbox import SandboxSentry, SandboxServer
from app.sentry.client import SentryClient
from app.sentry.errors import Redirected
from app.sentry.ingest import check_dsn, ingest_hosts
from app.sentry.transport import RequestsTransport

from .live import Live, kill, wait_until

PLANTED = (
    "hunter2-planted-password",
    "maria.planted@example.com",
    "4242424242424242",
    "planted_variable_value",
)


def hostile(url: str) -> dict[str, Any]:
    """An event full of secrets and of addresses that somebody would like us to fetch."""
    password, email, card, variable = PLANTED
    return {
        "platform": "python",
        "level": "error",
        "message": f"login of {email} with {password} failed, see {url}/message",
        "user": {"email": email, "ip_address": "203.0.113.9"},
        "request": {"url": f"{url}/request?token={password}", "headers": {"Authorization": password}},
        "tags": {"url": f"{url}/tag"},
        "extra": {"card": card, "webhook_url": f"{url}/extra"},
        "exception": {
            "values": [
                {
                    "type": "AuthError",
                    "value": f"{email} {password} {card} {url}/value",
                    "stacktrace": {
                        "frames": [
                            {
                                "filename": "shop/login.py",
                                "abs_path": f"{url}/frame.js",
                                "function": "login",
                                "lineno": 3,
                                "in_app": True,
                                "vars": {"value": variable},
                            }
                        ]
                    },
                }
            ]
        },
    }


class Trap(BaseHTTPRequestHandler):
    """Somebody's server: whoever comes is written down."""

    seen: ClassVar[list[str]] = []
    answer: ClassVar[tuple[int, dict[str, str]]] = (200, {})

    def handle_any(self) -> None:
        type(self).seen.append(f"{self.command} {self.path} {self.headers.get('Authorization', '')}")
        status, headers = type(self).answer
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = handle_any

    def log_message(self, *_args: Any) -> None:
        return


@pytest.fixture
def trap() -> Iterator[str]:
    Trap.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Trap)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_nothing_planted_is_readable_at_rest_and_no_address_is_fetched(tmp_path: Path, trap: str) -> None:
    with SandboxServer(SandboxSentry()) as sandbox:
        sandbox.sandbox.hooks.timeout = 15.0
        with Live(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}") as live:
            live.release()
            web, worker = live.web(), live.worker("one")
            sandbox.sandbox.capture("shop-api", hostile(trap))
            relayed = json.dumps(hostile(trap) | {"event_id": "7ca573c0f4814912aaa9bdc77d1a7d51"}).encode()
            signature = {"Sentry-Signature": "sha256=" + sign(sandbox.sandbox.client_secret, relayed)}
            answer = requests.post(f"{live.url}/webhooks/sentry", data=relayed, headers=signature, timeout=40)
            assert answer.status_code == 200, answer.text
            wait_until(lambda: sandbox.sandbox.issues()[0]["comments"], 60, "the issue is triaged")
            hook = {
                "action": "created",
                "data": {"issue": {"id": "1", "url": f"{trap}/hook", "web_url": f"{trap}/w"}},
            }
            body = json.dumps(hook).encode()
            headers = {
                "Sentry-Hook-Resource": "issue",
                "Sentry-Hook-Signature": sign(sandbox.sandbox.client_secret, body),
            }
            assert (
                requests.post(
                    f"{live.url}/webhooks/sentry", data=body, headers=headers, timeout=15
                ).status_code
                == 202
            )
            settled = f"{live.url}/ready"
            wait_until(
                lambda: requests.get(settled, timeout=5).json()["queue"].keys() == {"done"}, 60, "all is done"
            )
            kill(worker)
            kill(web)
            secrets = (*PLANTED, sandbox.sandbox.token, sandbox.sandbox.client_secret, trap)
    assert Trap.seen == []
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert {"triage.db", "triage-jobs.db"} <= {file.name for file in files}
    for file in files:
        held = file.read_bytes()
        for secret in secrets:
            for form in (secret.encode(), secret.encode("utf-16-le"), secret.encode().hex().encode()):
                assert form not in held, f"{file.name} holds {secret}"


def test_a_redirect_is_not_followed_and_the_token_stays(trap: str) -> None:
    Trap.answer = (302, {"Location": f"{trap}/elsewhere"})
    client = SentryClient(
        trap, "token", "acme", transport=RequestsTransport(), clock=time.time, sleep=lambda _s: None
    )
    with pytest.raises(Redirected):
        client.organization()
    Trap.answer = (200, {})
    assert not [line for line in Trap.seen if "elsewhere" in line]


@pytest.mark.parametrize("name", ["..", ".", "a/../../b", "a?b=c", "a#b", "a\r\nHost: x", "//evil", "%2e%2e"])
def test_an_id_cannot_leave_the_path(trap: str, name: str) -> None:
    client = SentryClient(
        trap, "token", "acme", transport=RequestsTransport(), clock=time.time, sleep=lambda _s: None
    )
    with contextlib.suppress(TriageError):  # refused before it was sent
        client.call("GET", client.org_path("issues", name))
    for line in Trap.seen:
        path = line.split(" ")[1]
        assert path.startswith("/api/0/organizations/acme/issues/"), line
        assert path.count("/") == 7, line
        assert "?" not in path


@pytest.mark.parametrize(
    "dsn",
    [
        "http://key@169.254.169.254/1",
        "http://key@localhost/1",
        "https://key@sentry.io.evil.example/1",
        "https://key@evil.example#.ingest.sentry.io/1",
        "https://key@evil.example\\@o1.ingest.sentry.io/1",
        "https://o1.ingest.sentry.io@evil.example/1",
        "file:///etc/passwd",
        "gopher://key@o1.ingest.sentry.io/1",
        "https://key@[::1]/1",
        "https://key@2130706433/1",
        "https://ingest.sentry.io/1",
    ],
)
def test_events_go_to_known_hosts_only(dsn: str) -> None:
    allowed, reason = check_dsn(dsn, ingest_hosts("https://sentry.io"))
    assert not allowed
    assert reason


class Counted(Sequence[str]):
    """Secrets that know how many of them were looked at."""

    def __init__(self, *values: str) -> None:
        self.values, self.looked = values, 0

    def __len__(self) -> int:
        return len(self.values)

    def __getitem__(self, index: Any) -> Any:
        self.looked += 1
        return self.values[index]


@pytest.mark.parametrize("fits", [0, 1, 2, None])
def test_every_secret_is_tried_whichever_fits(fits: int | None) -> None:
    secrets = Counted("a" * 32, "b" * 32, "c" * 32)
    signature = sign(secrets.values[fits], b"{}") if fits is not None else "0" * 64
    try:
        verify(signature, b"{}", secrets)
        assert fits is not None
    except BadSignature:
        assert fits is None
    assert secrets.looked >= len(secrets)


def test_signatures_are_compared_by_compare_digest_alone() -> None:
    tree = ast.parse(inspect.getsource(webhook.verify))
    compared = [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]
    assert not compared, "no == on a signature"
    assert "compare_digest" in inspect.getsource(webhook.verify)


def test_the_time_does_not_tell_how_much_of_a_signature_fits() -> None:
    """Medians over interleaved runs: a comparison that stops early would differ by its whole length. The
    bound is wide because the machine is shared."""
    body, secret = b"{}", "s" * 64
    good = sign(secret, body)
    wrong_first = ("0" if good[0] != "0" else "1") + good[1:]
    wrong_last = good[:-1] + ("0" if good[-1] != "0" else "1")
    times: dict[str, list[int]] = {wrong_first: [], wrong_last: []}
    for _ in range(4000):
        for signature, spent in times.items():
            began = time.perf_counter_ns()
            try:
                verify(signature, body, [secret])
            except BadSignature:
                spent.append(time.perf_counter_ns() - began)
    first, last = (statistics.median(spent) for spent in times.values())
    assert abs(first - last) / min(first, last) < 0.15
