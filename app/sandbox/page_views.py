"""What the pages show of an issue, gathered and put in words; the templates only lay it out."""

from __future__ import annotations

import html
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from . import derive
from .components import Components
from .model import Activity, Issue, Team, User
from .serialize_event import frame_json
from .state import State

_SENTENCES = {
    "set_resolved": "resolved this issue",
    "set_resolved_in_release": "resolved this issue in a release",
    "set_unresolved": "re-opened this issue",
    "set_regression": "marked this issue as a regression",
    "set_ignored": "archived this issue",
    "set_escalating": "brought this issue back: it is escalating",
    "unassigned": "removed the assignee",
}
_LISTED = ("environment", "release")


def who(owner: User | Team | None) -> str:
    if owner is None:
        return ""
    return f"#{owner.slug}" if isinstance(owner, Team) else owner.name


def author(user: User | None) -> str:
    if user is None:
        return "Sentry"
    return user.app.name if user.app else user.name


def list_row(issue: Issue) -> dict[str, Any]:
    return {
        "issue": issue,
        "assignee": who(issue.assignee),
        "tags": _own_tags(issue),
        "linked": _linked(issue),
    }


def _own_tags(issue: Issue) -> list[tuple[str, str]]:
    """The tags worth a glance in the list: those that integrations wrote, newest value of each."""
    found: dict[str, str] = {}
    for event in sorted(issue.events, key=lambda e: e.received):
        found.update(
            {key: value for key, value in event.tags if "." in key and event.data["platform"] == "other"}
        )
    return sorted(found.items())


def _linked(issue: Issue) -> list[tuple[str, str]]:
    """(name, address); Sentry stores the name escaped, the template escapes again; only the web is linked."""
    links = [(html.unescape(link.display_name), link.web_url) for link in issue.externals]
    return [(name, url if url.startswith(("http://", "https://")) else "#") for name, url in links]


def detail_view(state: State, issue: Issue) -> dict[str, Any]:
    latest = issue.latest
    chain = derive.exceptions(latest.data) if latest else []
    return {
        "issue": issue,
        "latest": latest,
        "assignee": who(issue.assignee),
        "exceptions": [_exception(value) for value in reversed(chain)],
        "message": latest.message if latest else "",
        "tags": _tags(issue),
        "entries": [_entry(state, entry) for entry in reversed(issue.activity)],
        "linked": _linked(issue),
    }


def _exception(value: Mapping[str, Any]) -> dict[str, Any]:
    frames = (value.get("stacktrace") or {}).get("frames") or []
    shown = [frame_json(frame) for frame in reversed(frames)]
    in_app = [frame for frame in shown if frame["inApp"]]
    return {
        "type": value.get("type") or "Error",
        "value": value.get("value") or "",
        "handled": (value.get("mechanism") or {}).get("handled"),
        "frames": shown,
        "open": (in_app or shown)[:1],
    }


def _tags(issue: Issue) -> list[dict[str, Any]]:
    """Each key with its values and the share of the issue's events they are on, as Sentry's tag list."""
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for event in issue.events:
        for key, value in event.tags:
            counts[key][value] += 1
    rows = []
    for key, values in sorted(counts.items(), key=lambda item: (not item[0].startswith("triage."), item[0])):
        total = sum(values.values())
        best = sorted(values.items(), key=lambda item: -item[1])[:3]
        rows.append({"key": key, "values": [(value, round(100 * n / total)) for value, n in best]})
    return rows


def _entry(state: State, entry: Activity) -> dict[str, Any]:
    return {
        "author": author(entry.user),
        "is_app": bool(entry.user and entry.user.app),
        "at": entry.created,
        "note": entry.data["text"] if entry.type == "note" else None,
        "sentence": _sentence(state, entry),
    }


def _sentence(state: State, entry: Activity) -> str:
    if entry.type == "assigned":
        owners: Mapping[int, User | Team] = (
            state.teams if entry.data["assigneeType"] == "team" else state.users
        )
        return f"assigned this issue to {who(owners.get(int(entry.data['assignee'])))}"
    if entry.type == "set_priority":
        return f"set the priority to {entry.data['priority']}"
    return _SENTENCES.get(entry.type, entry.type.replace("_", " "))


def people(state: State, issue: Issue) -> list[tuple[str, str]]:
    """Who can be assigned: (value of the form, name)."""
    users = [member.user for member in state.members if member.user]
    teams = [(f"team:{team.id}", f"#{team.slug}") for team in issue.project.teams]
    return [*teams, *((f"user:{user.id}", user.name) for user in users)]


def link_fields(components: Components, form: Mapping[str, Any], issue: Issue) -> list[dict[str, Any]]:
    """The fields of the integration's form, with choices fetched and defaults filled in."""
    fields = []
    for required, key in ((True, "required_fields"), (False, "optional_fields")):
        for field in form.get(key) or []:
            fields.append({**_field(components, field, issue), "required": required})
    return fields


def _field(components: Components, field: Mapping[str, Any], issue: Issue) -> dict[str, Any]:
    default = {"issue.title": issue.title, "issue.description": f"Sentry issue {issue.short_id}"}
    shown = {**field, "value": default.get(str(field.get("default")), field.get("default") or "")}
    if field["type"] != "select":
        return shown
    if "options" in field:
        shown["choices"] = [(str(value), str(label)) for value, label in field["options"]]
        return shown
    reply = components.options(str(field["uri"]), project=issue.project.slug)
    rows = [row for row in reply.body if isinstance(row, dict)] if isinstance(reply.body, list) else []
    shown["choices"] = [(str(row.get("value", "")), str(row.get("label", ""))) for row in rows]
    shown["value"] = next((str(row["value"]) for row in rows if row.get("default")), "")
    shown["problem"] = "" if reply.ok else reply.message
    return shown
