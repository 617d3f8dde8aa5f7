"""Three behaviours, no more: try again later, give up and show it, or tell the person what to do."""

from __future__ import annotations


class TriageError(Exception):
    """Base of every error we raise on purpose."""


class Retryable(TriageError):
    """It may work later: a timeout, a 429, a 5xx.

    ``after``: seconds the other side asked us to wait, if it said.
    """

    def __init__(self, message: str, *, after: float | None = None) -> None:
        super().__init__(message)
        self.after = after


class Permanent(TriageError):
    """It will not work by trying again: the job ends, is shown, and can be run again by a person."""


class UserError(TriageError):
    """The person can mend it. ``hint``: one sentence saying how."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
