"""One issue: read, change, delete, and the reads that hang below it."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from typing import Any

from flask import Blueprint, Response, request

from app.sandbox import actions, effects, serialize, serialize_event
from app.sandbox.formats import iso, seconds
from app.sandbox.model import Event, Issue
from app.sandbox.problems import not_found
from app.sandbox.serialize_release import release

from .base import EVENT_ADMIN, EVENT_WRITE, ISSUE_PATHS, answer, body, caller, endpoint, paged, state

bp = Blueprint("issues", __name__)
_ROOT = tuple(f"{path}/" for path in ISSUE_PATHS)


def below(tail: str) -> tuple[str, ...]:
    return tuple(f"{path}/{tail}" for path in ISSUE_PATHS)


@endpoint(bp, *_ROOT)
def get_issue(issue: Issue) -> Response:
    return answer(serialize.issue_detail(state(), issue, caller().user, request.args.getlist("expand")))


@endpoint(bp, *_ROOT, methods=["PUT"], scopes=EVENT_WRITE)
def put_issue(issue: Issue) -> Response:
    actions.update(state(), issue, caller().user, body())
    return answer(serialize.issue(state(), issue, caller().user))


@endpoint(bp, *_ROOT, methods=["DELETE"], scopes=EVENT_ADMIN)
def delete_issue(issue: Issue) -> tuple[str, int]:
    effects.delete(state(), issue)
    return "", 202


@endpoint(bp, *below("hashes/"))
def hashes(issue: Issue) -> Response:
    latest: dict[str, Event] = {}
    for event in sorted(issue.events, key=lambda e: e.order):
        latest.update(dict.fromkeys(event.hashes, event))
    rows = [(value, latest[value]) for value in issue.hashes if value in latest]

    def show(row: tuple[str, Event]) -> dict[str, Any]:
        event = serialize_event.full(state(), row[1], issue, neighbours=False)
        return {"id": row[0], "latestEvent": event}

    return paged(rows, show)


@endpoint(bp, *below("activities/"))
def activities(issue: Issue) -> Response:
    return answer({"activity": serialize.activities(state(), issue, caller().user)})


@endpoint(bp, *below("first-last-release/"))
def first_last_release(issue: Issue) -> Response:
    first, last = effects.release_range(issue)
    shown: dict[str, Any] = {"id": str(issue.id)}
    shown["firstRelease"] = release(state(), first, issue.project)
    shown["lastRelease"] = release(state(), last, issue.project)
    return answer(shown)


# -- tags -----------------------------------------------------------------------


def _tag_values(issue: Issue) -> dict[str, dict[str, list[datetime]]]:
    """``{key: {value: [times]}}``, keys in order of name."""
    found: dict[str, dict[str, list[datetime]]] = defaultdict(lambda: defaultdict(list))
    for event in issue.events:
        for key, value in event.tags:
            found[key][value].append(event.at)
    return dict(sorted(found.items()))


def _show_value(key: str, value: str, times: list[datetime]) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "key": key,
        "name": value.partition(":")[2] if key == "user" else value,
        "value": value,
        "count": len(times),
        "lastSeen": iso(seconds(max(times))),
        "firstSeen": iso(seconds(min(times))),
    }
    if key == "user":
        field, _, rest = value.partition(":")
        shown["query"] = f'user.{field}:"{rest}"'
    return shown


def _show_key(key: str, values: dict[str, list[datetime]], most: int) -> dict[str, Any]:
    by_count = sorted(values.items(), key=lambda item: -len(item[1]))
    return {
        "key": key,
        "name": serialize.tag_name(key),
        "totalValues": sum(len(times) for times in values.values()),
        "topValues": [_show_value(key, value, times) for value, times in by_count[:most]],
    }


@endpoint(bp, *below("tags/"))
def tags(issue: Issue) -> Response:
    return answer([_show_key(key, values, 10) for key, values in _tag_values(issue).items()])


@endpoint(bp, *below("tags/<key>/"))
def tag(issue: Issue, key: str) -> Response:
    values = _tag_values(issue).get(key)
    if values is None:
        raise not_found()
    shown = _show_key(key, values, 9)
    return answer({"key": key, "name": shown.pop("name"), "uniqueValues": len(values), **shown})


@endpoint(bp, *below("tags/<key>/values/"))
def tag_values(issue: Issue, key: str) -> Response:
    values = _tag_values(issue).get(key)
    if values is None:
        raise not_found()
    rows = sorted(values.items(), key=lambda item: max(item[1]), reverse=True)
    return paged(rows, lambda row: _show_value(key, row[0], row[1]))
