"""``sentry-triage eval FILE.jsonl``: any classifier against labelled events, by the same yardstick."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.core.digest import digest_event
from app.core.offline import classify
from app.core.score import Item, Outcome, Prediction, Predictor, Predictors, report
from app.errors import TriageError
from app.models import ADAPTERS

from ._model_predictor import AT_ONCE, model_predictor
from ._rules import read_rules, rules_option

predictors = Predictors()
"""The models ``--model`` may name. ``predictors.register("openai", factory)`` adds one; a factory gets the
whole name (``openai:gpt-x``) and returns a predictor."""

predictors.register("offline", lambda _name: lambda digest, _project: Prediction(classify(digest)))
for _provider in ADAPTERS:
    predictors.register(_provider, model_predictor)


@click.command("eval")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--model",
    "models",
    multiple=True,
    default=("offline",),
    show_default=True,
    help="offline, openai:NAME or anthropic:NAME; may be given several times to compare.",
)
@rules_option("A triage.toml: the offline classifier with its [[rule]] tables is measured beside the others.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: one object, or a list for several models.")
@click.option(
    "--misses", type=click.Path(dir_okay=False, path_type=Path), help="Write what was wrong to this file."
)
@click.option(
    "--plot",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write charts to this HTML file (needs the extra: pip install 'sentry-triage[eval]').",
)
def command(
    file: Path,
    models: tuple[str, ...],
    rules: Path | None,
    as_json: bool,
    misses: Path | None,
    plot: Path | None,
) -> None:
    """Measure classifiers on labelled events.

    A line of FILE is one JSON object: {"id", "group", "event", "label", "also_ok", "ambiguous"}. A category
    counts as right in precision_written when it is the label or listed in also_ok. "group" is the project:
    a model is sent what its [privacy] in triage.toml allows, and nothing where that is offline-only.
    """
    errors = Console(stderr=True)
    items, bad = read_items(file, errors)
    chosen = [(name, predictors.resolve(name)) for name in dict.fromkeys(models)]
    if rules is not None:
        chosen.append((f"offline + {rules.name}", with_rules(rules)))
    runs = {name: run(predictor, items, name, errors) for name, predictor in chosen}
    reports = [report(outcomes, name, bad + failed) for name, (outcomes, failed) in runs.items()]
    outcomes = {name: found for name, (found, _) in runs.items()}
    if misses:
        write_misses(misses, outcomes)
    if plot:
        from ._plot import write_plot  # only here: the charting library is an extra

        write_plot(plot, outcomes)
    if as_json:
        click.echo(json.dumps(reports[0] if len(reports) == 1 else reports, indent=2))
    else:
        show(Console(), reports)


def with_rules(path: Path) -> Predictor:
    """The offline classifier with a team's rules as well. Raises ``UserError`` on a rule that is no use."""
    known = read_rules(path)
    return lambda digest, _project: Prediction(classify(digest, known))


def read_items(file: Path, console: Console) -> tuple[list[Item], int]:
    """The usable lines and how many were not; each bad line is named with its number."""
    items, bad = [], 0
    for number, line in enumerate(_lines(file), start=1):
        if not line.strip():
            continue
        try:
            items.append(Item.model_validate(json.loads(line)))
        except (ValueError, RecursionError) as error:
            bad += 1
            console.print(f"line {number} is skipped: {_sentence(error)}", markup=False, highlight=False)
    return items, bad


def _lines(file: Path) -> Iterator[str]:
    with file.open(encoding="utf-8", errors="replace") as opened:
        yield from opened


def _sentence(error: Exception) -> str:
    if isinstance(error, ValidationError):
        one = error.errors()[0]
        return f"{'.'.join(map(str, one['loc'])) or 'line'}: {one['msg']}"
    return f"not JSON ({str(error)[:80]})"


