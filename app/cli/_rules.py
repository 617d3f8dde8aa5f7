"""``--rules FILE`` of ``classify`` and ``eval``: a team's own rules, tried before they are deployed."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from app.core.offline import RuleSet, compile_rules
from app.errors import UserError


def rules_option(help_text: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The option; its value is the file's path."""
    path = click.Path(exists=True, dir_okay=False, path_type=Path)
    return click.option("--rules", metavar="FILE", type=path, help=help_text)


def read_rules(path: Path | None) -> RuleSet | None:
    """The embedded rules with those of a ``triage.toml``, None for no file. Raises ``UserError``."""
    if path is None:
        return None
    try:
        tables = tomllib.loads(path.read_text("utf-8")).get("rule", [])
    except (ValueError, OSError) as error:
        raise UserError(f"{path} cannot be read as TOML: {error}.", hint="See docs/rules.md.") from error
    if not isinstance(tables, list):
        raise UserError(f"{path}: rule must be written as [[rule]].", hint="See docs/rules.md.")
    return compile_rules(tables)
