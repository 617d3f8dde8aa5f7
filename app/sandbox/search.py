"""Which issues a query finds, in a time window, in which order.

Terms on the issue itself filter issues. All other terms are asked of **one** event within the window: an
issue is found when a single event satisfies them all. So ``!has:x`` finds an issue as soon as one of its
events lacks ``x``, and a tag is found only as long as its event lies in the window.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import translate

from .fields import ISSUE_FIELDS, IssueTest
from .formats import duration, moment
from .model import Event, Issue, Project
from .query import Term, bad_query, parse
from .state import State

DEFAULT_PERIOD = timedelta(days=90)
EventTest = Callable[[Event], bool]
_EVENT_FIELDS: dict[str, Callable[[Event], str | None]] = {
    "title": lambda event: event.title,
    "message": lambda event: f"{event.title} {event.message} {event.culprit}",
    "culprit": lambda event: event.culprit,
    "location": lambda event: event.location,
    "platform": lambda event: event.data["platform"],
    "platform.name": lambda event: event.data["platform"],
    "id": lambda event: event.id,
    "event.type": lambda event: event.type,
    "error.type": lambda event: event.metadata.get("type"),
    "error.value": lambda event: event.metadata.get("value"),
    "error.handled": lambda event: {"yes": "1", "no": "0"}.get(event.tag("handled") or ""),
    "error.unhandled": lambda event: {"yes": "0", "no": "1"}.get(event.tag("handled") or ""),
    "user.id": lambda event: _user(event, "id"),
    "user.email": lambda event: _user(event, "email"),
}
_CONTAINS = frozenset({"message"})
_FLAGS = frozenset({"error.handled", "error.unhandled"})
_BOOLEANS = {"true": "1", "false": "0"}


@dataclass(frozen=True)
class Search:
    """``projects``/``environments`` empty: all. ``start``/``end``: the window for events."""

    query: str = "is:unresolved"
    projects: Sequence[Project] = ()
    environments: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None
    sort: str = "date"


def window(
    now: datetime, *, period: str | None, start: str | None, end: str | None
) -> tuple[datetime, datetime]:
    """From ``statsPeriod=14d`` or ``start``/``end``; 90 days without. Raises ``Problem`` (400)."""
    if period:
        length = duration(period)
        if length is None:
            raise bad_query("Invalid statsPeriod: " + repr(period))
        return now - length, now + timedelta(minutes=1)
    if bool(start) != bool(end):
        raise bad_query("start and end are both required")
    if start and end:
        first, last = moment(start), moment(end)
        if first is None or last is None:
            raise bad_query("Invalid date range")
        if first > last:
            raise bad_query("start must be before end")
        return first, last
    return now - DEFAULT_PERIOD, now + timedelta(minutes=1)


def run(state: State, search: Search) -> list[Issue]:
    """All issues found, in order. Raises ``Problem`` (400)."""
    if search.sort not in _SORTS:
        raise bad_query("Invalid sort")
    issue_tests, event_tests = compile_terms(state, parse(search.query))
    if search.environments:
        wanted = set(search.environments)
        event_tests.append(lambda event: (event.data["environment"] or "") in wanted)
    start = search.start or state.now() - DEFAULT_PERIOD
    end = search.end or state.now() + timedelta(minutes=1)

    def fits(event: Event) -> bool:
        return start <= event.at <= end and all(test(event) for test in event_tests)

    found = [
        issue
        for issue in state.issues.values()
        if (not search.projects or issue.project in search.projects)
        and all(test(issue) for test in issue_tests)
        and any(fits(event) for event in reversed(issue.events))
    ]
    return sorted(found, key=_SORTS[search.sort], reverse=True)


_SORTS: dict[str, Callable[[Issue], tuple[float, int]]] = {
    "date": lambda issue: (issue.last_seen.timestamp(), issue.id),
    "new": lambda issue: (issue.first_seen.timestamp(), issue.id),
    "freq": lambda issue: (float(issue.count), issue.id),
    "user": lambda issue: (float(len(issue.users)), issue.id),
    "trends": lambda issue: (float(issue.count), issue.id),
    "inbox": lambda issue: (issue.first_seen.timestamp(), issue.id),
}


def compile_terms(state: State, terms: Iterable[Term]) -> tuple[list[IssueTest], list[EventTest]]:
    issues: list[IssueTest] = []
    events: list[EventTest] = []
    for term in terms:
        if term.key in ISSUE_FIELDS and not term.explicit:
            issues.append(ISSUE_FIELDS[term.key](state, term))
        elif term.key == "has" and not term.explicit:
            events.append(_has(term))
        else:
            events.append(_event_test(term))
    return issues, events


def _has(term: Term) -> EventTest:
    keys = [value.removeprefix("tags[").removesuffix("]") for value in term.values]
    return lambda event: all(_value(event, key, explicit=False) is not None for key in keys) != term.negated


def _event_test(term: Term) -> EventTest:
    if not term.key:
        patterns = [matcher(f"*{value}*") for value in term.values]
        return lambda event: any(fits(_searched(event)) for fits in patterns) != term.negated
    wrap = "*{}*" if term.key in _CONTAINS else "{}"
    values = [_BOOLEANS.get(v.lower(), v) if term.key in _FLAGS else v for v in term.values]
    patterns = [matcher(wrap.format(value)) for value in values]
    empty = "" in values

    def test(event: Event) -> bool:
        value = _value(event, term.key, explicit=term.explicit)
        hit = empty if value is None else any(fits(value) for fits in patterns)
        return hit != term.negated

    return test


def _value(event: Event, key: str, *, explicit: bool) -> str | None:
    if not explicit and key in _EVENT_FIELDS:
        return _EVENT_FIELDS[key](event)
    return event.tag(key)


def _searched(event: Event) -> str:
    return f"{event.title} {event.message} {event.culprit} {event.metadata.get('value', '')}"


def _user(event: Event, key: str) -> str | None:
    value = (event.data.get("user") or {}).get(key)
    return None if value is None else str(value)


def matcher(pattern: str) -> Callable[[str], bool]:
    """``*`` stands for anything; without one the whole value must be equal. Wildcards ignore case."""
    if "*" not in pattern:
        return lambda value: value == pattern
    escaped = translate(pattern.replace("[", "[[]").replace("?", "[?]"))
    compiled = re.compile(escaped, re.IGNORECASE)
    return lambda value: compiled.match(value) is not None
