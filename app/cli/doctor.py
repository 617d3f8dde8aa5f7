"""``doctor``: is everything as it must be, and what to do where it is not."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict

import click

from app.doctor import CHECKS, Clinic, Result, State, examine
from app.logs import one_line
from app.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@click.option(
    "--only", multiple=True, metavar="NAME", help="Only this check and what it rests on; repeatable."
)
@click.option("--list", "as_list", is_flag=True, help="Print the checks and what each looks at.")
def command(as_json: bool, only: tuple[str, ...], as_list: bool) -> None:
    """Check settings, database, Sentry, the public address and the model. Exit 1 where something fails.

    Changes nothing in Sentry. With a model configured it asks one small question, which costs a fraction of
    a cent.
    """
    if as_list:
        for one in CHECKS.values():
            click.echo(f"{one.name:14} {one.about}")
        return
    logging.basicConfig(level=logging.CRITICAL)
    clinic = Clinic(load_settings)
    results = []
    for result in examine(clinic, only):
        results.append(result)
        if not as_json:
            _say(result)
    clinic.close()
    failed = [result.name for result in results if result.finding.state is State.FAIL]
    if as_json:
        click.echo(json.dumps({"ok": not failed, "checks": [_plain(one) for one in results]}, indent=2))
    elif failed:
        click.echo(f"\n{len(failed)} of {len(results)} checks failed: {', '.join(failed)}")
    sys.exit(1 if failed else 0)


def _say(result: Result) -> None:
    found = result.finding
    click.echo(f"{found.state.value:4}  {result.name:14} {one_line(found.seen)}")
    if found.todo:
        click.echo(f"      {'':14} → {one_line(found.todo)}")


def _plain(result: Result) -> dict[str, object]:
    return {"name": result.name, **asdict(result.finding), "ms": result.ms}
