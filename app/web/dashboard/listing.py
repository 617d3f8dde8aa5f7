"""``GET /``: the issues and their verdicts, newest first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from flask import Blueprint, render_template, request, url_for

from app.core.vocabulary import Category, ConfidenceBand, Severity, Source
from app.settings import Settings
from app.store import Store
from app.store.reports.listed import Cursor, Filters

from .form import choice
from .show import sentry_link

SPANS: Mapping[str, str] = {
    "today": "Today",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "all": "All time",
}
STATES = ("new", "triaged", "gone")
FIELDS = ("when", "category", "severity", "source", "confidence", "project", "state", "q")
MAX_TEXT = 200


def pages(bp: Blueprint, settings: Settings, store: Store) -> None:
    reports = store.reports.listing

    @bp.get("/")
    def issues() -> str:
        filters = _filters(request.args, store.clock())
        page = reports.page(filters, Cursor.parse(request.args.get("after", "")))
        chosen = {name: request.args.get(name, "") for name in FIELDS if request.args.get(name)}
        return render_template(
            "dashboard/issues.html",
            page=page,
            counts=reports.counts(replace(filters, text="")),
            chosen=chosen,
            when=chosen.get("when") if chosen.get("when") in SPANS else "today",
            spans=SPANS,
            options=_options(reports.projects()),
            narrow=lambda **more: url_for("dashboard.issues", **(chosen | more)),
            sentry=lambda issue_id: sentry_link(settings, issue_id),
        )


def since(span: str, now: datetime) -> datetime | None:
    """The start of a span of ``SPANS``; days begin at midnight UTC."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    days = {"7d": 6, "30d": 29}
    return None if span == "all" else today - timedelta(days=days.get(span, 0))


def _filters(args: Mapping[str, str], now: datetime) -> Filters:
    """What is asked for; a value that is none of ours is not a filter."""
    return Filters(
        since=since(args.get("when", "today"), now),
        category=choice(Category, args.get("category", "")),
        severity=choice(Severity, args.get("severity", "")),
        source=choice(Source, args.get("source", "")),
        band=choice(ConfidenceBand, args.get("confidence", "")),
        project=args.get("project", "")[:100],
        state=args.get("state", "") if args.get("state") in STATES else "",
        text=args.get("q", "").strip()[:MAX_TEXT],
    )


def _options(projects: list[str]) -> dict[str, Any]:
    """Filter name → label and values, in the order of the form."""
    return {
        "category": ("Category", [one.value for one in Category]),
        "severity": ("Severity", [one.value for one in Severity]),
        "confidence": ("Confidence", [one.value for one in ConfidenceBand]),
        "source": ("Source", [one.value for one in Source]),
        "project": ("Project", projects),
        "state": ("State", list(STATES)),
    }
