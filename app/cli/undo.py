"""``undo``: put back what our writes replaced."""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.core.writes import WriteKind
from app.errors import Retryable, UserError
from app.jobs.undo import Undoing, Undone
from app.sentry.writer import Done

from ._options import open_services, since, stored_issue


@click.command("undo")
@click.option("--issue", help="This one: Sentry's number or the short id.")
@since("What was written since then, on every issue.")
@click.option("--dry-run", is_flag=True, help="Show what would be put back; change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(issue: str | None, since: datetime | None, dry_run: bool, as_json: bool) -> None:
    """Restore what each of our writes replaced, where it is still ours.

    Priority and assignee go back, annotation and comment are deleted, or edited down to one line where the
    token may not delete. Later verdicts do not write on these issues again; `apply --issue` does.
    """
    if issue is None and since is None:
        raise UserError("Say which writes.", hint="Give --issue ID, --since 24h, or both.")
    services = open_services()
    undoing = Undoing(services, time.sleep)
    ids = [stored_issue(services, issue).issue_id] if issue else undoing.issues(since)
    found = []
    try:
        for one in ids:
            found.append(undoing.run(one, since=since, dry=dry_run))
    except Retryable as error:
        raise UserError(
            f"{len(found)} of {len(ids)} issues are done, then Sentry did not answer: {error}.",
            hint="Run it again; it goes on with the rest.",
        ) from None
    if as_json:
        click.echo(json.dumps({"dry_run": dry_run, "issues": [_as_json(one) for one in found]}, indent=2))
    else:
        _show(found, dry_run)


def _as_json(one: Undone) -> dict[str, Any]:
    return {
        "issue": one.issue_id,
        "short_id": one.short_id,
        "lines": [
            {"kind": line.kind.value, "outcome": line.outcome.value, "now": line.after, "reason": line.reason}
            for line in one.lines
        ],
    }


def _show(found: list[Undone], dry_run: bool) -> None:
    rows = [(one.short_id, line) for one in found for line in one.lines]
    if not rows:
        click.echo("Nothing of ours is left to undo.")
        return
    table = Table(box=SIMPLE_HEAD)
    for name in ("issue", "write", "outcome", "now" if not dry_run else "would be", "said"):
        table.add_column(name, overflow="fold")
    for name, line in rows:
        table.add_row(name, line.kind.value, line.outcome.value, _short(line), line.reason)
    Console().print(table)
    if any(line.kind is WriteKind.TAGS for _, line in rows):
        click.echo("Annotation events cannot be taken back: each stays until Sentry's retention removes it.")


def _short(line: Done) -> str:
    if line.kind is WriteKind.COMMENT and line.after:
        return line.after.splitlines()[0]
    return line.after or "–"
