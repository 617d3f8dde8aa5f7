"""The dashboard: what was decided and why, how good it is, how it runs, and the few buttons that it needs.

Server-rendered pages that work without JavaScript and load nothing from elsewhere. Off until
``TRIAGE_DASHBOARD_TOKEN`` is set. ``docs/dashboard.md`` is its manual.
"""

from __future__ import annotations

from datetime import timedelta

from flask import Blueprint, Flask, Response, g, redirect, render_template, request, url_for
from werkzeug.exceptions import HTTPException
from werkzeug.wrappers import Response as BaseResponse

from app.settings import Settings
from app.store import Store

from . import issue, listing, operations, scorecard, signin
from .door import LIFETIME, DashboardSessions, Door, session_keys
from .form import check_form
from .show import FILTERS, forms

CSP = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; base-uri 'none';"
    " frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
OPEN = frozenset({"dashboard.sign_in", "dashboard.enter"})
"""Endpoints that need no signing in."""


def install(app: Flask, settings: Settings, store: Store) -> None:
    """Register the dashboard on an app, with the sessions that only its pages use."""
    keys = session_keys(settings)
    app.secret_key, app.config["SECRET_KEY_FALLBACKS"] = keys[0], keys[1:]
    app.config["SESSION_COOKIE_NAME"] = "triage_session"
    app.config["SESSION_COOKIE_HTTPONLY"] = True
    app.config["SESSION_COOKIE_SAMESITE"] = "Lax"
    app.config["SESSION_REFRESH_EACH_REQUEST"] = False
    app.config["WTF_CSRF_TIME_LIMIT"] = int(LIFETIME.total_seconds())
    app.permanent_session_lifetime = timedelta(seconds=LIFETIME.total_seconds())
    app.session_interface = DashboardSessions(settings.triage_public_url.startswith("https://"))
    app.register_blueprint(blueprint(settings, store))


def blueprint(settings: Settings, store: Store) -> Blueprint:
    bp = Blueprint(
        "dashboard", __name__, template_folder="templates", static_folder="assets", static_url_path="/assets"
    )
    door = Door(settings, store)
    for name, shown in FILTERS.items():
        bp.add_app_template_filter(shown, name)

    bp.context_processor(forms)

    @bp.before_request
    def guard() -> Response | BaseResponse | tuple[str, int] | None:
        """Nobody sees a page without the token, and nothing is done without the form's own token."""
        if request.endpoint == "dashboard.static":
            return None
        if not door.exists:
            return render_template("dashboard/off.html"), 200 if request.path == "/" else 404
        g.visitor = door.visitor()
        if request.method == "POST":
            check_form()
        if g.visitor is None and request.endpoint not in OPEN:
            wanted = request.full_path.rstrip("?") if request.method == "GET" else "/"
            return redirect(url_for("dashboard.sign_in", next=wanted), 303)
        return None

    @bp.after_request
    def harden(response: Response) -> Response:
        response.headers.update(HEADERS)
        if request.endpoint != "dashboard.static":
            response.headers["Cache-Control"] = "no-store"
        return response

    @bp.errorhandler(HTTPException)
    def problem(error: HTTPException) -> tuple[str, int]:
        return render_template("dashboard/problem.html", error=error), error.code or 500

    signin.pages(bp, door)
    listing.pages(bp, settings, store)
    issue.pages(bp, settings, store)
    scorecard.pages(bp, store)
    operations.pages(bp, settings, store)
    return bp
