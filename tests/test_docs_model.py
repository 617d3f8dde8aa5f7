"""What docs/model.md states as figures is what is in the repository."""

from __future__ import annotations

import re
from pathlib import Path

from tools.model_prices import page

ROOT = Path(__file__).resolve().parent.parent
TEXT = (ROOT / "docs" / "model.md").read_text(encoding="utf-8")


def test_the_price_table_is_the_one_of_the_product() -> None:
    assert page(TEXT) == TEXT, "run: python tools/model_prices.py"


def test_the_number_of_attacks_is_right() -> None:
    files = (ROOT / "tests" / "samples" / "injection").glob("*.jsonl")
    count = sum(len(file.read_text(encoding="utf-8").splitlines()) for file in files)
    (stated,) = re.findall(r"(\d+) attacks", TEXT)
    assert int(stated) == count
