"""One project: itself, its teams, client keys and ownership rules."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response

from app.sandbox import ownership
from app.sandbox import serialize_org as shapes
from app.sandbox.model import Key, Project
from app.sandbox.problems import Invalid, not_found

from .base import PROJECT_READ, PROJECT_WRITE, answer, body, caller, endpoint, paged, state

bp = Blueprint("projects", __name__)
_PROJECT = "/api/0/projects/<org>/<project>/"
AUTO_ASSIGNMENT = (
    "Auto Assign to Suspect Commits",
    "Auto Assign to Issue Owner",
    "Turn off Auto-Assignment",
)
_RAW_LIMIT = 100_000


@endpoint(bp, _PROJECT, scopes=PROJECT_READ)
def project(project: Project) -> Response:
    return answer(shapes.project(state(), project, detail=True))


@endpoint(bp, f"{_PROJECT}teams/", scopes=PROJECT_READ)
def project_teams(project: Project) -> Response:
    rows = sorted(project.teams, key=lambda team: team.slug)
    return paged(rows, lambda team: shapes.team(state(), team))


@endpoint(bp, f"{_PROJECT}keys/", scopes=PROJECT_READ)
def keys(project: Project) -> Response:
    return paged(project.keys, lambda key: shapes.key(state(), project, key))


@endpoint(bp, f"{_PROJECT}keys/", methods=["POST"], scopes=PROJECT_WRITE)
def post_key(project: Project) -> Response:
    sent = body()
    limit = _rate_limit(sent.get("rateLimit"))
    key = state().add_key(project, str(sent.get("name") or sent.get("label") or "Default"))
    key.rate_limit = limit
    return answer(shapes.key(state(), project, key), 201)


def _rate_limit(value: Any) -> tuple[int, int] | None:
    if not value:
        return None
    try:
        count, window = int(value["count"]), int(value["window"])
    except (KeyError, TypeError, ValueError):
        raise Invalid({"rateLimit": ["Invalid rate limit."]}) from None
    return (count, window) if count and window else None


def _key(project: Project, key_id: str) -> Key:
    found = next((key for key in project.keys if key.public == key_id), None)
    if found is None:
        raise not_found()
    return found


@endpoint(bp, f"{_PROJECT}keys/<key_id>/", scopes=PROJECT_READ)
def one_key(project: Project, key_id: str) -> Response:
    return answer(shapes.key(state(), project, _key(project, key_id)))


@endpoint(bp, f"{_PROJECT}keys/<key_id>/", methods=["PUT"], scopes=PROJECT_WRITE)
def put_key(project: Project, key_id: str) -> Response:
    key, sent = _key(project, key_id), body()
    if "rateLimit" in sent:
        key.rate_limit = _rate_limit(sent["rateLimit"])
    key.active = bool(sent.get("isActive", key.active))
    key.label = str(sent.get("name", key.label))
    return answer(shapes.key(state(), project, key))


@endpoint(bp, f"{_PROJECT}ownership/", scopes=PROJECT_READ)
def get_ownership(project: Project) -> Response:
    return answer(shapes.ownership(project.ownership))


@endpoint(bp, f"{_PROJECT}ownership/", methods=["PUT"], scopes=PROJECT_READ)
def put_ownership(project: Project) -> Response:
    """With ``project:read`` only ``raw`` may change; the rest needs ``project:write``."""
    sent, rules = body(), project.ownership
    raw = str(sent.get("raw", rules.raw)).strip()
    if len(raw) > _RAW_LIMIT:
        raise Invalid({"raw": [f"Raw needs to be <= {_RAW_LIMIT} characters in length"]})
    try:
        ownership.parse(raw)
    except ownership.BadRules as problem:
        raise Invalid({"raw": [str(problem)]}) from problem
    if sent.get("autoAssignment", AUTO_ASSIGNMENT[0]) not in AUTO_ASSIGNMENT:
        raise Invalid({"autoAssignment": ["Invalid selection."]})
    now = state().now()
    rules.raw, rules.created, rules.updated = raw, rules.created or now, now
    if caller().scopes & set(PROJECT_WRITE):
        rules.fallthrough = bool(sent.get("fallthrough", rules.fallthrough))
        rules.auto_assignment = sent.get("autoAssignment", rules.auto_assignment)
        rules.codeowners_auto_sync = bool(sent.get("codeownersAutoSync", rules.codeowners_auto_sync))
    return answer(shapes.ownership(rules))
