"""Reading forms: the CSRF token of each, and values from closed sets."""

from __future__ import annotations

import re
import secrets
from enum import StrEnum
from typing import TypeVar

from flask import abort, request
from flask_wtf.csrf import generate_csrf, validate_csrf
from wtforms.validators import ValidationError

E = TypeVar("E", bound=StrEnum)
_ONCE = re.compile(r"[0-9a-f]{32}")


def check_form() -> None:
    """400 for a form without the token that its page was given."""
    try:
        validate_csrf(request.form.get("csrf_token"))
    except ValidationError:
        abort(400, "This form is out of date. Go back, load the page again, and send it once more.")


def csrf_token() -> str:
    """The token for the forms of this session."""
    token: str = generate_csrf()
    return token


def fresh_once() -> str:
    """A number that a form carries so that sending it twice is doing it once."""
    return secrets.token_hex(16)


def once() -> str:
    """The number of the form that was sent; 400 without."""
    given = request.form.get("once", "")
    if not _ONCE.fullmatch(given):
        abort(400, "This form is not complete. Load the page again.")
    return given


def choice(kind: type[E], text: str) -> E | None:
    """The member that ``text`` names, none for an empty or unknown one."""
    try:
        return kind(text)
    except ValueError:
        return None
