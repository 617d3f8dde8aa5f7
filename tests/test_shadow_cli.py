"""The commands as a person types them: shadow, plan, apply, undo, over real processes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .live import Live, wait_until
from .rig import error


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxSentry()) as server:
        yield server


def said(live: Live, *command: str) -> Any:
    done = live.run(*command, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_week_in_shadow_then_written_then_undone(tmp_path: Path, sandbox: SandboxServer) -> None:
    url = f"sqlite:///{tmp_path / 'triage.db'}"
    with Live(tmp_path, sandbox, url, TRIAGE_WRITE="shadow", TRIAGE_RECONCILE_SECONDS="1") as live:
        live.release()
        sandbox.sandbox.app.webhook_url = None
        sandbox.sandbox.capture("shop-api", error(0, level="warning"))
        waiting = live.run("apply", "--since", "7d")
        assert waiting.stdout == "Nothing is left to write.\n"
        live.worker("only")
        wait_until(lambda: said(live, "plan")["issues"], 60, "reconcile finds it and it is decided")
        (planned,) = said(live, "plan", "--issue", "SHOP-API-1")["issues"]
        kinds = [write["kind"] for write in planned["writes"]]
        assert kinds == ["priority", "annotation", "comment", "tags"]
        assert sandbox.sandbox.issues()[0]["comments"] == []
        table = live.run("plan").stdout
        assert "4 writes on 1 issues." in table
        assert said(live, "apply", "--since", "7d") == {"issues": ["SHOP-API-1"], "ended": {"done": 1}}
        (written,) = sandbox.sandbox.issues()
        assert (written["priority"], written["tags"]["triage.category"]) == ("low", "Database")
        assert said(live, "plan") == {"issues": []}
        (dry,) = said(live, "undo", "--issue", "shop-api-1", "--dry-run")["issues"]
        assert sandbox.sandbox.issues() == [written]
        (undone,) = said(live, "undo", "--issue", "shop-api-1")["issues"]
        assert {line["kind"] for line in dry["lines"]} == {line["kind"] for line in undone["lines"]}
        (after,) = sandbox.sandbox.issues()
        assert (after["priority"], after["annotations"]) == ("medium", ["Triage#withdrawn"])
        assert "Nothing of ours is left to undo." in live.run("undo", "--since", "1h").stdout


def test_what_is_asked_for_wrongly_is_one_sentence(tmp_path: Path, sandbox: SandboxServer) -> None:
    with Live(tmp_path, sandbox, f"sqlite:///{tmp_path / 'triage.db'}") as live:
        refused = live.run("undo", "--issue", "SHOP-API-9")
        assert (refused.returncode, "sentry-triage release" in refused.stderr) == (2, True)
        live.release()
        for command, part in (
            (("undo", "--issue", "SHOP-API-9"), "is not in the database"),
            (("apply",), "Say which issues"),
            (("undo",), "Say which writes"),
            (("plan", "--since", "yesterday"), "neither like 24h"),
        ):
            refused = live.run(*command)
            assert (refused.returncode, part in refused.stderr) == (2, True), refused.stderr
            assert "Traceback" not in refused.stderr
