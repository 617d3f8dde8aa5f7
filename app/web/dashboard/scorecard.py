"""``GET /scorecard``: how the verdicts fare with the people who know better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from math import sqrt

from flask import Blueprint, render_template, request

from app.core.vocabulary import Category, Severity
from app.store import Store
from app.store.reports.score import BANDS, WRONG, Score

from .charts import bars, lines

WINDOWS: Mapping[str, tuple[str, int]] = {
    "30d": ("30 days", 30),
    "90d": ("90 days", 90),
    "365d": ("a year", 365),
}
FIELDS = {"category": [one.value for one in Category], "severity": [one.value for one in Severity]}
FEW = 30
"""Under so many, a share says little; the page says so."""


def pages(bp: Blueprint, store: Store) -> None:
    report = store.reports.score

    @bp.get("/scorecard")
    def scorecard() -> str:
        chosen = request.args.get("over", "90d")
        window = chosen if chosen in WINDOWS else "90d"
        now = store.clock()
        since = now - timedelta(days=WINDOWS[window][1])
        weeks = report.by_week(now)
        return render_template(
            "dashboard/scorecard.html",
            window=window,
            windows=WINDOWS,
            scores=[report.score(name, since) for name in FIELDS],
            order=FIELDS,
            wrong=WRONG,
            band_names=band_names(),
            weeks=weeks,
            weeks_chart=_weeks_chart(weeks),
            reliability_chart=_reliability_chart(report.score("category", since)),
            interval=interval,
            few=FEW,
        )


def band_names() -> list[str]:
    return [f"{100 * low:.0f}–{100 * high:.0f} %" for low, high in pairwise(BANDS)]


def interval(hits: int, n: int) -> str:
    """The Wilson score interval of a share at 95 %, as text (Wilson 1927, JASA 22:209)."""
    if not n:
        return ""
    z, share = 1.96, hits / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{max(0.0, middle - half):.0%}–{min(1.0, middle + half):.0%}"


def _weeks_chart(weeks: Sequence[tuple[datetime, dict[str, int]]]) -> str:
    names = sorted({name for _, counts in weeks for name in counts})
    labels = [f"{at:%d %b}" for at, _ in weeks]
    series = {name: [counts.get(name, 0) for _, counts in weeks] for name in names}
    return bars("Corrections a week, by field", labels, series) if names else ""


def _reliability_chart(score: Score) -> str:
    """Where people spoke: how sure we were against how often they agreed, by confidence band."""
    spoken = {index: tally for index, tally in sorted(score.bands.items()) if tally.spoken}
    if not spoken:
        return ""
    labels = [band_names()[index] for index in spoken]
    series = {
        "how sure we were": [round(100 * (tally.mean_confidence or 0)) for tally in spoken.values()],
        "people agreed": [round(100 * (tally.agreement or 0)) for tally in spoken.values()],
    }
    return lines("Confidence against agreement, in percent", labels, series, top=100)
