"""Search terms that ask the issue itself: ``is:``, ``assigned:``, ``firstSeen:`` and their like."""

from __future__ import annotations

import operator
from collections.abc import Callable
from datetime import datetime

from .formats import duration, moment
from .model import Issue, Team, User
from .query import Term, bad_query
from .state import State

IssueTest = Callable[[Issue], bool]
Build = Callable[[State, Term], IssueTest]
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "": operator.eq,
    "=": operator.eq,
    ">": operator.gt,
    "<": operator.lt,
    ">=": operator.ge,
    "<=": operator.le,
}
_IS: dict[str, IssueTest] = {
    "unresolved": lambda issue: issue.status == "unresolved",
    "resolved": lambda issue: issue.status == "resolved",
    "ignored": lambda issue: issue.status == "ignored",
    "muted": lambda issue: issue.status == "ignored",
    "archived": lambda issue: issue.status == "ignored",
    "assigned": lambda issue: issue.assignee is not None,
    "unassigned": lambda issue: issue.assignee is None,
    "linked": lambda issue: bool(issue.externals),
    "unlinked": lambda issue: not issue.externals,
    "new": lambda issue: issue.substatus == "new",
    "ongoing": lambda issue: issue.substatus == "ongoing",
    "escalating": lambda issue: issue.substatus == "escalating",
    "regressed": lambda issue: issue.substatus == "regressed",
    "archived_until_escalating": lambda issue: issue.substatus == "archived_until_escalating",
    "archived_until_condition_met": lambda issue: issue.substatus == "archived_until_condition_met",
    "archived_forever": lambda issue: issue.substatus == "archived_forever",
    "for_review": lambda issue: issue.status == "unresolved" and issue.substatus in ("new", "regressed"),
}


def _is(_state: State, term: Term) -> IssueTest:
    unknown = [value for value in term.values if value not in _IS]
    if unknown:
        raise bad_query(f'Invalid value for "is" search, valid values are {sorted(_IS)}')
    tests = [_IS[value] for value in term.values]
    return lambda issue: any(test(issue) for test in tests) != term.negated


def _status(_state: State, term: Term) -> IssueTest:
    return lambda issue: (issue.status in term.values) != term.negated


def _assigned(state: State, term: Term) -> IssueTest:
    wanted = [_owner(state, value) for value in term.values]
    return lambda issue: any(issue.assignee is owner for owner in wanted) != term.negated


def _owner(state: State, text: str) -> User | Team | None:
    """``me`` is nobody for a token of an integration; ``none`` is unassigned; unknown names find nothing."""
    if text == "none":
        return None
    if text.startswith("#"):
        found: User | Team | None = next((t for t in state.teams.values() if t.slug == text[1:]), None)
    else:
        found = state.user_named(text)
    return found or User(-1, "", "", "", state.created)


def _date(field: Callable[[Issue], datetime]) -> Build:
    def build(state: State, term: Term) -> IssueTest:
        compare, bound = _bound(state.now(), term)
        return lambda issue: compare(field(issue).timestamp(), bound.timestamp()) != term.negated

    return build


def _bound(now: datetime, term: Term) -> tuple[Callable[[float, float], bool], datetime]:
    """``-2h``: within the last two hours; ``+2h``: longer ago than that; else ``>2026-09-14T08:00``."""
    text = term.values[0]
    if text[:1] in "+-" and text:
        length = duration(text[1:])
        if length is None:
            raise bad_query(f"Invalid date: {text}")
        return (operator.ge if text[0] == "-" else operator.le), now - length
    parsed = moment(text)
    if parsed is None:
        raise bad_query(f"Invalid date: {text}. Expected +/-duration (e.g. +1h) or ISO 8601-like.")
    if not term.operator:
        day = parsed.date()
        return lambda value, _: datetime.fromtimestamp(value, parsed.tzinfo).date() == day, parsed
    return _COMPARE[term.operator], parsed


def _number(field: Callable[[Issue], int]) -> Build:
    def build(_state: State, term: Term) -> IssueTest:
        try:
            wanted = float(term.values[0])
        except ValueError:
            raise bad_query(f"Invalid number: {term.values[0]}") from None
        compare = _COMPARE[term.operator]
        return lambda issue: compare(field(issue), wanted) != term.negated

    return build


def _text(field: Callable[[Issue], str | None]) -> Build:
    def build(_state: State, term: Term) -> IssueTest:
        wanted = {value.lower() for value in term.values}
        return lambda issue: ((field(issue) or "").lower() in wanted) != term.negated

    return build


ISSUE_FIELDS: dict[str, Build] = {
    "is": _is,
    "status": _status,
    "assigned": _assigned,
    "assigned_to": _assigned,
    "assigned_or_suggested": _assigned,
    "firstSeen": _date(lambda issue: issue.first_seen),
    "first_seen": _date(lambda issue: issue.first_seen),
    "age": _date(lambda issue: issue.first_seen),
    "lastSeen": _date(lambda issue: issue.last_seen),
    "last_seen": _date(lambda issue: issue.last_seen),
    "timesSeen": _number(lambda issue: issue.count),
    "times_seen": _number(lambda issue: issue.count),
    "issue": _text(lambda issue: issue.short_id),
    "issue.id": _text(lambda issue: str(issue.id)),
    "issue.priority": _text(lambda issue: issue.priority),
    "issue.category": _text(lambda _issue: "error"),
    "issue.type": _text(lambda _issue: "error"),
    "project": _text(lambda issue: issue.project.slug),
    "project.name": _text(lambda issue: issue.project.slug),
    "project.id": _text(lambda issue: str(issue.project.id)),
}
