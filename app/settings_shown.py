"""The settings as people may see them: secrets masked, where each came from, and names that look mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from dotenv import dotenv_values
from pydantic import SecretStr

from app.settings import Settings
from app.settings_sources import aliases

MASK = "********"
OURS = ("TRIAGE_", "SENTRY_TRIAGE")
"""Names that begin so are meant for us."""


@dataclass(frozen=True, slots=True)
class Shown:
    """``source``: ``default``, ``environment NAME``, ``.env NAME`` or ``file PATH``."""

    name: str
    value: str
    source: str
    about: str


def shown(settings: Settings, variables: Mapping[str, str], env_file: Path = Path(".env")) -> list[Shown]:
    """Every setting, in the order of the documentation."""
    in_file = {name: value for name, value in dotenv_values(env_file).items() if value is not None}
    return [
        Shown(
            names[0],
            _value(getattr(settings, field)),
            _source(names, variables, in_file),
            info.description or "",
        )
        for field, info in Settings.model_fields.items()
        for names in [aliases(info, field)]
    ]


def unknown(variables: Mapping[str, str], env_file: Path = Path(".env")) -> dict[str, str]:
    """Names that are meant for us and that we do not know, each with the nearest that we do know."""
    known = {name for field, info in Settings.model_fields.items() for name in aliases(info, field)}
    known |= {f"{name}_FILE" for name in known}
    passed = {name for name in (*variables, *dotenv_values(env_file)) if name.upper().startswith(OURS)}
    strange = sorted(
        name for name in passed if name.upper() not in known and not name.startswith("TRIAGE_TEST_")
    )
    return {name: _nearest(name.upper(), known) for name in strange}


def _nearest(name: str, known: set[str]) -> str:
    """Swapped letters are the commonest slip; then what has most in common."""
    near = difflib.get_close_matches(name, known, 5)
    return next((one for one in near if sorted(one) == sorted(name)), near[0] if near else "")


def _source(names: tuple[str, ...], variables: Mapping[str, str], in_file: Mapping[str, str]) -> str:
    upper = {name.upper(): name for name in variables}
    for name in names:
        if name in upper:
            return f"environment {name}"
    for name in names:
        if f"{name}_FILE" in upper:
            return f"file {variables[upper[f'{name}_FILE']]}"
    in_upper = {name.upper(): value for name, value in in_file.items()}
    for name in names:
        if name in in_upper:
            return f".env {name}"
    return next(
        (f"file {in_upper[f'{name}_FILE']}" for name in names if f"{name}_FILE" in in_upper), "default"
    )


def _value(value: Any) -> str:
    """Secrets as a mask with nothing of them; a URL without its password."""
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    if isinstance(value, tuple):
        return ", ".join(_value(one) for one in value)
    text = str(value)
    try:
        password = urlsplit(text).password
    except ValueError:
        return text
    return text.replace(f":{password}@", f":{MASK}@") if password else text
