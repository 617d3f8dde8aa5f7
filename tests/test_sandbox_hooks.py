"""Webhooks and UI components: exact bodies, real signatures, over a real socket, once."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from app.sandbox import Chaos, SandboxSentry
from app.sandbox.components import ComponentFailed
from app.sandbox.hooks import sign

from .sandbox_support import Api, Clock, differences, event, lab, sample

SECRET = "6f08e2930a28436caa3ff311eb935f9d"


class Receiver(ThreadingHTTPServer):
    """An integration on a socket that remembers what it was sent."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[str, str, dict[str, str], bytes]] = []
        self.status, self.delay, self.answer = 202, 0.0, b""
        self.url = f"http://127.0.0.1:{self.server_port}"

    def json(self) -> list[Any]:
        return [json.loads(body) for _, _, _, body in self.got]


class _Handler(BaseHTTPRequestHandler):
    def _take(self) -> None:
        server = self.server
        assert isinstance(server, Receiver)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        server.got.append((self.command, self.path, dict(self.headers), body))
        time.sleep(server.delay)
        self.send_response(server.status)
        if server.status == 302:
            self.send_header("Location", f"{server.url}/elsewhere")
        self.send_header("Content-Length", str(len(server.answer)))
        self.end_headers()
        self.wfile.write(server.answer)

    do_GET = do_POST = _take

    def log_message(self, *args: object) -> None: ...


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def connected(receiver: Receiver, **rest: Any) -> SandboxSentry:
    rest.setdefault("events", ("issue", "comment"))
    sandbox = lab(webhook_url=f"{receiver.url}/hook", client_secret=SECRET, **rest)
    sandbox.hooks.timeout = 10.0  # what is tested must not depend on how busy the machine is
    return sandbox


def exercise(sandbox: SandboxSentry) -> None:
    """One of each: created, assigned to a user and a team, commented, resolved, re-opened, archived."""
    sandbox.capture("shop", event())
    person = sandbox.as_person("admin@lab.test")
    person.assign(1, "alice@lab.test")
    person.assign(1, "#backend")
    note = person.comment(1, "look")
    person.edit_comment(1, note.id, "look again")
    person.delete_comment(1, note.id)
    person.resolve(1)
    person.reopen(1)
    person.archive(1)
    assert sandbox.hooks.flush(10)


def named(bodies: list[Any], headers: list[dict[str, str]]) -> dict[str, Any]:
    return {f"{h['Sentry-Hook-Resource']}.{b['action']}": b for h, b in zip(headers, bodies, strict=True)}


def test_every_webhook_is_signed_over_its_raw_bytes(receiver: Receiver) -> None:
    sandbox = connected(receiver)
    sandbox.capture("shop", event(value="Größe ✗"))
    exercise(sandbox)
    assert len(receiver.got) == 9
    for _, path, headers, body in receiver.got:
        expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
        assert (path, headers["Sentry-Hook-Signature"]) == ("/hook", expected)
        assert body.isascii()
        assert json.dumps(json.loads(body), separators=(",", ":")).encode() == body
        assert headers["Content-Type"] == "application/json"
        assert headers["Sentry-Hook-Timestamp"] == str(int(sandbox.state.now().timestamp()))
    ids = {headers["Request-ID"] for _, _, headers, _ in receiver.got}
    assert len(ids) == 9


MODERN = [
    "issue.created",
    "issue.assigned",
    "issue.resolved",
    "issue.ignored",
    "issue.unresolved",
    "comment.created",
    "comment.updated",
    "comment.deleted",
]


def test_bodies_of_today(receiver: Receiver) -> None:
    exercise(connected(receiver))
    seen = named(receiver.json(), [headers for _, _, headers, _ in receiver.got])
    assert sorted(seen) == sorted(MODERN)
    for name in MODERN:
        file = "issue.unresolved.regressed" if name == "issue.unresolved" else name
        found = differences(seen[name], sample(f"webhooks/{file}.json"))
        ignorable = ("severity", "in_app_frame_mix", "statusDetails", ".actor.id", "email")
        assert [line for line in found if not any(part in line for part in ignorable)] == []
    assert list(seen["issue.created"]["data"]["issue"])[:3] == ["url", "web_url", "project_url"]
    assert seen["issue.created"]["data"]["issue"]["firstSeen"].endswith("+00:00")
    assert seen["issue.resolved"]["data"]["issue"]["lastSeen"].endswith("Z")
    assert seen["issue.resolved"]["data"]["resolution_type"] == "now"


@pytest.mark.parametrize("name", [name for name in MODERN if name != "issue.unresolved"])
def test_bodies_of_23_7(receiver: Receiver, name: str) -> None:
    exercise(connected(receiver, version="23.7"))
    seen = named(receiver.json(), [headers for _, _, headers, _ in receiver.got])
    assert "issue.unresolved" not in seen
    recorded = sample(f"webhooks_v23_7/{name}.json")
    found = differences(seen[name], recorded["body"])
    assert [line for line in found if "email" not in line and ".actor.id" not in line] == []
    if name.startswith("issue."):
        assert seen[name]["data"]["issue"]["permalink"] is None
        assert "url" not in seen[name]["data"]["issue"]
    ours = {header for header in receiver.got[0][2] if header.startswith(("Sentry-Hook", "Request"))}
    assert ours == {header for header in recorded["headers"] if header.startswith(("Sentry-Hook", "Request"))}


