"""``install``: register the app in a Sentry organisation, and say what is left to set."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import click

from app.core.reachable import check_address, is_saas, reachable, region
from app.errors import UserError
from app.sentry.errors import BadRequest, Forbidden, Redirected, Unauthorized, Unreachable
from app.sentry.install import Installed, Installer, filled, manifest
from app.sentry.transport import RequestsTransport
from app.settings import load_settings

NEEDED = "org:write, project:read, team:read, member:read, event:write"


@click.command("install")
@click.option("--org", required=True, help="The organization's slug.")
@click.option("--url", required=True, help="Where Sentry reaches this app: https://triage.example.com.")
@click.option("--token", help="A user's token (not the integration's); asked for when not given.")
@click.option("--name", help="The integration's name; Triage by default.")
@click.option(
    "--manifest",
    "path",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Another manifest than the shipped integration_manifest.json.",
)
@click.option("--rotate-secret", is_flag=True, help="Make a new client secret; the old one is void at once.")
@click.option("--dry-run", is_flag=True, help="Only say what would be created or changed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    org: str,
    url: str,
    token: str | None,
    name: str | None,
    path: Path | None,
    rotate_secret: bool,
    dry_run: bool,
    as_json: bool,
) -> None:
    """Create the internal integration in Sentry, or bring the existing one up to date.

    The token is a person's, of an owner or manager, and is used for this only: Sentry → User settings →
    Personal tokens, with org:write, project:read, team:read, member:read, event:write. SENTRY_URL says which
    Sentry: https://sentry.io (default), https://de.sentry.io or your own.
    """
    sentry_url = load_settings().sentry_url
    warning = _address(url, sentry_url)
    token = token or click.prompt("User token", hide_input=True, err=True)
    clock, transport = time.time, RequestsTransport()
    installer = Installer(sentry_url, token, org, transport=transport, clock=clock, sleep=time.sleep)
    body = filled(manifest(path), org=org, url=url, name=name)
    done, secret = _install(installer, body, sentry_url, dry=dry_run, rotate=rotate_secret)
    facts = _facts(done, secret, sentry_url=sentry_url, org=org, url=url)
    if as_json:
        changes = {name: list(pair) for name, pair in done.changes.items()}
        result = {"dry_run": dry_run, "created": done.created, "slug": done.slug, "changes": changes}
        click.echo(json.dumps({**result, "settings": facts, "warning": warning}, indent=2))
        return
    click.echo(_text(done, facts, str(body["name"]), org, dry=dry_run))
    if not dry_run:
        click.echo(_next_steps(done, sentry_url, org))
    if warning:
        click.echo(f"\nNote: {warning}")


def _address(url: str, sentry_url: str) -> str:
    """A warning, or nothing. Raises ``UserError`` for an address that cannot work."""
    wrong = check_address(url)
    if wrong:
        raise UserError(f"--url {url} does not do: {wrong}.", hint="Like https://triage.example.com")
    possible, said = reachable(url, sentry_url)
    if not possible:
        raise UserError(said, hint="docs/install.md has a chapter on private networks and tunnels.")
    return said


def _install(
    installer: Installer, body: dict[str, Any], sentry_url: str, *, dry: bool, rotate: bool
) -> tuple[Installed, str | None]:
    """Sentry's refusals become sentences."""
    try:
        done = installer.install(body, dry=dry)
        secret = installer.rotate(done.slug) if rotate and done.slug and not dry else done.client_secret
        return done, secret
    except Unauthorized:
        raise UserError(
            f"{sentry_url} does not accept this token.",
            hint="It must be a user's token of that Sentry; check SENTRY_URL for the region.",
        ) from None
    except Forbidden:
        raise UserError(
            "The token may not manage integrations.",
            hint=f"It must be a user's token, of an owner or manager, with {NEEDED}.",
        ) from None
    except BadRequest as error:
        raise UserError(f"Sentry refuses the integration: {error}", hint=_field_hint(error)) from None
    except (Unreachable, Redirected) as error:
        raise UserError(
            f"{sentry_url} did not answer as Sentry does: {error}", hint="Check SENTRY_URL."
        ) from None


def _field_hint(error: BadRequest) -> str:
    hints = {
        "scopes": f"The token has to hold every scope that it gives: {NEEDED}.",
        "name": "Another integration has this name: choose one with --name.",
        "webhookUrl": "Check --url.",
        "events": "Every event needs the read scope of its resource.",
    }
    return next((hints[name] for name in error.fields if name in hints), "")


def _facts(done: Installed, secret: str | None, *, sentry_url: str, org: str, url: str) -> dict[str, str]:
    """The settings of the app, as they have to be."""
    facts = {"SENTRY_URL": done.region_url if is_saas(sentry_url) and done.region_url else sentry_url}
    facts |= {"SENTRY_ORG": org, "SENTRY_APP_SLUG": done.slug, "TRIAGE_PUBLIC_URL": url.rstrip("/")}
    return facts | ({"SENTRY_CLIENT_SECRET": secret} if secret else {})


def _text(done: Installed, facts: dict[str, str], name: str, org: str, *, dry: bool) -> str:
    if done.created:
        lines = [f"{'Would create' if dry else 'Created'} the internal integration {name} in {org}."]
    elif done.changes:
        fields = ", ".join(sorted(done.changes))
        lines = [f"{'Would update' if dry else 'Updated'} {name} ({done.slug}) in {org}: {fields}."]
    else:
        lines = [f"{name} ({done.slug}) in {org} is up to date."]
    if not dry:
        lines += [
            "",
            "Set where the app runs:",
            *(f"  {key}={value}" for key, value in facts.items() if value),
        ]
    return "\n".join(lines)


def _next_steps(done: Installed, sentry_url: str, org: str) -> str:
    base = f"https://{org}.sentry.io/settings" if is_saas(sentry_url) else f"{sentry_url}/settings/{org}"
    page = f"{base}/developer-settings/{done.slug}/"
    lines = [
        "",
        "Left to do by hand, because Sentry lets no API token make tokens:",
        f"  open {page}",
        "  Tokens → New Token, and set it as SENTRY_AUTH_TOKEN.",
    ]
    if done.client_secret is None:
        lines.append("  The client secret is hidden a day after creation: --rotate-secret makes a new one.")
    lines.append(f"Region: {region(done.region_url or sentry_url)}. Then check: sentry-triage doctor")
    return "\n".join(lines)
