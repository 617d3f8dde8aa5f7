"""``demo``: real errors, a sandbox Sentry, and what the triage makes of them. No key, no account."""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.table import Table

from app.core.vocabulary import TagKey
from app.demo.run import Demo, break_things, running

PATIENCE = 60.0
"""Seconds until the demo says that something was not triaged."""


@click.command()
@click.option("--once", is_flag=True, help="Exit when all is triaged: 0, or 1 where something was not.")
@click.option(
    "--json", "as_json", is_flag=True, help="Print what the sandbox holds, as JSON; implies --once."
)
def command(once: bool, as_json: bool) -> None:
    """Break a small shop for real and watch its errors being triaged in a sandbox Sentry.

    Runs everything on this machine: a local Sentry, this app, its worker, and the shop's errors, captured by
    the real sentry-sdk. Ends with the address of the sandbox's issue list.
    """
    logging.basicConfig(level=logging.ERROR)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    console = Console(stderr=as_json)
    with tempfile.TemporaryDirectory(prefix="sentry-triage-demo-") as folder, running(Path(folder)) as demo:
        with Live(_table(demo), console=console, refresh_per_second=8, transient=as_json) as live:
            break_things(demo, lambda _said: live.update(_table(demo)))
            ended = _wait(demo, live)
        if as_json:
            click.echo(json.dumps({"issues": demo.issues()}, ensure_ascii=False, indent=2))
        else:
            _explain(console, demo, ended)
        if not (once or as_json):
            _stay(console)
    sys.exit(0 if ended else 1)


def _wait(demo: Demo, live: Live) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not demo.done() and time.monotonic() < deadline:
        time.sleep(0.1)
        live.update(_table(demo))
    live.update(_table(demo))
    return demo.done()


def _table(demo: Demo) -> Table:
    table = Table(title="Sentry Triage · sandbox", title_justify="left", expand=True, box=SIMPLE_HEAD)
    for name, options in COLUMNS.items():
        table.add_column(name, **options)
    for issue in demo.issues():
        tags = issue["tags"]
        seconds = demo.seconds.get(issue["short_id"])
        table.add_row(
            issue["short_id"],
            issue["title"].splitlines()[0],
            tags.get(TagKey.CATEGORY.value, "…"),
            tags.get(TagKey.SEVERITY.value, "…"),
            (issue["assignee"] or "–").partition("@")[0],
            f"{seconds:.1f}" if seconds is not None else "",
        )
    return table


COLUMNS: dict[str, dict[str, Any]] = {
    "issue": {"no_wrap": True, "min_width": 13},
    "error": {"no_wrap": True, "overflow": "ellipsis", "ratio": 1},
    "category": {"no_wrap": True, "min_width": 14},
    "severity": {"no_wrap": True, "min_width": 8},
    "assignee": {"no_wrap": True, "min_width": 9},
    "seconds": {"justify": "right", "no_wrap": True, "min_width": 7},
}


def _explain(console: Console, demo: Demo, ended: bool) -> None:
    held = demo.issues()
    count = sum(1 for issue in held if TagKey.CATEGORY.value in issue["tags"])
    console.print(f"\n{count} of {demo.expected} errors triaged in {time.monotonic() - demo.began:.1f} s.")
    if not ended:
        console.print("Not everything was triaged: see the list.", style="bold")
    console.print(f"Issue list:  {demo.url}", soft_wrap=True)
    console.print(f"Dashboard:   {demo.app_url}/  (token: {demo.dashboard_token})", soft_wrap=True)
    console.print(f"Filtered:    {demo.url}?query=triage.category:Database", soft_wrap=True)


def _stay(console: Console) -> None:
    console.print("The sandbox runs until you press Ctrl-C.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print("Stopped.")
