"""``config``: the settings that hold, and where each came from."""

from __future__ import annotations

import json
from dataclasses import asdict

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from app.settings import environment, load_settings
from app.settings_shown import shown, unknown


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print settings and warnings as JSON.")
def command(as_json: bool) -> None:
    """Show every setting with its value, secrets masked, and where it came from."""
    variables = environment()
    rows = shown(load_settings(), variables)
    strange = unknown(variables)
    if as_json:
        settings = {
            row.name: {key: value for key, value in asdict(row).items() if key != "name"} for row in rows
        }
        click.echo(json.dumps({"settings": settings, "unknown": strange}, indent=2))
        return
    table = Table(box=SIMPLE_HEAD)
    for title in ("setting", "value", "from"):
        table.add_column(title, overflow="fold")
    for row in rows:
        table.add_row(row.name, row.value, row.source)
    Console().print(table)
    for name, near in strange.items():
        click.echo(f"{name} is not a setting" + (f"; did you mean {near}?" if near else "."), err=True)
