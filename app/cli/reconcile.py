"""``reconcile``: compare Sentry's issue list with ours now, and put in what is missing."""

from __future__ import annotations

import json
import os
import time

import click

from app.errors import Retryable, UserError
from app.jobs.chores import Chore, Chores
from app.jobs.lease import Lease
from app.jobs.reconcile import Reconciler, Report
from app.services import Services

from ._options import open_services


@click.command()
@click.option("--once", is_flag=True, help="Compare once and exit; else every TRIAGE_RECONCILE_SECONDS.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON; implies --once.")
def command(once: bool, as_json: bool) -> None:
    """Find issues that Sentry has and we have not, and those that came back.

    Workers do this by themselves; this is for a look at once, after an outage for instance.
    """
    services = open_services()
    if once or as_json:
        report = _once(services, f"cli-{os.getpid()}")
        click.echo(json.dumps(report.as_json(), indent=2) if as_json else _text(report))
        return
    every = services.settings.triage_reconcile_seconds
    if not every:
        raise UserError("TRIAGE_RECONCILE_SECONDS is 0: never.", hint="Set it, or use --once.")
    chores = [Chore("reconcile", every, Reconciler(services).run)]
    runner = Chores(services, f"cli-{os.getpid()}", chores, lambda: False)
    while True:
        runner.tick()
        time.sleep(1.0)


def _once(services: Services, holder: str) -> Report:
    lease = Lease(services.store.facts, "reconcile", holder, services.clock)
    if not lease.claim(early=True):
        raise UserError("A worker compares the lists at this moment.", hint="Look again in a minute.")
    try:
        return Reconciler(services).run(lease.renew)
    except Retryable as error:
        raise UserError(
            f"Sentry asks to wait: {error}", hint="Run it again; it goes on where it was."
        ) from None
    finally:
        lease.release(services.settings.triage_reconcile_seconds or 300)


def _text(report: Report) -> str:
    found = ", ".join(f"{count} {trigger}" for trigger, count in sorted(report.asked.items()))
    lines = [f"{report.looked_at} issues looked at, {report.enqueued} put in{f': {found}' if found else ''}."]
    if report.older:
        lines.append(f"{report.older} are older than the installation: sentry-triage backfill takes them.")
    if not report.complete:
        lines.append("The end of the list was not reached; the next run goes on from here.")
    return "\n".join(lines)
