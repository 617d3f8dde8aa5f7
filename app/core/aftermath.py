"""After an annotation event: is the issue as it was, and if not, was it us?"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.core.issue import Activity, Issue

ASSIGNMENTS = frozenset({"assigned", "unassigned"})
STATUS_CHANGES = ("set_resolved", "set_unresolved", "set_ignored", "set_regression", "set_escalating")
"""How the types of activity begin that tell of a new status. ``set_priority`` or ``set_public`` are none."""


def regression_event(issue: Issue) -> str | None:
    """Id of the event that re-opened the issue last, None where no event did.

    Activity comes newest first. To be compared with the events we sent, also later: Sentry may take longer to
    process an event than we watch it.
    """
    for entry in issue.activity:
        if entry.type == "set_regression":
            return _event_of(entry) or None
        if entry.type.startswith("set_resolved"):
            return None
    return None


def resolved_again(issue: Issue) -> dict[str, Any]:
    """The fields of the PUT that restores the resolution, as the issue's own activity describes it."""
    for entry in issue.activity:
        if entry.type == "set_resolved_in_release":
            version = entry.data.get("version")
            details = {"inRelease": version} if version else {"inNextRelease": True}
            return {"status": "resolved", "statusDetails": details}
        if entry.type.startswith("set_resolved"):
            break
    return {"status": "resolved"}


def same_after(before: Issue, after: Issue, sent: str) -> tuple[bool, str]:
    """Whether our event ``sent`` left the issue as it was; else what changed.

    Changes that something else explains do not count: a real event (``lastSeen`` moved on), or a new activity
    that tells of the assignment or the status. Who acted does not matter: an ownership rule that assigns by
    our own tag, a suspect commit, a commit or a tracker that resolves leave an activity without a user. Only
    a regression by our own event explains nothing.
    """
    if after.id != before.id:
        return False, f"the issue is now {after.id}"
    if before.first_seen and after.first_seen and after.first_seen < before.first_seen:
        return False, "firstSeen moved back"
    if before.last_seen and after.last_seen and after.last_seen < before.last_seen - timedelta(seconds=1):
        return False, "lastSeen moved back"
    new = [entry for entry in after.activity if entry not in before.activity]
    changed = []
    if not _real_event_between(before, after):
        changed += [
            name for name in ("title", "culprit", "level") if getattr(before, name) != getattr(after, name)
        ]
        if before.owners is not None and after.owners is not None and set(before.owners) - set(after.owners):
            changed.append("owners")
    if before.status != after.status and not any(_tells_of_status(entry, sent) for entry in new):
        changed.append("status")
    if _key(before) != _key(after) and not any(entry.type in ASSIGNMENTS for entry in new):
        changed.append("assignedTo")
    return (False, f"changed: {', '.join(changed)}") if changed else (True, "nothing else changed")


def _tells_of_status(entry: Activity, sent: str) -> bool:
    ours = entry.type == "set_regression" and _event_of(entry) == sent
    return entry.type.startswith(STATUS_CHANGES) and not ours


def _event_of(entry: Activity) -> str:
    return str(entry.data.get("event_id") or "").replace("-", "")


def _real_event_between(before: Issue, after: Issue) -> bool:
    """Ours is dated before ``lastSeen``; so where that moved on, something real arrived."""
    if before.last_seen is None or after.last_seen is None:
        return False
    return after.last_seen - before.last_seen >= timedelta(seconds=1)


def _key(issue: Issue) -> str:
    return issue.assigned_to.key if issue.assigned_to else ""
