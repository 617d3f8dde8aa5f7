"""The pages for people: issue list, issue, and the forms on it, which act as the first member.

No scripts, no outside assets; everything is escaped by the templates except Markdown, whose HTML is off.
"""

from __future__ import annotations

from datetime import datetime
from urllib.parse import urlsplit

from flask import (
    Blueprint,
    Response,
    abort,
    current_app,
    make_response,
    redirect,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as BaseResponse

from . import search
from .components import ComponentFailed
from .markdown import render
from .model import Issue
from .page_views import detail_view, link_fields, list_row, people
from .people import Person
from .problems import Problem
from .sandbox import SandboxSentry

bp = Blueprint("pages", __name__, template_folder="templates")
PAGE = 50
_CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
_STATUS_FORMS = {
    "resolve": {"status": "resolved"},
    "reopen": {"status": "unresolved"},
    "archive": {"status": "ignored", "substatus": "archived_until_escalating"},
}


def _sandbox() -> SandboxSentry:
    found: SandboxSentry = current_app.extensions["sandbox"]
    return found


@bp.app_template_filter("ago")
def ago(moment: datetime) -> str:
    """``5min``, ``3h``, ``12d``: how long ago, in the largest whole unit."""
    passed = max(0, int((_sandbox().state.now() - moment).total_seconds()))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if passed >= size:
            return f"{passed // size}{unit}"
    return f"{passed}s"


@bp.app_template_filter("markdown")
def markdown(text: str) -> str:
    return render(text)


@bp.after_request
def headers(response: Response) -> Response:
    response.headers["Content-Security-Policy"] = _CSP
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Referrer-Policy"] = "no-referrer"
    response.headers["Cache-Control"] = "no-store"
    return response


@bp.before_request
def same_site_only() -> None:
    """Forms are taken from these pages only: another site must not act as the member."""
    if request.method != "POST":
        return
    origin = request.headers.get("Origin")
    foreign = origin is not None and urlsplit(origin).netloc != request.host
    if foreign or request.headers.get("Sec-Fetch-Site", "same-origin") not in ("same-origin", "none"):
        abort(403)


@bp.get("/")
def home() -> BaseResponse:
    return redirect(url_for("pages.issues", org=_sandbox().state.org))


@bp.get("/organizations/<org>/issues/")
def issues(org: str) -> str | tuple[str, int]:
    sandbox = _sandbox()
    if org != sandbox.state.org:
        abort(404)
    query = request.args.get("query", "is:unresolved")
    sort = request.args.get("sort", "date")
    with sandbox.state.lock:
        try:
            found, error = search.run(sandbox.state, _search(query, sort)), ""
        except Problem as problem:
            found, error = [], str(problem.body.get("detail"))
        rows = [list_row(issue) for issue in found[:PAGE]]
        page = render_template(
            "issues.html",
            org=org,
            query=query,
            sort=sort,
            rows=rows,
            total=len(found),
            error=error,
            now=sandbox.state.now(),
        )
    return (page, 400) if error else page


def _search(query: str, sort: str) -> search.Search:
    state = _sandbox().state
    slugs = request.args.getlist("project")
    projects = [p for slug in slugs if (p := state.project(slug))]
    return search.Search(query=query, sort=sort, projects=projects)


def _issue(org: str, issue_id: str) -> Issue:
    state = _sandbox().state
    found = state.issue(issue_id) if org == state.org else None
    if found is None:
        abort(404)
    return found


@bp.get("/organizations/<org>/issues/<issue_id>/")
def issue(org: str, issue_id: str) -> str:
    return _issue_page(_issue(org, issue_id))


def _issue_page(group: Issue, error: str = "") -> str:
    sandbox = _sandbox()
    with sandbox.state.lock:
        return render_template(
            "issue.html",
            org=sandbox.state.org,
            member=_member().user,
            people=people(sandbox.state, group),
            error=error,
            can_link=sandbox.components.element("issue-link") is not None,
            app_name=sandbox.app.name,
            **detail_view(sandbox.state, group),
        )


def _member() -> Person:
    state = _sandbox().state
    user = next((member.user for member in state.members if member.user), None)
    if user is None:
        abort(409, "the sandbox has no member who could act")
    return Person(state, user)


@bp.post("/organizations/<org>/issues/<issue_id>/act/")
def act(org: str, issue_id: str) -> BaseResponse:
    """``do``: comment, priority, assign, resolve, reopen or archive; with the field of the same name."""
    group, person, do = _issue(org, issue_id), _member(), request.form.get("do", "")
    try:
        if do == "comment":
            person.comment(group.id, request.form.get("comment", ""))
        elif do == "priority":
            person.set_priority(group.id, request.form.get("priority", ""))
        elif do == "assign":
            person.assign(group.id, request.form.get("assign") or None)
        elif do in _STATUS_FORMS:
            person.update(group.id, **_STATUS_FORMS[do])
        else:
            abort(400)
    except Problem as problem:
        return make_response(_issue_page(group, _sentence(problem)), problem.status)
    return redirect(url_for("pages.issue", org=org, issue_id=group.id), 303)


def _sentence(problem: Problem) -> str:
    body = problem.body
    if isinstance(body, dict):
        first = next(iter(body.values()), "")
        return str(first[0] if isinstance(first, list) and first else first)
    return str(body)


@bp.get("/organizations/<org>/issues/<issue_id>/link/")
def link_form(org: str, issue_id: str) -> str:
    return _link_page(_issue(org, issue_id))


def _link_page(group: Issue, error: str = "") -> str:
    """Asks the integration for the choices of its select fields, so the lock is not held."""
    sandbox = _sandbox()
    kind = "link" if request.args.get("kind") == "link" else "create"
    element = sandbox.components.element("issue-link") or abort(404)
    fields = link_fields(sandbox.components, element[kind], group)
    return render_template(
        "link.html",
        org=sandbox.state.org,
        issue=group,
        kind=kind,
        fields=fields,
        error=error,
        app_name=sandbox.app.name,
    )


@bp.post("/organizations/<org>/issues/<issue_id>/link/")
def submit_link(org: str, issue_id: str) -> BaseResponse:
    group, sandbox = _issue(org, issue_id), _sandbox()
    kind = "link" if request.args.get("kind") == "link" else "create"
    try:
        sandbox.components.issue_link(group, _member().user, request.form.to_dict(), kind=kind)
    except ComponentFailed as problem:
        return make_response(_link_page(group, str(problem)), 502)
    except Problem as problem:
        return make_response(_link_page(group, _sentence(problem)), problem.status)
    return redirect(url_for("pages.issue", org=org, issue_id=group.id), 303)
