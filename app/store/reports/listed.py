"""What is asked of the issue list, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from app.core.vocabulary import Category, ConfidenceBand, Severity, Source


@dataclass(frozen=True, slots=True)
class Filters:
    """What to list; ``None`` and empty mean all. ``since``: looked at no earlier than this."""

    since: datetime | None = None
    category: Category | None = None
    severity: Severity | None = None
    source: Source | None = None
    band: ConfidenceBand | None = None
    project: str = ""
    state: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a page ended: the next one begins after this row."""

    at: datetime
    issue_id: str

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).isoformat()}~{self.issue_id}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The cursor again; none for anything that is not one."""
        at, _, issue_id = text.partition("~")
        try:
            moment = datetime.fromisoformat(at)
        except ValueError:
            return None
        return cls(moment, issue_id[:32]) if issue_id and moment.tzinfo else None


@dataclass(frozen=True, slots=True)
class ListedIssue:
    """One line of the list. Texts are redacted; those of the verdict are empty where there is none."""

    issue_id: str
    project: str
    short_id: str
    status: str
    state: str
    version: int
    read_at: datetime
    title: str
    culprit: str
    category: str
    severity: str
    band: str
    source: str
    confidence: float | None
    immediate: bool
    root_cause: str


@dataclass(frozen=True, slots=True)
class Page:
    """``next``: none at the end. ``scanned``: issues opened for a text filter, 0 without one."""

    rows: tuple[ListedIssue, ...]
    next: Cursor | None
    scanned: int = 0


@dataclass(frozen=True, slots=True)
class Counts:
    """How many issues the filters (but the text) leave, by what they were found to be."""

    total: int
    immediate: int
    abstained: int
    by: Mapping[str, Mapping[str, int]]
    """``category``, ``severity``, ``source``, ``band``, ``state`` → value → issues."""
