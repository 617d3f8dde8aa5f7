"""``GET /health``: the process is alive. ``GET /ready``: it can store what Sentry sends."""

from __future__ import annotations

import logging

from flask import Blueprint, Response, jsonify
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings
from app.store import Store

log = logging.getLogger(__name__)


def blueprint(settings: Settings, store: Store) -> Blueprint:
    bp = Blueprint("health", __name__)

    @bp.get("/health")
    def health() -> Response:
        """Alive; touches nothing, so that a slow database does not get the process restarted."""
        return jsonify(status="ok", provider=settings.triage_model, write=settings.triage_write.value)

    @bp.get("/ready")
    def ready() -> tuple[Response, int]:
        """200 while the database answers, with the queue's state. A model that is down changes nothing
        here: webhooks are stored all the same."""
        try:
            counts = store.work.counts()
            oldest = store.work.oldest_due()
        except SQLAlchemyError:
            log.exception("the database does not answer")
            return jsonify(status="unavailable", reason="The database does not answer."), 503
        waited = 0.0 if oldest is None else max(0.0, (store.clock() - oldest).total_seconds())
        return jsonify(status="ready", queue=counts, oldest_waiting_seconds=round(waited, 1)), 200

    return bp
