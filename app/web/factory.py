"""Puts the web side together."""

from __future__ import annotations

from flask import Flask, Response, jsonify
from werkzeug.exceptions import HTTPException

from app.core.webhook import MAX_BODY
from app.settings import Settings, load_settings
from app.store import Store, open_store

from . import components, health, webhooks
from .choices import Choices


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
    app.register_error_handler(HTTPException, _as_json)
    return app


def _as_json(error: HTTPException) -> tuple[Response, int]:
    code = error.code or 500
    return jsonify(error={"status": code, "message": error.description or error.name}), code
