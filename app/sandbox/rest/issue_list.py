"""The issue list: search, sort, page; and changing many issues in one call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox import actions, effects, search, serialize
from app.sandbox.formats import iso, seconds
from app.sandbox.model import Issue, Project
from app.sandbox.problems import Problem

from .base import EVENT_ADMIN, EVENT_WRITE, ORG, answer, body, caller, endpoint, paged, state

bp = Blueprint("issue_list", __name__)
_LIST = f"{ORG}/issues/"
_PROJECT_LIST = "/api/0/projects/<org>/<project>/issues/"
MOST_CHANGED = 1000


@endpoint(bp, _LIST)
def list_issues() -> Response:
    return _listed(_projects())


@endpoint(bp, _PROJECT_LIST)
def list_project_issues(project: Project) -> Response:
    return _listed([project])


def _listed(projects: Sequence[Project]) -> Response:
    direct = _direct_hit()
    found = [direct] if direct else search.run(state(), _search(projects))
    response = paged(found, _row, default=25)
    if direct:
        response.headers["X-Sentry-Direct-Hit"] = "1"
    elif found:  # an empty answer has no count at all, as recorded
        response.headers["X-Hits"] = str(len(found))
        response.headers["X-Max-Hits"] = "1000"
    return response


def _direct_hit() -> Issue | None:
    """An event id finds its issue; a short id does too when ``shortIdLookup`` asks for it."""
    query = request.args.get("query", "").strip()
    if len(query) == 32 and not set(query.lower()) - set("0123456789abcdef"):
        hits = [issue for (_, id_), issue in state().issue_of.items() if id_ == query.lower()]
        return hits[0] if hits else None
    if request.args.get("shortIdLookup") in ("1", "true") and "-" in query and not query.isdigit():
        return state().issue(query)
    return None


def _projects() -> list[Project]:
    wanted = request.args.getlist("project")
    if not wanted or "-1" in wanted:
        return []
    found = [project for text in wanted if (project := state().project(text))]
    if len(found) != len(wanted):
        raise Problem(403, {"detail": "You do not have permission to perform this action."})
    return found


def _search(projects: Sequence[Project]) -> search.Search:
    args = request.args
    start, end = search.window(
        state().now(), period=args.get("statsPeriod"), start=args.get("start"), end=args.get("end")
    )
    return search.Search(
        query=args.get("query", "is:unresolved"),
        projects=projects,
        environments=args.getlist("environment"),
        start=start,
        end=end,
        sort=args.get("sort", "date"),
    )


def _row(issue: Issue) -> dict[str, Any]:
    args = request.args
    shown = serialize.issue(state(), issue, caller().user)
    shown["lastSeen"] = iso(seconds(issue.last_seen))
    if "stats" not in args.getlist("collapse"):
        hourly = serialize.buckets(issue.events, state().now(), timedelta(hours=1), 24)
        shown["stats"] = {"24h": hourly}
    counts = {key: shown[key] for key in ("count", "userCount", "firstSeen", "lastSeen")}
    collapsed = args.getlist("collapse")
    if "lifetime" not in collapsed:
        shown["lifetime"] = {**counts, "stats": None}
    if "filtered" not in collapsed:
        shown["filtered"] = {**counts, "stats": shown.get("stats")}
    expand = set(args.getlist("expand"))
    if "owners" in expand:
        shown["owners"] = issue.owners or None
    if "sentryAppIssues" in expand:
        shown["sentryAppIssues"] = [serialize.external(link, issue) for link in issue.externals]
    return shown


@endpoint(bp, _LIST, methods=["PUT"], scopes=EVENT_WRITE)
def change_issues() -> Response:
    """Without ``id`` this changes everything that matches ``query``, as Sentry does."""
    issues, sent = _selected(_projects()), body()
    if sent.get("merge"):
        return _merge(issues)
    for issue in issues:
        actions.update(state(), issue, caller().user, sent)
    return answer(_changed(issues, sent))


@endpoint(bp, _LIST, methods=["DELETE"], scopes=EVENT_ADMIN)
def delete_issues() -> tuple[str, int]:
    for issue in _selected(_projects()):
        effects.delete(state(), issue)
    return "", 204


def _selected(projects: Sequence[Project]) -> list[Issue]:
    ids = request.args.getlist("id")
    if not ids:
        return search.run(state(), _search(projects))[:MOST_CHANGED]
    if len(ids) > MOST_CHANGED:
        raise Problem(400, {"detail": f"You can only change {MOST_CHANGED} issues at a time"})
    return [issue for id_ in dict.fromkeys(ids) if id_.isdigit() and (issue := state().issue(id_))]


def _changed(issues: Sequence[Issue], sent: Mapping[str, Any]) -> dict[str, Any]:
    """Only the fields that were sent, as they now are."""
    if not issues:
        return {}
    row = serialize.issue(state(), issues[0])
    shown: dict[str, Any] = {
        key: row[key]
        for key in ("status", "substatus", "priority", "assignedTo")
        if key in sent and key in row
    }
    if "status" in sent:
        shown["statusDetails"] = row["statusDetails"]
        shown["substatus"] = row["substatus"]
    return shown | {
        key: sent[key] for key in ("isBookmarked", "isPublic", "hasSeen", "isSubscribed") if key in sent
    }


def _merge(issues: Sequence[Issue]) -> Response:
    if len({issue.project for issue in issues}) > 1:
        raise Problem(400, {"detail": "Merging across multiple projects is not supported"})
    if len(issues) < 2:
        raise Problem(400, {"detail": "Need at least two issues to merge"})
    survivor, children = effects.merge(state(), list(issues))
    return answer({"merge": {"parent": str(survivor.id), "children": [str(child.id) for child in children]}})
