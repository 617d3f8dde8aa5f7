"""``apply``: write what was decided, also while TRIAGE_WRITE is shadow."""

from __future__ import annotations

import json
import time
from datetime import datetime

import click
from rich.console import Console
from rich.progress import Progress

from app.errors import UserError
from app.jobs.plans import enqueue_apply, pending
from app.services import Services
from app.store.issues import StoredIssue

from ._options import open_services, since, stored_issue

ALIVE = 10.0
"""Seconds within which a worker must have shown life."""


@click.command("apply")
@click.option("--issue", help="This one: Sentry's number or the short id. Also where it was undone.")
@since("Everything that was decided since then.")
@click.option("--wait/--no-wait", default=True, show_default=True, help="Stay until it is written.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(issue: str | None, since: datetime | None, wait: bool, as_json: bool) -> None:
    """Write the stored verdicts into Sentry.

    Each issue is read anew and planned against what Sentry shows now, so that a value which a person set
    meanwhile stays. Issues whose writes were undone are passed over unless named by --issue. The workers do
    the writing; running it again changes nothing.
    """
    if (issue is None) == (since is None):
        raise UserError("Say which issues.", hint="Give --issue ID or --since 7d, one of the two.")
    services = open_services()
    chosen = [stored_issue(services, issue)] if issue else _since(services, since)
    keys = enqueue_apply(services, chosen)
    ended = _wait(services, keys, quiet=as_json) if wait and keys else {}
    if as_json:
        click.echo(json.dumps({"issues": [one.short_id for one in chosen], "ended": ended}, indent=2))
    else:
        click.echo(_text(len(keys), ended))
    if ended.get("failed"):
        raise click.exceptions.Exit(1)


def _since(services: Services, since: datetime | None) -> list[StoredIssue]:
    found = pending(services, services.store.issues.decided(since))
    return [one.issue for one in found if not one.held]


def _wait(services: Services, keys: list[str], *, quiet: bool) -> dict[str, int]:
    """How the jobs ended, by state, once none is left."""
    console = Console(stderr=True, quiet=quiet)
    with Progress(console=console) as bar:
        task = bar.add_task("writing", total=len(keys))
        while True:
            if not services.store.workers.alive(within=ALIVE):
                raise UserError(
                    f"{len(keys)} issues are waiting to be written, and no worker is running.",
                    hint="Start one: sentry-triage worker",
                )
            states: dict[str, int] = {}
            for key in keys:
                job = services.store.work.find(key)
                state = job.state if job else "done"
                states[state] = states.get(state, 0) + 1
            ended = {state: count for state, count in states.items() if state in ("done", "failed")}
            bar.update(task, completed=sum(ended.values()))
            if sum(ended.values()) == len(keys):
                return ended
            time.sleep(0.3)


def _text(count: int, ended: dict[str, int]) -> str:
    if not count:
        return "Nothing is left to write."
    if not ended:
        return f"{count} issues are queued; the workers write them."
    failed = ended.get("failed", 0)
    return f"{ended.get('done', 0)} issues written{f', {failed} failed' if failed else ''}."
