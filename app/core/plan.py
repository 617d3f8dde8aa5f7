"""What to write into Sentry: the verdict and what Sentry shows now become a list of writes, each with its
reason.

Nothing here writes. A write that is already so, that a person has the say in, or that the policy forbids is
in the list too, with ``do=False`` and the reason why not: ``sentry-triage plan`` and the issue's page show
both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.core.comment import render_comment
from app.core.digest import Digest
from app.core.issue import Issue
from app.core.owners import Directory, resolve_owner, spoken
from app.core.policy import Policy, TagMode
from app.core.routing import route
from app.core.verdict import Verdict
from app.core.vocabulary import Priority, Severity
from app.core.writes import Plan, Write, WriteKind, WriteMemory

APP_NAME = "Triage"
"""The left half of the mark in the issue list: ``Triage#Database-high``."""


@dataclass(frozen=True, slots=True)
class Around:
    """What a plan needs beside verdict and issue."""

    version: int
    """Of the verdict, from 1."""
    directory: Directory = field(default_factory=Directory)
    public_url: str | None = None
    """Our own page on the issue: the target of the annotation and of the comment's link."""
    corrections_learned: int = 0
    assigned_last_hour: int = 0
    """Assignments of ours in the whole organisation."""
    notice: str = ""
    """An answer to a person's last comment; lines that begin with ``/triage`` are shown as code."""
    owner: str = ""
    """Whom a person named in words, for this issue or for the same error elsewhere: before every route."""
    owner_by: str = ""
    owner_asked: bool = False
    """They named the owner of this very issue, and nobody assigned it by hand since: that is a person's own
    hand, so the rules that protect people from us do not stand in its way."""


PRIORITIES: Mapping[Severity, Priority] = {
    Severity.CRITICAL: Priority.HIGH,
    Severity.HIGH: Priority.HIGH,
    Severity.MEDIUM: Priority.MEDIUM,
    Severity.LOW: Priority.LOW,
    Severity.INFO: Priority.LOW,
}


def plan(
    verdict: Verdict,
    issue: Issue,
    digest: Digest,
    memory: WriteMemory,
    policy: Policy,
    now: datetime,
    around: Around,
) -> Plan:
    """Decide all writes. ``issue`` is fresh and with its owners; ``policy`` is the project's
    (``for_project``)."""
    routed: tuple[str | None, str] = route(verdict, digest, issue, policy)
    if around.owner:
        routed = (around.owner, f"{around.owner_by or 'a person'} said so")
    assignee = plan_assignee(verdict, issue, memory, policy, around, routed)
    writes = (
        plan_priority(verdict, issue, memory, policy),
        assignee,
        plan_annotation(verdict, memory, around),
        plan_comment(verdict, issue, memory, around, assignee, routed[0]),
        plan_tags(verdict, issue, memory, policy, now),
    )
    return Plan(issue.id, around.version, writes)


def plan_priority(verdict: Verdict, issue: Issue, memory: WriteMemory, policy: Policy) -> Write:
    """Severity as Sentry's priority. Writing it locks it against Sentry's own changes, so only a difference
    is."""
    value, before = PRIORITIES[verdict.severity].value, issue.priority

    def no(reason: str) -> Write:
        return Write(WriteKind.PRIORITY, value, before, reason, do=False)

    if not policy.priority.enabled:
        return no("priority is off for this project")
    if verdict.abstained:
        return no("the verdict abstains")
    if not issue.supports_priority:
        return no("this Sentry has no priority")
    if before == value:
        return no(f"it is {value} already")
    if memory.priority is not None and before != memory.priority:
        return no(f"someone changed what we wrote ({memory.priority}) to {before}")
    if memory.priority is None and issue.priority_locked_at is not None:
        return no("a person set the priority")
    return Write(WriteKind.PRIORITY, value, before, f"severity is {verdict.severity.value}", do=True)


def plan_assignee(
    verdict: Verdict,
    issue: Issue,
    memory: WriteMemory,
    policy: Policy,
    around: Around,
    routed: tuple[str | None, str],
) -> Write:
    """Who looks. Assigning sends mail, so it happens once, within a cap, and never over or after a person."""
    before = issue.assigned_to.key if issue.assigned_to else None
    owner, why = routed
    actor, access = resolve_owner(owner, around.directory) if owner else (None, "")
    refused = _assignee_refused(verdict, issue, memory, policy, around)
    if owner is None or refused:
        return Write(WriteKind.ASSIGNEE, actor or owner or "", before, refused or why, do=False)
    if actor is None:
        return Write(WriteKind.ASSIGNEE, owner, before, access, do=False)
    if actor == before:
        return Write(WriteKind.ASSIGNEE, actor, before, "they are assigned already", do=False)
    if policy.assign.dry and not around.owner_asked:
        return Write(WriteKind.ASSIGNEE, actor, before, f"dry run, {why}", do=False)
    return Write(WriteKind.ASSIGNEE, actor, before, why, do=True)


