"""``plan``: what would be written into Sentry, and why. Nothing is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.core.writes import Write, WriteKind
from app.jobs.plans import Pending, pending

from ._options import open_services, since, stored_issue


@click.command("plan")
@click.option("--issue", help="Only this one: Sentry's number or the short id.")
@since("Only what was decided since then.")
@click.option("--json", "as_json", is_flag=True, help="Everything, with the whole text of each comment.")
def command(issue: str | None, since: datetime | None, as_json: bool) -> None:
    """List what was decided and not written: the whole of it with TRIAGE_WRITE=shadow."""
    services = open_services()
    issues = [stored_issue(services, issue)] if issue else services.store.issues.decided(since)
    found = pending(services, issues)
    if as_json:
        click.echo(json.dumps({"issues": [_as_json(one) for one in found]}, ensure_ascii=False, indent=2))
        return
    if not found:
        click.echo("Nothing is left to write.")
        return
    Console().print(_table(found))
    click.echo(_footer(found))


def _as_json(one: Pending) -> dict[str, Any]:
    return {
        "issue": one.issue.issue_id,
        "short_id": one.issue.short_id,
        "project": one.issue.project,
        "category": one.verdict.category.value,
        "severity": one.verdict.severity.value,
        "undone": one.held,
        "writes": [
            {"kind": write.kind.value, "before": write.before, "value": write.value, "reason": write.reason}
            for write in one.writes
        ],
    }


def _table(found: Sequence[Pending]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for name in ("issue", "write", "now", "would be", "why"):
        table.add_column(name, overflow="fold")
    for one in found:
        name = one.issue.short_id or one.issue.issue_id
        for write in one.writes:
            table.add_row(name, write.kind.value, *(_short(write)), write.reason)
            name = ""
    return table


def _short(write: Write) -> tuple[str, str]:
    """A comment is long: its first line is enough here."""
    if write.kind is not WriteKind.COMMENT:
        return write.before or "–", write.value or "–"
    return ("a comment of ours" if write.before else "–"), write.value.splitlines()[0].replace("**", "")


def _footer(found: Sequence[Pending]) -> str:
    held = sum(one.held for one in found)
    lines = [f"{sum(len(one.writes) for one in found)} writes on {len(found)} issues."]
    if held:
        lines.append(f"{held} of these issues were undone: only `apply --issue` writes on them.")
    lines.append("Write them: sentry-triage apply --since 7d, or --issue ID.")
    return "\n".join(lines)
