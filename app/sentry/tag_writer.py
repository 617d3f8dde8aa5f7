"""What it means to write tags onto an issue, by whatever way Sentry has. Today: an annotation event
(``app.sentry.tags``).

The day Sentry offers tags on issues, another ``TagWriter`` takes that one's place and nothing else changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from app.core.policy import Policy
from app.core.verdict import Verdict


class TagOutcome(StrEnum):
    LANDED = "landed"
    """In the right issue, which is otherwise as it was."""
    SKIPPED = "skipped"
    """A rule said no; nothing was sent."""
    UNCONFIRMED = "unconfirmed"
    """Sent; not yet found, in a project where it has worked before."""
    FILTERED = "filtered"
    """The project's first event never appeared, or its last few did not: a filter, a quota or a disabled key.
    The project was switched off."""
    REFUSED = "refused"
    """The ingest refused it (disabled key, unknown project). The project was switched off."""
    WRONG_GROUP = "wrong_group"
    """It landed in another issue. The project was switched off."""
    CHANGED = "changed"
    """The issue changed beyond its count. The project was switched off."""
    UNDONE = "undone"
    """Somebody resolved the issue meanwhile and our event re-opened it: it is resolved again."""


@dataclass(frozen=True, slots=True)
class TagResult:
    outcome: TagOutcome
    reason: str
    event_id: str = ""
    group_id: str = ""
    """The issue that the event landed in."""


class TagWriter(Protocol):
    """Puts the verdict's tags onto an issue so that Sentry's search finds it by them."""

    def write(
        self, issue_id: str, verdict: Verdict, version: int, policy: Policy, *, manual: bool = False
    ) -> TagResult: ...