def test_actors(receiver: Receiver) -> None:
    sandbox = connected(receiver)
    sandbox.capture("shop", event())
    api = Api(sandbox)
    api("POST", "issues/1/comments/", {"text": "ours"})
    api("POST", "issues/1/comments/", {"text": "theirs"}, token="person-token")
    other = sandbox.state.add_app("Other", scopes=(), events=())
    assert other.proxy
    sandbox.state.add_token("other-token", other.proxy, ["event:write"])
    api("POST", "issues/1/comments/", {"text": "another bot's"}, token="other-token")
    assert sandbox.hooks.flush(10)
    actors = {body["data"].get("comment"): body["actor"] for body in receiver.json()}
    us = {"type": "application", "id": sandbox.app.uuid, "name": "Triage"}
    assert actors[None] == {"type": "application", "id": "sentry", "name": "Sentry"}
    assert actors["ours"] == us
    assert actors["theirs"] == {"type": "user", "id": 1, "name": "Admin"}
    assert actors["another bot's"] == us  # the quirk: any integration's act looks like ours


def test_what_fires_no_webhook(receiver: Receiver) -> None:
    sandbox = connected(receiver)
    sandbox.capture("shop", event())
    api = Api(sandbox)
    api("PUT", "issues/1/", {"priority": "low"})
    api("PUT", "issues/1/", {"assignedTo": "user:2"})
    api("PUT", "issues/1/", {"assignedTo": "user:2"})
    api("PUT", "issues/1/", {"assignedTo": ""})
    api("PUT", "issues/1/", {"status": "unresolved", "tags": {"a": "b"}})
    sandbox.capture("shop", event())
    assert sandbox.hooks.flush(10)
    assert sorted(body["action"] for body in receiver.json()) == ["assigned", "created"]


def test_a_regression_and_an_escalation_are_told_as_unresolved(receiver: Receiver) -> None:
    clock = Clock()
    sandbox = connected(receiver, clock=clock)
    sandbox.capture("shop", event())
    person = sandbox.as_person("admin@lab.test")
    person.resolve(1)
    clock.pass_(hours=1)
    sandbox.capture("shop", event())
    person.archive(1)
    sandbox.escalate(1)
    assert sandbox.hooks.flush(10)
    told = [body["data"]["issue"]["substatus"] for body in receiver.json() if body["action"] == "unresolved"]
    assert sorted(told) == ["escalating", "regressed"]


@pytest.mark.parametrize(
    ("events", "told"),
    [
        (("issue.created",), ["created"]),
        (("issue.archived",), ["archived"]),
        (("issue.archived", "issue.ignored"), ["ignored"]),
        (("error",), ["created"]),
        ((), []),
    ],
)
def test_subscriptions(receiver: Receiver, events: tuple[str, ...], told: list[str]) -> None:
    exercise(connected(receiver, events=events))
    assert [body["action"] for body in receiver.json()] == told


def test_event_alert_and_error_carry_the_raw_event(receiver: Receiver) -> None:
    sandbox = connected(receiver, events=("error",))
    stored = sandbox.capture("shop", event())
    sandbox.fire_event_alert(1, "New issue", [{"name": "mode", "value": "suggest"}])
    assert sandbox.hooks.flush(10)
    seen = named(receiver.json(), [headers for _, _, headers, _ in receiver.got])
    raw = seen["error.created"]["data"]["error"]
    assert (raw["event_id"], raw["issue_id"], raw["project"]) == (stored.id, "1", 1)
    assert ["component", "payments"] in raw["tags"]
    assert raw["exception"]["values"][0]["stacktrace"]["frames"][1]["lineno"] == 42
    alert = sample("webhooks/event_alert.triggered.with_settings.json")
    found = differences(seen["event_alert.triggered"]["data"]["issue_alert"], alert["data"]["issue_alert"])
    assert found == []
    assert seen["event_alert.triggered"]["data"]["triggered_rule"] == "New issue"


def test_one_attempt_only_whatever_is_answered(receiver: Receiver) -> None:
    sandbox = connected(receiver)
    for receiver.status in (500, 302, 429):
        sandbox.as_person("admin@lab.test")
        sandbox.fire("seer", "root_cause_completed", {"run_id": 1})
        assert sandbox.hooks.flush(10)
    assert [path for _, path, _, _ in receiver.got] == ["/hook"] * 3  # no redirect followed, no retry
    assert [delivery.status for delivery in sandbox.hooks.deliveries] == [500, 302, 429]


