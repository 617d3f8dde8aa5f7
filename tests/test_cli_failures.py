"""What goes wrong is one sentence and a hint for a person, never a traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .live import Live, free_port

BIN = Path(sys.executable).parent


@pytest.mark.parametrize("command", ["plan", "worker", "reconcile", "export-corrections", "rotate-key"])
def test_a_database_that_is_away_is_a_sentence_without_its_password(tmp_path: Path, command: str) -> None:
    done = subprocess.run(
        [BIN / "sentry-triage", command],
        cwd=tmp_path,
        env={
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "HOME": str(tmp_path),
            "DATABASE_URL": f"postgresql://triage:hunter2@127.0.0.1:{free_port()}/triage",
            "SENTRY_ORG": "acme",
            "SENTRY_AUTH_TOKEN": "t" * 64,
            "SENTRY_CLIENT_SECRET": "s" * 64,
        },
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "hunter2" not in done.stderr
    assert "DATABASE_URL" in done.stderr, done.stderr


def test_serve_says_what_is_wrong_with_a_rule_before_it_listens(tmp_path: Path) -> None:
    (tmp_path / "triage.toml").write_text("[[rule]]\nid = 'acme.erp'\n")
    with (
        SandboxServer(SandboxSentry()) as sandbox,
        Live(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}") as live,
    ):
        done = live.run("serve")
    assert done.returncode == 2
    assert "'acme.erp' in triage.toml is not usable" in done.stderr
    assert "Listening" not in done.stderr
    assert "Traceback" not in done.stderr
