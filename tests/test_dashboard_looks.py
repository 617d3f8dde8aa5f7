"""What can be known of the looks without a browser: enough contrast in both schemes, charts without style."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.web import dashboard
from app.web.dashboard.charts import bars, lines

CSS = (Path(dashboard.__file__).parent / "assets" / "dashboard.css").read_text()
PAIRS = [
    *((text, ground) for text in ("text", "muted", "accent", "red") for ground in ("ground", "card")),
    *((text, "soft") for text in ("text", "muted", "accent")),
    *((name, f"{name}-soft") for name in ("red", "amber", "blue", "green")),
    *(("text", f"{name}-soft") for name in ("red", "blue", "grey")),
    ("on-accent", "accent"),
]


def schemes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    read = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", block)) for block in (light, dark)]
    return {"light": read[0], "dark": read[0] | read[1]}


def luminance(colour: str) -> float:
    """WCAG 2.2, "relative luminance"."""
    digits = colour[1:] if len(colour) == 7 else "".join(2 * digit for digit in colour[1:])
    parts = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(scheme: str, text: str, ground: str) -> None:
    colours = schemes()[scheme]
    bright, dim = sorted((luminance(colours[text]), luminance(colours[ground])), reverse=True)
    assert (bright + 0.05) / (dim + 0.05) >= 4.5


def test_a_chart_has_no_style_no_script_and_a_name() -> None:
    evil = "<script>alert(1)</script>"
    for chart in (
        bars(evil, [evil, "b"], {evil: [1, 2], "y": [0, 4]}),
        bars("empty", ["a"], {"x": [0]}),
        lines("l", ["a", "b"], {"x": [1, 2]}, top=100),
        bars("long", [str(n) for n in range(14)], {"x": list(range(14))}),
    ):
        assert not re.search(r"<(?:\w+:)?(script|style|foreignObject|a)\b|\sstyle=|\son\w+=|href=", chart)
        assert 'role="img"' in chart
    assert 'aria-label="&lt;script&gt;' in bars(evil, ["a"], {"x": [1]})


def test_bars_count_in_whole_numbers() -> None:
    chart = bars("few", ["a", "b"], {"x": [1, 3]})
    assert re.findall(r'class="major[^>]*>([\d.]+)<|class=""[^>]*>([\d.]+)<', chart)
    assert "0.5" not in re.findall(r">([\d.]+)<", chart)


def test_nothing_is_loaded_from_elsewhere() -> None:
    folder = Path(dashboard.__file__).parent
    for file in (*folder.rglob("*.html"), *folder.rglob("*.css")):
        assert not re.search(r"""(?:src|href)=["']?(?:https?:)?//|url\(|@import""", file.read_text()), file
