"""Writes the price table of ``docs/model.md`` from ``app/models/capabilities.toml``: python tools/model_prices.py"""  # noqa: E501

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from app.models.capabilities import table

PAGE = Path(__file__).resolve().parent.parent / "docs" / "model.md"
START, END = "<!-- prices -->", "<!-- /prices -->"


def rows() -> str:
    """Markdown: dollars per million tokens, one row for each model whose price is known."""
    lines = ["| `TRIAGE_MODEL` | in | cached in | out | price read on | ends |", "|---|---|---|---|---|---|"]
    for name, one in table().items():
        if one.price_date is not None:
            cached = one.price_in if one.price_cached is None else one.price_cached
            ends = one.shutdown.isoformat() if one.shutdown else ""
            prices = f"${one.price_in:g} | ${cached:g} | ${one.price_out:g}"
            lines.append(f"| `{name}` | {prices} | {one.price_date} | {ends} |")
    return "\n".join(lines)


def page(text: str) -> str:
    """The page with the table in its place."""
    before, _, rest = text.partition(START)
    return f"{before}{START}\n{rows()}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
