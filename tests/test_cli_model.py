"""``eval`` and ``classify`` with a model, against a fake endpoint on a socket."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.classify import command as classify_command
from app.cli.eval import command as eval_command
from app.errors import TriageError

from .model_server import Handler, ModelServer

SAMPLES = Path(__file__).parent / "samples" / "dev.jsonl"


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    path = tmp_path / "few.jsonl"
    path.write_text("\n".join(SAMPLES.read_text(encoding="utf-8").splitlines()[:20]), encoding="utf-8")
    return path


def test_eval_compares_offline_and_a_model_and_counts_what_failed(
    lines: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)

        def every_fifth_is_refused(handler: Handler, seen: int) -> None:
            handler.json({"error": {"message": "no"}}, 401) if seen % 5 == 4 else handler.answer()

        server.default = every_fifth_is_refused
        options = ["--model", "offline", "--model", "openai:gpt-6-luna", "--json"]
        result = CliRunner().invoke(eval_command, [str(lines), *options])
    assert result.exit_code == 0, result.output
    offline, model = json.loads(result.stdout)
    assert (offline["n"], offline["errors"]) == (20, 0)
    assert (model["model"], model["n"], model["errors"]) == ("openai:gpt-6-luna", 16, 4)
    assert model["cost_usd"] == pytest.approx(16 * 0.0002)
    assert server.calls == 20


def test_classify_asks_the_model_that_is_named(lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = lines.parent / "event.json"
    event.write_text(lines.read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        asked = CliRunner().invoke(classify_command, [str(event), "--model", "openai:gpt-6-luna", "--json"])
        alone = CliRunner().invoke(classify_command, [str(event), "--json"])
    assert json.loads(asked.stdout)["source"] == "model", asked.output
    assert json.loads(alone.stdout)["source"] == "offline"
    assert server.calls == 1


CLOSED = '[project."closed"]\nprivacy = { level = "offline-only" }\n'


def test_nothing_of_an_offline_only_project_is_sent(lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("triage.toml").write_text(CLOSED)
    first, second, *_ = (json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines())
    rows = [{**first, "group": "closed"}, {**second, "group": "open"}]
    lines.write_text("\n".join(map(json.dumps, rows)))
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        options = ["--model", "openai:gpt-6-luna", "--json"]
        result = CliRunner().invoke(eval_command, [str(lines), *options])
    report = json.loads(result.stdout)
    assert (report["n"], report["errors"], server.calls) == (1, 1, 1)
    assert f"{first['id']} got no answer: the privacy level of closed is offline-only" in " ".join(
        result.stderr.split()
    )


def test_each_project_is_sent_at_its_own_level(lines: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("triage.toml").write_text(CLOSED.replace("offline-only", "title-only"))
    row = json.loads(lines.read_text(encoding="utf-8").splitlines()[1])
    lines.write_text("\n".join(json.dumps({**row, "group": group}) for group in ("closed", "open")))
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        server.behaviours = {"frame:": lambda handler, _: handler.json({"error": {"message": "no"}}, 401)}
        result = CliRunner().invoke(eval_command, [str(lines), "--model", "openai:gpt-6-luna", "--json"])
    report = json.loads(result.stdout)
    assert (report["n"], report["errors"]) == (1, 1), "only the open project's frames are sent"


@pytest.mark.parametrize(
    ("policy", "group", "options"),
    [
        (CLOSED, "closed", []),
        (CLOSED, "", ["--project", "closed"]),
        ('[privacy]\nlevel = "offline-only"\n', "", []),
    ],
)
def test_classify_sends_nothing_of_an_offline_only_project(
    lines: Path, monkeypatch: pytest.MonkeyPatch, policy: str, group: str, options: list[str]
) -> None:
    Path("triage.toml").write_text(policy)
    row = json.loads(lines.read_text(encoding="utf-8").splitlines()[0])
    lines.write_text(json.dumps({**row, "group": group}))
    with ModelServer() as server:
        monkeypatch.setenv("OPENAI_BASE_URL", server.url)
        done = CliRunner().invoke(classify_command, [str(lines), "--model", "openai:gpt-6-luna", *options])
    assert isinstance(done.exception, TriageError)
    assert server.calls == 0
