"""How good a classifier is, measured against labelled events. Pure: labels and verdicts in, numbers out.

A *predictor* is any ``Callable[[Digest, str], Prediction]``; ``Predictors`` names them, so that ``eval``
compares the embedded classifier and any model by the same yardstick.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from app.errors import UserError

from .digest import Digest
from .verdict import Verdict
from .vocabulary import Category, Severity


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a predictor answers, and what the answer cost."""

    verdict: Verdict
    cost_usd: float = 0.0


Predictor = Callable[[Digest, str], Prediction]
"""Gets the project's slug as well, empty where it is not known: a project may say what leaves it."""


class Predictors:
    """Predictors by name. A name is ``scheme`` or ``scheme:rest``; a factory gets the whole name."""

    def __init__(self) -> None:
        self._factories: dict[str, Callable[[str], Predictor]] = {}

    def register(self, scheme: str, factory: Callable[[str], Predictor]) -> None:
        """Make ``scheme`` and ``scheme:…`` known. The last registration counts."""
        self._factories[scheme] = factory

    def resolve(self, name: str) -> Predictor:
        """The predictor of that name. Raises ``UserError`` on an unknown scheme."""
        factory = self._factories.get(name.partition(":")[0])
        if factory is None:
            known = ", ".join(sorted(self._factories))
            raise UserError(f"There is no model {name!r} here.", hint=f"Known: {known}.")
        return factory(name)


class Label(BaseModel):
    """What two careful readers say an event is."""

    model_config = ConfigDict(frozen=True)

    category: Category
    severity: Severity
    requires_immediate_action: bool


class Item(BaseModel):
    """One line of a labelled file."""

    model_config = ConfigDict(frozen=True)

    id: str = ""
    event: Mapping[str, Any]
    label: Label
    also_ok: tuple[Category, ...] = ()
    """Other categories a reasonable engineer could defend."""
    ambiguous: bool = False
    group: str = Field(default="")
    """Where it comes from (a project or repository): kept together when data are split."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One event judged."""

    item: Item
    verdict: Verdict
    latency_ms: float = 0.0
    cost_usd: float = 0.0

    @property
    def exact(self) -> bool:
        return self.verdict.category is self.item.label.category

    @property
    def right(self) -> bool:
        """The label or one of the categories that can be defended."""
        return self.exact or self.verdict.category in self.item.also_ok


def report(outcomes: Sequence[Outcome], model: str, errors: int = 0) -> dict[str, Any]:
    """All numbers of one run. ``errors``: lines or answers that could not be used.

    ``precision_written``: of the verdicts at or above the write threshold, how many name the label or a
    category that can be defended; ``coverage``: how many of all are written.
    """
    n = len(outcomes)
    written = [one for one in outcomes if not one.verdict.abstained]
    classes = per_class(outcomes)
    steps = [abs(one.verdict.severity.rank - one.item.label.severity.rank) for one in outcomes]
    latencies = [one.latency_ms for one in outcomes]
    return {
        "n": n,
        "model": model,
        "category": {
            "accuracy": ratio(sum(one.exact for one in outcomes), n),
            "accuracy_also_ok": ratio(sum(one.right for one in outcomes), n),
            "macro_f1": ratio(sum(one.f1 for one in classes.values()), len(classes)),
            "coverage": ratio(len(written), n),
            "precision_written": ratio(sum(one.right for one in written), len(written)),
            "per_class": {name: asdict(one) for name, one in classes.items()},
        },
        "severity": {
            "exact": ratio(sum(step == 0 for step in steps), n),
            "within_one": ratio(sum(step <= 1 for step in steps), n),
        },
        "immediate": immediate(outcomes),
        "latency_ms": {"p50": percentile(latencies, 50), "p99": percentile(latencies, 99)},
        "cost_usd": round(sum(one.cost_usd for one in outcomes), 6),
        "errors": errors,
    }


@dataclass(frozen=True, slots=True)
class ClassScore:
    """One category's share: exact label only."""

    precision: float
    recall: float
    f1: float
    support: int


def per_class(outcomes: Sequence[Outcome]) -> dict[str, ClassScore]:
    """Scores of every category that was labelled or predicted, in the vocabulary's order."""
    found = {}
    for category in Category:
        named = sum(one.verdict.category is category for one in outcomes)
        support = sum(one.item.label.category is category for one in outcomes)
        hits = sum(one.exact and one.item.label.category is category for one in outcomes)
        if named or support:
            found[category.value] = ClassScore(
                ratio(hits, named), ratio(hits, support), ratio(2 * hits, named + support), support
            )
    return found


def immediate(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Precision, recall and F1 of ``requires_immediate_action``."""
    said = sum(one.verdict.requires_immediate_action for one in outcomes)
    true = sum(one.item.label.requires_immediate_action for one in outcomes)
    both = sum(
        one.verdict.requires_immediate_action and one.item.label.requires_immediate_action for one in outcomes
    )
    return {"precision": ratio(both, said), "recall": ratio(both, true), "f1": ratio(2 * both, said + true)}


@dataclass(frozen=True, slots=True)
class Bin:
    """One row of the reliability table: what was promised against what came true."""

    low: float
    high: float
    n: int
    confidence: float
    accuracy: float


def reliability(outcomes: Sequence[Outcome], edges: Sequence[float]) -> list[Bin]:
    """The reliability table over ``edges`` (ascending, e.g. 0, 0.5, 0.8, 1); empty bins are left out."""
    bins = []
    for low, high in pairwise(edges):
        top = high if high < edges[-1] else 2.0
        held = [one for one in outcomes if low <= one.verdict.confidence < top]
        if held:
            mean = sum(one.verdict.confidence for one in held) / len(held)
            bins.append(
                Bin(low, high, len(held), round(mean, 3), ratio(sum(o.right for o in held), len(held)))
            )
    return bins


def coverage_curve(outcomes: Sequence[Outcome]) -> list[tuple[float, float, float]]:
    """``(threshold, coverage, precision)`` for every confidence that occurs, highest first."""
    ranked = sorted(outcomes, key=lambda one: -one.verdict.confidence)
    curve, right = [], 0
    for i, one in enumerate(ranked, start=1):
        right += one.right
        if i == len(ranked) or ranked[i].verdict.confidence < one.verdict.confidence:
            curve.append((one.verdict.confidence, i / len(ranked), right / i))
    return curve


def confusion(outcomes: Sequence[Outcome]) -> list[list[int]]:
    """Rows: label, columns: verdict, both in the vocabulary's order."""
    order = {category: i for i, category in enumerate(Category)}
    table = [[0] * len(order) for _ in order]
    for one in outcomes:
        table[order[one.item.label.category]][order[one.verdict.category]] += 1
    return table


def ratio(part: float, whole: float) -> float:
    """``part / whole`` to four digits; 0 where there is nothing to divide by."""
    return round(part / whole, 4) if whole else 0.0


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile, to three digits; 0 for no values."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return round(ranked[min(len(ranked) - 1, int(len(ranked) * percent / 100))], 3)
