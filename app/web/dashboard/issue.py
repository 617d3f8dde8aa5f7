"""``GET /issues/<id>``: one issue, what was decided about it, on what grounds, and what came of it.

The annotation in Sentry (``Triage#Database-high``) points here.
"""

from __future__ import annotations

from typing import Any

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.core.corrections import Origin
from app.core.intake import Intent, Kind
from app.core.policy import PrivacyLevel
from app.core.redact import redact_digest
from app.core.vocabulary import Action, Category, Severity
from app.settings import Settings
from app.store import Store

from .form import choice, once
from .show import sentry_link

ORIGIN = Origin.DASHBOARD.value


def pages(bp: Blueprint, settings: Settings, store: Store) -> None:
    @bp.get("/issues/<string(maxlength=32):issue_id>")
    def issue(issue_id: str) -> str:
        view = _view(store, issue_id)
        return render_template(
            "dashboard/issue.html",
            **view,
            sentry=sentry_link(settings, issue_id),
            shadow=settings.triage_write.value == "shadow",
            categories=list(Category),
            severities=list(Severity),
            actions=list(Action),
        )

    @bp.post("/issues/<string(maxlength=32):issue_id>/correct")
    def correct(issue_id: str) -> BaseResponse:
        """A person says what it is; a job stores it, learns from it, and writes it into Sentry."""
        _known(store, issue_id)
        fields = _corrected()
        if not fields:
            flash("Nothing was chosen, so nothing was changed.")
        else:
            _store_correction(store, issue_id, fields, author=g.visitor.name or ORIGIN, ref=once())
        return redirect(url_for("dashboard.issue", issue_id=issue_id), 303)

    @bp.post("/issues/<string(maxlength=32):issue_id>/again")
    def again(issue_id: str) -> BaseResponse:
        """Read the issue once more and decide anew."""
        _known(store, issue_id)
        store.work.add(Intent(Kind.TRIAGE, issue_id, ORIGIN), dedupe=f"{ORIGIN}:{once()}")
        flash("It is triaged again. Load this page again in a moment.")
        return redirect(url_for("dashboard.issue", issue_id=issue_id), 303)


def _store_correction(store: Store, issue_id: str, fields: dict[str, str], *, author: str, ref: str) -> None:
    """The same work as a comment's command becomes; ``ref`` makes sending the form twice one correction."""
    payload = {"fields": fields, "author": author, "origin": ORIGIN, "ref": ref}
    store.work.add(Intent(Kind.CORRECT, issue_id, ORIGIN), dedupe=f"{ORIGIN}:{ref}", payload=payload)
    said = ", ".join(f"{name} {value}" for name, value in fields.items() if name != value) or "it is wrong"
    flash(f"Your correction is stored: {said}. A worker writes it into Sentry.")


def _known(store: Store, issue_id: str) -> None:
    if store.issues.get(issue_id) is None:
        abort(404, "No issue with this id was ever read. It may be new: look again in a moment.")


def _corrected() -> dict[str, str]:
    """The fields of the form that a person filled in, closed values only."""
    asked = {
        "category": choice(Category, request.form.get("category", "")),
        "severity": choice(Severity, request.form.get("severity", "")),
        "action": choice(Action, request.form.get("action", "")),
    }
    fields = {name: value.value for name, value in asked.items() if value is not None}
    if not fields and request.form.get("wrong") == "yes":
        return {"wrong": "wrong"}  # who says what is right has said more
    return fields


def _view(store: Store, issue_id: str) -> dict[str, Any]:
    """Everything the page shows of an issue; 404 where we never read it."""
    _known(store, issue_id)
    content = store.issues.content(issue_id)
    digest, removed = redact_digest(content[0], PrivacyLevel.FULL) if content else (None, ())
    history = store.verdicts.history(issue_id)[::-1]
    pages = store.reports.pages
    return {
        "issue": store.issues.get(issue_id),
        "title": content[1].get("title", "") if content else "",
        "digest": digest,
        "removed": removed,
        "latest": history[0] if history else None,
        "history": history,
        "plan": store.issues.plan(issue_id),
        "writes": store.writes.of_issue(issue_id)[::-1],
        "sent": pages.sent(issue_id),
        "corrections": pages.corrections(issue_id),
        "calls": pages.model_calls(issue_id),
        "jobs": pages.jobs(issue_id),
    }
