"""``backfill``: triage issues that were there before the app was."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.errors import Retryable, UserError
from app.jobs.backfill import Backfill, Estimate, Survey
from app.settings import Settings

from ._options import open_services, since

ALIVE = 10.0
PATIENCE = 600.0
"""Seconds that Sentry may ask to wait before the backfill says so and stops; it can be gone on with."""


@click.command("backfill")
@click.option("--query", default="is:unresolved", show_default=True, help="Sentry's own issue search.")
@since("Issues with events since then; 14 days by default.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1, 100_000), help="At most.")
@click.option(
    "--rate", default=60.0, show_default=True, type=click.FloatRange(1, 600), help="Issues a minute."
)
@click.option("--yes", is_flag=True, help="Do not ask; with --json: put them in.")
@click.option("--json", "as_json", is_flag=True, help="Print the estimate, and with --yes what was put in.")
def command(query: str, since: datetime | None, limit: int, rate: float, yes: bool, as_json: bool) -> None:
    """Count, price and then triage older issues.

    First everything is found and estimated; nothing is put in before you agree. The workers do the triage, at
    --rate issues a minute and after everything that is new. Ctrl-C is safe at any moment: the same command
    goes on where it was.
    """
    services = open_services()
    backfill = Backfill(services, time.sleep)
    start = since or datetime.now(UTC) - timedelta(days=14)
    console = Console(stderr=True, quiet=as_json)
    survey = backfill.resume(query, start, limit)
    survey = _walk(backfill, survey, console)
    estimate = backfill.estimate(survey, rate)
    if not as_json:
        click.echo(_text(estimate, survey, services.settings, rate))
    agreed = yes or (not as_json and bool(survey.ids) and click.confirm("Put them in?"))
    if agreed and survey.ids:
        survey = backfill.enqueue(survey, rate)
    if as_json:
        click.echo(json.dumps({**asdict(estimate), "queued": survey.queued}, indent=2))
    elif survey.queued:
        _follow(backfill, survey, services.store.workers.alive(within=ALIVE), console)


def _walk(backfill: Backfill, survey: Survey, console: Console) -> Survey:
    with console.status("Looking through Sentry's list") as status:
        while not survey.walked:
            try:
                survey = backfill.walk(survey)
            except Retryable as error:
                if (error.after or 5.0) > PATIENCE:
                    raise UserError(f"Sentry asks to wait: {error}", hint="Run it again later.") from None
                time.sleep(max(error.after or 5.0, 1.0))
            status.update(f"Looking through Sentry's list: {len(survey.ids)} found")
    return survey


def _text(estimate: Estimate, survey: Survey, settings: Settings, rate: float) -> str:
    lines = [
        f"{estimate.issues} issues to triage; {estimate.have} more are triaged already or wait.",
        f"Time:  about {_spoken(estimate.seconds)} at {rate:g} issues a minute.",
        f"Cost:  {'at most ' if estimate.usd else ''}${estimate.usd:.2f} ({estimate.priced_by}).",
    ]
    if estimate.usd > settings.triage_budget_usd_day:
        lines.append(
            f"The ceiling of ${settings.triage_budget_usd_day:g} a day holds: the rest is triaged offline."
        )
    if len(survey.ids) >= survey.limit:
        lines.append("The limit is reached; there may be more: --limit.")
    return "\n".join(lines)


def _spoken(seconds: float) -> str:
    return f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{max(1, round(seconds / 60))} minutes"


def _follow(backfill: Backfill, survey: Survey, workers: set[str], console: Console) -> None:
    """Show how far the workers are, until all is done or Ctrl-C."""
    if not workers:
        click.echo("They are queued. No worker is running: sentry-triage worker")
        return
    columns = (TextColumn("triaged"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    try:
        with Progress(*columns, console=console) as bar:
            task = bar.add_task("triaged", total=len(survey.ids))
            while True:
                states = backfill.progress(survey)
                ended = states.get("done", 0) + states.get("failed", 0)
                bar.update(task, completed=ended)
                if ended >= sum(states.values()):
                    break
                time.sleep(1.0)
        click.echo(f"{states.get('done', 0)} triaged, {states.get('failed', 0)} failed.")
    except KeyboardInterrupt:
        click.echo("\nThe workers go on without this display.")
