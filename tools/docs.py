"""Writes what the code knows into ``docs/``: settings, triage.toml, tags, commands, metrics.

``--check`` fails on drift.

Only what stands between ``<!-- generated: NAME -->`` and ``<!-- end -->`` is written; the words around it are
people's.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Any

import click
from prometheus_client import Counter, Histogram
from pydantic import SecretStr

from app.cli import cli
from app.core.policy import Policy
from app.core.vocabulary import Action, Category, ConfidenceBand, Severity, Source, TagKey
from app.doctor import CHECKS
from app.models.capabilities import Capability
from app.settings import Settings
from app.settings_sources import aliases
from app.web import metrics, metrics_database

DOCS = Path(__file__).parent.parent / "docs"
GENERATED: dict[str, tuple[str, Callable[[], Iterable[str]]]] = {}


def generates(name: str, file: str) -> Callable[[Callable[[], Iterable[str]]], Callable[[], Iterable[str]]]:
    def register(function: Callable[[], Iterable[str]]) -> Callable[[], Iterable[str]]:
        GENERATED[name] = (file, function)
        return function

    return register


def table(*rows: Iterable[str]) -> Iterator[str]:
    """Markdown; the first row is the head."""
    for number, row in enumerate(rows):
        yield "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |"
        if number == 0:
            yield "|" + "---|" * len(list(row))


@generates("settings", "settings.md")
def settings() -> Iterator[str]:
    rows = [("setting", "default", "what it is", "also read as")]
    for field, info in Settings.model_fields.items():
        first, *others = aliases(info, field)
        default = info.default
        if isinstance(default, SecretStr):
            default = default.get_secret_value()
        shown = getattr(default, "value", default)
        shown = f"`{shown}`" if shown not in ("", ()) else ""
        rows.append((f"`{first}`", shown, info.description or "", ", ".join(f"`{one}`" for one in others)))
    return table(*rows)


@generates("configuration", "configuration.md")
def configuration() -> Iterator[str]:
    whole = Policy.model_json_schema()
    rows = [("table", "key", "values", "default", "what it is")]
    for name, part in whole["properties"].items():
        heading, target = _table_of(name, part)
        about = Capability.model_json_schema() if name == "models" else whole["$defs"].get(target)
        if about is None:
            rows.append((heading, "", "", "", _prose(part["description"])))
            continue
        defs = whole["$defs"] | about.get("$defs", {})
        for key, field in about["properties"].items():
            given, prose = _default(key, field, about), _prose(field["description"])
            rows.append((heading, f"`{key}`", _values(field, defs), given, prose))
    return table(*rows)


def _table_of(name: str, part: dict[str, Any]) -> tuple[str, str]:
    """How a table is written in TOML, and the name of the model that says what is in it."""
    inner = part.get("items") or part.get("additionalProperties")
    ref = str((inner or part).get("$ref", "")).rpartition("/")[2]
    if part.get("type") == "array":
        return f"`[[{name}]]`", ref
    return (f'`[{name}."NAME"]`' if inner else f"`[{name}]`"), ref


def _values(field: dict[str, Any], defs: dict[str, Any]) -> str:
    """What a key may hold, by its JSON schema."""
    options = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    one = options[0]
    if "$ref" in one:
        one = defs[one["$ref"].rpartition("/")[2]]
    if "enum" in one:
        return " ".join(f"`{value}`" for value in one["enum"])
    bounds = [f"{word} {one[key]:g}" for key, word in (("minimum", "from"), ("maximum", "to")) if key in one]
    kinds = {"boolean": "`true` `false`", "integer": "number", "string": "text", "object": "a table"}
    return " ".join([str(one.get("format") or kinds.get(one["type"], one["type"])), *bounds])


def _default(key: str, field: dict[str, Any], about: dict[str, Any]) -> str:
    if key in about.get("required", ()):
        return "must be given"
    value = field.get("default")
    return "" if value in (None, "") else f"`{json.dumps(value)}`"


def _prose(docstring: str) -> str:
    """A docstring as Markdown."""
    return " ".join(docstring.replace("``", "`").split())


@generates("tags", "tags.md")
def tags() -> Iterator[str]:
    values = {
        TagKey.CATEGORY: Category,
        TagKey.SEVERITY: Severity,
        TagKey.ACTION: Action,
        TagKey.CONFIDENCE: ConfidenceBand,
        TagKey.SOURCE: Source,
    }
    rows = [("tag", "values")]
    for key in TagKey:
        known = values.get(key)
        rows.append((f"`{key.value}`", " ".join(f"`{one.value}`" for one in known) if known else "`true`"))
    return table(*rows)


@generates("cli", "cli.md")
def commands() -> Iterator[str]:
    size = {"terminal_width": 100, "max_content_width": 100}
    # With the group's own settings, as it runs: click keeps the help option that the first context made.
    context = click.Context(cli, info_name="sentry-triage", **cli.context_settings, **size)
    for name in ("", *cli.list_commands(context)):
        command = cli.get_command(context, name) if name else cli
        assert command is not None
        inner = context if not name else click.Context(command, context, name, terminal_width=100)
        yield from (f"## `sentry-triage{' ' + name if name else ''}`", "", "```text")
        yield from (line.rstrip() for line in command.get_help(inner).splitlines())
        yield from ("```", "")


@generates("checks", "operating.md")
def checks() -> Iterator[str]:
    return table(("check", "holds when"), *((f"`{one.name}`", one.about) for one in CHECKS.values()))


@generates("metrics", "metrics.md")
def counted() -> Iterator[str]:
    rows = [("metric", "labels", "kind", "what it tells", "from")]
    for one in vars(metrics).values():
        if isinstance(one, Counter | Histogram):
            family = next(iter(one.describe()))
            suffix = "_total" if isinstance(one, Counter) else ""
            labels = ", ".join(one._labelnames)
            rows.append(
                (f"`{family.name}{suffix}`", labels, family.type, family.documentation, "web processes")
            )
    m = metrics_database
    for spec in (*m.COUNTERS, m.TOKENS):
        rows.append((f"`{spec.name}_total`", ", ".join(spec.labels), "counter", spec.help, "database"))
    name, text, labels = m.CORRECTIONS
    rows.append((f"`{name}_total`", ", ".join(labels), "counter", text, "database"))
    for name, text, labels in (m.JOB_SECONDS, m.MODEL_SECONDS):
        rows.append((f"`{name}`", ", ".join(labels), "summary", text, "database"))
    for name, (text, labels) in m.GAUGES.items():
        rows.append((f"`{name}`", ", ".join(labels), "gauge", text, "database"))
    return table(*rows)


def written(text: str, name: str, lines: Iterable[str]) -> str:
    """``text`` with the part of that name replaced. Raises ``ValueError`` where it has no such part."""
    block = "\n".join(lines).rstrip()
    new, count = re.subn(
        rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)",
        lambda found: f"{found[1]}\n{block}\n\n{found[2]}",
        text,
        flags=re.S,
    )
    if count != 1:
        raise ValueError(f"there must be one part named {name}, there are {count}")
    return new


def main(arguments: list[str] | None = None, folder: Path = DOCS) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where something differs")
    check = parser.parse_args(arguments).check
    stale = []
    for name, (file, lines) in GENERATED.items():
        path = folder / file
        before = path.read_text(encoding="utf-8")
        after = written(before, name, lines())
        if after == before:
            continue
        stale.append(f"docs/{file}")
        if check:
            print("\n".join(unified_diff(before.splitlines(), after.splitlines(), "in docs", "today", n=1)))
        else:
            path.write_text(after, encoding="utf-8")
    verb = "is stale: run python tools/docs.py" if check else "was written"
    for name in stale:
        print(f"{name} {verb}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
