"""The metrics, against numbers worked out by hand."""

from __future__ import annotations

import pytest

from app.core.score import (
    Item,
    Outcome,
    Prediction,
    Predictors,
    coverage_curve,
    percentile,
    reliability,
    report,
)
from app.core.verdict import Verdict
from app.core.vocabulary import Category, Severity, Source
from app.errors import UserError


def outcome(
    label: str, said: str, confidence: float = 0.9, severity: str = "high", now: bool = False, also: str = ""
) -> Outcome:
    item = Item.model_validate(
        {
            "id": "x",
            "event": {},
            "label": {"category": label, "severity": "high", "requires_immediate_action": True},
            "also_ok": also.split(),
        }
    )
    verdict = Verdict(
        category=Category(said),
        severity=Severity(severity),
        confidence=confidence,
        source=Source.OFFLINE,
        requires_immediate_action=now,
    )
    return Outcome(item, verdict, latency_ms=2.0, cost_usd=0.5)


RUN = [
    outcome("Logic", "Logic", now=True),
    outcome("Logic", "Network", also="Network", severity="medium"),
    outcome("Database", "Logic", confidence=0.1, severity="low"),
    outcome("Database", "Database", severity="critical"),
]


def test_the_report_has_exactly_the_agreed_shape_and_numbers() -> None:
    assert report(RUN, "offline", errors=3) == {
        "n": 4,
        "model": "offline",
        "category": {
            "accuracy": 0.5,
            "accuracy_also_ok": 0.75,
            "macro_f1": pytest.approx((0 + 2 / 3 + 0.5) / 3, abs=1e-3),
            "coverage": 0.75,
            "precision_written": 1.0,
            "per_class": {
                "Network": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0},
                "Database": {"precision": 1.0, "recall": 0.5, "f1": 0.6667, "support": 2},
                "Logic": {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2},
            },
        },
        "severity": {"exact": 0.25, "within_one": 0.75},
        "immediate": {"precision": 1.0, "recall": 0.25, "f1": 0.4},
        "latency_ms": {"p50": 2.0, "p99": 2.0},
        "cost_usd": 2.0,
        "errors": 3,
    }


def test_nothing_to_measure_gives_zeros_not_an_error() -> None:
    assert report([], "offline")["category"]["accuracy"] == 0.0


def test_the_coverage_curve_falls_as_more_is_written() -> None:
    run = [outcome("Logic", "Logic", 0.9), outcome("Logic", "Logic", 0.9), outcome("Logic", "Network", 0.4)]
    assert coverage_curve(run) == [(0.9, pytest.approx(2 / 3), 1.0), (0.4, 1.0, pytest.approx(2 / 3))]


def test_reliability_holds_promise_against_truth() -> None:
    bins = reliability([outcome("Logic", "Logic", 1.0), outcome("Logic", "Network", 0.2)], (0, 0.5, 1.0))
    assert [(one.n, one.confidence, one.accuracy) for one in bins] == [(1, 0.2, 0.0), (1, 1.0, 1.0)]


def test_percentiles_are_ranks() -> None:
    assert percentile([5.0, 1.0, 3.0], 50) == 3.0
    assert percentile([], 99) == 0.0


def test_predictors_are_found_by_scheme_and_unknown_ones_are_named() -> None:
    predictors = Predictors()
    predictors.register(
        "fake", lambda name: lambda digest, project: Prediction(RUN[0].verdict, float(len(name)))
    )
    from app.core.digest import Digest

    assert predictors.resolve("fake:abc")(Digest(), "").cost_usd == 8.0
    with pytest.raises(UserError, match="nobody"):
        predictors.resolve("nobody:x")
