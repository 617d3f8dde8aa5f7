"""``POST /webhooks/sentry``: verify, store, answer 202. Sentry asks once and waits one second.

Three things may come, all signed over the raw bytes:

- a webhook of Sentry (``Sentry-Hook-Signature``): 202, whatever is in it, once it is stored;
- a raw event from a team's own relay (``Sentry-Signature: sha256=…``): 200 with the verdict once the durable
  job has it, 504 after 30 seconds, while the job goes on;
- anything else: 401 without a valid signature, 400 for a body that cannot be read, 413 over 4 MiB.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.core import intake, relay
from app.core.webhook import (
    HEADERS,
    RELAY_SIGNATURE,
    BadPayload,
    BadSignature,
    WebhookEvent,
    fingerprint,
    parse_object,
    verify_relay,
)
from app.settings import Settings
from app.store import Store

from .metrics import ACK_SECONDS, WEBHOOKS

log = logging.getLogger(__name__)

RELAY_WAIT = 30.0
"""Seconds a relay's request waits for its verdict."""

RELAY_WAITERS = 8
"""How many relay requests may wait at a time, so that they never take all threads from Sentry's webhooks."""

Answer = tuple[Response | str, int]

ENVIRON = {name: "HTTP_" + name.upper().replace("-", "_") for name in HEADERS}
"""Where WSGI keeps the headers that are read."""


def blueprint(settings: Settings, store: Store) -> Blueprint:
    bp = Blueprint("webhooks", __name__)
    secrets = settings.client_secrets
    waiters = threading.BoundedSemaphore(RELAY_WAITERS)

    @bp.post("/webhooks/sentry")
    def receive() -> Answer:
        started = time.perf_counter()
        body = request.get_data(cache=True)
        relayed = request.headers.get(RELAY_SIGNATURE)
        try:
            if relayed is not None and "Sentry-Hook-Signature" not in request.headers:
                return _receive_relay(body, relayed)
            return _receive_hook(body)
        finally:
            if relayed is None:
                ACK_SECONDS.observe(time.perf_counter() - started)

    def _receive_hook(body: bytes) -> Answer:
        get = request.environ.get
        headers = {name: get(key, "") for name, key in ENVIRON.items()}
        event = WebhookEvent.from_http(headers, body, secrets=secrets)
        intent, reason = intake.router.dispatch(event)
        result = "ignored"
        if intent is not None:
            fresh = store.work.add(intent, dedupe=event.delivery, payload=intent.payload)
            result = "stored" if fresh else "repeated"
        WEBHOOKS.labels(*_labels(event), result).inc()
        if log.isEnabledFor(logging.INFO):
            ids = {"request_id": event.request_id, "delivery": event.delivery, "issue": event.issue_id}
            log.info("webhook", extra={**ids, "outcome": result, "reason": reason})
        return "", 202

    def _receive_relay(body: bytes, signature: str) -> Answer:
        verify_relay(signature, body, secrets)
        event = relay.parse(parse_object(body))
        dedupe = f"relay:{fingerprint(body)}"
        store.work.add(event.intent(), dedupe=dedupe, payload=dict(event.payload))
        WEBHOOKS.labels("relay", "event", "stored").inc()
        if not waiters.acquire(blocking=False):
            return _not_yet(event.event_id, "Too many requests wait for a verdict now.")
        try:
            return _await_verdict(event.event_id, dedupe)
        finally:
            waiters.release()

    def _await_verdict(event_id: str, dedupe: str) -> Answer:
        deadline = time.monotonic() + RELAY_WAIT
        while time.monotonic() < deadline:
            job = store.work.find(dedupe)
            if job is not None and job.state == "failed":
                return jsonify(status="failed", event_id=event_id, message=job.reason), 502
            verdict = store.verdicts.latest(relay.subject(event_id))
            if verdict is not None and job is not None and job.state == "done":
                classification = relay.classification(verdict.verdict)
                return jsonify(status="ok", event_id=event_id, classification=classification), 200
            time.sleep(0.1)
        return _not_yet(event_id, "No verdict within 30 seconds; the work goes on.")

    @bp.errorhandler(BadSignature)
    def bad_signature(error: BadSignature) -> Answer:
        WEBHOOKS.labels("unverified", "", "bad_signature").inc()
        log.warning("webhook refused", extra={"reason": str(error)})
        return _error(401, str(error))

    @bp.errorhandler(BadPayload)
    def bad_payload(error: BadPayload) -> Answer:
        WEBHOOKS.labels("unreadable", "", "bad_payload").inc()
        return _error(400, str(error))

    return bp


def _labels(event: WebhookEvent) -> tuple[str, str]:
    """Resource and action as metric labels: only those that Sentry is known to send, the rest is ``other``,
    so that nobody can make series without end."""
    known = KNOWN.get(event.resource)
    if known is None:
        return "other", "other"
    return event.resource, event.action if event.action in known else "other"


KNOWN: Mapping[str, frozenset[str]] = {
    "issue": frozenset({"created", "resolved", "assigned", "ignored", "archived", "unresolved"}),
    "error": frozenset({"created"}),
    "comment": frozenset({"created", "updated", "deleted"}),
    "event_alert": frozenset({"triggered"}),
    "metric_alert": frozenset({"critical", "warning", "resolved", "open"}),
    "activity_alert": frozenset({"triggered"}),
    "installation": frozenset({"created", "deleted"}),
    "seer": frozenset(
        {
            "root_cause_started",
            "root_cause_completed",
            "solution_started",
            "solution_completed",
            "coding_started",
            "coding_completed",
            "iteration_started",
            "iteration_completed",
            "pr_created",
        }
    ),
    "preprod_artifact": frozenset({"size_analysis_completed", "build_distribution_completed"}),
}
"""Resources and actions of ``sentry_apps/event_types.py`` and Sentry's webhook docs."""


def _not_yet(event_id: str, message: str) -> Answer:
    return jsonify(status="pending", event_id=event_id, message=message), 504


def _error(status: int, message: str) -> Answer:
    body: dict[str, Any] = {"status": status, "message": message}
    return jsonify(error=body), status
