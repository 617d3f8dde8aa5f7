"""``release``: make or update the database's tables. Run it before the new version starts."""

from __future__ import annotations

import click

from app.jobs.engine import migrate_jobs
from app.settings import load_settings
from app.store import open_store
from app.store.engine import migrate
from app.web import serving


@click.command()
def command() -> None:
    """Make or update the tables in DATABASE_URL. Safe to run again."""
    settings = load_settings()
    serving.check(settings)  # so that a deployment ends here, and the version before goes on
    store = open_store(settings)
    migrate(store.engine)
    migrate_jobs(settings.database_url)
    click.echo(f"The database is ready: {store.engine.url.render_as_string()}")
    store.close()
