"""The receiving end as Sentry sees it: the status, and what is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client import REGISTRY

from app import create_app
from app.core import relay
from app.core.verdict import Verdict
from app.core.vocabulary import Category, Severity, Source
from app.core.webhook import MAX_BODY, sign
from app.errors import UserError
from app.settings import load_settings
from app.store import Store
from app.web import webhooks as web

from .conftest import SECRET
from .test_core_webhook import HOOKS, body_of, name

EVENT = {
    "event_id": "7ca573c0f4814912aaa9bdc77d1a7d51",
    "platform": "python",
    "exception": {"values": [{"type": "KeyError", "value": "'quantity'"}]},
}


@pytest.fixture
def app(store: Store) -> Flask:
    return create_app(load_settings(sentry_client_secret=SECRET), store=store)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


def hook(resource: str, payload: dict, secret: str = SECRET) -> dict:
    """Keyword arguments of a post that is signed like Sentry's."""
    body = json.dumps(payload, separators=(",", ":")).encode()
    headers = {
        "Sentry-Hook-Resource": resource,
        "Sentry-Hook-Signature": sign(secret, body),
        "Request-ID": "r1",
    }
    return {"data": body, "headers": headers, "content_type": "application/json"}


def relayed(payload: dict, secret: str = SECRET) -> dict:
    body = json.dumps(payload).encode()
    return {"data": body, "headers": {"Sentry-Signature": "sha256=" + sign(secret, body)}}


@pytest.mark.parametrize("case", HOOKS, ids=name)
def test_every_vector_is_accepted(client: FlaskClient, case: dict) -> None:
    answer = client.post("/webhooks/sentry", data=body_of(case), headers=case["headers"])
    assert (answer.status_code, answer.data) == (202, b"")


@pytest.mark.parametrize("path", ["/webhooks/sentry", "/webhooks/sentry/"])
def test_created_issue_becomes_one_row_on_both_paths(client: FlaskClient, store: Store, path: str) -> None:
    case = next(case for case in HOOKS if case["body"] == "issue.created.body")
    for _ in range(3):
        assert client.post(path, data=body_of(case), headers=case["headers"]).status_code == 202
    (job,) = store.work.due()
    assert (job.kind.value, job.subject, job.trigger) == ("triage", "6507376925", "issue.created")


@pytest.mark.parametrize(
    ("resource", "action"),
    [("issue", "exploded"), ("hologram", "created"), ("", ""), ("installation", "created")],
)
def test_what_we_do_not_know_is_accepted_and_counted(
    client: FlaskClient, store: Store, resource: str, action: str
) -> None:
    labels = {"resource": "other", "action": "other", "result": "ignored"}
    if resource in web.KNOWN:
        known = action if action in web.KNOWN[resource] else "other"
        labels |= {"resource": resource, "action": known}
    before = REGISTRY.get_sample_value("triage_webhooks_total", labels) or 0
    assert client.post("/webhooks/sentry", **hook(resource, {"action": action})).status_code == 202
    assert REGISTRY.get_sample_value("triage_webhooks_total", labels) == before + 1
    assert store.work.counts() == {}


def test_wrong_signature_is_401_and_stores_nothing(client: FlaskClient, store: Store) -> None:
    answer = client.post("/webhooks/sentry", **hook("issue", {"action": "created"}, secret="other"))
    assert answer.status_code == 401
    assert "SENTRY_CLIENT_SECRET" in answer.get_json()["error"]["message"]
    assert store.work.counts() == {}


def test_missing_signature_is_401(client: FlaskClient) -> None:
    assert client.post("/webhooks/sentry", json={"action": "created"}).status_code == 401


def test_garbage_with_a_valid_signature_is_400_with_a_sentence(client: FlaskClient) -> None:
    headers = {"Sentry-Hook-Signature": sign(SECRET, b"{")}
    answer = client.post("/webhooks/sentry", data=b"{", headers=headers)
    assert answer.status_code == 400
    assert answer.get_json()["error"]["message"] == "The body is not JSON."


def test_body_over_the_limit_is_413(client: FlaskClient) -> None:
    answer = client.post("/webhooks/sentry", data=b"x" * (MAX_BODY + 1))
    assert answer.status_code == 413
    assert client.post("/webhooks/sentry", data=b"x" * MAX_BODY).status_code == 401


def test_rotation_accepts_both_secrets(store: Store) -> None:
    app = create_app(load_settings(sentry_client_secret=f"new, {SECRET}"), store=store)
    for secret in ("new", SECRET):
        post = hook("issue", {"action": "created"}, secret=secret)
        assert app.test_client().post("/webhooks/sentry", **post).status_code == 202


def test_no_secret_no_app() -> None:
    with pytest.raises(UserError, match="SENTRY_CLIENT_SECRET is not set") as caught:
        create_app(load_settings())
    assert "Client Secret" in caught.value.hint


def test_an_unsigned_relay_event_is_refused(client: FlaskClient) -> None:
    assert client.post("/webhooks/sentry", **relayed(EVENT, secret="other")).status_code == 401


@pytest.mark.parametrize(
    ("payload", "says"),
    [({"event_id": "x", "message": "m"}, "event_id"), ({"event_id": "0" * 32}, "neither")],
)
def test_an_unreadable_relay_event_is_400(client: FlaskClient, payload: dict, says: str) -> None:
    answer = client.post("/webhooks/sentry", **relayed(payload))
    assert answer.status_code == 400
    assert says in answer.get_json()["error"]["message"]


def test_relay_waits_for_the_verdict_of_its_job(
    client: FlaskClient, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "RELAY_WAIT", 0.2)
    late = client.post("/webhooks/sentry", **relayed(EVENT))
    assert (late.status_code, late.get_json()["status"]) == (504, "pending")
    (job,) = store.work.due()
    assert store.work.payload(job.id) == EVENT
    verdict = Verdict(category=Category.LOGIC, severity=Severity.HIGH, confidence=0.9, source=Source.OFFLINE)
    store.verdicts.add(relay.subject(EVENT["event_id"]), verdict, project="", signature="", reason="")
    store.work.claim(job, "w")
    store.work.finish(job.id, "w", "triaged", "")
    answer = client.post("/webhooks/sentry", **relayed(EVENT))
    assert answer.status_code == 200
    assert answer.get_json()["event_id"] == EVENT["event_id"]
    assert answer.get_json()["classification"]["category"] == "Logic"
    assert store.work.counts() == {"done": 1}


def test_health_and_ready(client: FlaskClient, store: Store) -> None:
    assert client.get("/health").get_json() == {"status": "ok", "provider": "offline", "write": "on"}
    assert client.get("/ready").get_json()["status"] == "ready"


def test_ready_is_503_when_the_database_is_gone(app: Flask, store: Store) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE work")
    answer = app.test_client().get("/ready")
    assert answer.status_code == 503
