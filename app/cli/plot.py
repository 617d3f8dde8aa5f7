"""The charts of ``eval --plot``: one self-contained HTML page, drawn with plotly (extra ``[eval]``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from app.core.score import Outcome, confusion, coverage_curve, reliability
from app.core.verdict import WRITE_THRESHOLD
from app.core.vocabulary import Category
from app.errors import UserError

_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Sentry Triage: accuracy</title></head>
<body>{body}</body></html>
"""
EDGES = (0.0, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)


def write_plot(path: Path, runs: dict[str, list[Outcome]]) -> None:
    """Write the page. Raises ``UserError`` where the charting library is not installed."""
    try:
        import plotly.graph_objects as go  # type: ignore[import-untyped]
    except ImportError as error:
        raise UserError(
            "--plot needs the charting library plotly, which is not installed.",
            hint="Run: pip install 'sentry-triage[eval]'.",
        ) from error
    figures = [_curves(go, runs), _reliability(go, runs)]
    figures += [_confusion(go, name, outcomes) for name, outcomes in runs.items()]
    bodies = [figure.to_html(full_html=False, include_plotlyjs=i == 0) for i, figure in enumerate(figures)]
    path.write_text(_PAGE.format(body="".join(bodies)), encoding="utf-8")


def _curves(go: Any, runs: dict[str, list[Outcome]]) -> Any:
    """Coverage against precision, one line a model."""
    figure = go.Figure()
    for name, outcomes in runs.items():
        points = coverage_curve(outcomes)
        figure.add_scatter(
            x=[coverage for _, coverage, _ in points],
            y=[precision for _, _, precision in points],
            text=[f"threshold {threshold:.2f}" for threshold, _, _ in points],
            name=name,
            mode="lines+markers",
        )
    figure.update_layout(
        title=f"Precision of what is written, by coverage (threshold in use: {WRITE_THRESHOLD})",
        xaxis_title="coverage",
        yaxis_title="precision",
    )
    return figure


def _reliability(go: Any, runs: dict[str, list[Outcome]]) -> Any:
    """Promised confidence against the share that came true."""
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], name="honest", mode="lines", line={"dash": "dot"})
    for name, outcomes in runs.items():
        bins = reliability(outcomes, EDGES)
        figure.add_scatter(
            x=[one.confidence for one in bins],
            y=[one.accuracy for one in bins],
            text=[f"{one.n} events" for one in bins],
            name=name,
            mode="lines+markers",
        )
    figure.update_layout(title="Reliability", xaxis_title="confidence", yaxis_title="share that was right")
    return figure


def _confusion(go: Any, name: str, outcomes: list[Outcome]) -> Any:
    """Labels against verdicts."""
    names = [category.value for category in Category]
    table = confusion(outcomes)
    figure = go.Figure(
        go.Heatmap(z=table, x=names, y=names, colorscale="Blues", text=table, texttemplate="%{text}")
    )
    figure.update_layout(title=f"Confusion: {name}", xaxis_title="verdict", yaxis_title="label")
    figure.update_yaxes(autorange="reversed")
    return figure
