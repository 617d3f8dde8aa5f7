"""``classify`` and ``eval`` as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import classify, eval
from app.core.digest import Digest
from app.core.score import Prediction
from app.core.verdict import Verdict
from app.core.vocabulary import Category, Severity, Source
from app.errors import Permanent, UserError

SAMPLES = Path(__file__).parent / "samples"
EVENT = {
    "platform": "python",
    "level": "error",
    "exception": {"values": [{"type": "ZeroDivisionError", "value": "division by [bold]zero[/bold]"}]},
}
LINE = {
    "id": "a",
    "event": EVENT,
    "label": {"category": "Logic", "severity": "high", "requires_immediate_action": False},
}


def run(command: Any, *args: str, text: str | None = None) -> str:
    result = CliRunner().invoke(command, args, input=text, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_classify_reads_stdin_and_prints_a_verdict() -> None:
    data = json.loads(run(classify.command, "-", "--json", text=json.dumps(EVENT)))
    assert (data["category"], data["severity"], data["source"]) == ("Logic", "high", "offline")
    assert "evidence" in data


def test_classify_explains_each_piece_of_evidence_and_renders_no_markup() -> None:
    out = run(classify.command, "-", "--explain", text=json.dumps(EVENT))
    assert "exception:0.type" in out
    assert "ZeroDivisionError" in out
    assert "scores:" in out


@pytest.mark.parametrize(
    "envelope", [{"data": {"error": EVENT}}, {"data": {"event": EVENT}}, {"event": EVENT}]
)
def test_classify_takes_the_event_out_of_its_envelope(envelope: dict[str, Any]) -> None:
    assert json.loads(run(classify.command, "-", "--json", text=json.dumps(envelope)))["category"] == "Logic"


TEAM_RULE = (
    '[[rule]]\nid = "acme.zero"\ncategory = "ThirdParty"\ncause = "Acme sent 0"\n'
    'types = ["ZeroDivisionError"]\n'
)


def test_classify_uses_a_teams_rules(tmp_path: Path) -> None:
    policy = tmp_path / "triage.toml"
    policy.write_text(TEAM_RULE)
    out = json.loads(run(classify.command, "-", "--json", "--rules", str(policy), text=json.dumps(EVENT)))
    assert (out["category"], out["root_cause"]) == ("ThirdParty", "Acme sent 0")


def test_classify_says_what_is_wrong_with_its_input(tmp_path: Path) -> None:
    policy = tmp_path / "triage.toml"
    policy.write_text('[[rule]]\nid = "acme.x"\ncategory = "Nonsense"\ntypes = ["X"]\n')
    for args, text, named in (
        (("-",), "{", "not JSON"),
        (("-",), "[]", "holds no event"),
        (("-", "--rules", str(policy)), json.dumps(EVENT), "acme.x"),
    ):
        with pytest.raises(UserError, match=named):
            CliRunner().invoke(classify.command, args, input=text, catch_exceptions=False)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    path = tmp_path / "labelled.jsonl"
    bad = {**LINE, "label": {"category": "Nope"}}
    path.write_text(
        "\n".join([json.dumps(LINE), "{broken", "", json.dumps(bad), json.dumps({**LINE, "id": "b"})])
    )
    return path


def test_eval_names_bad_lines_skips_and_counts_them(labelled: Path) -> None:
    result = CliRunner().invoke(eval.command, [str(labelled), "--json"], catch_exceptions=False)
    report = json.loads(result.stdout)
    assert (report["n"], report["errors"], report["model"]) == (2, 2, "offline")
    assert "line 2 is skipped" in result.stderr
    assert "line 4 is skipped" in result.stderr


def test_eval_prints_a_table(labelled: Path) -> None:
    assert "category exact" in run(eval.command, str(labelled))


def test_eval_compares_models_and_counts_failed_answers(labelled: Path, tmp_path: Path) -> None:
    calls: list[Digest] = []

    def answer(digest: Digest, project: str) -> Prediction:
        calls.append(digest)
        if len(calls) == 2:
            raise Permanent("the model refused")
        verdict = Verdict(
            category=Category.NETWORK,
            severity=Severity.LOW,
            confidence=0.9,
            source=Source.MODEL,
            model="fake:x",
        )
        return Prediction(verdict, cost_usd=0.25)

    eval.predictors.register("fake", lambda _name: answer)
    misses = tmp_path / "misses.jsonl"
    out = run(
        eval.command,
        str(labelled),
        "--model",
        "offline",
        "--model",
        "fake:x",
        "--json",
        "--misses",
        str(misses),
    )
    offline, fake = json.loads(out)
    assert offline["category"]["accuracy"] == 1.0
    assert (fake["n"], fake["errors"], fake["cost_usd"]) == (1, 3, 0.25)
    rows = [json.loads(line) for line in misses.read_text().splitlines()]
    assert [(row["model"], row["wrong"]) for row in rows] == [("fake:x", ["category", "severity"])]


def test_eval_measures_a_teams_rules_beside_the_embedded_ones(labelled: Path, tmp_path: Path) -> None:
    rules = tmp_path / "triage.toml"
    rules.write_text(TEAM_RULE)
    plain, ours = json.loads(run(eval.command, str(labelled), "--rules", str(rules), "--json"))
    assert (plain["model"], ours["model"]) == ("offline", "offline + triage.toml")
    assert (plain["category"]["accuracy"], ours["category"]["accuracy"]) == (1.0, 0.0)
    rules.write_text("[[rule]]\nid = 'acme.erp'\n")
    with pytest.raises(UserError, match=r"'acme.erp' in triage.toml"):
        run(eval.command, str(labelled), "--rules", str(rules))


def test_eval_plots_one_page_that_needs_nothing_else(labelled: Path, tmp_path: Path) -> None:
    page = tmp_path / "plot.html"
    run(eval.command, str(labelled), "--plot", str(page))
    html = page.read_text("utf-8")
    assert "Reliability" in html
    assert "Confusion: offline" in html
    assert '<script src="http' not in html
