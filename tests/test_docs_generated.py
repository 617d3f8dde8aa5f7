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


@pytest.mark.parametrize(
    "file", ["operating.md", "security.md", "metrics.md", "reliability.md", "accuracy.md"]
)
def test_links_lead_somewhere(file: str) -> None:
    text = (ROOT / "docs" / file).read_text()
    for target in re.findall(r"\]\(([^)#]+)", text):
        assert (ROOT / "docs" / target).exists(), target
    for path in re.findall(r"`((?:deploy|tests|app|examples)/[\w./]+\.\w+)`", text):
        assert (ROOT / path).exists(), path
