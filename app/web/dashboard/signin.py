"""Signing in by the token, and out."""

from __future__ import annotations

from flask import Blueprint, Response, flash, g, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from .door import Door, safe_path


def pages(bp: Blueprint, door: Door) -> None:
    @bp.get("/sign-in")
    def sign_in() -> Response | BaseResponse:
        wanted = safe_path(request.args.get("next", "/"))
        if g.visitor is not None:
            return redirect(wanted, 303)
        return _form(wanted)

    @bp.post("/sign-in")
    def enter() -> Response | BaseResponse:
        address = request.remote_addr or ""
        wanted = safe_path(request.form.get("next", "/"))
        wait = door.attempts.wait(address)
        if wait:
            response = _form(wanted, f"Too many attempts. Try again in {wait} seconds.", 429)
            response.headers["Retry-After"] = str(wait)
            return response
        if not door.fits(request.form.get("token", "")):
            door.attempts.failed(address)
            return _form(wanted, "That is not the token in TRIAGE_DASHBOARD_TOKEN.", 403)
        door.sign_in(request.form.get("name", ""))
        return redirect(wanted, 303)

    @bp.post("/sign-out")
    def sign_out() -> BaseResponse:
        door.sign_out(g.visitor)
        flash("You are signed out.")
        return redirect(url_for("dashboard.sign_in"), 303)


def _form(wanted: str, error: str = "", status: int = 200) -> Response:
    name = request.form.get("name", "")
    return make_response(
        render_template("dashboard/sign_in.html", next=wanted, error=error, name=name), status
    )