def test_a_slow_receiver_times_out_and_blocks_nobody(receiver: Receiver) -> None:
    receiver.delay = 1.6
    sandbox = connected(receiver)
    assert (lab().hooks.timeout, lab(version="23.7").hooks.timeout) == (1.0, 5.0)
    sandbox.hooks.timeout = 1.0
    started = time.perf_counter()
    sandbox.capture("shop", event())
    assert time.perf_counter() - started < 0.5
    assert sandbox.hooks.flush(10)
    (delivery,) = sandbox.hooks.deliveries
    assert (delivery.status, delivery.error) == (0, "ReadTimeout")
    assert 900 < delivery.ms < 1600


def test_a_receiver_that_is_down_is_logged_and_listed() -> None:
    sandbox = lab(webhook_url="http://127.0.0.1:9/hook")
    sandbox.capture("shop", event())
    assert sandbox.hooks.flush(10)
    rows = Api(sandbox).get(f"sentry-apps/{sandbox.app.slug}/webhook-requests/", token="person-token")
    assert [(row["eventType"], row["responseCode"]) for row in rows] == [("issue.created", 0)]


def test_chaos_repeats_shuffles_and_drops(receiver: Receiver) -> None:
    sandbox = connected(receiver)
    sandbox.hooks.chaos = Chaos(copies=3, spread=0.2, seed=1)
    for number in range(8):
        sandbox.capture("shop", event(f"Error{number}", fingerprint=[str(number)]))
    assert sandbox.hooks.flush(10)
    order = [body["data"]["issue"]["id"] for body in receiver.json()]
    assert sorted(order) == sorted(str(n) for n in range(1, 9) for _ in range(3))
    assert order != sorted(order, key=int)
    keys = {headers["Idempotency-Key"] for _, _, headers, _ in receiver.got}
    assert len(keys) == 8  # repetitions share it, unlike Request-ID
    sandbox.hooks.chaos = Chaos(drop=1.0)
    sandbox.capture("shop", event("Lost", fingerprint=["lost"]))
    assert sandbox.hooks.flush(10)
    assert len(receiver.got) == 24
    assert sandbox.hooks.deliveries[-1].error == "dropped"


# -- UI components ----------------------------------------------------------------


def linked(receiver: Receiver) -> SandboxSentry:
    sandbox = connected(receiver, schema=sample("ui/integration_schema.json"))
    sandbox.capture("shop", event())
    receiver.status, receiver.got[:] = 200, []
    assert sandbox.hooks.flush(10)
    receiver.got.clear()
    return sandbox


def test_issue_link(receiver: Receiver) -> None:
    sandbox = linked(receiver)
    receiver.answer = json.dumps(sample("ui/issue_link.response.json")).encode()
    person = sandbox.as_person("admin@lab.test")
    link = sandbox.components.issue_link(sandbox.issue(1), person.user, {"title": "T"})
    assert link.display_name == "AI-Triage#Database-high"
    ((method, path, headers, body),) = receiver.got
    assert (method, path) == ("POST", "/sentry/issues/create")
    assert headers["Sentry-App-Signature"] == sign(SECRET, body)
    assert "Sentry-Hook-Signature" not in headers
    assert differences(json.loads(body), sample("ui/issue_link.create.request.json")) == []
    assert (
        Api(sandbox).get("organizations/sentry/issues/1/")["annotations"][0]["displayName"]
        == link.display_name
    )


@pytest.mark.parametrize(
    ("status", "answer", "said"),
    [
        (400, b'{"message": "Team db-team is not known"}', "Team db-team is not known"),
        (500, b"oops", "status 500"),
        (200, b'{"webUrl": "https://x"}', "lacks"),
        (200, b"[]", "lacks"),
    ],
)
def test_an_answer_that_cannot_be_used_is_said(
    receiver: Receiver, status: int, answer: bytes, said: str
) -> None:
    sandbox = linked(receiver)
    receiver.status, receiver.answer = status, answer
    with pytest.raises(ComponentFailed, match=said):
        sandbox.components.issue_link(sandbox.issue(1), sandbox.as_person("admin@lab.test").user, {})


def test_options_sign_the_empty_string(receiver: Receiver) -> None:
    sandbox = linked(receiver)
    receiver.answer = json.dumps(sample("ui/select_options.response.json")).encode()
    reply = sandbox.components.options("/sentry/options/teams", project="shop", query="db")
    assert reply.body[0]["value"] == "suggest"
    ((method, path, headers, body),) = receiver.got
    assert (method, body, headers["Sentry-App-Signature"]) == ("GET", b"", sign(SECRET, b""))
    assert path.startswith(
        f"/sentry/options/teams?installationId={sandbox.app.installation}&projectSlug=shop"
    )


def test_alert_action(receiver: Receiver) -> None:
    sandbox = linked(receiver)
    receiver.status, receiver.answer = (
        400,
        json.dumps(sample("ui/alert_rule_action.error_response.json")).encode(),
    )
    reply = sandbox.components.alert_action([{"name": "mode", "value": "suggest"}])
    assert (reply.ok, reply.message) == (False, "Team db-team is not known to AI Triage")
    ((_, path, headers, body),) = receiver.got
    assert (path, headers["Sentry-App-Signature"]) == ("/sentry/alert-action", sign(SECRET, body))
    assert json.loads(body).keys() == sample("ui/alert_rule_action.request.json").keys()
