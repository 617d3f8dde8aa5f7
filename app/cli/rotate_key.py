"""``rotate-key``: everything sealed in the database, sealed again under the newest key."""

from __future__ import annotations

import hashlib
import json
import sys

import click

from app.errors import UserError
from app.settings import load_settings
from app.store import open_store
from app.store.engine import is_migrated
from app.store.rotation import rotate
from app.store.vault import derived_key, vault_for


@click.command("rotate-key")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(as_json: bool) -> None:
    """Seal everything again under the newest TRIAGE_ENCRYPTION_KEY, so that the older keys can go.

    Put the new key in front of the old ones, restart everything, run this, then take the old ones away.
    Workers may go on meanwhile. Broken off, it goes on where it stopped.
    """
    settings = load_settings()
    settings.require("sentry_client_secret")
    keys = [key.get_secret_value() for key in settings.triage_encryption_keys]
    first = keys[0] if keys else derived_key(settings.client_secrets[0])
    store = open_store(settings)
    if not is_migrated(store.engine):
        raise UserError("The database is not up to date.", hint="Run: sentry-triage release")
    rows: dict[str, int] = {}
    lost: dict[str, int] = {}
    name = hashlib.sha256(first.encode()).hexdigest()[:16]
    for step in rotate(store.engine, vault_for(keys, settings.client_secrets), store.facts, newest=name):
        rows[step.table], lost[step.table] = step.done, step.lost
        if not as_json and sys.stderr.isatty():
            click.echo(f"\r{step.table}: {step.done} of {step.total}   ", nl=False, err=True)
    store.close()
    if as_json:
        click.echo(json.dumps({"rows": rows, "lost": lost}))
        return
    for table, count in rows.items():
        unreadable = f"; {lost[table]} values open with no key and stay" if lost[table] else ""
        click.echo(f"{table}: {count} rows{unreadable}")
    if any(lost.values()):
        click.echo("Done, but not everything opened: keep the older keys, or add the one that is missing.")
    else:
        click.echo("Done. The older keys are not needed any more.")
