"""``export-corrections``: the issues that people corrected, as rows for ``sentry-triage eval``."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import click

from app.core.digest_event import event_of
from app.core.policy import Policy, PrivacyLevel
from app.core.redact import redact_digest
from app.core.vocabulary import Source
from app.errors import UserError
from app.settings import load_settings
from app.store import Store, open_store
from app.store.engine import is_migrated

from ._options import since


@click.command()
@since("Only corrections since then.")
def command(since: datetime | None) -> None:
    """Print one JSON line for each corrected issue: its event, redacted, and the label that people gave.

    sentry-triage export-corrections > my.jsonl && sentry-triage eval my.jsonl
    """
    settings = load_settings()
    settings.require("sentry_client_secret")
    store = open_store(settings)
    try:
        if not is_migrated(store.engine):
            raise UserError("The database is not up to date.", hint="Run: sentry-triage release")
        written, left = export(store, settings.policy(), since)
    finally:
        store.close()
    for row in written:
        click.echo(json.dumps(row, ensure_ascii=False))
    note = f"{len(written)} corrected issue{'' if len(written) == 1 else 's'}"
    click.echo(f"{note}; {left} left out: no label, or not readable any more" if left else note, err=True)


def export(store: Store, policy: Policy, since: datetime | None = None) -> tuple[list[dict[str, Any]], int]:
    """``(rows, left out)``. A row is ``{id, group, event, label, also_ok, ambiguous}``.

    Left out is what has no category to measure against (``/triage wrong`` alone), what was taken back, and
    what is kept no longer.
    """
    rows, left = [], 0
    for corrected in store.corrections.corrected_issues(since):
        row = _row(store, policy, corrected.issue_id)
        if row is None:
            left += 1
        else:
            rows.append(row)
    return rows, left


def _row(store: Store, policy: Policy, issue_id: str) -> dict[str, Any] | None:
    stored, latest = store.issues.get(issue_id), store.verdicts.latest(issue_id)
    content = store.issues.content(issue_id)
    if stored is None or latest is None or content is None:
        return None
    verdict = latest.verdict
    if verdict.source is not Source.HUMAN or verdict.abstained:
        return None
    level = policy.for_project(stored.project).privacy.level
    # Nothing leaves here: the file stays with the team. So offline-only still says what the error was.
    digest, _ = redact_digest(content[0], PrivacyLevel.FULL if level is PrivacyLevel.OFFLINE_ONLY else level)
    return {
        "id": stored.short_id or issue_id,
        "group": stored.project,
        "event": event_of(digest),
        "label": {
            "category": verdict.category.value,
            "severity": verdict.severity.value,
            "requires_immediate_action": verdict.requires_immediate_action,
        },
        "also_ok": [],
        "ambiguous": False,
    }
