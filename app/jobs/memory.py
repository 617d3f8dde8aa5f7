"""What we wrote on an issue, folded from the write log and the annotation events."""

from __future__ import annotations

from app.core.issue import Issue
from app.core.undo import restores
from app.core.writes import WriteKind, WriteMemory
from app.store import Store
from app.store.writes import STANDS, LoggedWrite


def write_memory(store: Store, issue: Issue) -> WriteMemory:
    """The memory that ``app.core.plan`` decides with. The fresh ``issue`` tells what people did."""
    log = store.writes.of_issue(issue.id)
    last = _last_standing(log)
    comment, annotation = last.get(WriteKind.COMMENT), last.get(WriteKind.ANNOTATION)
    assignee = last.get(WriteKind.ASSIGNEE)
    tags = store.annotations.last_landed(issue.id)
    return WriteMemory(
        priority=_after(last.get(WriteKind.PRIORITY)) or _put_back(log),
        assignee=_after(assignee),
        annotation=_after(annotation),
        external_id=annotation.ref if annotation else None,
        note_id=comment.ref if comment else None,
        note_text=_after(comment),
        note_removed=any(write.kind == WriteKind.COMMENT and write.outcome == "yielded" for write in log),
        assigned_before=any(entry.type == "assigned" for entry in issue.activity),
        removed_by_person=_removed(issue),
        tags_version=tags.version if tags else None,
        tags_at=tags.at if tags else None,
        tags=tags.tags if tags else {},
    )


def undone(log: list[LoggedWrite]) -> bool:
    """True where a person undid our writes on this issue and none was asked for since."""
    standing = max((write.id for write in log if write.outcome in STANDS and not write.undone_at), default=0)
    return any(write.undone_at and write.id > standing for write in log)


def _last_standing(log: list[LoggedWrite]) -> dict[str, LoggedWrite]:
    """By kind, the newest write of ours that stands and was not undone."""
    found: dict[str, LoggedWrite] = {}
    for write in log:
        if write.outcome in STANDS and write.undone_at is None:
            found[write.kind] = write
    return found


def _put_back(log: list[LoggedWrite]) -> str | None:
    """The priority that an undo of ours restored: Sentry's lock on it is ours too, and not a person's."""
    gone = [line for line in log if line.kind == WriteKind.PRIORITY and line.undone_at is not None]
    return restores(gone)[0].before if gone else None


def _after(write: LoggedWrite | None) -> str | None:
    return write.after if write is not None else None


def _removed(issue: Issue) -> bool:
    """True where a person took an assignee away last."""
    for entry in issue.activity:  # newest first
        if entry.type == "unassigned":
            return bool(entry.user_id)
        if entry.type == "assigned":
            return False
    return False
