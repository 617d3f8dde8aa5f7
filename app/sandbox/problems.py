"""Refusals: an HTTP status and the exact JSON body Sentry answers with."""

from __future__ import annotations

from typing import Any


class Problem(Exception):
    """``body``: anything JSON; Sentry's errors are objects, bare strings, or strings that hold JSON."""

    def __init__(self, status: int, body: Any) -> None:
        super().__init__(f"{status}: {body}")
        self.status = status
        self.body = body


class Invalid(Problem):
    """400 with ``{field: [texts]}``; a nested field nests."""

    def __init__(self, fields: dict[str, Any]) -> None:
        super().__init__(400, fields)


def not_found() -> Problem:
    return Problem(404, {"detail": "The requested resource does not exist"})


def forbidden() -> Problem:
    return Problem(403, {"detail": "You do not have permission to perform this action."})
