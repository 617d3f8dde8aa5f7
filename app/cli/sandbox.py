"""``sentry-triage sandbox``: a local Sentry to try the product on and to develop against."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path

import click

from app.sandbox import SandboxSentry, SandboxServer, TokenSpec, Version


@click.command("sandbox")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=9000, show_default=True, help="Port to listen on; 0 takes a free one.")
@click.option("--webhook-url", help="Where to send webhooks, e.g. http://127.0.0.1:8000/webhooks/sentry.")
@click.option("--client-secret", help="Secret that signs the webhooks. One is made when not given.")
@click.option("--token", help="API token of the integration. One is made when not given.")
@click.option(
    "--version",
    "version",
    type=click.Choice([version.value for version in Version]),
    default=Version.MODERN.value,
    show_default=True,
    help="Whose behaviour to play: today's Sentry or self-hosted 23.7.1.",
)
@click.option(
    "--manifest",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Integration manifest (JSON) whose name, events and UI components to use.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the addresses and secrets as JSON.")
def command(
    host: str,
    port: int,
    webhook_url: str | None,
    client_secret: str | None,
    token: str | None,
    version: str,
    manifest: Path | None,
    as_json: bool,
) -> None:
    """Run a small local Sentry until interrupted. It keeps everything in memory."""
    described = json.loads(manifest.read_text(encoding="utf-8")) if manifest else {}
    sandbox = SandboxSentry(
        webhook_url=webhook_url,
        client_secret=client_secret,
        version=version,
        app_name=str(described.get("name") or "Triage"),
        events=described.get("events") or ("issue", "comment"),
        schema=described.get("schema"),
        tokens=(TokenSpec(token or f"sntryi_{secrets.token_hex(32)}"),),
    )
    try:
        server = SandboxServer(sandbox, host=host, port=port)
    except (OSError, SystemExit) as problem:
        raise click.ClickException(f"Cannot listen on {host}:{port}. Choose another --port.") from problem
    with server:
        facts = {
            "url": server.url,
            "dsn": {project.slug: sandbox.dsn(project.slug) for project in sandbox.state.projects.values()},
            "organization": sandbox.state.org,
            "token": sandbox.token,
            "client_secret": sandbox.client_secret,
            "webhook_url": webhook_url,
        }
        click.echo(json.dumps(facts, indent=2) if as_json else _text(facts))
        _wait_for_interrupt()


def _text(facts: Mapping[str, object]) -> str:
    dsns = facts["dsn"]
    assert isinstance(dsns, dict)
    lines = [f"Sandbox Sentry is at {facts['url']}", ""]
    lines += [f"SENTRY_URL={facts['url']}", f"SENTRY_ORG={facts['organization']}"]
    lines += [f"SENTRY_AUTH_TOKEN={facts['token']}", f"SENTRY_CLIENT_SECRET={facts['client_secret']}", ""]
    lines += [f"DSN of {slug}: {dsn}" for slug, dsn in dsns.items()]
    lines += ["", f"Webhooks go to {facts['webhook_url'] or 'nobody: no --webhook-url was given'}."]
    return "\n".join([*lines, "Press Ctrl-C to stop."])


def _wait_for_interrupt() -> None:
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        click.echo("Stopped.")
