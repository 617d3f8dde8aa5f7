"""Corrections as examples for a model: what people said where our rules would say now what they said then."""

from __future__ import annotations

from app.core.corrections import Field
from app.core.digest import Digest
from app.core.policy import Policy, PrivacyLevel
from app.core.prompt import MAX_CASES, PastCase
from app.core.redact import redact_digest
from app.core.routing import innermost_path
from app.core.vocabulary import Category, Source
from app.store import Store

LOOK_BACK = 100
"""Corrected issues, the newest, among which the nearest are looked for."""

MAX_TEXT = 400


def past_cases(store: Store, policy: Policy, signature: str, category: Category) -> tuple[PastCase, ...]:
    """At most ``MAX_CASES``, nearest first: the same error, then those that the machine took for ``category``
    as it does now, then those that are of it; the newest of each.

    Each is redacted by its own project's privacy level; a project whose errors stay here gives none.
    """
    found: list[tuple[int, PastCase]] = []
    for corrected in reversed(store.corrections.corrected_issues()[-LOOK_BACK:]):
        stored, latest = store.issues.get(corrected.issue_id), store.verdicts.latest(corrected.issue_id)
        if stored is None or latest is None:
            continue
        verdict = latest.verdict
        if verdict.source is not Source.HUMAN or verdict.abstained:
            continue
        was = {one.was for one in store.corrections.of_issue(stored.issue_id) if one.field is Field.CATEGORY}
        near = (
            bool(signature) and stored.signature == signature,
            category.value in was,
            verdict.category is category,
        )
        content = store.issues.content(stored.issue_id) if any(near) else None
        level = policy.for_project(stored.project).privacy.level
        if content is not None and level is not PrivacyLevel.OFFLINE_ONLY:
            text = _text(redact_digest(content[0], level)[0])
            found.append((near.index(True), PastCase(text, verdict.category, verdict.severity)))
    found.sort(key=lambda one: one[0])
    return tuple(case for _, case in found[:MAX_CASES])


def _text(digest: Digest) -> str:
    """What tells the error from others, on one line."""
    said = " < ".join(f"{one.type}: {one.value}" for one in digest.exceptions[::-1]) or digest.message
    where = innermost_path(digest) or digest.culprit
    return " ".join(f"{said or digest.title}{' in ' + where if where else ''}".split())[:MAX_TEXT]
