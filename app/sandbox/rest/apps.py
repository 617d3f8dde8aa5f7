"""Internal integrations: create, read, change, rotate the secret, and the log of webhook requests."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox import integrations
from app.sandbox import serialize_org as shapes
from app.sandbox.model import App
from app.sandbox.problems import Invalid, Problem, forbidden, not_found

from .base import ORG, ORG_READ, answer, body, box, caller, endpoint, paged, state

bp = Blueprint("apps", __name__)
_APPS = "/api/0/sentry-apps/"
_APP = f"{_APPS}<slug>/"
_MANAGE = ("org:write", "org:admin")
_FIELDS = {
    "name": "name",
    "webhookUrl": "webhook_url",
    "isAlertable": "is_alertable",
    "schema": "schema",
    "overview": "overview",
    "author": "author",
}


def _person_only() -> None:
    if caller().app is not None:
        raise forbidden()


def _app(slug: str) -> App:
    found = state().apps.get(slug)
    if found is None:
        raise not_found()
    return found


@endpoint(bp, _APPS, methods=["POST"], scopes=_MANAGE)
def create_app() -> Response:
    """Needs a person's token. Installs at once; makes no API token (today's ``skip_default_auth_token``)."""
    _person_only()
    sent = dict(body())
    if sent.get("organization") != state().org:
        raise Problem(404, {"detail": "The requested resource does not exist"})
    if not sent.get("isInternal"):
        raise Invalid({"isInternal": ["The sandbox knows internal integrations only."]})
    integrations.check(sent, requester=caller().scopes, modern=state().modern)
    if any(app.name == sent["name"] for app in state().apps.values()):
        raise Invalid({"name": ["Name " + sent["name"] + " is already taken, please use another."]})
    app = state().add_app(
        str(sent["name"]),
        scopes=sorted(integrations.with_implied(sent.get("scopes") or [])),
        events=list(sent.get("events") or []),
        **{own: sent[theirs] for theirs, own in _FIELDS.items() if theirs != "name" and sent.get(theirs)},
    )
    app.webhook_headers = _headers(sent)
    return answer(shapes.app(state(), app), 201)


def _headers(sent: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    pairs = (str(line).partition(":") for line in sent.get("webhookHeaders") or [])
    return tuple((name.strip(), value.strip()) for name, _, value in pairs)


@endpoint(bp, _APPS, f"{ORG}/sentry-apps/", scopes=ORG_READ)
def list_apps() -> Response:
    _person_only()
    return paged(list(state().apps.values()), lambda app: shapes.app(state(), app))


@endpoint(bp, _APP, scopes=ORG_READ)
def get_app(slug: str) -> Response:
    app = _app(slug)
    if caller().app not in (None, app):
        raise forbidden()
    return answer(shapes.app(state(), app))


@endpoint(bp, _APP, methods=["PUT"], scopes=_MANAGE)
def put_app(slug: str) -> Response:
    _person_only()
    app, sent = _app(slug), body()
    merged = {**shapes.app(state(), app), **sent}
    integrations.check(merged, requester={*caller().scopes, *app.scopes}, modern=state().modern)
    for theirs, own in _FIELDS.items():
        if theirs in sent:
            setattr(app, own, sent[theirs])
    app.events = tuple(sent.get("events", app.events))
    if "scopes" in sent:
        app.scopes = tuple(sorted(integrations.with_implied(sent["scopes"])))
        for known in list(state().tokens.values()):  # the tokens of an integration follow its scopes
            if known.app is app:
                state().add_token(known.value, known.user, app.scopes)
    return answer(shapes.app(state(), app))


@endpoint(bp, f"{_APP}rotate-secret/", methods=["POST"], scopes=_MANAGE)
def rotate_secret(slug: str) -> Response:
    _person_only()
    app = _app(slug)
    app.client_secret = secrets.token_hex(32)
    return answer({"clientSecret": app.client_secret})


@endpoint(bp, f"{_APP}webhook-requests/", f"{_APP}requests/", scopes=ORG_READ)
def webhook_requests(slug: str) -> Response:
    """Newest first; ``responseCode`` 0 stands for a timeout or a refused connection."""
    _person_only()
    app, args = _app(slug), request.args
    rows = [d for d in reversed(box().hooks.deliveries) if d.app == app.slug and d.status is not None]
    if wanted := args.get("eventType"):
        rows = [row for row in rows if row.event_type == wanted]
    if args.get("errorsOnly") in ("1", "true"):
        rows = [row for row in rows if not 200 <= (row.status or 0) < 300]
    return answer(
        [
            {
                "webhookUrl": row.url,
                "sentryAppSlug": row.app,
                "eventType": row.event_type,
                "date": str(row.at),
                "responseCode": row.status,
            }
            for row in rows[:100]
        ]
    )
