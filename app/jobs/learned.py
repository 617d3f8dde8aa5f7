"""What people taught us about one issue, read from the store for the steps that decide and plan."""

from __future__ import annotations

from dataclasses import dataclass

from app.core.classify import Before, Correction
from app.core.corrections import Origin, Said, fold, observed, owner_said
from app.core.issue import Issue
from app.core.verdict import Verdict
from app.core.vocabulary import Source
from app.core.writes import WriteKind
from app.store import Store
from app.store.corrections import About
from app.store.issues import StoredIssue

from .memory import write_memory

HANDS = ("assigned", "unassigned")


@dataclass(frozen=True, slots=True)
class Learned:
    """``machine``: the verdict that people saw and corrected; none where the offline one is to be taken."""

    correction: Correction | None
    before: Before | None
    machine: Verdict | None


def learn(store: Store, issue: StoredIssue, *, fresh: bool = False) -> Learned:
    """What is known of an issue before anything is asked. ``fresh``: a person wants it decided anew, so that
    only what people said of this very issue counts."""
    correction = fold(store.corrections.of_issue(issue.issue_id))
    if fresh:
        return Learned(correction, None, None)
    machine = _machine(store, issue.issue_id) if correction is not None else None
    return Learned(correction, _before(store, issue), machine)


def _before(store: Store, issue: StoredIssue) -> Before | None:
    if not issue.signature:
        return None
    found = store.verdicts.same_signature(issue.signature, but_not=issue.issue_id)
    if found is None:
        return None
    other = store.issues.get(found.issue_id)
    return Before(other.short_id if other else found.issue_id, found.verdict)


def _machine(store: Store, issue_id: str) -> Verdict | None:
    """The newest that no person gave. An offline one is made anew, which costs nothing."""
    for stored in reversed(store.verdicts.history(issue_id)):
        if stored.verdict.source is not Source.HUMAN:
            return None if stored.verdict.source is Source.OFFLINE else stored.verdict
    return None


def observe(store: Store, issue: Issue) -> bool:
    """Keep what people set by hand against what we said; True where that is new. ``issue`` is fresh."""
    history = store.verdicts.history(issue.id)
    stored = store.issues.get(issue.id)
    if not history or stored is None:
        return False
    plan = store.issues.plan(issue.id)
    suggested = plan.get(WriteKind.ASSIGNEE).value if plan is not None else ""
    wrote = write_memory(store, issue)
    new = False
    for said in observed(issue, wrote, history[-1].verdict, history[0].created_at, suggested):
        ref = f"{said.field.value}:{issue.id}:{said.at.timestamp():.0f}"
        new |= store.corrections.add_once(about(stored), Origin(said.field.value).value, ref, said)
    return new


def about(issue: StoredIssue) -> About:
    return About(issue.issue_id, issue.short_id, issue.project, issue.signature)


@dataclass(frozen=True, slots=True)
class NamedOwner:
    """Whom a person named; ``asked``: for this very issue, and nobody assigned it by hand since."""

    owner: str = ""
    by: str = ""
    asked: bool = False


def named_owner(store: Store, stored: StoredIssue, issue: Issue) -> NamedOwner:
    """The owner in people's words, for this issue before the same error elsewhere. ``issue`` is fresh."""
    own = owner_said(store.corrections.of_issue(stored.issue_id))
    if own is not None:
        return NamedOwner(own.value, own.author, not _by_hand_since(issue, own))
    other = owner_said(store.corrections.of_signature(stored.signature, but_not=stored.issue_id))
    return NamedOwner() if other is None else NamedOwner(other.value, other.author)


def _by_hand_since(issue: Issue, said: Said) -> bool:
    return any(
        entry.type in HANDS and entry.by_person and entry.at is not None and entry.at > said.at
        for entry in issue.activity
    )
