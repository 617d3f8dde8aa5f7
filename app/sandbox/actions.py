"""Changes to issues that people and integrations make: status, assignee, priority, comments, links.

Sources: api/helpers/group_index/{update,validators}, issues/endpoints/group_notes.py,
sentry_apps/external_issues.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from . import assignee, payloads, status
from .model import Activity, App, External, Issue, User
from .problems import Invalid, Problem
from .state import Happening, State

DUPLICATE_WINDOW = timedelta(hours=1)
PRIORITIES = ("low", "medium", "high")
_FLAGS = ("isBookmarked", "isSubscribed", "isPublic", "hasSeen", "inbox", "discard", "merge")

Apply = Callable[[], list[Happening]]


def update(state: State, issue: Issue, actor: User, body: Mapping[str, Any]) -> None:
    """``PUT issue``. All fields are validated before one is changed; unknown fields are ignored.

    Raises ``Invalid`` with Sentry's own texts.
    """
    steps: list[Apply] = []
    if "status" in body or "substatus" in body:
        steps.append(status.plan(state, issue, actor, body))
    if "assignedTo" in body:
        steps.append(assignee.plan(state, issue, actor, body["assignedTo"]))
    if "priority" in body and state.modern:
        steps.append(_priority(state, issue, actor, body["priority"]))
    for field in _FLAGS:
        if field in body and not isinstance(body[field], bool | int):
            raise Invalid({field: ["Must be a valid boolean."]})
    happenings = [happening for step in steps for happening in step()]
    _flags(issue, actor, body)
    for happening in happenings:
        state.tell(happening)


def _priority(state: State, issue: Issue, actor: User, value: Any) -> Apply:
    if value not in PRIORITIES:
        raise Invalid({"priority": [f'"{value}" is not a valid choice.']})

    def apply() -> list[Happening]:
        """Locks for good, even when the value stays; told to nobody."""
        if issue.priority != value:
            issue.priority = str(value)
            state.log(issue, "set_priority", actor, {"priority": value, "reason": "manual"})
        issue.priority_locked_at = state.now()
        return []

    return apply


def _flags(issue: Issue, actor: User, body: Mapping[str, Any]) -> None:
    for field, members in (("isBookmarked", issue.bookmarks), ("hasSeen", issue.seen_by)):
        if field in body:
            (members.add if body[field] else members.discard)(actor.id)
    if "isSubscribed" in body:
        if body["isSubscribed"]:
            issue.subscribers.setdefault(actor.id, "unknown")
        else:
            issue.subscribers.pop(actor.id, None)
    if "isPublic" in body:
        issue.is_public = bool(body["isPublic"])


# -- comments -------------------------------------------------------------------


def add_note(state: State, issue: Issue, author: User, body: Mapping[str, Any]) -> Activity:
    """Raises ``Invalid`` (blank text, mention of a stranger) or ``Problem`` 400 (repeated within an hour)."""
    text = _note_text(body)
    _check_mentions(state, issue, body.get("mentions") or [])
    recent = state.now() - DUPLICATE_WINDOW
    for note in issue.notes:
        if note.user is author and note.data["text"] == text and note.created > recent:
            raise Problem(400, _duplicate(state))
    note = state.log(issue, "note", author, {"text": text})
    issue.subscribers.setdefault(author.id, "commented")
    state.tell(payloads.comment(state, issue, note, "created", author))
    return note


def _duplicate(state: State) -> Any:
    """23.7 answers a JSON string that holds JSON."""
    text = "You have already posted that comment."
    return {"detail": text} if state.modern else f'{{"detail": "{text}"}}'


def _note_text(body: Mapping[str, Any]) -> str:
    if "text" not in body:
        raise Invalid({"text": ["This field is required."]})
    text = body["text"]
    if text is None:
        raise Invalid({"text": ["This field may not be null."]})
    if isinstance(text, bool | dict | list):
        raise Invalid({"text": ["Not a valid string."]})
    if not str(text).strip():
        raise Invalid({"text": ["This field may not be blank."]})
    return str(text).strip()


def _check_mentions(state: State, issue: Issue, mentions: Any) -> None:
    for mention in mentions if isinstance(mentions, list) else []:
        who = assignee.parse(state, str(mention))
        if not assignee.in_project(issue.project, who):
            raise Invalid({"mentions": ["Cannot mention a non team member"]})


def own_note(issue: Issue, author: User, note_id: str) -> Activity:
    """Only one's own can be changed; others are not found."""
    note = next((n for n in issue.notes if str(n.id) == note_id and n.user is author), None)
    if note is None:
        raise Problem(404, {"detail": "The requested resource does not exist"})
    return note


def edit_note(state: State, issue: Issue, author: User, note_id: str, body: Mapping[str, Any]) -> Activity:
    note = own_note(issue, author, note_id)
    note.data = {**note.data, "text": _note_text(body)}
    state.tell(payloads.comment(state, issue, note, "updated", author))
    return note


def delete_note(state: State, issue: Issue, author: User, note_id: str) -> None:
    note = own_note(issue, author, note_id)
    issue.activity.remove(note)
    state.tell(payloads.comment(state, issue, note, "deleted", author))


# -- external issues ------------------------------------------------------------


def link_external(
    state: State, issue: Issue, app: App, *, project: str, identifier: str, web_url: str
) -> External:
    """One per issue and integration: today's Sentry replaces it, 23.7 fails with 500."""
    name = html.escape(f"{project}#{identifier}")
    known = next((link for link in issue.externals if link.service == app.slug), None)
    if known and not state.modern:
        raise Problem(500, {"detail": "Internal Error", "errorId": "c24f50faf80c4ebeac5a1942b67b92ed"})
    if known:
        known.display_name, known.web_url = name, web_url
        return known
    link = External(state.next_id("external"), app.slug, name, web_url)
    issue.externals.append(link)
    return link
