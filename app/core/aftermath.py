"""After an annotation event: is the issue as it was, and if not, was it us?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from app.core.issue import Activity, Issue, Owner, parse_time

ASSIGNMENTS = frozenset({"assigned", "unassigned"})
STATUS_CHANGES = ("set_resolved", "set_unresolved", "set_ignored", "set_regression", "set_escalating")
"""How the types of activity begin that tell of a new status. ``set_priority`` or ``set_public`` are none."""

COMPARED = ("title", "culprit", "level")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What an issue was directly before our event, small enough to be kept with it. The texts that Sentry
    made from the application's data are kept as hashes."""

    issue_id: str
    status: str
    assigned_to: str
    """Actor key such as ``team:4``, empty for nobody."""
    first_seen: str
    last_seen: str
    texts: Mapping[str, str]
    """Hashes of what ``COMPARED`` names."""
    owners: tuple[str, ...] | None
    """Hashes of the suggested owners; None where Sentry did not say."""
    acts: tuple[str, ...]
    """Hashes of the activities that can explain a change: what is there already explains nothing."""

    @classmethod
    def of(cls, issue: Issue) -> Snapshot:
        return cls(
            issue_id=issue.id,
            status=issue.status,
            assigned_to=issue.assigned_to.key if issue.assigned_to else "",
            first_seen=_iso(issue.first_seen),
            last_seen=_iso(issue.last_seen),
            texts={name: _hash(getattr(issue, name)) for name in COMPARED},
            owners=None if issue.owners is None else tuple(_hash(owner) for owner in issue.owners),
            acts=tuple(_hash(entry) for entry in issue.activity if _explains(entry)),
        )

    @classmethod
    def from_json(cls, json: Mapping[str, Any]) -> Snapshot:
        """Read what ``to_json`` made."""
        owners = json["owners"]
        lists = {"owners": None if owners is None else tuple(owners), "acts": tuple(json["acts"])}
        return cls(**{**json, **lists})

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


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


def same_after(before: Snapshot, after: Issue, sent: str) -> tuple[bool, str]:
    """Whether our event ``sent`` left the issue as it was; else what changed.

    Changes that something else explains do not count: a real event (``lastSeen`` moved on), or a new activity
    that tells of the assignment or the status. Who acted does not matter: an ownership rule that assigns by
    our own tag, a suspect commit, a commit or a tracker that resolves leave an activity without a user. Only
    a regression by our own event explains nothing.
    """
    if after.id != before.issue_id:
        return False, f"the issue is now {after.id}"
    first, last, now = parse_time(before.first_seen), parse_time(before.last_seen), Snapshot.of(after)
    if first and after.first_seen and after.first_seen < first:
        return False, "firstSeen moved back"
    if last and after.last_seen and after.last_seen < last - timedelta(seconds=1):
        return False, "lastSeen moved back"
    new = [entry for entry in after.activity if _explains(entry) and _hash(entry) not in before.acts]
    changed = []
    if not _real_event_between(last, after.last_seen):
        changed += [name for name in COMPARED if before.texts[name] != now.texts[name]]
        if before.owners is not None and now.owners is not None and set(before.owners) - set(now.owners):
            changed.append("owners")
    if before.status != now.status and not any(_tells_of_status(entry, sent) for entry in new):
        changed.append("status")
    if before.assigned_to != now.assigned_to and not any(entry.type in ASSIGNMENTS for entry in new):
        changed.append("assignedTo")
    return (False, f"changed: {', '.join(changed)}") if changed else (True, "nothing else changed")


def _explains(entry: Activity) -> bool:
    return entry.type in ASSIGNMENTS or entry.type.startswith(STATUS_CHANGES)


def _tells_of_status(entry: Activity, sent: str) -> bool:
    ours = entry.type == "set_regression" and _event_of(entry) == sent
    return entry.type.startswith(STATUS_CHANGES) and not ours


def _event_of(entry: Activity) -> str:
    return str(entry.data.get("event_id") or "").replace("-", "")


def _real_event_between(before: datetime | None, after: datetime | None) -> bool:
    """Ours is dated before ``lastSeen``; so where that moved on, something real arrived."""
    return before is not None and after is not None and after - before >= timedelta(seconds=1)


def _iso(moment: datetime | None) -> str:
    return moment.isoformat() if moment else ""


def _hash(value: str | Owner | Activity) -> str:
    """Of an activity, without the names that a person may change."""
    if isinstance(value, Activity):
        value = f"{value.type} {_iso(value.at)} {value.user_id} {_event_of(value)}"
    elif isinstance(value, Owner):
        value = f"{value.source} {value.key}"
    return sha256(value.encode()).hexdigest()[:16]
