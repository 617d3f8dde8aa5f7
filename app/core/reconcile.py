"""Comparing Sentry's issue list with ours: how far to look, and what each row of it asks of us.

Sentry sends a webhook once and never again, so whatever was missed (a restart, a long outage) is found in its
list. How far to look follows from what was looked at last, never from the clock of a schedule. Issues that
are older than the installation are left to ``backfill``: nobody wants a comment on each of five thousand old
issues on the first day.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.core.intake import Kind
from app.core.issue import Issue

OVERLAP = timedelta(minutes=10)
"""Looked at again each time: clocks differ, and Sentry stores an event some time after its timestamp."""

SWEEP_EVERY = timedelta(hours=24)
SWEEP = timedelta(days=14)
"""Once a day so much is looked at again: a phone that was offline sends events with old timestamps."""

FURTHEST = timedelta(days=89)
"""Sentry keeps events for 90 days."""

CAME_BACK = frozenset({"regressed", "escalating"})


@dataclass(frozen=True, slots=True)
class Run:
    """One walk through the list: its time window and, once begun, the cursor of the next page."""

    start: datetime
    end: datetime
    sweep: bool = False
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What outlives the process. ``floor``: issues first seen before it are not ours to find."""

    floor: datetime
    seen: datetime
    """Everything that Sentry had until then was looked at."""
    swept: datetime
    run: Run | None = None
    """The walk that was broken off, by a rate limit or by the death of a worker."""


def began(now: datetime, first: timedelta) -> Progress:
    """Before the very first walk, which looks back ``first``."""
    return Progress(floor=now - first, seen=now - first, swept=now)


def begin(progress: Progress, now: datetime) -> Run:
    """The walk to go on with, else a new one from what was seen last."""
    if progress.run is not None:
        return progress.run
    sweep = now - progress.swept >= SWEEP_EVERY
    start = progress.seen - OVERLAP
    if sweep:
        start = min(start, max(now - SWEEP, progress.floor))
    return Run(start=max(start, now - FURTHEST), end=now, sweep=sweep)


def turn(progress: Progress, run: Run, cursor: str | None) -> Progress:
    """After one page: where to go on, or what is seen now that this was the last one."""
    if cursor is not None:
        return replace(progress, run=replace(run, cursor=cursor))
    swept = run.end if run.sweep else progress.swept
    return replace(progress, seen=max(run.end, progress.seen), swept=swept, run=None)


@dataclass(frozen=True, slots=True)
class Known:
    """What we have of an issue."""

    state: str
    """Of our row: ``new``, ``triaged`` or ``gone``."""
    version: int
    """Of its newest verdict; 0 where it has none."""
    read_at: datetime | None
    priority: str | None = None
    """The priority that we wrote last and that was not undone."""
    tags_at: datetime | None = None
    """When the newest annotation event that landed was sent."""


@dataclass(frozen=True, slots=True)
class Case:
    """A row of Sentry's list beside what we have."""

    issue: Issue
    known: Known | None
    work: str
    """State of its newest piece of work (``queued``, ``running``, ``done``, ``failed``), empty for none."""
    floor: datetime
    now: datetime
    refresh_after: timedelta


@dataclass(frozen=True, slots=True)
class Ask:
    """Work to put in. ``dedupe`` makes asking twice harmless; ``reason`` is for people."""

    kind: Kind
    trigger: str
    dedupe: str
    reason: str
    confirm: bool = False
    """The list cannot tell for certain: read the issue's activity (``came_back_at``) first."""


def compare(case: Case) -> tuple[Ask | None, str]:
    """What this row asks of us, and why (not). The first rule that has an answer decides."""
    for rule in RULES:
        answer = rule(case)
        if isinstance(answer, Ask):
            return answer, answer.reason
        if answer:
            return None, answer
    return None, "nothing has changed"


def came_back_at(issue: Issue) -> datetime | None:
    """When the issue was opened again last, by its activity (newest first)."""
    for entry in issue.activity:
        if entry.type in {"set_regression", "set_unresolved", "set_escalating"}:
            return entry.at
    return None


def _stamp(case: Case) -> str:
    seen = case.issue.last_seen
    return str(int(seen.timestamp())) if seen else "0"


def _other(case: Case) -> str:
    if case.issue.category == "feedback":
        return "user feedback is not an error"
    return "its work is waiting already" if case.work in {"queued", "running"} else ""


def _failed(case: Case) -> Ask | str:
    """A scope that was missing may be there by now."""
    if case.work != "failed":
        return ""
    dedupe = f"failed:{case.issue.id}:{case.now:%Y-%m-%d}"
    return Ask(Kind.TRIAGE, "reconcile", dedupe, "its job failed, and it still happens: once a day")


def _missing(case: Case) -> Ask | str:
    if case.known is not None and case.known.version and case.known.state != "gone":
        return ""
    first, substatus = case.issue.first_seen, case.issue.substatus
    if case.known is None and first is not None and first < case.floor and substatus not in CAME_BACK:
        return "older than the installation: that is for backfill"
    dedupe = f"reconcile:{case.issue.id}:{_stamp(case)}"
    return Ask(Kind.TRIAGE, "reconcile", dedupe, "we do not have it")


def _came_back(case: Case) -> Ask | str:
    known, seen = case.known, case.issue.last_seen
    if known is None or known.read_at is None or seen is None or case.issue.substatus not in CAME_BACK:
        return ""
    if seen <= known.read_at:
        return ""
    dedupe = f"back:{case.issue.id}:{_stamp(case)}"
    return Ask(Kind.TRIAGE, f"reconcile {case.issue.substatus}", dedupe, "it came back", confirm=True)


def _priority(case: Case) -> Ask | str:
    ours, now = case.known.priority if case.known else None, case.issue.priority
    if ours is None or now is None or ours == now:
        return ""
    dedupe = f"priority:{case.issue.id}:{ours}:{now}"
    return Ask(Kind.OBSERVE, "priority changed", dedupe, f"we wrote {ours}, someone made it {now}")


def _tags(case: Case) -> Ask | str:
    sent = case.known.tags_at if case.known else None
    seen = case.issue.last_seen
    if sent is None or seen is None or seen <= sent or case.now - sent < case.refresh_after:
        return ""
    dedupe = f"refresh:{case.issue.id}:{case.now:%Y-%m-%d}"
    return Ask(Kind.REFRESH, "tags refresh", dedupe, "Sentry's search is about to forget its tags")


RULES: tuple[Callable[[Case], Ask | str], ...] = (_other, _failed, _missing, _priority, _came_back, _tags)
"""Each answers with work, with the reason why there is none, or with nothing: then the next one is asked."""
