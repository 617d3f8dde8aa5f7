"""``GET /operations``: does it run, how fast, for how much; what failed, and run it again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, abort, flash, redirect, render_template, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.settings import Settings
from app.store import Store

from .charts import bars

ALIVE = 6.0
"""Seconds of silence after which a worker counts as gone (``app.jobs.engine.DEAD_AFTER``)."""

FAILURES = 50


def pages(bp: Blueprint, settings: Settings, store: Store) -> None:
    @bp.get("/operations")
    def operations() -> str:
        return render_template("dashboard/operations.html", **_view(settings, store, store.clock()))

    @bp.post("/operations/jobs/<int:job_id>/again")
    def job_again(job_id: int) -> BaseResponse:
        done = store.work.run_again(job_id)
        flash(f"Job {job_id} runs again." if done else f"Job {job_id} is not a failed one any more.")
        return redirect(url_for("dashboard.operations"), 303)

    @bp.post("/operations/tags/<any(on, off):wanted>")
    def all_tags(wanted: str) -> BaseResponse:
        store.annotations.switch_all(off=wanted == "off")
        flash("Tags are on again." if wanted == "on" else "No more tags are written, by any worker.")
        return redirect(url_for("dashboard.operations"), 303)

    @bp.post("/operations/projects/<string(maxlength=32):project_id>/tags")
    def tags_on(project_id: str) -> BaseResponse:
        if project_id not in store.annotations.disabled_projects():
            abort(404, "Tags are not stopped for this project.")
        store.annotations.enable(project_id)
        flash(f"Tags are on again for project {project_id}. The next one is watched as a canary.")
        return redirect(url_for("dashboard.operations"), 303)


def _view(settings: Settings, store: Store, now: datetime) -> dict[str, Any]:
    report = store.reports.operations
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    month = today.replace(day=1)
    oldest = store.work.oldest_due()
    in_month = report.span(month)
    days = report.per_day(now)
    return {
        "queue": store.work.counts(),
        "oldest": None if oldest is None else max(0.0, (now - oldest).total_seconds()),
        "failures": store.work.recent(("failed",), FAILURES),
        "workers": report.workers(ALIVE),
        "stopped": store.annotations.disabled_projects(),
        "all_off": store.annotations.all_off(),
        "latency": report.latency(now - timedelta(days=7)),
        "spend": [
            ("Today", report.spend(today), settings.triage_budget_usd_day),
            ("This month", report.spend(month), settings.triage_budget_usd_month),
        ],
        "month": in_month,
        "minutes": settings.triage_minutes_per_issue,
        "hours": in_month.sorted * settings.triage_minutes_per_issue / 60,
        "score": store.reports.score.score("category", now - timedelta(days=90)),
        "model": settings.triage_model,
        "mode": settings.triage_write.value,
        "days": days,
        "days_chart": bars(
            "Verdicts a day", [f"{day:%d %b}" for day, _ in days], {"verdicts": [count for _, count in days]}
        ),
    }
