"""``sentry-triage classify EVENT.json``: the offline verdict on one event, and what it rests on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import click
from rich.console import Console
from rich.table import Table
from rich.text import Text

from app.core.digest import digest_event
from app.core.offline import Explanation, explain

from ._event import read_event
from ._rules import read_rules, rules_option
from .eval import predictors


@click.command("classify")
@click.argument("event", type=click.File("r", encoding="utf-8"))
@click.option("--explain", "explained", is_flag=True, help="Show each piece of evidence with its weight.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@rules_option("A triage.toml whose [[rule]] tables are used as well.")
@click.option("--model", default="offline", help="Ask this model: openai:NAME or anthropic:NAME.")
@click.option(
    "--project", default="", help="Its project's slug: a model is sent what that project's [privacy] allows."
)
def command(
    event: TextIO, explained: bool, as_json: bool, rules: Path | None, model: str, project: str
) -> None:
    """Classify one Sentry event: EVENT is a JSON file in the SDK, webhook or REST shape, or - for stdin.

    Works offline: no key, no network, nothing is sent anywhere, unless --model names a model to ask.
    """
    given = read_event(event)
    digest = digest_event(given.event)
    found = explain(digest, read_rules(rules))
    if model != "offline":
        found = replace(found, verdict=predictors.resolve(model)(digest, project or given.project).verdict)
    if as_json:
        click.echo(json.dumps(as_data(found, explained), indent=2, ensure_ascii=False))
    else:
        show(Console(), found, explained)


def as_data(found: Explanation, explained: bool) -> dict[str, Any]:
    """The verdict as JSON data, with every sight and score when ``explained``."""
    data: dict[str, Any] = found.verdict.model_dump(mode="json")
    data["abstained"] = found.verdict.abstained
    if explained:
        data["rule"] = found.rule
        data["scores"] = {name.value: round(score, 2) for name, score in ranked(found)}
        data["severity_reasons"] = list(found.severity_reasons)
        data["evidence"] = [one.model_dump(mode="json") for one in found.evidence]
    return data


def ranked(found: Explanation) -> list[tuple[Any, float]]:
    return sorted(found.scores.items(), key=lambda one: -one[1])


def show(console: Console, found: Explanation, explained: bool) -> None:
    """Print the verdict as a person reads it. Text of the event is never taken for markup."""
    verdict = found.verdict
    table = Table(show_header=False, box=None, pad_edge=False)
    guess = " (a guess: below the threshold for writing)" if verdict.abstained else ""
    for name, value in (
        ("category", verdict.category.value + guess),
        ("severity", verdict.severity.value),
        ("look", "now" if verdict.requires_immediate_action else "on the next business day"),
        ("confidence", f"{verdict.confidence:.2f}"),
        ("root cause", verdict.root_cause),
        ("try", verdict.suggested_fix or "nothing in the event supports a suggestion"),
    ):
        table.add_row(name, Text(value))
    console.print(table)
    if explained:
        show_evidence(console, found)


def show_evidence(console: Console, found: Explanation) -> None:
    """Every sight with its weight, the scores by category, and why the severity is what it is."""
    table = Table(title="Evidence", title_justify="left")
    table.add_column("weight", justify="right")
    for name in ("where", "seen", "says"):
        table.add_column(name, overflow="fold")
    for one in found.evidence:
        table.add_row(*map(Text, (f"{one.weight:.1f}", one.id, one.seen, one.says)))
    console.print(table)
    console.print("scores: " + ", ".join(f"{name.value} {score:.1f}" for name, score in ranked(found)))
    console.print("severity: " + "; ".join(found.severity_reasons), markup=False)
