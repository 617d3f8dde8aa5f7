"""The organisation, its members, teams, projects and installations."""

from __future__ import annotations

from flask import Blueprint, Response

from app.sandbox import serialize_org as shapes
from app.sandbox.problems import not_found

from .base import EVENT_READ, MEMBER_READ, ORG, ORG_READ, answer, caller, endpoint, paged, state

bp = Blueprint("organization", __name__)
_ANY = tuple(
    f"{subject}:{verb}"
    for subject in ("org", "project", "team", "member")
    for verb in ("read", "write", "admin")
)


@endpoint(bp, f"{ORG}/", scopes=ORG_READ)
def organization() -> Response:
    return answer(shapes.organization(state()))


@endpoint(bp, f"{ORG}/members/", scopes=MEMBER_READ)
def members() -> Response:
    return paged(state().members, shapes.member)


@endpoint(bp, f"{ORG}/teams/", scopes=ORG_READ)
def teams() -> Response:
    rows = sorted(state().teams.values(), key=lambda team: team.slug)
    return paged(rows, lambda team: shapes.team(state(), team, with_projects=True))


@endpoint(bp, f"{ORG}/projects/", scopes=ORG_READ)
def projects() -> Response:
    rows = sorted(state().projects.values(), key=lambda project: project.slug)
    return paged(rows, lambda project: shapes.project(state(), project))


@endpoint(bp, f"{ORG}/sentry-app-installations/", scopes=ORG_READ)
def installations() -> Response:
    return paged(list(state().apps.values()), lambda app: shapes.installation(state(), app))


@endpoint(bp, "/api/0/sentry-app-installations/<uuid>/", scopes=(*EVENT_READ, *_ANY))
def installation(uuid: str) -> Response:
    app = state().installation(uuid)
    if app is None or (caller().app is not None and caller().app is not app):
        raise not_found()
    return answer(shapes.installation(state(), app))
