"""Charts by pygal as inline SVG that a strict content security policy lets through.

pygal brings its looks and its tooltips as inline style and script; both are taken out here, with every
``style`` attribute, and ``dashboard.css`` colours the classes that remain. So the charts follow the light
and the dark scheme, and no policy has to be loosened for them. A table beside each says the same in numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any
from xml.etree.ElementTree import Element, tostring

import pygal
from markupsafe import Markup

SVG = "{http://www.w3.org/2000/svg}"
_DROPPED = {"style", "script", "desc", "defs", "title"}
Series = Mapping[str, Sequence[int | float | None]]


def bars(title: str, labels: Sequence[str], series: Series) -> Markup:
    """Stacked bars of whole numbers, one for each label."""
    highest = max((sum(value or 0 for value in at) for at in zip(*series.values(), strict=True)), default=0)
    step = max(1, ceil(highest / 4))
    return _draw(
        pygal.StackedBar,
        title,
        labels,
        series,
        legend=len(series) > 1,
        y_labels=list(range(0, step * ceil(max(highest, 1) / step) + 1, step)),
        x_labels_major_every=2 if len(labels) > 8 else 1,
        show_minor_x_labels=False,
    )


def lines(title: str, labels: Sequence[str], series: Series, *, top: float) -> Markup:
    """A line for each series over ordered labels, from 0 to ``top``."""
    return _draw(pygal.Line, title, labels, series, legend=True, range=(0, top), dots_size=4)


def _draw(
    kind: Any, title: str, labels: Sequence[str], series: Series, *, legend: bool, **more: Any
) -> Markup:
    chart = kind(
        width=640,
        height=240,
        margin=12,
        margin_right=32,
        js=(),
        css=(),
        show_legend=legend,
        legend_at_bottom=True,
        legend_at_bottom_columns=max(1, min(4, len(series))),
        max_scale=5,
        truncate_label=-1,
        formatter=lambda value: f"{value:g}" if value is not None else "",
        x_labels=list(labels),
        **more,
    )
    for name, values in series.items():
        chart.add(name, list(values))
    return _plain(chart.render_tree(), title)


def _plain(root: Element, title: str) -> Markup:
    _strip(root)
    root.set("role", "img")
    root.set("aria-label", title)
    root.set("class", "chart")
    root.attrib.pop("id", None)
    return Markup(tostring(root, encoding="unicode"))  # noqa: S704  # a serialised tree: every text is escaped


def _strip(element: Element) -> None:
    element.attrib.pop("style", None)
    for child in list(element):
        if not isinstance(child.tag, str) or child.tag.removeprefix(SVG) in _DROPPED:
            element.remove(child)  # comments have a function for a tag
        else:
            _strip(child)
