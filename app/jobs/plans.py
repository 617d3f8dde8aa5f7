"""The writes that were decided and not made: what shadow mode leaves behind, and what ``apply`` writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from app.core.intake import Intent, Kind
from app.core.verdict import Verdict
from app.core.writes import Write
from app.services import Services
from app.store.issues import StoredIssue
from app.store.writes import LoggedWrite

from .memory import undone

ENDED = frozenset({"yielded", "refused", "unconfirmed"})
"""Outcomes that leave nothing to write for the same verdict, though its value may not be there."""


@dataclass(frozen=True, slots=True)
class Pending:
    """One issue with what would be written on it. ``writes``: to be done, in their order; ``held``: these
    were undone, so that only ``apply`` writes them."""

    issue: StoredIssue
    verdict: Verdict
    writes: tuple[Write, ...]
    held: bool


def pending(services: Services, issues: Sequence[StoredIssue]) -> list[Pending]:
    """Those of ``issues`` whose stored plan has something left to write."""
    found = []
    for issue in issues:
        plan = services.store.issues.plan(issue.issue_id)
        latest = services.store.verdicts.latest(issue.issue_id)
        if plan is None or latest is None:
            continue
        log = services.store.writes.of_issue(issue.issue_id)
        left = tuple(write for write in plan.todo if not _settled(write, plan.version, log))
        if left:
            found.append(Pending(issue, latest.verdict, left, undone(log)))
    return found


def select(services: Services, issue: str | None, since: datetime | None) -> list[StoredIssue]:
    """By number or short id, or all that were decided since then."""
    if issue is None:
        return services.store.issues.decided(since)
    found = services.store.issues.find(issue)
    return [found] if found else []


def enqueue_apply(services: Services, issues: Sequence[StoredIssue]) -> list[str]:
    """One job an issue: it reads the issue anew, plans against what Sentry shows then, and writes. Answers
    the keys of the jobs; asking twice in the same moment is one job."""
    keys = []
    for issue in issues:
        key = f"apply:{issue.issue_id}:{int(services.clock().timestamp())}"
        services.store.work.add(Intent(Kind.APPLY, issue.issue_id, "apply"), dedupe=key)
        keys.append(key)
    return keys


def _settled(write: Write, version: int, log: Sequence[LoggedWrite]) -> bool:
    """True where the log has this write: done, yielded to a person, refused by Sentry, or to be confirmed."""
    last = next((line for line in reversed(log) if line.kind == write.kind), None)
    if last is None or last.undone_at is not None:
        return False
    return last.after == write.value or (last.version == version and last.outcome in ENDED)
