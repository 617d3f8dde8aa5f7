"""Events: of an issue, of a project, and by id alone."""

from __future__ import annotations

from flask import Blueprint, Response, request

from app.sandbox import ownership, search, serialize, serialize_event
from app.sandbox.model import Event, Issue, Project
from app.sandbox.problems import Problem, not_found
from app.sandbox.serialize_webhook_event import as_dict

from .base import ISSUE_PATHS, ORG, ORG_READ, PROJECT_READ, answer, endpoint, paged, state

bp = Blueprint("events", __name__)
_PROJECT_EVENT = "/api/0/projects/<org>/<project>/events/<event_id>/"


@endpoint(bp, *(f"{path}/events/" for path in ISSUE_PATHS))
def issue_events(issue: Issue) -> Response:
    rows = sorted(_visible(issue), key=lambda event: event.order, reverse=True)
    full = request.args.get("full", "").lower() in ("1", "true")

    def show(event: Event) -> object:
        return serialize_event.full(state(), event, issue) if full else serialize_event.light(event, issue)

    return paged(rows, show)


@endpoint(bp, *(f"{path}/events/<event_id>/" for path in ISSUE_PATHS))
def issue_event(issue: Issue, event_id: str) -> Response:
    if event_id == "recommended" and not state().modern:
        raise not_found()
    events = _visible(issue)
    if event_id in ("latest", "oldest", "recommended"):
        event = _pick(events, event_id)
    else:
        wanted = event_id.replace("-", "").lower()
        event = next((e for e in events if e.id == wanted), None)
    if event is None:
        raise Problem(404, {"detail": "No matching event"})
    return answer(serialize_event.full(state(), event, issue))


def _pick(events: list[Event], which: str) -> Event | None:
    if which == "oldest":
        return min(events, key=lambda event: event.order, default=None)
    if which == "recommended":  # fewest processing errors first, then as latest
        return max(events, key=lambda event: (-len(event.data["errors"]), event.order), default=None)
    return max(events, key=lambda event: event.order, default=None)


def _visible(issue: Issue) -> list[Event]:
    """Within ``environment``, ``start``/``end`` and ``statsPeriod`` where they are given."""
    args = request.args
    wanted = set(args.getlist("environment"))
    events = [e for e in issue.events if not wanted or (e.data["environment"] or "") in wanted]
    if not any(args.get(key) for key in ("statsPeriod", "start", "end")):
        return events
    now = state().now()
    start, end = search.window(
        now, period=args.get("statsPeriod"), start=args.get("start"), end=args.get("end")
    )
    return [event for event in events if start <= event.at <= end]


@endpoint(bp, f"{ORG}/eventids/<event_id>/", scopes=ORG_READ)
def event_by_id(event_id: str) -> Response:
    wanted = event_id.replace("-", "").lower()
    if len(wanted) != 32 or set(wanted) - set("0123456789abcdef"):
        raise Problem(400, {"detail": "Event IDs must be of the form [0-9a-f]{32}"})
    found = next((event for (_, id_), event in state().events.items() if id_ == wanted), None)
    if found is None:
        raise not_found()
    issue = state().issue_of[found.project.id, found.id]
    return answer(
        {
            "organizationSlug": state().org,
            "projectSlug": found.project.slug,
            "groupId": str(issue.id),
            "eventId": found.id,
            "event": serialize_event.full(state(), found, issue),
        }
    )


def _event(project: Project, event_id: str) -> tuple[Event, Issue]:
    key = project.id, event_id.replace("-", "").lower()
    if key not in state().events:
        raise Problem(404, {"detail": "Event not found"})
    return state().events[key], state().issue_of[key]


@endpoint(bp, _PROJECT_EVENT, scopes=PROJECT_READ)
def project_event(project: Project, event_id: str) -> Response:
    return answer(serialize_event.full(state(), *_event(project, event_id)))


@endpoint(bp, f"{_PROJECT_EVENT}json/", scopes=PROJECT_READ)
def raw_event(project: Project, event_id: str) -> Response:
    return answer(as_dict(_event(project, event_id)[0]))


@endpoint(bp, f"{_PROJECT_EVENT}owners/", scopes=PROJECT_READ)
def event_owners(project: Project, event_id: str) -> Response:
    event, _ = _event(project, event_id)
    matched = ownership.owners(state(), event)
    rules = [[[rule.matcher, rule.pattern], [_owner(text) for text in rule.owners]] for rule, _ in matched]
    known = [serialize.actor(owner) for _, owners in matched for owner in owners]
    first = rules[0][0] if rules else None
    return answer({"owners": known, "rule": first, "rules": rules})


def _owner(text: str) -> list[str]:
    return ["team", text[1:]] if text.startswith("#") else ["user", text]


@endpoint(bp, f"{_PROJECT_EVENT}committers/", scopes=PROJECT_READ)
def committers(project: Project, event_id: str) -> Response:
    _event(project, event_id)
    raise Problem(404, {"detail": "No Commits found for Release"})
