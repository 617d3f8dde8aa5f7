"""Whose word holds: a person's, then a team's rule, then what a model said, then the offline classifier."""

from __future__ import annotations

from typing import Any

import pytest

from app.core.classify import Before, Correction, decide
from app.core.verdict import Verdict
from app.core.vocabulary import Category, Severity, Source


def verdict(category: Category, source: Source, confidence: float = 0.95) -> Verdict:
    return Verdict(category=category, severity=Severity.HIGH, confidence=confidence, source=source)


OFFLINE = verdict(Category.THIRD_PARTY, Source.OFFLINE)
BY_MODEL = verdict(Category.LOGIC, Source.MODEL)
BY_PERSON = Before("SHOP-1", verdict(Category.DATABASE, Source.HUMAN))


@pytest.mark.parametrize(
    "known",
    [
        {"own": BY_MODEL},
        {"before": Before("SHOP-1", BY_MODEL)},
        {"model": True, "always_model": True},
    ],
    ids=["answered before", "same error answered", "every issue is asked"],
)
def test_a_rule_of_the_team_stands_above_models(known: dict[str, Any]) -> None:
    decision = decide(OFFLINE, rule="acme.erp", **known)
    assert (decision.verdict, decision.reason) == (OFFLINE, "the team's rule acme.erp decides")
    assert not decision.ask_model
    without = decide(OFFLINE, **known)
    assert without.ask_model or without.verdict.category is Category.LOGIC


@pytest.mark.parametrize(
    "known", [{"correction": Correction(category=Category.DATABASE, by="Maya")}, {"before": BY_PERSON}]
)
def test_and_below_what_people_said(known: dict[str, Any]) -> None:
    assert decide(OFFLINE, rule="acme.erp", **known).verdict.category is Category.DATABASE
