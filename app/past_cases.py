"""What people corrected before, as examples for a model: the same error first, then its likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.digest import Digest
from app.core.offline import RuleSet, classify
from app.core.policy import Policy, PrivacyLevel
from app.core.prompt import MAX_CASES, PastCase
from app.core.redact import redact_digest
from app.core.vocabulary import Category, Source
from app.store import Store

NEWEST = 50
"""Corrected issues that are looked at."""


@dataclass(frozen=True, slots=True)
class KnownCase:
    """One corrected issue. ``offline``: what our own classifier says of it."""

    issue_id: str
    signature: str
    kind: str
    offline: Category
    case: PastCase


def known_cases(store: Store, policy: Policy, rules: RuleSet) -> list[KnownCase]:
    """The newest corrected issues, newest first. Only what may leave their projects is in the text."""
    found = []
    for corrected in reversed(store.corrections.corrected_issues()[-NEWEST:]):
        known = _known(store, policy, rules, corrected.issue_id)
        if known is not None:
            found.append(known)
    return found


def _known(store: Store, policy: Policy, rules: RuleSet, issue_id: str) -> KnownCase | None:
    issue, content = store.issues.get(issue_id), store.issues.content(issue_id)
    latest = store.verdicts.latest(issue_id)
    if issue is None or content is None or latest is None or latest.verdict.source is not Source.HUMAN:
        return None
    level = policy.for_project(issue.project).privacy.level
    if level is PrivacyLevel.OFFLINE_ONLY or latest.verdict.category is Category.UNKNOWN:
        return None
    digest, offline = content[0], classify(content[0], rules)
    clean, _ = redact_digest(digest, level)
    case = PastCase(text_of(clean), latest.verdict.category, latest.verdict.severity)
    return KnownCase(issue_id, issue.signature, kind_of(digest), offline.category, case)


def nearest(
    known: Sequence[KnownCase], issue_id: str, signature: str, kind: str, offline: Category
) -> list[PastCase]:
    """At most five: those with the same signature, then those of the same exception type and offline
    category."""
    others = [one for one in known if one.issue_id != issue_id]
    same = [one for one in others if signature and one.signature == signature]
    like = [one for one in others if one not in same and kind and (one.kind, one.offline) == (kind, offline)]
    return [one.case for one in (*same, *like)[:MAX_CASES]]


def kind_of(digest: Digest) -> str:
    """The exception type that surfaced, empty for a mere message."""
    return digest.exceptions[-1].type if digest.exceptions else ""


def text_of(digest: Digest) -> str:
    """One line of a redacted digest: every exception with its message, else the message or title."""
    chain = "; ".join(f"{one.type}: {one.value}" for one in digest.exceptions)
    return chain or digest.message or digest.title
