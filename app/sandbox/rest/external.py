"""External issues: the link an integration puts on an issue."""

from __future__ import annotations

from flask import Blueprint, Response

from app.sandbox import actions, serialize
from app.sandbox.model import App, Issue
from app.sandbox.problems import Invalid, forbidden, not_found

from .base import EVENT_ADMIN, EVENT_READ, ISSUE_PATHS, answer, body, caller, endpoint, paged, state

bp = Blueprint("external", __name__)
_INSTALLATION = "/api/0/sentry-app-installations/<uuid>/external-issues/"


def _own_installation(uuid: str) -> App:
    app = state().installation(uuid)
    if app is None:
        raise not_found()
    if caller().app is not app:
        raise forbidden()
    return app


@endpoint(bp, _INSTALLATION, methods=["POST"], scopes=EVENT_READ)
def post_external(uuid: str) -> Response:
    app, sent = _own_installation(uuid), body()
    missing = [key for key in ("issueId", "webUrl", "project", "identifier") if not sent.get(key)]
    if missing:
        raise Invalid({key: ["This field is required."] for key in missing})
    issue = state().issue(str(sent["issueId"]), by_short_id=False)
    if issue is None:
        raise not_found()
    link = actions.link_external(
        state(),
        issue,
        app,
        project=str(sent["project"]),
        identifier=str(sent["identifier"]),
        web_url=str(sent["webUrl"]),
    )
    return answer(serialize.external(link, issue))


@endpoint(bp, f"{_INSTALLATION}<external_id>/", methods=["DELETE"], scopes=EVENT_ADMIN)
def delete_by_installation(uuid: str, external_id: str) -> tuple[str, int]:
    app = _own_installation(uuid)
    for issue in state().issues.values():
        for link in issue.externals:
            if str(link.id) == external_id and link.service == app.slug:
                issue.externals.remove(link)
                return "", 204
    raise not_found()


@endpoint(bp, *(f"{path}/external-issues/" for path in ISSUE_PATHS))
def list_external(issue: Issue) -> Response:
    return paged(issue.externals, lambda link: serialize.external(link, issue))


@endpoint(
    bp,
    *(f"{path}/external-issues/<external_id>/" for path in ISSUE_PATHS),
    methods=["DELETE"],
    scopes=EVENT_ADMIN,
)
def delete_external(issue: Issue, external_id: str) -> tuple[str, int]:
    link = next((link for link in issue.externals if str(link.id) == external_id), None)
    if link is None:
        raise not_found()
    issue.externals.remove(link)
    return "", 204
