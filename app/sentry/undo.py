"""Carries out an undo: each of our values goes back to what it replaced, where it is still ours.

Every function looks before it changes anything and may be repeated. What cannot be taken back is said.
"""

from __future__ import annotations

from app.core.comment import find_marker
from app.core.undo import STAYS_LOCK, STAYS_TAGS, Restore
from app.core.writes import WriteKind
from app.errors import Permanent
from app.sentry.client import SentryClient
from app.sentry.errors import Forbidden, NotFound, ServerTrouble
from app.sentry.writer import Done, Installation, Outcome, put_annotation, restore_fields, withdraw_comment

WITHDRAWN = "withdrawn"
"""What the annotation says where the token may not delete it: ``Triage#withdrawn``."""

FIELDS = frozenset({WriteKind.PRIORITY, WriteKind.ASSIGNEE})


def undo(
    client: SentryClient,
    issue_id: str,
    restores: list[Restore],
    installation: Installation | None,
    web_url: str | None,
) -> list[Done]:
    """Put everything back; one line a kind. Raises ``Retryable`` where Sentry does not answer."""
    try:
        lines = _fields(client, issue_id, [one for one in restores if one.kind in FIELDS])
        for one in restores:
            if one.kind is WriteKind.COMMENT:
                lines.append(_comment(client, issue_id, one, installation.app_slug if installation else ""))
            elif one.kind is WriteKind.ANNOTATION:
                lines.append(_annotation(client, issue_id, one, installation, web_url))
            elif one.kind is WriteKind.TAGS:
                lines.append(Done(one.kind, Outcome.REFUSED, one.after, one.after, STAYS_TAGS, one.ref))
    except NotFound:
        reason = "Sentry does not have this issue any more"
        return [Done(one.kind, Outcome.SAME, None, None, reason, one.ref) for one in restores]
    return lines


def _fields(client: SentryClient, issue_id: str, restores: list[Restore]) -> list[Done]:
    ours = [Done(one.kind, Outcome.WRITTEN, one.before, one.after, "", one.ref) for one in restores]
    lines = restore_fields(client, issue_id, ours) if ours else []
    return [Done(line.kind, line.outcome, line.before, line.after, _said(line), line.ref) for line in lines]


def _said(line: Done) -> str:
    if line.outcome is not Outcome.WRITTEN:
        return line.reason
    return STAYS_LOCK if line.kind is WriteKind.PRIORITY else "restored"


def _comment(client: SentryClient, issue_id: str, one: Restore, app_slug: str) -> Done:
    """An earlier text of ours comes back; else the comment goes."""
    if not one.ref:
        return Done(one.kind, Outcome.SAME, None, None, "there is no comment of ours")
    notes = client.notes(issue_id)
    # After a merge of issues it stands under another id.
    note = next((note for note in notes if note.id == one.ref), None) or find_marker(notes, app_slug)
    if note is None:
        return Done(one.kind, Outcome.SAME, None, None, "it was gone already", one.ref)
    if one.before is None:
        return withdraw_comment(client, issue_id, note.id)
    try:
        client.edit_note(issue_id, note.id, one.before)
    except NotFound:
        return Done(one.kind, Outcome.REFUSED, None, None, "Sentry does not let us edit our comment", note.id)
    return Done(one.kind, Outcome.WRITTEN, one.after, one.before, "its earlier text is back", note.id)


def _annotation(
    client: SentryClient, issue_id: str, one: Restore, installation: Installation | None, web_url: str | None
) -> Done:
    if installation is None:
        reason = "our installation is not to be seen with this token: set SENTRY_APP_SLUG"
        return Done(one.kind, Outcome.REFUSED, one.after, one.after, reason, one.ref)
    ours = [
        row for row in client.external_issues(issue_id) if row.get("serviceType") == installation.app_slug
    ]
    if not ours:
        return Done(one.kind, Outcome.SAME, None, None, "it was gone already", one.ref)
    if one.before is not None and web_url:
        return _replace(client, issue_id, one, installation, web_url, one.before, "the earlier one is back")
    try:
        for row in ours:
            client.delete_external_issue(installation.uuid, str(row.get("id")))
    except Forbidden:
        url = web_url or str(ours[0].get("webUrl") or "")
        reason = "replaced: the token may not delete (event:admin)"
        return _replace(client, issue_id, one, installation, url, WITHDRAWN, reason)
    return Done(one.kind, Outcome.WRITTEN, one.after, None, "deleted", one.ref)


def _replace(
    client: SentryClient,
    issue_id: str,
    one: Restore,
    installation: Installation,
    web_url: str,
    identifier: str,
    reason: str,
) -> Done:
    try:
        put_annotation(client, issue_id, installation, identifier, web_url)
    except (Permanent, ServerTrouble) as error:
        why = f"it stays: this token can neither delete nor replace it ({type(error).__name__})"
        return Done(one.kind, Outcome.REFUSED, one.after, one.after, why, one.ref)
    return Done(one.kind, Outcome.WRITTEN, one.after, identifier, reason, one.ref)
