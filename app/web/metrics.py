"""``GET /metrics`` for Prometheus: what the web processes count themselves, and what the database knows.

With a token (``TRIAGE_METRICS_TOKEN``) it is asked for as ``Authorization: Bearer …``. Without one only this
machine is answered, and only directly: behind a proxy every caller looks like this machine, and a header that
says otherwise can be made by anybody, so a request that went through a proxy is refused.
"""

from __future__ import annotations

import hmac

from flask import Blueprint, Request, Response, jsonify, request
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from app.settings import Settings
from app.store import Store

from .metrics_database import DatabaseCollector

WEBHOOKS = Counter("triage_webhooks_total", "Webhooks received.", ["resource", "action", "result"])
ACK_SECONDS = Histogram(
    "triage_webhook_ack_seconds",
    "Time until Sentry had its answer.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0),
)
FAILURES = Counter("triage_failed_requests_total", "Requests answered with 500.", ["route"])

LOCAL = frozenset({"127.0.0.1", "::1", "::ffff:127.0.0.1"})
PROXIED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via", "X-Forwarded-Host")


def blueprint(settings: Settings, store: Store) -> Blueprint:
    bp = Blueprint("metrics", __name__)
    token = settings.triage_metrics_token.get_secret_value()
    database = DatabaseCollector(store, settings)

    @bp.get("/metrics")
    def metrics() -> Response | tuple[Response, int]:
        allowed, reason = may_read(request, token)
        if not allowed:
            return jsonify(error={"status": 401 if token else 403, "message": reason}), 401 if token else 403
        counted = generate_latest(_own(settings))
        read = CollectorRegistry(auto_describe=False)
        read.register(database)
        return Response(counted + generate_latest(read), content_type=CONTENT_TYPE_LATEST)

    return bp


def may_read(asking: Request, token: str) -> tuple[bool, str]:
    """Whether this caller may see the metrics, and why not."""
    if token:
        given = asking.headers.get("Authorization", "").removeprefix("Bearer ").encode()
        if hmac.compare_digest(given, token.encode()):
            return True, "the token fits"
        return False, "Send the token: Authorization: Bearer TRIAGE_METRICS_TOKEN."
    if any(name in asking.headers for name in PROXIED):
        return False, "Behind a proxy a token is needed: set TRIAGE_METRICS_TOKEN."
    if asking.environ.get("REMOTE_ADDR") not in LOCAL:
        return False, "Without TRIAGE_METRICS_TOKEN only this machine is answered."
    return True, "asked from this machine"


def _own(settings: Settings) -> CollectorRegistry:
    """The counts of all web processes, or of this one where it is the only one."""
    folder = settings.prometheus_multiproc_dir
    if not folder:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=folder)  # type: ignore[no-untyped-call]
    return registry
