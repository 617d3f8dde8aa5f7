"""Carries out a ``Plan``, one function a step, so that a durable job can checkpoint between any two of them.

Each function looks before it writes and may be repeated at any moment: a second run finds the first one's
work. Each returns what was done with the values before and after, for the write log (echoes, undo, "a person
changed it").
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from app.core.comment import find_marker, our_comments, withdrawn_comment
from app.core.issue import Issue
from app.core.plan import APP_NAME
from app.core.policy import Policy
from app.core.verdict import Verdict
from app.core.writes import Plan, WriteKind, WriteMemory
from app.sentry.client import SentryClient
from app.sentry.errors import BadRequest, Forbidden, NotFound
from app.sentry.tag_writer import TagOutcome, TagResult, TagWriter


class Outcome(StrEnum):
    WRITTEN = "written"
    SAME = "same"
    """Sentry shows it already, most often because a run that died before its checkpoint wrote it; ``before``
    is what the plan saw."""
    YIELDED = "yielded"
    """It changed since the plan was made: a person's value stays."""
    REFUSED = "refused"
    """Sentry said no, and will again; ``reason`` has its words."""
    UNCONFIRMED = "unconfirmed"
    """Sentry took it and does not show it yet: it is looked at once more (``app.jobs.write_steps``)."""


@dataclass(frozen=True, slots=True)
class Done:
    """One line of the write log. ``ref``: id of the comment, external issue or event."""

    kind: WriteKind
    outcome: Outcome
    before: str | None
    after: str | None
    reason: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class Installation:
    """Our own app in the organisation."""

    uuid: str
    app_slug: str


def write_fields(client: SentryClient, plan: Plan) -> list[Done]:
    """Priority and assignee in one PUT, after a fresh look; what Sentry ignored or refused comes back as
    such."""
    wanted = {write.kind: write for write in plan.writes if write.do and write.kind in _FIELDS}
    if not wanted:
        return []
    issue = client.issue(plan.issue_id)
    done, send = [], {}
    for kind, write in wanted.items():
        shown = _shown(issue, kind)
        if shown == write.value:
            done.append(Done(kind, Outcome.SAME, write.before, shown, "it is so already"))
        elif shown != write.before:
            done.append(Done(kind, Outcome.YIELDED, shown, shown, "it changed while we were deciding"))
        else:
            send[kind] = write.value
    return done + _put(client, issue, send)


def _put(client: SentryClient, issue: Issue, send: dict[WriteKind, str]) -> list[Done]:
    if not send:
        return []
    try:
        after = client.update_issue(issue.id, **{_FIELDS[kind]: value for kind, value in send.items()})
    except BadRequest as error:
        refused = [kind for kind in send if _FIELDS[kind] in error.fields] or list(send)
        rest = {kind: value for kind, value in send.items() if kind not in refused}
        return [_refused(kind, issue, str(error)) for kind in refused] + _put(client, issue, rest)
    return [_read_back(kind, value, issue, after) for kind, value in send.items()]


def _read_back(kind: WriteKind, value: str, issue: Issue, after: Issue) -> Done:
    shown, before = _shown(after, kind), _shown(issue, kind)
    if (shown or "") == value:
        return Done(kind, Outcome.WRITTEN, before, shown, "written and read back")
    return Done(kind, Outcome.REFUSED, before, shown, "Sentry answered 200 and did not take it")


def _refused(kind: WriteKind, issue: Issue, reason: str) -> Done:
    before = _shown(issue, kind)
    return Done(kind, Outcome.REFUSED, before, before, reason)


def write_annotation(
    client: SentryClient, plan: Plan, installation: Installation, web_url: str
) -> list[Done]:
    """The external issue ``Triage#Database-high``: one per issue and app, replaced when it differs."""
    write = plan.get(WriteKind.ANNOTATION)
    if not write.do:
        return []
    ours = [
        row
        for row in client.external_issues(plan.issue_id)
        if row.get("serviceType") == installation.app_slug
    ]
    shown = str(ours[0].get("displayName") or "").partition("#")[2] if ours else None
    if ours and shown == write.value and ours[0].get("webUrl") == web_url:
        return [
            Done(write.kind, Outcome.SAME, write.before, shown, "it is there already", str(ours[0].get("id")))
        ]
    try:
        row = put_annotation(client, plan.issue_id, installation, write.value, web_url)
    except Forbidden:  # 23.7.1 cannot replace, and to delete the old one takes event:admin
        reason = "this Sentry replaces an annotation only for a token with event:admin"
        return [
            Done(write.kind, Outcome.REFUSED, shown, shown, reason, str(ours[0].get("id")) if ours else "")
        ]
    return [Done(write.kind, Outcome.WRITTEN, shown, write.value, write.reason, str(row.get("id") or ""))]


def put_annotation(
    client: SentryClient, issue_id: str, installation: Installation, identifier: str, web_url: str
) -> dict[str, Any]:
    """Make or replace ``Triage#identifier``. Raises ``Forbidden`` where an old server has to delete first."""
    return client.put_external_issue(
        installation.uuid,
        issue_id,
        project=APP_NAME,
        identifier=identifier,
        web_url=web_url,
        app_slug=installation.app_slug,
    )


