"""The words of write-back: what is to be written, what stands there, what we wrote last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum


class WriteKind(StrEnum):
    """In the order in which they are written: assign first, annotate after (an annotation on an unassigned
    issue would make Sentry work out the owners anew)."""

    PRIORITY = "priority"
    ASSIGNEE = "assignee"
    ANNOTATION = "annotation"
    COMMENT = "comment"
    TAGS = "tags"


@dataclass(frozen=True, slots=True)
class Write:
    """One decision. ``before`` is what stands in Sentry now, ``do`` whether it is to be written."""

    kind: WriteKind
    value: str
    before: str | None
    reason: str
    do: bool


@dataclass(frozen=True, slots=True)
class WriteMemory:
    """What we wrote on this issue last, from the write log."""

    priority: str | None = None
    assignee: str | None = None
    """Actor key such as ``team:4``."""
    annotation: str | None = None
    """Identifier such as ``Database-high``."""
    external_id: str | None = None
    note_id: str | None = None
    note_text: str | None = None
    note_removed: bool = False
    """A person deleted our comment."""
    assigned_before: bool = False
    """Somebody, or we, assigned this issue at some time."""
    removed_by_person: bool = False
    """A person took the assignee away."""
    tags_version: int | None = None
    tags_at: datetime | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    """The tags of the last annotation event that landed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Every decision for one issue and one verdict, in the order of writing."""

    issue_id: str
    version: int
    writes: tuple[Write, ...]

    def get(self, kind: WriteKind) -> Write:
        return next(write for write in self.writes if write.kind is kind)

    def held(self, reason: str) -> Plan:
        """The same with nothing to be done, and why."""
        writes = tuple(
            replace(write, do=False, reason=reason) if write.do else write for write in self.writes
        )
        return replace(self, writes=writes)

    @property
    def todo(self) -> tuple[Write, ...]:
        return tuple(write for write in self.writes if write.do)
