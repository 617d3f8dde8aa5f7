"""A small linear model behind the rules: words seen in labelled errors, for what the rules leave open.

Its weights are data (``linear.json``), trained by ``tools/train_offline.py``: nothing to download, nothing
but additions at run time. ``docs/accuracy.md`` shows what it adds.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from app.core.vocabulary import Category

from .facts import Facts

STRENGTH = 1.0
"""What its log-probability counts beside the rules' weights; chosen on repositories that neither the rules of
that day nor the model had seen (docs/accuracy.md)."""
LEAST = -2.0
"""It may speak against a category so much: a rule that knows outweighs words that are merely rare."""
EVEN = math.log(1 / len(Category))

_CAMEL = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_WORD = re.compile(r"[a-z_]{2,30}")
_PATH = re.compile(r"[a-z0-9]{3,30}")
_MESSAGE, _WORDS = 400, 60


def features(facts: Facts) -> set[str]:
    """What the model looks at: names and words of types, messages, codes, innermost frames, the platform."""
    found = {f"p:{facts.digest.platform}"}
    for item in facts.items[:3]:
        found.update(f"s:{segment}" for segment in item.segments)
        found.update(f"t:{word.lower()}" for word in _CAMEL.findall(item.type.replace("_", " ")))
        found.update(f"m:{word}" for word in _WORD.findall(item.message[:_MESSAGE].lower())[:_WORDS])
        found.update(f"c:{code}" for code in item.codes)
    for frame in facts.frames[-3:]:
        found.update(f"f:{word}" for word in _PATH.findall(f"{frame.filename} {frame.module}".lower()))
    return found


@cache
def _model() -> tuple[tuple[float, ...], Mapping[str, tuple[tuple[int, float], ...]]]:
    """Bias per category, and per feature its weights as (category index, weight)."""
    data = json.loads(files(__package__).joinpath("linear.json").read_text("utf-8"))
    weights = {
        name: tuple((i, value / 1000) for i, value in enumerate(row) if value)
        for name, row in data["weights"].items()
    }
    return tuple(data["bias"]), weights


def opinion(facts: Facts) -> dict[Category, float]:
    """The ``voice`` of each category's log-probability against an even guess."""
    bias, weights = _model()
    scores = list(bias)
    for name in sorted(features(facts)):
        for i, value in weights.get(name, ()):
            scores[i] += value
    top = max(scores)
    total = top + math.log(sum(math.exp(score - top) for score in scores))
    return {c: voice(scores[i] - total - EVEN) for i, c in enumerate(Category)}


def voice(log_odds: float) -> float:
    """What an opinion counts beside the rules' weights; negative speaks against."""
    return max(LEAST, STRENGTH * log_odds)
