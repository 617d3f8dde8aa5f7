"""Trains what the offline classifier learns from data, and measures it honestly.

    pip install -e '.[train]'
    python tools/train_offline.py            # measure only
    python tools/train_offline.py --write    # also write linear.json and calibration.json

The linear model (multinomial logistic regression) is trained on the labelled events and the catalogue of
types in ``tests/samples``. Everything measured of it is leave-repositories-out: an event is judged by a model
that saw no event of its repository. The rules were written while looking at ``dev.jsonl``,
``field_errors.jsonl``, ``catalogue.jsonl`` and one half of ``public_errors.jsonl``; the other half
(``held out``) and ``fresh_errors.jsonl`` were only ever scored, so their lines are the honest ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log, sqrt
from pathlib import Path

import numpy as np
from sklearn.feature_extraction import DictVectorizer
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from app.core.digest import digest_event
from app.core.offline import calibration, linear
from app.core.offline.engine import default_rules, rule_scores
from app.core.offline.facts import look
from app.core.score import Item
from app.core.vocabulary import Category

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "tests" / "samples"
PACKAGE = ROOT / "app" / "core" / "offline"
INVERSE_REGULARISATION = 1.0
FOLDS = 20
KEEP = 0.02
"""Weights smaller than this are left out of the file."""
ORDER = list(Category)
FILES = {
    "dev": "dev",
    "public_errors": "public",
    "field_errors": "field",
    "catalogue": "catalogue",
    "fresh_errors": "fresh",
}
UNSEEN = ("held out", "fresh")
"""Parts whose misses nobody looked at."""


@dataclass
class Row:
    """One labelled event, taken apart."""

    item: Item
    part: str
    features: set[str]
    rules: np.ndarray


def read_rows() -> list[Row]:
    rows = []
    for name in FILES:
        for line in (SAMPLES / f"{name}.jsonl").read_text("utf-8").splitlines():
            item = Item.model_validate(json.loads(line))
            facts = look(digest_event(item.event))
            scores = rule_scores(facts, default_rules())
            vector = np.array([scores.get(category, 0.0) for category in ORDER])
            rows.append(Row(item, part_of(name, item.group), linear.features(facts), vector))
    return rows


def part_of(name: str, group: str) -> str:
    """Which line of the tables; ``public_errors`` is split by a hash of the repository."""
    if name != "public_errors":
        return FILES[name]
    odd = int(hashlib.sha1(group.encode(), usedforsecurity=False).hexdigest(), 16) % 2
    return "held out" if odd else FILES[name]


def read_catalogue() -> tuple[list[set[str]], list[str]]:
    """The types of well-known libraries, as features and categories."""
    found: list[set[str]] = []
    labels: list[str] = []
    for line in (SAMPLES / "error_types.txt").read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            head, _, message = line.partition(" | ")
            category, platform, kind = (*head.split(" ", 2), "")[:3]
            event = {"platform": platform, "exception": [{"type": kind, "value": message}]}
            found.append(linear.features(look(digest_event(event))))
            labels.append(category)
    return found, labels


def fit(features: Sequence[set[str]], labels: Sequence[str]) -> tuple[DictVectorizer, LogisticRegression]:
    vectorizer = DictVectorizer()
    matrix = vectorizer.fit_transform([dict.fromkeys(sorted(one), 1) for one in features])
    return vectorizer, LogisticRegression(C=INVERSE_REGULARISATION, max_iter=1000).fit(matrix, labels)


def log_odds(model: tuple[DictVectorizer, LogisticRegression], rows: Sequence[Row]) -> np.ndarray:
    vectorizer, regression = model
    matrix = vectorizer.transform([dict.fromkeys(one.features, 1) for one in rows])
    columns = [list(regression.classes_).index(category.value) for category in ORDER]
    return regression.predict_log_proba(matrix)[:, columns] - log(1 / len(ORDER))


def leave_repositories_out(rows: Sequence[Row], catalogue: tuple[list[set[str]], list[str]]) -> np.ndarray:
    """The linear model's opinion on each event, from a model that saw no event of its repository.

    Repositories are left out in ``FOLDS`` batches: a little stricter than one at a time, and quick.
    """
    opinions = np.zeros((len(rows), len(ORDER)))
    for fold in range(FOLDS):
        held = [i for i, row in enumerate(rows) if hashed(row.item.group) % FOLDS == fold]
        seen = [row for row in rows if hashed(row.item.group) % FOLDS != fold]
        model = fit(
            [*(row.features for row in seen), *catalogue[0]],
            [*(row.item.label.category.value for row in seen), *catalogue[1]],
        )
        opinions[held] = log_odds(model, [rows[i] for i in held])
    return opinions


def hashed(group: str) -> int:
    return int(hashlib.sha256(group.encode()).hexdigest(), 16)


def decide(scores: np.ndarray) -> tuple[Category, float]:
    found = {category: float(scores[i]) for i, category in enumerate(ORDER) if scores[i]}
    return calibration.decide(found)


def right(row: Row, category: Category) -> bool:
    return category is row.item.label.category or category in row.item.also_ok


def interval(share: float, n: int) -> str:
    """Wilson's 95 % interval."""
    z = 1.96
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return f"{middle - half:.1%} – {middle + half:.1%}"


