"""Comments, under both their names."""

from __future__ import annotations

from flask import Blueprint, Response

from app.sandbox import actions, serialize
from app.sandbox.model import Issue

from .base import EVENT_ADMIN, EVENT_WRITE, ISSUE_PATHS, answer, body, caller, endpoint, paged, state

bp = Blueprint("notes", __name__)
_LISTS = tuple(f"{path}/{name}/" for path in ISSUE_PATHS for name in ("notes", "comments"))
_ITEMS = tuple(f"{path}<note_id>/" for path in _LISTS)


@endpoint(bp, *_LISTS)
def notes(issue: Issue) -> Response:
    return paged(issue.notes, lambda note: serialize.activity(state(), note, caller().user))


@endpoint(bp, *_LISTS, methods=["POST"], scopes=EVENT_WRITE)
def post_note(issue: Issue) -> Response:
    note = actions.add_note(state(), issue, caller().user, body())
    return answer(serialize.activity(state(), note, caller().user), 201)


@endpoint(bp, *_ITEMS, methods=["PUT"], scopes=EVENT_WRITE)
def put_note(issue: Issue, note_id: str) -> Response:
    note = actions.edit_note(state(), issue, caller().user, note_id, body())
    return answer(serialize.activity(state(), note, caller().user))


@endpoint(bp, *_ITEMS, methods=["DELETE"], scopes=EVENT_ADMIN)
def delete_note(issue: Issue, note_id: str) -> tuple[str, int]:
    actions.delete_note(state(), issue, caller().user, note_id)
    return "", 204
