"""From scores to an honest probability that the category is right.

The mapping is data (``calibration.json``), fitted by ``tools/train_offline.py`` on labelled events;
``docs/accuracy.md`` shows the reliability table.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from itertools import pairwise

from app.core.vocabulary import Category


def decide(scores: Mapping[Category, float], *, named: bool) -> tuple[Category, float]:
    """The winning category and the margin (0 and up) it wins by.

    ``named``: the event has an exception type. A type nobody knows is most often a project's own, raised by its
    own code; without even a type there is nothing to go on.
    """
    if not scores:
        return (Category.LOGIC if named else Category.UNKNOWN), 0.0
    ranked = sorted(scores.items(), key=lambda one: -one[1])
    second = ranked[1][1] if len(ranked) > 1 else 0.0
    return ranked[0][0], _margin(ranked[0][1], second)


def _margin(first: float, second: float) -> float:
    """The lead, tempered by how much speaks at all: 9 against 3 is surer than 3 against nothing."""
    return max(0.0, first - 0.8 * second)


@cache
def _knots() -> tuple[tuple[float, float], ...]:
    text = files(__package__).joinpath("calibration.json").read_text("utf-8")
    return tuple((float(x), float(y)) for x, y in json.loads(text)["knots"])


def confidence(margin: float) -> float:
    """Probability (0–1) that a category won by ``margin`` is right, by linear interpolation."""
    knots = _knots()
    if margin <= knots[0][0]:
        return knots[0][1]
    at = bisect_right([x for x, _ in knots], margin)
    if at == len(knots):
        return knots[-1][1]
    (x0, y0), (x1, y1) = list(pairwise(knots))[at - 1]
    return round(y0 + (y1 - y0) * (margin - x0) / (x1 - x0), 3)