def table(rows: Sequence[Row], variants: dict[str, np.ndarray]) -> None:
    """The ablation: each variant on each part."""
    print("| events | n | variant | exact | 95 % interval | exact or defensible | 95 % interval |")
    print("|---|---|---|---|---|---|---|")
    for part in (*FILES.values(), "held out"):
        chosen = [i for i, row in enumerate(rows) if row.part == part]
        for name, scores in variants.items():
            said = [decide(scores[i])[0] for i in chosen]
            exact = float(
                np.mean([s is rows[i].item.label.category for i, s in zip(chosen, said, strict=True)])
            )
            good = float(np.mean([right(rows[i], s) for i, s in zip(chosen, said, strict=True)]))
            n = len(chosen)
            print(
                f"| {part} | {n} | {name} | {exact:.1%} | {interval(exact, n)} | {good:.1%} "
                f"| {interval(good, n)} |"
            )


def calibrate(rows: Sequence[Row], scores: np.ndarray) -> list[list[float]]:
    """Knots margin → probability, fitted on the unseen parts only, by isotonic regression.

    Real projects will be harder: pseudo-events (one miss in two, at small margins and at the largest one)
    pull the promise down where it rests on little.
    """
    margins, truth = [], []
    for row, vector in zip(rows, scores, strict=True):
        if row.part in UNSEEN:
            category, margin = decide(vector)
            margins.append(margin)
            truth.append(float(right(row, category)))
    top = max(margins)
    small = np.linspace(0.0, 1.5, 24)
    x = np.array([*margins, *small, *small, top, top])
    y = np.array([*truth, *[0.0] * 24, *[1.0] * 24, 0.0, 1.0])
    fitted = IsotonicRegression(y_min=0.05, y_max=0.99, out_of_bounds="clip").fit(x, y)
    grid = [0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.0]
    smooth = [np.mean(fitted.predict(np.linspace(max(0.0, g - 1.0), g + 1.0, 21))) for g in grid]
    return [[g, round(float(p), 3)] for g, p in zip(grid, np.maximum.accumulate(smooth), strict=True)]


def promise(knots: list[list[float]], margin: float) -> float:
    return float(np.interp(margin, [x for x, _ in knots], [y for _, y in knots]))


def reliability(rows: Sequence[Row], scores: np.ndarray, knots: list[list[float]]) -> None:
    """What was promised against what came true, and what each threshold would write."""
    judged = []
    for row, vector in zip(rows, scores, strict=True):
        if row.part in UNSEEN:
            category, margin = decide(vector)
            judged.append((promise(knots, margin), category is row.item.label.category, right(row, category)))
    print("\n| confidence | n | promised | exact or defensible | exact |\n|---|---|---|---|---|")
    for low, high in pairwise((0.0, 0.6, 0.8, 0.9, 0.95, 0.98, 1.01)):
        held = [one for one in judged if low <= one[0] < high]
        if held:
            means = [float(np.mean([one[i] for one in held])) for i in (0, 2, 1)]
            print(
                f"| {low:.2f} – {min(high, 1):.2f} | {len(held)} | "
                + " | ".join(f"{m:.1%}" for m in means)
                + " |"
            )
    print(
        "\n| threshold | coverage | precision (exact or defensible) | precision (exact) |\n|---|---|---|---|"
    )
    for threshold in (0.0, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 0.98):
        held = [one for one in judged if one[0] >= threshold]
        shares = [len(held) / len(judged), *(float(np.mean([one[i] for one in held])) for i in (2, 1))]
        print(f"| {threshold:.2f} | " + " | ".join(f"{share:.1%}" for share in shares) + " |")


def write(rows: Sequence[Row], catalogue: tuple[list[set[str]], list[str]], knots: list[list[float]]) -> None:
    """The released model is trained on everything; the numbers printed above are not of this model."""
    vectorizer, regression = fit(
        [*(row.features for row in rows), *catalogue[0]],
        [*(row.item.label.category.value for row in rows), *catalogue[1]],
    )
    columns = [list(regression.classes_).index(category.value) for category in ORDER]
    weights = {}
    for name, index in sorted(vectorizer.vocabulary_.items()):
        row = [round(float(w) * 1000) for w in regression.coef_[columns, index]]
        if max(map(abs, row)) >= KEEP * 1000:
            weights[name.removesuffix("=1")] = [value if abs(value) >= KEEP * 1000 else 0 for value in row]
    bias = [round(float(regression.intercept_[c]), 3) for c in columns]
    data = {"categories": [c.value for c in ORDER], "bias": bias, "weights": weights}
    (PACKAGE / "linear.json").write_text(
        json.dumps(data, separators=(",", ":"), ensure_ascii=False) + "\n", "utf-8"
    )
    (PACKAGE / "calibration.json").write_text(json.dumps({"knots": knots}) + "\n", "utf-8")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--write", action="store_true", help="write linear.json and calibration.json")
    options = arguments.parse_args()
    rows, catalogue = read_rows(), read_catalogue()
    opinions = leave_repositories_out(rows, catalogue)
    rules = np.array([row.rules for row in rows])
    both = rules + np.vectorize(linear.voice)(opinions)
    table(rows, {"rules": rules, "linear model": opinions, "both": both})
    knots = calibrate(rows, both)
    print("\nknots:", knots)
    reliability(rows, both, knots)
    if options.write:
        write(rows, catalogue, knots)


if __name__ == "__main__":
    main()
