"""Reads ``triage.toml``."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from app.core.policy import Policy
from app.errors import UserError


def load_policy(path: Path, *, optional: bool) -> Policy:
    """Read ``triage.toml``; the defaults where it is missing and ``optional``.

    Raises ``UserError`` for a file that cannot be read, or naming the table and what is wrong with it.
    """
    try:
        text = path.read_text(encoding="utf-8")
        return Policy.model_validate(tomllib.loads(text))
    except OSError as error:
        if optional and isinstance(error, FileNotFoundError) and not path.is_symlink():
            return Policy()
        raise UserError(
            f"{path}, the file of TRIAGE_CONFIG, cannot be read: {error.strerror}.",
            hint="Put the file there, or leave TRIAGE_CONFIG unset: docs/configuration.md.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid TOML: {error}.", hint="Check that line.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UserError(
            f"{path}: [{where}] {first['msg']}.", hint="docs/configuration.md lists every table."
        ) from None
