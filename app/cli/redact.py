"""``sentry-triage redact event.json``: exactly what a model would be sent of an event, and what was removed.

Nothing is sent. ``event.json`` is an event as the SDK sends it, as Sentry's API shows it, or a webhook
around it, or a labelled line; ``-`` reads standard input.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, TextIO

import click

from app.core.policy import PrivacyLevel
from app.core.preview import Preview, preview
from app.core.redact import Removal, by_kind

from ._event import read_event


@click.command()
@click.argument("event", type=click.File("r", encoding="utf-8"))
@click.option(
    "--level",
    type=click.Choice([level.value for level in PrivacyLevel]),
    default=PrivacyLevel.FULL.value,
    show_default=True,
    help="Privacy level to show, as [privacy] level in triage.toml.",
)
@click.option(
    "--language", default="English", show_default=True, help="Language asked for, as TRIAGE_LANGUAGE."
)
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(event: TextIO, level: str, language: str, as_json: bool) -> None:
    """Show exactly what a model would be sent of EVENT and what was removed. Sends nothing."""
    shown = preview(
        read_event(event).event, PrivacyLevel(level), nonce=secrets.token_hex(12), language=language
    )
    click.echo(json.dumps(as_data(shown), ensure_ascii=False, indent=2) if as_json else as_text(shown))


def as_data(shown: Preview) -> dict[str, Any]:
    """The preview as JSON: ``sent`` is null where nothing would leave."""
    prompt = shown.prompt
    return {
        "level": shown.level.value,
        "sent": {"system": prompt.system, "user": prompt.user} if prompt else None,
        "tokens": prompt.tokens if prompt else 0,
        "removed": [_removal(r) for r in shown.removed],
        "never_read": dict(shown.never_read),
        "found_in_event": [_removal(r) for r in shown.secrets_in_event],
    }


def _removal(removal: Removal) -> dict[str, Any]:
    return {"kind": removal.kind, "count": removal.count, "where": removal.where}


def as_text(shown: Preview) -> str:
    """The preview for people."""
    parts = [f"Privacy level: {shown.level.value}", ""]
    if shown.prompt is None:
        parts += ["Nothing is sent to a model at this level."]
    else:
        head = f"Sent to the model, about {shown.prompt.tokens} tokens:"
        parts += [head, "", shown.prompt.system.rstrip(), "", shown.prompt.user]
    parts += ["", "Removed from it:", *_removed(shown.removed)]
    parts += ["", "Never read from the event:"]
    parts += [f"  {name}: {count} values" for name, count in shown.never_read.items()] or [
        "  nothing of the kind"
    ]
    kinds = by_kind(shown.secrets_in_event)
    if kinds:
        listed = ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items()))
        parts += ["", f"The event itself, as Sentry keeps it, holds: {listed}."]
    return "\n".join(parts)


def _removed(removals: tuple[Removal, ...]) -> list[str]:
    return [f"  {r.where or 'text'}: {r.count} {r.kind}" for r in removals] or ["  nothing"]
