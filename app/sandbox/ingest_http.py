"""The two ingest routes over HTTP."""

from __future__ import annotations

import uuid

from flask import Blueprint, Response, current_app, jsonify, request

from . import ingest
from .problems import Problem
from .sandbox import SandboxSentry

bp = Blueprint("ingest", __name__)


def _read() -> bytes:
    raw = request.get_data(cache=False)
    if len(raw) > ingest.MAX_BODY:
        raise Problem(413, {"detail": "request body too large"})
    return ingest.decompress(raw, request.headers.get("Content-Encoding", "").lower().strip())


def _credentials(project_id: str, body: bytes) -> ingest.Credentials:
    header = request.headers.get("X-Sentry-Auth", "") or request.headers.get("Authorization", "")
    return ingest.Credentials(project_id, ingest.public_key(header, request.args.get("sentry_key"), body))


def _answer(event_id: str | None) -> Response:
    response = jsonify({"id": event_id or uuid.uuid4().hex})
    response.headers["Access-Control-Allow-Origin"] = "*"
    return response


@bp.post("/api/<int:project_id>/envelope/")
def envelope(project_id: int) -> Response:
    sandbox: SandboxSentry = current_app.extensions["sandbox"]
    body = _read()
    with sandbox.state.lock:
        project, key = ingest.authenticate(sandbox.state, _credentials(str(project_id), body))
        return _answer(ingest.accept_envelope(sandbox.state, project, key, body))


@bp.post("/api/<int:project_id>/store/")
def store(project_id: int) -> Response:
    sandbox: SandboxSentry = current_app.extensions["sandbox"]
    body = _read()
    with sandbox.state.lock:
        project, key = ingest.authenticate(sandbox.state, _credentials(str(project_id), b""))
        return _answer(ingest.accept_store(sandbox.state, project, key, body))
