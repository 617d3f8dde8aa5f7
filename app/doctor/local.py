"""Checks of what is on our side: settings, rules, database, workers, the queue."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.store.engine import is_migrated

from .clinic import Clinic
from .registry import Finding, check, fail, ok, warn

WAITED = 600.0
"""Seconds that a due job may wait before it is worth a word."""

SILENT = timedelta(days=7)


@check("settings")
def settings(clinic: Clinic) -> Finding:
    """Every setting can be read and none that is needed is missing."""
    found = clinic.settings
    found.require("sentry_client_secret", "sentry_auth_token", "sentry_org")
    if any(len(secret) < 32 for secret in found.client_secrets):
        return warn(
            "SENTRY_CLIENT_SECRET is shorter than Sentry's 64 characters.",
            "Copy it again: Settings → Developer Settings → your integration → Client Secret.",
        )
    return ok(f"organization {found.sentry_org} at {found.sentry_url}, writes {found.triage_write.value}")


@check("rules", needs=["settings"])
def rules(clinic: Clinic) -> Finding:
    """The team's triage.toml can be read."""
    path = clinic.settings.triage_config
    policy = clinic.policy
    if not path.exists():
        return ok(f"no {path}: the defaults hold")
    return ok(f"{path}: {len(policy.rule)} rules")


@check("database", needs=["settings"])
def database(clinic: Clinic) -> Finding:
    """The database answers, is up to date and can be written."""
    url = make_url(clinic.settings.database_url)
    where = f"sqlite at {Path(url.database or '').absolute()} (persistent: unknown)"
    if url.get_backend_name() != "sqlite":
        where = f"postgres at {url.host or 'the local socket'}/{url.database}"
    try:
        store = clinic.store
        if not is_migrated(store.engine):
            return fail(f"queue: {where}; its tables are not up to date", "Run: sentry-triage release")
        store.facts.put("doctor", store.clock().isoformat())
    except SQLAlchemyError as error:
        said = str(getattr(error, "orig", None) or type(error).__name__).strip().splitlines()[0]
        return fail(
            f"queue: {where}; {said}",
            "Check DATABASE_URL, that the server runs and that this user may write there.",
        )
    return ok(f"queue: {where}")


@check("workers", needs=["database"])
def workers(clinic: Clinic) -> Finding:
    """At least one worker has given a sign of life in the last 10 seconds."""
    count = clinic.store.vitals.workers_alive()
    if not count:
        return fail("no worker is alive: webhooks are stored and nothing is triaged", "sentry-triage worker")
    return ok(f"{count} alive")


@check("queue", needs=["database"])
def queue(clinic: Clinic) -> Finding:
    """Nothing waits long, and nothing was given up."""
    found = clinic.store.vitals.queue()
    seen = ", ".join(f"{count} {state}" for state, count in found.depth.items())
    if found.oldest_seconds > WAITED:
        return warn(
            f"{seen}; the oldest has waited {found.oldest_seconds / 60:.0f} minutes",
            "Start more workers, or see their logs for what they wait for.",
        )
    if found.depth["failed"]:
        return warn(seen, "The dashboard's page Operations says why, and runs them again.")
    return ok(seen)


@check("webhooks", needs=["database"])
def webhooks(clinic: Clinic) -> Finding:
    """Sentry has sent us something lately."""
    last = clinic.store.vitals.last_webhook()
    todo = "Webhook URL and events: Settings → Developer Settings → your integration (issue and comment)."
    if last is None:
        return warn("Sentry has sent nothing yet", todo)
    age = clinic.store.clock() - last
    if age > SILENT:
        return warn(f"the last webhook came {age.days} days ago", todo)
    return ok(f"the last one came {_ago(age)} ago")


def _ago(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} minutes" if minutes < 120 else f"{minutes // 60} hours"
