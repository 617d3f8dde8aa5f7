"""What every endpoint shares: token, scopes, organisation, the lock, paging, both issue paths."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, current_app, g, jsonify, request

from app.sandbox.model import Issue, Project, Token
from app.sandbox.problems import Problem, forbidden, not_found
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.state import State

ORG = "/api/0/organizations/<org>"
ISSUE_PATHS = (f"{ORG}/issues/<issue_id>", "/api/0/issues/<issue_id>", "/api/0/groups/<issue_id>")
EVENT_READ = ("event:read", "event:write", "event:admin")
EVENT_WRITE = ("event:write", "event:admin")
EVENT_ADMIN = ("event:admin",)
PROJECT_READ = ("project:read", "project:write", "project:admin")
PROJECT_WRITE = ("project:write", "project:admin")
ORG_READ = ("org:read", "org:write", "org:admin")
MEMBER_READ = ("member:read", "member:write", "member:admin")
PAGE = 100
_View = TypeVar("_View", bound=Callable[..., Any])


def box() -> SandboxSentry:
    found: SandboxSentry = current_app.extensions["sandbox"]
    return found


def state() -> State:
    return box().state


def endpoint(
    bp: Blueprint, *rules: str, methods: Sequence[str] = ("GET",), scopes: Sequence[str] = EVENT_READ
) -> Callable[[_View], _View]:
    """Route a view that is called with the lock held; ``caller()`` is its token. ``scopes``: one is enough.

    An ``org`` in the path must be ours; ``issue_id`` becomes ``issue`` and ``project`` a ``Project``.
    """

    def decorate(view: _View) -> _View:
        @functools.wraps(view)
        def wrapped(**path: Any) -> Any:
            with state().lock:
                token = authenticate()
                if not token.scopes & set(scopes):
                    raise forbidden()
                g.token = token
                return view(**_resolve(path))

        for rule in rules:
            bp.add_url_rule(
                rule, endpoint=f"{view.__name__}:{rule}", view_func=wrapped, methods=list(methods)
            )
        return view

    return decorate


def authenticate() -> Token:
    header = request.headers.get("Authorization", "")
    kind, _, value = header.partition(" ")
    if not header:
        raise Problem(401, {"detail": "Authentication credentials were not provided."})
    token = state().tokens.get(value.strip()) if kind == "Bearer" else None
    if token is None:
        raise Problem(401, {"detail": "Invalid token"})
    return token


def _resolve(path: dict[str, Any]) -> dict[str, Any]:
    org = path.pop("org", None)
    if org is not None and org not in (state().org, "1"):
        raise not_found()
    if "issue_id" in path:
        path["issue"] = _issue(path.pop("issue_id"), by_short_id=org is not None)
    if "project" in path:
        path["project"] = _project(path["project"])
    return path


def _issue(reference: str, *, by_short_id: bool) -> Issue:
    found = state().issue(reference, by_short_id=by_short_id)
    if found is None:
        raise not_found()
    return found


def _project(reference: str) -> Project:
    found = state().project(reference)
    if found is None:
        raise not_found()
    return found


def body() -> Mapping[str, Any]:
    """The JSON object sent; an empty body is an empty object. Raises ``Problem`` (400)."""
    if not request.get_data(cache=True):
        return {}
    parsed = request.get_json(force=True, silent=True)
    if not isinstance(parsed, dict):
        raise Problem(400, {"detail": "JSON parse error"})
    return parsed


def caller() -> Token:
    token: Token = g.token
    return token


def answer(shown: Any, status: int = 200) -> Response:
    response = jsonify(shown)
    response.status_code = status
    return response


def paged(rows: Sequence[Any], show: Callable[[Any], Any], *, default: int = PAGE) -> Response:
    """One page with Sentry's ``Link`` header, which is there even when there is no other page."""
    size = max(
        1, min(request.args.get("per_page", request.args.get("limit", default, type=int), type=int), PAGE)
    )
    offset = _offset(request.args.get("cursor"))
    response = answer([show(row) for row in rows[offset : offset + size]])
    before = max(0, offset - size)
    response.headers["Link"] = ", ".join(
        (
            _link("previous", f"0:{before}:1", results=offset > 0),
            _link("next", f"0:{offset + size}:0", results=offset + size < len(rows)),
        )
    )
    return response


def _offset(cursor: str | None) -> int:
    if not cursor:
        return 0
    parts = cursor.split(":")
    if len(parts) != 3 or not parts[1].isdigit():
        raise Problem(400, {"detail": "Invalid cursor parameter."})
    return int(parts[1])


def _link(rel: str, cursor: str, *, results: bool) -> str:
    pairs = [
        pair
        for pair in parse_qsl(request.query_string.decode(), keep_blank_values=True)
        if pair[0] != "cursor"
    ]
    url = f"{state().url}{request.path}?{urlencode(pairs)}&cursor={cursor}"
    return f'<{url}>; rel="{rel}"; results="{str(results).lower()}"; cursor="{cursor}"'
