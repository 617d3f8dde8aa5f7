"""The bodies of webhooks. Source: sentry_apps/tasks/sentry_apps.py, group_notes.py."""

from __future__ import annotations

from typing import Any

from . import serialize
from .formats import iso
from .model import Activity, App, Event, Issue, User
from .serialize_webhook_event import for_webhook
from .state import Happening, State

Json = dict[str, Any]


def webhook(state: State, app: App, happening: Happening, action: str) -> Json:
    if happening.resource == "error" and happening.event is not None:
        data: Json = {"error": for_webhook(state, happening.event, happening.issue)}
    elif happening.resource == "issue":
        data = {**happening.data, "issue": _issue(state, happening)}
    else:
        data = dict(happening.data)
    return envelope(app, action, data, happening.actor)


def envelope(app: App, action: str, data: Json, actor: User | None) -> Json:
    return {
        "action": action,
        "installation": {"uuid": app.installation},
        "data": data,
        "actor": actor_of(app, actor),
    }


def actor_of(app: App, actor: User | None) -> Json:
    """Whichever integration acted, the one that is told reads its own name here."""
    if actor is None:
        return {"type": "application", "id": "sentry", "name": "Sentry"}
    if actor.is_app:
        return {"type": "application", "id": app.uuid, "name": app.name}
    return {"type": "user", "id": actor.id, "name": actor.name}


def _issue(state: State, happening: Happening) -> Json:
    issue = happening.issue
    shown = serialize.issue(state, issue)
    if not state.modern:
        return {**shown, "permalink": None}
    if happening.action == "created":  # the task writes these two itself, with an offset instead of Z
        shown |= {"firstSeen": issue.first_seen.isoformat(), "lastSeen": issue.last_seen.isoformat()}
    links = {
        "url": f"{state.url}/api/0/organizations/{state.org}/issues/{issue.id}/",
        "web_url": state.permalink(issue),
        "project_url": f"{state.url}/organizations/{state.org}/issues/?project={issue.project.id}",
    }
    return {**links, **shown}


def comment(state: State, issue: Issue, note: Activity, action: str, actor: User) -> Happening:
    stamp = iso(note.created) or ""
    data = {
        "comment_id": note.id,
        "issue_id": issue.id,
        "project_slug": issue.project.slug,
        "timestamp": stamp.replace("Z", "+00:00") if state.modern else stamp,
        "comment": note.data["text"],
    }
    return Happening("comment", action, issue, actor, data)


def event_alert(
    state: State, app: App, issue: Issue, event: Event, rule: str, settings: list[Json] | None
) -> Json:
    """``event_alert.triggered``; ``settings``: what the rule's action of ours holds, if it is ours."""
    data: Json = {"event": for_webhook(state, event, issue), "triggered_rule": rule}
    if settings is not None:
        alert = {"id": 1, "title": rule, "sentry_app_id": app.id, "settings": settings}
        data["issue_alert"] = alert
    return envelope(app, "triggered", data, None)