def write_comment(
    client: SentryClient, plan: Plan, memory: WriteMemory, installation: Installation
) -> list[Done]:
    """The one comment: edited by its stored id, else found by its marker, else posted."""
    write = plan.get(WriteKind.COMMENT)
    if not write.do:
        return []
    if memory.note_id is not None:
        try:
            client.edit_note(plan.issue_id, memory.note_id, write.value)
            return [
                Done(write.kind, Outcome.WRITTEN, memory.note_text, write.value, "edited", memory.note_id)
            ]
        except NotFound:  # deleted, or moved to the surviving issue of a merge under another id
            pass
    note = find_marker(client.notes(plan.issue_id), installation.app_slug)
    if note is None and memory.note_id is not None:
        return [Done(write.kind, Outcome.YIELDED, memory.note_text, None, "someone deleted our comment")]
    if note is None:
        posted = client.add_note(plan.issue_id, write.value)
        return [Done(write.kind, Outcome.WRITTEN, None, write.value, "posted", posted.id)]
    if note.text.strip() == write.value.strip():
        return [Done(write.kind, Outcome.SAME, memory.note_text, note.text, "it says so already", note.id)]
    try:
        client.edit_note(plan.issue_id, note.id, write.value)
    except NotFound:
        reason = "Sentry does not let us edit our comment"
        return [Done(write.kind, Outcome.REFUSED, note.text, note.text, reason, note.id)]
    return [Done(write.kind, Outcome.WRITTEN, note.text, write.value, "edited", note.id)]


def withdraw_others(client: SentryClient, issue_id: str, keep: str, app_slug: str) -> list[Done]:
    """After a merge the survivor shows the other issue's comment of ours as well: only ``keep`` stays."""
    others = [note for note in our_comments(client.notes(issue_id), app_slug) if note.id != keep]
    return [
        withdraw_comment(client, issue_id, note.id, "The issue was merged into this one.") for note in others
    ]


def write_tags(
    tag_writer: TagWriter, plan: Plan, verdict: Verdict, policy: Policy, *, manual: bool = False
) -> tuple[list[Done], TagResult | None]:
    """The tags, last of all. Returns the log line and the ``TagResult`` behind it."""
    write = plan.get(WriteKind.TAGS)
    if not write.do:
        return [], None
    result = tag_writer.write(plan.issue_id, verdict, plan.version, policy, manual=manual)
    outcome = _TAG_OUTCOMES.get(result.outcome, Outcome.REFUSED)
    after = write.value if outcome is Outcome.WRITTEN else write.before
    return [Done(write.kind, outcome, write.before, after, result.reason, result.event_id)], result


def withdraw_comment(client: SentryClient, issue_id: str, note_id: str, reason: str = "") -> Done:
    """Delete our comment where the token may (``event:admin``), else edit it down to one line."""
    try:
        client.delete_note(issue_id, note_id)
        return Done(WriteKind.COMMENT, Outcome.WRITTEN, None, None, "deleted", note_id)
    except Forbidden:
        text = withdrawn_comment(reason)
    try:
        client.edit_note(issue_id, note_id, text)
    except NotFound:
        return Done(WriteKind.COMMENT, Outcome.SAME, None, None, "it was gone already", note_id)
    return Done(
        WriteKind.COMMENT, Outcome.WRITTEN, None, text, "edited down: the token may not delete", note_id
    )


def restore_fields(client: SentryClient, issue_id: str, done: list[Done]) -> list[Done]:
    """Undo ``write_fields``: put back what each write replaced, unless it is not what we wrote any more.

    The lock on a priority cannot be taken off again through the API.
    """
    issue = client.issue(issue_id)
    back: dict[WriteKind, str] = {}
    left = []
    for line in done:
        if line.kind not in _FIELDS or line.before == line.after or line.outcome not in _OURS:
            continue
        shown = _shown(issue, line.kind)
        if shown != line.after:
            left.append(Done(line.kind, Outcome.YIELDED, shown, shown, "it is not what we wrote any more"))
        elif line.kind is WriteKind.PRIORITY and line.before is None:
            left.append(Done(line.kind, Outcome.REFUSED, shown, shown, "Sentry cannot take a priority away"))
        else:
            back[line.kind] = line.before or ""
    return left + _put(client, issue, back)


_FIELDS = {WriteKind.PRIORITY: "priority", WriteKind.ASSIGNEE: "assignedTo"}
_OURS = frozenset({Outcome.WRITTEN, Outcome.SAME})
_TAG_OUTCOMES = {
    TagOutcome.LANDED: Outcome.WRITTEN,
    TagOutcome.UNCONFIRMED: Outcome.UNCONFIRMED,
    TagOutcome.SKIPPED: Outcome.YIELDED,
}


def _shown(issue: Issue, kind: WriteKind) -> str | None:
    if kind is WriteKind.PRIORITY:
        return issue.priority
    return issue.assigned_to.key if issue.assigned_to else None
