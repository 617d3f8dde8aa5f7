"""The WSGI application: ingest, REST, pages, errors as Sentry words them, faults and rate limits on top."""

from __future__ import annotations

import json
import logging

from flask import Flask, Response, current_app, g, jsonify, request
from werkzeug.exceptions import HTTPException

from . import ingest_http, pages
from .faults import default_body
from .problems import Problem, not_found
from .rest import BLUEPRINTS
from .sandbox import SandboxSentry

_log = logging.getLogger(__name__)


def create_app(sandbox: SandboxSentry) -> Flask:
    """Serve this sandbox."""
    app = Flask(__name__, static_url_path="/_sandbox")
    app.url_map.strict_slashes = True
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["sandbox"] = sandbox
    for blueprint in (ingest_http.bp, *BLUEPRINTS, pages.bp):
        app.register_blueprint(blueprint)
    app.before_request(_before)
    app.after_request(_after)
    app.register_error_handler(Problem, _problem)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _crash)
    return app


def _sandbox() -> SandboxSentry:
    found: SandboxSentry = current_app.extensions["sandbox"]
    return found


def _before() -> Response | None:
    sandbox = _sandbox()
    g.fault = sandbox.faults.pick(request.method, request.path)
    if g.fault and not g.fault.after:
        if g.fault.hang:
            sandbox.faults.sleep(g.fault.hang)
        if g.fault.status is not None:
            return _fault_answer()
    with sandbox.state.lock:
        g.grant = sandbox.limits.take(request.method, request.path, sandbox.state.now())
    if g.grant and not g.grant.allowed:
        return _json(g.grant.body, 429)
    return None


def _after(response: Response) -> Response:
    fault = g.get("fault")
    if fault and fault.after:
        if fault.hang:
            _sandbox().faults.sleep(fault.hang)
        if fault.status is not None:
            return _fault_answer()
    if grant := g.get("grant"):
        response.headers.update(grant.headers)
    return response


def _fault_answer() -> Response:
    fault = g.fault
    body = default_body(fault.status) if fault.body is None else fault.body
    if isinstance(body, str) and body.startswith("<"):
        return Response(body, fault.status, dict(fault.headers), mimetype="text/html")
    response = _json(body, fault.status)
    response.headers.update(fault.headers)
    return response


def _json(body: object, status: int) -> Response:
    return Response(json.dumps(body), status, mimetype="application/json")


def _problem(problem: Exception) -> Response:
    assert isinstance(problem, Problem)
    response = _json(problem.body, problem.status)
    response.headers.update(getattr(problem, "headers", {}))
    if problem.status == 401 and request.path.startswith("/api/0/"):
        response.headers["WWW-Authenticate"] = 'xBasic realm="api"'
    return response


def _http_error(error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if request.path.startswith("/api/"):
        if error.code == 404:
            return _problem(not_found())
        if error.code in (301, 308):
            return error.get_response()  # type: ignore[return-value]
        return _json({"detail": error.description or error.name}, error.code or 500)
    return error.get_response()  # type: ignore[return-value]


def _crash(error: Exception) -> Response:
    _log.exception("the sandbox failed on %s %s", request.method, request.path, exc_info=error)
    response = jsonify({"detail": "Internal Error", "errorId": "0" * 32})
    response.status_code = 500
    return response
