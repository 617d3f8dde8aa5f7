"""What Sentry's own pages ask of us: the form in the issue's sidebar, its choices, and the alert action.

All are signed in ``Sentry-App-Signature``, a webhook's signature opens none of them. Sentry shows the
``message`` of a refusal to the person. Paths and field names are those of ``integration_manifest.json``.

- ``POST /components/issue-link`` (create and link): ``{"fields": {category, severity, owner}, "issueId",
  "actor", …}`` ▸ 200 ``{webUrl, project, identifier}`` once the correction is stored; 400 with a sentence.
- ``GET /components/options[/{category|severity|owner}]``: ``[{label, value}]``; without a field the owners.
- ``POST /components/alert-action``: ``{"fields": [{name, value}]}`` ▸ 200, or 400 with a sentence.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify, request

from app.core.alerts import check_settings
from app.core.commands import Command, command_of
from app.core.intake import Intent, Kind
from app.core.plan import APP_NAME
from app.core.vocabulary import Category, Severity
from app.core.webhook import APP_SIGNATURE, BadPayload, BadSignature, fingerprint, parse_object, verify
from app.settings import Settings
from app.store import Store

from .choices import Choices
from .metrics import WEBHOOKS

log = logging.getLogger(__name__)

Answer = tuple[Response, int]


def blueprint(settings: Settings, store: Store, choices: Choices) -> Blueprint:
    bp = Blueprint("components", __name__)
    secrets = settings.client_secrets

    @bp.post("/components/issue-link")
    def issue_link() -> Answer:
        body = _signed(request.get_data(cache=True))
        payload = parse_object(body)
        issue_id, fields = str(payload.get("issueId") or ""), _texts(payload.get("fields"))
        if not (issue_id.isascii() and issue_id.isdigit() and len(issue_id) <= 20):
            raise BadPayload("The form names no issue.")
        command, problem = command_of(fields)
        if command is None:
            raise BadPayload(problem)
        ref = fingerprint(request.headers.get("Request-ID", "").encode() + b"\n" + body)
        kept = {"origin": "form", "ref": ref, "fields": command.said(), "author": _author(payload)}
        fresh = store.work.add(Intent(Kind.CORRECT, issue_id, "form"), dedupe=f"form:{ref}", payload=kept)
        _count("issue-link", "stored" if fresh else "repeated")
        page = settings.triage_public_url or request.url_root.rstrip("/")
        mark = _mark(command, issue_id)
        return jsonify(webUrl=f"{page}/issues/{issue_id}", project=APP_NAME, identifier=mark), 200

    @bp.get("/components/options")
    @bp.get("/components/options/<field>")
    def options(field: str = "owner") -> Answer:
        _signed(b"")
        if not choices.fits(request.args.get("installationId", "")):
            return _refused(403, "This installation is not ours.")
        project, query = request.args.get("projectSlug", ""), request.args.get("query", "")
        found = choices.of(field, project, query[:100])
        if found is None:
            return _refused(404, "There is no such field.")
        return jsonify(found), 200

    @bp.post("/components/alert-action")
    def alert_action() -> Answer:
        payload = parse_object(_signed(request.get_data(cache=True)))
        good, reason = check_settings(payload.get("fields"))
        if not good:
            raise BadPayload(reason)
        _count("alert-action", "stored")
        return jsonify(message="Saved."), 200

    def _signed(body: bytes) -> bytes:
        verify(request.headers.get(APP_SIGNATURE, ""), body, secrets)
        return body

    def _mark(command: Command, issue_id: str) -> str:
        """``Database-high``: what was chosen, and for the rest what stands."""
        latest = store.verdicts.latest(issue_id)
        category, severity = command.category, command.severity
        if latest is not None:
            category = category or latest.verdict.written_category
            severity = severity or latest.verdict.severity
        return f"{(category or Category.UNKNOWN).value}-{(severity or Severity.MEDIUM).value}"

    @bp.errorhandler(BadSignature)
    def bad_signature(error: BadSignature) -> Answer:
        _count("unverified", "bad_signature")
        log.warning("component request refused", extra={"reason": str(error)})
        return _refused(401, str(error))

    @bp.errorhandler(BadPayload)
    def bad_payload(error: BadPayload) -> Answer:
        _count("unreadable", "bad_payload")
        return _refused(400, str(error))

    return bp


def _texts(value: Any) -> dict[str, str]:
    fields = value if isinstance(value, Mapping) else {}
    return {str(name)[:64]: text[:500] for name, text in fields.items() if isinstance(text, str)}


def _author(payload: Mapping[str, Any]) -> str:
    actor = payload.get("actor")
    name = actor.get("name") if isinstance(actor, Mapping) else None
    return name[:200] if isinstance(name, str) else ""


def _count(what: str, result: str) -> None:
    WEBHOOKS.labels("component", what, result).inc()


def _refused(status: int, message: str) -> Answer:
    return jsonify(message=message), status
