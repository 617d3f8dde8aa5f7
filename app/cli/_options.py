"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import click

from app.errors import UserError
from app.logs import configure_logging
from app.services import Services, build_services
from app.settings import load_settings
from app.store.engine import is_migrated
from app.store.issues import StoredIssue

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Since(click.ParamType):  # type: ignore[type-arg]  # generic in newer versions of click only
    """``90m``, ``24h``, ``14d``, ``2w`` ago, or a date or time in ISO 8601 (UTC where it says no zone)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        found = re.fullmatch(r"(\d{1,5})([mhdw])", str(value).strip().lower())
        if found:
            return datetime.now(UTC) - timedelta(**{_UNITS[found[2]]: int(found[1])})
        try:
            at = datetime.fromisoformat(str(value).strip())
        except ValueError:
            self.fail(f"{value!r} is neither like 24h or 14d nor a date like 2026-09-14.", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


def since(help_: str) -> Callable[[F], F]:
    return click.option("--since", type=Since(), help=f"{help_} Like 24h, 14d or 2026-09-14.")


def open_services() -> Services:
    """By the environment, over a database that is up to date. Raises ``UserError``."""
    settings = load_settings()
    configure_logging(settings)
    services = build_services(settings)
    if not is_migrated(services.store.engine):
        raise UserError("The database is not up to date.", hint="Run: sentry-triage release")
    return services


def stored_issue(services: Services, reference: str) -> StoredIssue:
    """By number or short id. Raises ``UserError`` where we do not have it."""
    found = services.store.issues.find(reference)
    if found is None:
        raise UserError(
            f"Issue {reference} is not in the database.",
            hint="Give Sentry's number or the short id (SHOP-API-41) of an issue that was triaged.",
        )
    return found