def _assignee_refused(
    verdict: Verdict, issue: Issue, memory: WriteMemory, policy: Policy, around: Around
) -> str:
    """Why nobody may be assigned whoever it would be, else empty."""
    current = issue.assigned_to.key if issue.assigned_to else None
    cap = policy.assign.max_per_hour
    if not policy.assign.enabled:
        return "assigning is off for this project"
    if verdict.abstained and not around.owner_asked:
        return "the verdict abstains"
    if issue.status != "unresolved":
        return f"the issue is {issue.status or 'of unknown status'}"
    if around.owner_asked:
        return ""
    if current is not None and current != memory.assignee:
        return f"{current} is assigned, and not by us"
    if current is None and (memory.removed_by_person or memory.assignee is not None):
        return "someone removed the assignee"
    if current is None and memory.assigned_before:
        return "it was assigned before and is not any more"
    return f"the cap of {cap} assignments an hour is reached" if around.assigned_last_hour >= cap else ""


def plan_annotation(verdict: Verdict, memory: WriteMemory, around: Around) -> Write:
    """The mark in the issue list: ``Triage#Database-high``, with our own page behind it."""
    value, before = f"{verdict.written_category.value}-{verdict.severity.value}", memory.annotation
    if not around.public_url:
        return Write(
            WriteKind.ANNOTATION, value, before, "no public address is set for it to point to", do=False
        )
    if before == value:
        return Write(WriteKind.ANNOTATION, value, before, "it is there already", do=False)
    return Write(WriteKind.ANNOTATION, value, before, "category and severity in the issue list", do=True)


def plan_comment(
    verdict: Verdict,
    issue: Issue,
    memory: WriteMemory,
    around: Around,
    assignee: Write,
    owner: str | None,
) -> Write:
    """The one comment, edited when its text changes."""
    text = render_comment(
        verdict,
        around.version,
        corrections_learned=around.corrections_learned,
        public_url=around.public_url,
        owner_note="" if verdict.abstained else _owner_note(issue, assignee, owner, around),
        autofix_ran=issue.autofix_at is not None,
        notice=around.notice,
    )
    before = memory.note_text
    if memory.note_removed:
        return Write(WriteKind.COMMENT, text, before, "someone deleted our comment", do=False)
    if before == text:
        return Write(WriteKind.COMMENT, text, before, "the comment says this already", do=False)
    how = "edited: the text changed" if memory.note_id else "posted"
    return Write(WriteKind.COMMENT, text, before, f"one comment an issue, {how}", do=True)


def _owner_note(issue: Issue, assignee: Write, owner: str | None, around: Around) -> str:
    """Who was suggested and why not assigned; nothing while somebody looks already."""
    if owner is None or assignee.do or issue.assigned_to is not None:
        return ""
    return f"{spoken(owner, around.directory)} suggested, not assigned: {assignee.reason}."


def plan_tags(verdict: Verdict, issue: Issue, memory: WriteMemory, policy: Policy, now: datetime) -> Write:
    """The tags, each one annotation event. All rules that need the event are checked again before sending."""
    wanted = verdict.tags()
    value, before = spell(wanted), spell(memory.tags) or None

    def no(reason: str) -> Write:
        return Write(WriteKind.TAGS, value, before, reason, do=False)

    if policy.tags.mode is TagMode.OFF:
        return no("tags are off for this project")
    if issue.category != "error":
        return no(f"a {issue.category} issue has no error events to join")
    if issue.status != "unresolved" or issue.status_details:
        return no("the issue is not simply unresolved: one more event could change its status")
    if dict(memory.tags) != wanted:
        return Write(WriteKind.TAGS, value, before, "the issue does not have them yet", do=True)
    due = memory.tags_at is None or now - memory.tags_at >= timedelta(days=policy.tags.refresh_days)
    active = memory.tags_at is None or (issue.last_seen is not None and issue.last_seen > memory.tags_at)
    if due and active:
        return Write(
            WriteKind.TAGS, value, before, "refreshed, so that the default search still finds it", do=True
        )
    return no("the issue has them already")


def spell(tags: Mapping[str, str]) -> str:
    """Tags as people type them in Sentry's search: ``triage.category:Database triage.severity:high``."""
    return " ".join(f"{key}:{value}" for key, value in tags.items())
