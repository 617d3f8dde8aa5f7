"""``config``: every setting, its source, no secret; and the nearest name for one that is mistyped."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli import cli
from app.settings import Settings, environment, load_settings
from app.settings_shown import shown, unknown


def test_values_are_shown_with_their_source(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from-a-file-hunter2")
    (tmp_path / ".env").write_text("SENTRY_ORG=acme\nOPENAI_API_KEY=sk-hunter2\n")
    monkeypatch.setenv("SENTRY_CLIENT_SECRET_FILE", str(secret))
    monkeypatch.setenv("SENTRY_TOKEN", "token-hunter2")
    monkeypatch.setenv("DATABASE_URL", "postgresql://triage:hunter2@db/triage")
    monkeypatch.setenv("TRIAGE_ENCRYPTION_KEY", "hunter2-one,hunter2-two")
    done = CliRunner().invoke(cli, ["config", "--json"])
    assert done.exit_code == 0, done.output
    assert "hunter2" not in done.output
    found = json.loads(done.output)["settings"]
    assert len(found) == len(Settings.model_fields)
    sources = {name: row["source"] for name, row in found.items()}
    assert sources["SENTRY_CLIENT_SECRET"] == f"file {secret}"
    assert sources["SENTRY_AUTH_TOKEN"] == "environment SENTRY_TOKEN"
    assert sources["SENTRY_ORG"] == ".env SENTRY_ORG"
    assert sources["PORT"] == "default"
    assert found["DATABASE_URL"]["value"] == "postgresql+psycopg://triage:********@db/triage"
    assert "hunter2" not in CliRunner().invoke(cli, ["config"]).output


def test_what_is_said_is_what_holds(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "org").write_text("acme")
    (tmp_path / ".env").write_text("PORT=1111\nHOST=10.0.0.1\nSENTRY_ORG_FILE=org\n")
    monkeypatch.setenv("PORT", "2222")
    rows = {row.name: row for row in shown(load_settings(), environment())}
    assert (rows["PORT"].value, rows["PORT"].source) == ("2222", "environment PORT")
    assert (rows["HOST"].value, rows["HOST"].source) == ("10.0.0.1", ".env HOST")
    assert (rows["SENTRY_ORG"].value, rows["SENTRY_ORG"].source) == ("acme", "file org")


def test_a_mistyped_name_is_told_with_the_nearest(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("TRIAGE_RETENTION=5\n")
    variables = {
        "TRIAGE_MODLE": "x",
        "TRIAGE_MODEL": "offline",
        "PATH": "y",
        "TRIAGE_DASHBOARD_TOKEN_FILE": "z",
    }
    assert unknown(variables, tmp_path / ".env") == {
        "TRIAGE_MODLE": "TRIAGE_MODEL",
        "TRIAGE_RETENTION": "TRIAGE_RETENTION_DAYS",
    }


def test_the_command_warns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRIAGE_BUGDET_USD_DAY", "1")
    done = CliRunner().invoke(cli, ["config"])
    assert "TRIAGE_BUGDET_USD_DAY is not a setting; did you mean TRIAGE_BUDGET_USD_DAY?" in done.stderr
