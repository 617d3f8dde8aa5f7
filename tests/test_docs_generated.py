"""What is generated in ``docs/`` is what the code says."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT / "tools"))

import docs  # noqa: E402
from app.core.offline.rules import Conditions, Rule  # noqa: E402
from app.core.policy import (  # noqa: E402
    Assign,
    Policy,
    PriorityPolicy,
    Privacy,
    ProjectPolicy,
    Route,
    Tags,
)
from app.models.capabilities import Capability  # noqa: E402
from app.settings import Settings  # noqa: E402
from app.settings_sources import aliases  # noqa: E402


def test_nothing_is_stale() -> None:
    """In a process of its own: click keeps the help option that another test's call of a command has made."""
    done = subprocess.run(
        [sys.executable, "tools/docs.py", "--check"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_drift_is_found_and_mended(tmp_path: Path) -> None:
    for file in {file for file, _ in docs.GENERATED.values()}:
        shutil.copy(ROOT / "docs" / file, tmp_path / file)
    changed = tmp_path / "settings.md"
    changed.write_text(changed.read_text().replace("`8000`", "`8080`"))
    assert docs.main(["--check"], tmp_path) == 1
    assert docs.main([], tmp_path) == 0
    assert docs.main(["--check"], tmp_path) == 0
    assert changed.read_text() == (ROOT / "docs/settings.md").read_text()


def test_every_setting_command_and_metric_is_there() -> None:
    settings = (ROOT / "docs/settings.md").read_text()
    for field, info in Settings.model_fields.items():
        assert f"`{aliases(info, field)[0]}`" in settings
        assert info.description, field
    commands = (ROOT / "docs/cli.md").read_text()
    for file in (ROOT / "app/cli").glob("[a-z]*.py"):
        assert f"## `sentry-triage {file.stem.replace('_', '-')}`" in commands


def test_every_table_and_key_of_triage_toml_is_there() -> None:
    text = (ROOT / "docs/configuration.md").read_text()
    tables = (Tags, PriorityPolicy, Assign, Privacy, Route, ProjectPolicy, Capability)
    for key in {key for model in tables for key in model.model_fields}:
        assert f"| `{key}` |" in text, key
    for table in Policy.model_fields:
        assert re.search(rf"^\| `\[+{table}[\].]", text, re.M), table
    rules = (ROOT / "docs/rules.md").read_text()
    for key in {*Rule.model_fields, *Conditions.model_fields} - {"team"}:
        assert re.search(rf"\b{key}\b", rules), key


def test_every_document_that_the_product_names_exists() -> None:
    for file in (ROOT / "app").rglob("*.py"):
        for name in re.findall(r"docs/[\w.-]+\.md", file.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{file.name} names {name}"


@pytest.mark.parametrize(
    "file",
    [
        "configuration.md",
        "rules.md",
        "operating.md",
        "security.md",
        "metrics.md",
        "reliability.md",
        "accuracy.md",
    ],
)
def test_links_lead_somewhere(file: str) -> None:
    text = (ROOT / "docs" / file).read_text()
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / "docs" / target).exists(), target
    for path in re.findall(r"`((?:deploy|tests|app|examples)/[\w./]+\.\w+)`", text):
        assert (ROOT / path).exists(), path
