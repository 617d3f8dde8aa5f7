"""``sentry-triage redact event.json``: what a model would be sent of an event, and what was removed.

By the settings and ``triage.toml`` that hold here, as in a worker. Nothing is sent. ``event.json`` is an
event as the SDK sends it, as Sentry's API shows it, or a webhook around it, or a labelled line; ``-`` reads
standard input.
"""

from __future__ import annotations

import json
import secrets
from typing import Any, TextIO

import click

from app.core.offline import compile_rules
from app.core.policy import PrivacyLevel
from app.core.preview import Preview, preview
from app.core.prompt import MAX_CASES
from app.core.redact import Removal, by_kind
from app.settings import load_settings

from ._event import read_event


@click.command()
@click.argument("event", type=click.File("r", encoding="utf-8"))
@click.option(
    "--level",
    type=click.Choice([level.value for level in PrivacyLevel]),
    help="Privacy level to show; the project's in triage.toml by default.",
)
@click.option("--project", default="", help="Its project's slug, for what triage.toml says of it.")
@click.option("--language", help="Language asked for; TRIAGE_LANGUAGE by default.")
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON.")
def command(event: TextIO, level: str | None, project: str, language: str | None, as_json: bool) -> None:
    """Show what a model would be sent of EVENT and what was removed. Sends nothing.

    Past cases, which come on top of it, are in the database and are not read here.
    """
    given, settings = read_event(event), load_settings()
    policy = settings.policy()
    shown = preview(
        given.event,
        PrivacyLevel(level) if level else policy.for_project(project or given.project).privacy.level,
        nonce=secrets.token_hex(12),
        language=language or settings.triage_language,
        rules=compile_rules(policy.rule),
    )
    click.echo(json.dumps(as_data(shown), ensure_ascii=False, indent=2) if as_json else as_text(shown))


PAST_CASES = (
    f"On top of it come up to {MAX_CASES} past cases: similar issues that people corrected, a line each, "
    "redacted in the same way at the level of their own project."
)


def as_data(shown: Preview) -> dict[str, Any]:
    """The preview as JSON: ``sent`` is null where nothing would leave."""
    prompt = shown.prompt
    return {
        "level": shown.level.value,
        "sent": {"system": prompt.system, "user": prompt.user} if prompt else None,
        "tokens": prompt.tokens if prompt else 0,
        "past_cases_at_most": MAX_CASES if prompt else 0,
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
        parts += [head, "", shown.prompt.system.rstrip(), "", shown.prompt.user, "", PAST_CASES]
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
