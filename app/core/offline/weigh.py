"""Evidence to a decision: what each sight counts, which category wins, and how sure that makes us."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from app.core.vocabulary import Category

from .matcher import Hit

WRAPPER = 0.72
"""What an exception counts that is not the root cause."""
REPEATED = (1.0, 0.45, 0.2, 0.1)
"""What the first, second, … sight for one category counts: agreeing sights are rarely independent."""
PRECEDENCE = {one: 0.01 * (8 - i) for i, one in enumerate((
    Category.UNKNOWN, Category.AUTHENTICATION, Category.DATABASE, Category.INFRASTRUCTURE,
    Category.THIRD_PARTY, Category.NETWORK, Category.VALIDATION, Category.LOGIC,
))}  # fmt: skip
"""The order in which the labelling rules are walked: it decides ties."""


@dataclass(frozen=True)
class Weighed:
    """A sight with what it counts."""

    hit: Hit
    weight: float


def weigh(hits: Iterable[Hit]) -> list[Weighed]:
    """What each sight counts: those that decide, then the heaviest; a rule seen in several exceptions counts
    once."""
    best: dict[str, Weighed] = {}
    for hit in hits:
        place = 1.0 if hit.item.index <= 0 or hit.rule.anywhere else WRAPPER
        one = Weighed(hit, hit.rule.weight * hit.strength * place)
        known = best.get(hit.rule.id)
        if known is None or one.weight > known.weight:
            best[hit.rule.id] = one
    return sorted(best.values(), key=lambda one: (not one.hit.rule.decides, -one.weight, one.hit.rule.id))


def scores(weighed: Iterable[Weighed]) -> dict[Category, float]:
    """The score of each category that anything speaks for; where rules decide, of theirs only."""
    sights = tuple(weighed)
    decided = {one.hit.rule.category for one in sights if one.hit.rule.decides}
    found: dict[Category, list[float]] = defaultdict(list)
    for one in sights:
        if not decided or one.hit.rule.category in decided:
            found[one.hit.rule.category].append(one.weight)
    return {
        category: sum(w * f for w, f in zip(weights, REPEATED, strict=False)) + PRECEDENCE[category]
        for category, weights in found.items()
    }
