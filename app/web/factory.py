"""Puts the web side together."""

from __future__ import annotations

import logging

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, InternalServerError

from app.core.webhook import MAX_BODY
from app.reporting import Reporter, start_reporting
from app.settings import Settings, load_settings
from app.store import Store, open_store

from . import components, dashboard, health, metrics, openapi, webhooks
from .choices import Choices

log = logging.getLogger(__name__)

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer that does not say otherwise itself."""


def build_app(settings: Settings | None, store: Store | None) -> Flask:
    """Flask app over ``settings`` (the environment's if none)."""
    settings = settings or load_settings()
    settings.require("sentry_client_secret")
    store = store or open_store(settings)
    app = Flask("sentry-triage", static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = MAX_BODY
    # Sentry does not follow redirects: a missing or extra slash must not cost a webhook.
    app.url_map.strict_slashes = False
    app.register_blueprint(webhooks.blueprint(settings, store))
    app.register_blueprint(components.blueprint(settings, store, Choices.by(settings)))
    app.register_blueprint(health.blueprint(settings, store))
    dashboard.install(app, settings, store)
    app.register_blueprint(metrics.blueprint(settings, store))
    app.register_blueprint(openapi.blueprint())
    app.register_error_handler(HTTPException, _as_json)
    _answer_failures(app, start_reporting(settings, "web"))
    app.after_request(_harden)
    return app


def _answer_failures(app: Flask, reporter: Reporter | None) -> None:
    """An error of ours: JSON without a word of it, and the headers by which Sentry's log of webhooks links to
    the event that tells of it (``Sentry-Hook-Error``, ``Sentry-Hook-Project``)."""

    def failed(error: Exception) -> tuple[Response, int]:
        event_id = reporter.report(error) if reporter else ""
        log.error("request failed", exc_info=error, extra={"report": event_id})
        metrics.FAILURES.labels(str(request.url_rule or "")).inc()
        answer, _ = _as_json(InternalServerError())
        if reporter and event_id:
            answer.headers["Sentry-Hook-Error"] = event_id
            answer.headers["Sentry-Hook-Project"] = reporter.project
        return answer, 500

    app.register_error_handler(Exception, failed)


def _harden(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response


def _as_json(error: HTTPException) -> tuple[Response, int]:
    code = error.code or 500
    answer = jsonify(error={"status": code, "message": error.description or error.name})
    allowed = dict(error.get_headers()).get("Allow")
    if allowed:
        answer.headers["Allow"] = allowed
    return answer, code
