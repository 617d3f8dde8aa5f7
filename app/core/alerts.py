"""The alert-rule action "Triage this issue": its one setting, checked when a rule is saved and when it
fires."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

MINIMUM_LEVEL = "minimum_level"
"""Name of the setting, in ``integration_manifest.json`` and in what Sentry sends."""

LEVELS = ("debug", "info", "warning", "error", "fatal")
"""Sentry's event levels, the least first."""

OFFERED = ("fatal", "error", "warning", "info")
"""What the rule's form offers."""


def settings_of(fields: Any) -> dict[str, str]:
    """``[{"name": …, "value": …}]`` as a mapping; what is not of that shape is left out."""
    rows: Iterable[Any] = fields if isinstance(fields, list) else ()
    return {
        str(row["name"])[:64]: str(row.get("value") if row.get("value") is not None else "")[:200]
        for row in rows
        if isinstance(row, Mapping) and isinstance(row.get("name"), str)
    }


def check_settings(fields: Any) -> tuple[bool, str]:
    """Whether a rule may be saved so, and the sentence that its author reads if not."""
    if fields is not None and not isinstance(fields, list):
        return False, "The settings could not be read."
    level = settings_of(fields).get(MINIMUM_LEVEL, "")
    if level and level not in OFFERED:
        return False, f"The minimum level can be {', '.join(OFFERED[:-1])} or {OFFERED[-1]}."
    return True, "the settings can be used"


def loud_enough(level: str, fields: Any) -> tuple[bool, str]:
    """Whether an event of this level is triaged by a rule with these settings, and why (not).

    A level that Sentry may add one day, and a rule that was saved without a minimum, let the event pass.
    """
    minimum = settings_of(fields).get(MINIMUM_LEVEL, "")
    if level in LEVELS and minimum in LEVELS and LEVELS.index(level) < LEVELS.index(minimum):
        return False, f"level {level} is below the rule's minimum {minimum}"
    return True, "the rule has no minimum level" if not minimum else f"level {level or 'unknown'}"
