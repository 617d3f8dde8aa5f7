"""The scores on the labelled events we have: a change that loses more than the margin fails here."""

from __future__ import annotations

import json
from pathlib import Path

from app.core.digest import digest_event
from app.core.offline import classify

SAMPLES = Path(__file__).parent / "samples"


def test_development_events_keep_their_scores() -> None:
    lines = (SAMPLES / "dev.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    right = exact = 0
    for row in rows:
        verdict = classify(digest_event(row["event"]))
        exact += verdict.category == row["label"]["category"]
        right += verdict.category in (row["label"]["category"], *row["also_ok"])
    assert right / len(rows) >= 0.95
    assert exact / len(rows) >= 0.92
