"""What people said and did on an issue, folded into the one word that the cascade listens to.

An explicit word (a comment, the form) is taken as it is. A changed priority is weaker: Sentry knows three
priorities and we five severities, and people lower a priority for reasons of their own (a freeze, a known
customer). So it changes our severity only where it contradicts it by two steps (``high`` against ``low``);
one step is kept as agreement data and shown to nobody as our severity. A changed assignee says who looks, not
what the error is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from .classify import Correction
from .issue import Activity, Issue
from .plan import PRIORITIES
from .verdict import Verdict
from .vocabulary import Action, Category, Priority, Severity
from .writes import WriteMemory


class Field(StrEnum):
    """What a row of ``corrections`` is about."""

    CATEGORY = "category"
    SEVERITY = "severity"
    ACTION = "action"
    OWNER = "owner"
    WRONG = "wrong"
    ASSIGNEE = "assignee"
    PRIORITY = "priority"


class Origin(StrEnum):
    """Where it was said."""

    COMMENT = "comment"
    FORM = "form"
    ASSIGNEE = "assignee"
    PRIORITY = "priority"


BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)

SPOKEN = frozenset({Field.CATEGORY, Field.SEVERITY, Field.ACTION, Field.WRONG})
"""Fields of which a verdict learns; the others say who looks, or are agreement data."""


@dataclass(frozen=True, slots=True)
class Said:
    """One field of one correction. ``was``: what we had said; of ``wrong`` it is ``Database-high``."""

    field: Field
    value: str
    was: str = ""
    author: str = ""
    at: datetime = BEGINNING
    issue: str = ""
    """Short id of the issue that it was said of."""


def fold(said: Iterable[Said]) -> Correction | None:
    """The newest word for each field; None where nothing was said of the verdict."""
    word: Correction | None = None
    for one in sorted(said, key=lambda one: one.at):
        word = _heard(word, one)
    return word


def _heard(word: Correction | None, one: Said) -> Correction | None:
    if one.field is Field.PRIORITY and not contradicts(one.value, one.was):
        return word
    if one.field not in SPOKEN | {Field.PRIORITY}:
        return word
    base = replace(word or Correction(), by=one.author, issue=one.issue, how="said so")
    if one.field is Field.CATEGORY:
        return replace(base, category=Category(one.value), wrong=False)
    if one.field is Field.SEVERITY:
        return replace(base, severity=Severity(one.value))
    if one.field is Field.ACTION:
        return replace(base, action=Action(one.value))
    if one.field is Field.PRIORITY:
        return replace(base, severity=Severity(one.value), how=f"set the priority to {one.value}")
    category, _, severity = one.was.partition("-")
    kept = base.severity or (Severity(severity) if severity in set(Severity) else None)
    how = f"said that {category} was wrong" if category else "said that it was wrong"
    return replace(base, category=None, severity=kept, wrong=True, how=how)


def contradicts(priority: str, was: str) -> bool:
    """Whether a person's priority cannot be meant beside ours: ``high`` against ``low``."""
    return {priority, was} == {Priority.HIGH.value, Priority.LOW.value}


def owner_said(said: Iterable[Said]) -> Said | None:
    """The newest owner that was named in words."""
    named = [one for one in said if one.field is Field.OWNER]
    return max(named, key=lambda one: one.at, default=None)


def observed(
    issue: Issue, wrote: WriteMemory, verdict: Verdict, since: datetime, suggested: str
) -> tuple[Said, ...]:
    """Priority and assignee that a person set after ``since`` (our first verdict) against what we said.

    ``issue`` comes with its activity. ``suggested``: the actor that we wrote or would have assigned. What we
    wrote ourselves, what Sentry or another integration did, and what agrees with us is not in it.
    """
    found = (_priority(issue, wrote, verdict), _assignee(issue, wrote.assignee or suggested))
    return tuple(
        replace(one, author=entry.user_name, at=entry.at, issue=issue.short_id)
        for one, entry in filter(None, found)
        if entry.at is not None and entry.at > since
    )


def _priority(issue: Issue, wrote: WriteMemory, verdict: Verdict) -> tuple[Said, Activity] | None:
    entry = _last(issue, "set_priority")
    ours = PRIORITIES[verdict.severity].value
    if entry is None or issue.priority not in set(Priority) or issue.priority in (ours, wrote.priority):
        return None
    return Said(Field.PRIORITY, issue.priority or "", ours), entry


def _assignee(issue: Issue, ours: str) -> tuple[Said, Activity] | None:
    entry = _last(issue, "assigned", "unassigned")
    shown = issue.assigned_to.key if issue.assigned_to else ""
    if entry is None or not ours or shown == ours:
        return None
    return Said(Field.ASSIGNEE, shown, ours), entry


def _last(issue: Issue, *types: str) -> Activity | None:
    """The newest entry of these types, where a person made it. Activity comes newest first."""
    entry = next((entry for entry in issue.activity if entry.type in types), None)
    return entry if entry is not None and entry.by_person else None
