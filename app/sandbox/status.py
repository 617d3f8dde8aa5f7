"""Resolve, archive, re-open: statuses, their details, and what follows from each.

Source: api/helpers/group_index/update.py, models/groupsnooze.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from .effects import NEW_FOR, release_range
from .formats import iso
from .model import Issue, Resolution, Snooze, User
from .problems import Invalid
from .state import Happening, State

STATUSES = ("resolved", "unresolved", "ignored", "resolvedInNextRelease", "muted")
SUBSTATUSES = [
    "archived_until_escalating",
    "archived_until_condition_met",
    "archived_forever",
    "escalating",
    "ongoing",
    "regressed",
    "new",
]
_SNOOZE = ("ignoreDuration", "ignoreCount", "ignoreWindow", "ignoreUserCount", "ignoreUserWindow")
MAX_WINDOW = 10_080

Apply = Callable[[], list[Happening]]


def plan(state: State, issue: Issue, actor: User, body: Mapping[str, Any]) -> Apply:
    """Validate now, change when called. Raises ``Invalid``."""
    details = body.get("statusDetails") or {}
    if not isinstance(details, Mapping):
        raise Invalid({"statusDetails": ["Invalid data. Expected a dictionary."]})
    details = {**{key: body[key] for key in _SNOOZE if key in body}, **details}
    wanted, substatus = body.get("status"), body.get("substatus")
    if wanted is not None and wanted not in STATUSES:
        raise Invalid({"status": [f'"{wanted}" is not a valid choice.']})
    if substatus is not None and substatus not in SUBSTATUSES:
        raise Invalid({"substatus": [f'"{substatus}" is not a valid choice.']})
    if wanted is None and substatus is None:
        return lambda: []
    if wanted is None:
        wanted = "ignored" if str(substatus).startswith("archived") else "unresolved"
    if wanted in ("resolved", "resolvedInNextRelease"):
        return _resolve(state, issue, actor, "inNextRelease" if wanted != "resolved" else None, details)
    if wanted in ("ignored", "muted"):
        return _archive(state, issue, actor, substatus, _numbers(details))
    return _reopen(state, issue, actor, substatus)


def _numbers(details: Mapping[str, Any]) -> dict[str, int | None]:
    found: dict[str, int | None] = {}
    for key in _SNOOZE:
        value = details.get(key)
        if value is not None and (isinstance(value, bool) or not str(value).isdigit() or int(value) < 1):
            raise Invalid({"statusDetails": {key: ["A valid integer is required."]}})
        found[key] = None if value is None else int(value)
        if "Window" in key and (found[key] or 0) > MAX_WINDOW:
            text = f"Ensure this value is less than or equal to {MAX_WINDOW}."
            raise Invalid({"statusDetails": {key: [text]}})
    return found


def _resolve(state: State, issue: Issue, actor: User, kind: str | None, details: Mapping[str, Any]) -> Apply:
    resolution, how, data = None, "now", {}
    in_release = details.get("inRelease")
    if kind or details.get("inNextRelease"):
        version = release_range(issue)[1]
        resolution, how, data = (
            Resolution("in_next_release", version, actor),
            "in_next_release",
            {"version": ""},
        )
    elif in_release:
        version = release_range(issue)[1] if in_release == "latest" else str(in_release)
        if not version or version not in state.releases:
            raise Invalid(
                {"statusDetails": {"inRelease": ["Unable to find a release with the given version."]}}
            )
        resolution, how, data = Resolution("in_release", version, actor), "in_release", {"version": version}

    def apply() -> list[Happening]:
        if issue.status == "resolved" and resolution is None:
            return []
        issue.status, issue.substatus, issue.snooze, issue.resolution = "resolved", None, None, resolution
        issue.subscribers.setdefault(actor.id, "changed_status")
        state.log(issue, "set_resolved_in_release" if resolution else "set_resolved", actor, data)
        return [Happening("issue", "resolved", issue, actor, {"resolution_type": how})]

    return apply


def _archive(
    state: State, issue: Issue, actor: User, substatus: str | None, numbers: Mapping[str, int | None]
) -> Apply:
    conditional = any(numbers.values())
    if substatus is None and state.modern:
        substatus = "archived_until_condition_met" if conditional else "archived_until_escalating"

    def apply() -> list[Happening]:
        was_archived = issue.status == "ignored"
        issue.status, issue.substatus, issue.resolution = "ignored", substatus, None
        issue.snooze = _snooze(state, issue, actor, numbers) if conditional else None
        if substatus == "archived_until_escalating":
            issue.snooze = Snooze(until_escalating=True)
        if was_archived:
            return []
        issue.subscribers.setdefault(actor.id, "changed_status")
        until = iso(issue.snooze.until) if issue.snooze else None
        escalating = True if substatus == "archived_until_escalating" else None
        data = {**numbers, "ignoreUntil": until, "ignoreUntilEscalating": escalating}
        state.log(issue, "set_ignored", actor, data)
        return [Happening("issue", "ignored", issue, actor)]

    return apply


def _snooze(state: State, issue: Issue, actor: User, numbers: Mapping[str, int | None]) -> Snooze:
    now, minutes = state.now(), numbers["ignoreDuration"]
    return Snooze(
        until=now + timedelta(minutes=minutes) if minutes else None,
        count=numbers["ignoreCount"],
        window=numbers["ignoreWindow"],
        user_count=numbers["ignoreUserCount"],
        user_window=numbers["ignoreUserWindow"],
        actor=actor,
        count_then=issue.count,
        users_then=len(issue.users),
        since=now,
    )


def _reopen(state: State, issue: Issue, actor: User, substatus: str | None) -> Apply:
    def apply() -> list[Happening]:
        if issue.status == "unresolved":
            issue.substatus = substatus or issue.substatus
            return []
        is_young = issue.status != "resolved" and state.now() - issue.first_seen < NEW_FOR
        issue.status, issue.substatus = "unresolved", substatus or ("new" if is_young else "ongoing")
        issue.snooze = issue.resolution = None
        issue.subscribers.setdefault(actor.id, "changed_status")
        state.log(issue, "set_unresolved", actor, {})
        return [Happening("issue", "unresolved", issue, actor)]

    return apply