def run(
    predictor: Predictor,
    items: list[Item],
    name: str,
    console: Console,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[Outcome], int]:
    """Judge every item. A predictor that fails on one is counted, named once a line, and left out."""

    def judge(item: Item) -> Outcome | None:
        began = clock()
        try:
            answer = predictor(digest_event(item.event), item.group)
        except TriageError as error:
            console.print(f"{name}: {item.id} got no answer: {error}", markup=False, highlight=False)
            return None
        return Outcome(item, answer.verdict, (clock() - began) * 1000, answer.cost_usd)

    # Side by side only where it waits for a network: else the times would be those of a queue.
    with ThreadPoolExecutor(AT_ONCE if ":" in name else 1) as pool:
        judged = track(
            pool.map(judge, items),
            total=len(items),
            description=name,
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        outcomes = [one for one in judged if one is not None]
    return outcomes, len(items) - len(outcomes)


def write_misses(path: Path, runs: dict[str, list[Outcome]]) -> None:
    """One JSON line per wrong verdict: which model said what, with what confidence, against which label."""
    with path.open("w", encoding="utf-8") as out:
        for model, outcomes in runs.items():
            for one in outcomes:
                wrong = wrong_parts(one)
                if wrong:
                    out.write(json.dumps(_miss(model, one, wrong), ensure_ascii=False) + "\n")


def wrong_parts(one: Outcome) -> list[str]:
    """Which parts of a verdict differ from the label."""
    label, verdict = one.item.label, one.verdict
    found = [] if one.right else ["category"]
    if verdict.severity is not label.severity:
        found.append("severity")
    if verdict.requires_immediate_action != label.requires_immediate_action:
        found.append("requires_immediate_action")
    return found


def _miss(model: str, one: Outcome, wrong: list[str]) -> dict[str, Any]:
    return {
        "id": one.item.id,
        "model": model,
        "wrong": wrong,
        "label": one.item.label.model_dump(mode="json"),
        "also_ok": [category.value for category in one.item.also_ok],
        "verdict": one.verdict.model_dump(mode="json"),
        "event": one.item.event,
    }


_ROWS: tuple[tuple[str, Callable[[dict[str, Any]], str]], ...] = (
    ("events", lambda r: str(r["n"])),
    ("category exact", lambda r: f"{r['category']['accuracy']:.1%}"),
    ("category exact or defensible", lambda r: f"{r['category']['accuracy_also_ok']:.1%}"),
    ("category macro F1", lambda r: f"{r['category']['macro_f1']:.3f}"),
    ("written (coverage)", lambda r: f"{r['category']['coverage']:.1%}"),
    ("precision of what is written", lambda r: f"{r['category']['precision_written']:.1%}"),
    ("severity exact", lambda r: f"{r['severity']['exact']:.1%}"),
    ("severity within one step", lambda r: f"{r['severity']['within_one']:.1%}"),
    ("look now: precision", lambda r: f"{r['immediate']['precision']:.1%}"),
    ("look now: recall", lambda r: f"{r['immediate']['recall']:.1%}"),
    ("look now: F1", lambda r: f"{r['immediate']['f1']:.3f}"),
    ("time per event, median", lambda r: f"{r['latency_ms']['p50']:.2f} ms"),
    ("time per event, 99 %", lambda r: f"{r['latency_ms']['p99']:.2f} ms"),
    ("cost of the run", lambda r: f"${r['cost_usd']:.4f}"),
    ("cost per 1,000 events", lambda r: f"${r['cost_usd'] / max(r['n'], 1) * 1000:.2f}"),
    ("lines or answers not usable", lambda r: str(r["errors"])),
)


def show(console: Console, reports: list[dict[str, Any]]) -> None:
    """One column a model; for a single model also a table by category."""
    table = Table()
    table.add_column("")
    for one in reports:
        table.add_column(one["model"], justify="right")
    for name, cell in _ROWS:
        table.add_row(name, *(cell(one) for one in reports))
    console.print(table)
    if len(reports) == 1:
        classes = Table("category", "precision", "recall", "F1", "events")
        for name, one in reports[0]["category"]["per_class"].items():
            numbers = (f"{one[key]:.2f}" for key in ("precision", "recall", "f1"))
            classes.add_row(name, *numbers, str(one["support"]))
        console.print(classes)
