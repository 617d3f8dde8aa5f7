"""Reads ``triage.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from app.core.policy import Policy
from app.errors import UserError


def load_policy(path: Path) -> Policy:
    """Read ``triage.toml``. Raises ``UserError`` naming the table and what is wrong with it."""
    if not path.exists():
        return Policy()
    try:
        return Policy.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}.", hint="Check that line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path}: [{where}] {first['msg']}.", hint="docs/configuration.md lists every table."
        ) from None
