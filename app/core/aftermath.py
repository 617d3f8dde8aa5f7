"""After an annotation event: is the issue as it was, and if not, was it us?"""

from __future__ import annotations

from datetime import timedelta

from app.core.issue import Issue


def regression_by(issue: Issue, our_event_id: str) -> bool:
    """True where the issue was re-opened by our own event (``set_regression`` names the event)."""
    return any(
        entry.type == "set_regression"
        and str(entry.data.get("event_id", "")).replace("-", "") == our_event_id
        for entry in issue.activity
    )


def same_after(before: Issue, after: Issue) -> tuple[bool, str]:
    """Whether our event left the issue as it was; else what changed.

    Changes that a real event (``lastSeen`` moved on) or a person (new activity) explains do not count.
    """
    if after.id != before.id:
        return False, f"the issue is now {after.id}"
    if before.first_seen and after.first_seen and after.first_seen < before.first_seen:
        return False, "firstSeen moved back"
    if before.last_seen and after.last_seen and after.last_seen < before.last_seen - timedelta(seconds=1):
        return False, "lastSeen moved back"
    person = [entry for entry in after.activity if entry.user_id and entry not in before.activity]
    changed = []
    if not _real_event_between(before, after):
        changed += [
            name for name in ("title", "culprit", "level") if getattr(before, name) != getattr(after, name)
        ]
        if before.owners is not None and after.owners is not None and set(before.owners) - set(after.owners):
            changed.append("owners")
    if before.status != after.status and not any(entry.type.startswith("set_") for entry in person):
        changed.append("status")
    assigned = _key(before) != _key(after)
    if assigned and not any(entry.type in {"assigned", "unassigned"} for entry in person):
        changed.append("assignedTo")
    return (False, f"changed: {', '.join(changed)}") if changed else (True, "nothing else changed")


def _real_event_between(before: Issue, after: Issue) -> bool:
    """Ours is dated before ``lastSeen``; so where that moved on, something real arrived."""
    if before.last_seen is None or after.last_seen is None:
        return False
    return after.last_seen - before.last_seen >= timedelta(seconds=1)


def _key(issue: Issue) -> str:
    return issue.assigned_to.key if issue.assigned_to else ""
