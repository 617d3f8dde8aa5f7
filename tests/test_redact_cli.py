"""``redact``: what would be sent of an event, in each shape, and what was removed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click import Command
from click.testing import CliRunner, Result

from app.cli.classify import command as classify_command
from app.cli.redact import command
from app.core.prompt import MAX_CASES
from app.errors import UserError

ROOT = Path(__file__).parent.parent

EVENT: dict[str, Any] = {
    "platform": "python",
    "level": "error",
    "user": {"email": "jane@example.com", "ip_address": "203.0.113.9"},
    "request": {
        "method": "POST",
        "url": "https://shop.example.com/pay?token=t0ps3cret",
        "headers": {"Cookie": "sid=abc", "Accept": "*/*"},
        "data": {"card": "4242424242424242"},
    },
    "exception": {
        "values": [
            {
                "type": "OperationalError",
                "value": "postgres://app:s3cr3tpw@db/shop: user bob@example.com refused",
                "stacktrace": {
                    "frames": [{"filename": "pay.py", "function": "charge", "vars": {"pw": "v4rsecret"}}]
                },
            }
        ]
    },
}
HIDDEN = (
    "jane@",
    "203.0.113.9",
    "t0ps3cret",
    "sid=abc",
    "42424242",
    "s3cr3tpw",
    "bob@example.com",
    "v4rsecret",
)


def _run(tmp_path: Path, event: object, *options: str) -> Result:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(event))
    return CliRunner().invoke(command, [str(path), *options])


def test_people_see_what_is_sent_and_what_is_not(tmp_path: Path) -> None:
    result = _run(tmp_path, EVENT)
    assert result.exit_code == 0, result.output
    assert "exception:0.value: postgres://[credentials]@db/shop: user [email] refused" in result.output
    assert "exception:0.value: 1 credentials" in result.output
    assert "request.headers: 2 values" in result.output
    assert "vars: 1 values" in result.output
    for secret in HIDDEN:
        assert secret not in result.output


@pytest.mark.parametrize(
    "wrap",
    [
        lambda e: e,
        lambda e: {"data": {"event": e}},
        lambda e: {"data": {"error": e}},
        lambda e: {"event": e, "group": "shop", "label": {"category": "Database"}},
    ],
)
def test_json_holds_the_same_for_an_event_and_a_webhook(tmp_path: Path, wrap: Any) -> None:
    shown = json.loads(_run(tmp_path, wrap(EVENT), "--json").output)
    assert shown["level"] == "full"
    assert "OperationalError" in shown["sent"]["user"]
    assert {"kind": "credentials", "count": 1, "where": "exception:0.value"} in shown["removed"]
    assert shown["never_read"] == {"request.data": 1, "request.headers": 2, "user": 2, "vars": 1}
    assert {"kind": "personal", "count": 1, "where": "user.email"} in shown["found_in_event"]
    for secret in HIDDEN:
        assert secret not in json.dumps(shown)


def test_the_rest_shape_is_read_too(tmp_path: Path) -> None:
    event = {
        "user": {"id": "1"},
        "context": {"note": "x"},
        "entries": [
            {
                "type": "request",
                "data": {"method": "GET", "url": "https://a.test/b", "headers": [["Cookie", "a=b"]]},
            },
            {"type": "exception", "data": EVENT["exception"]},
        ],
    }
    shown = json.loads(_run(tmp_path, event, "--json").output)
    assert shown["never_read"] == {"context": 1, "request.headers": 2, "user": 1, "vars": 1}


def test_offline_only_sends_nothing(tmp_path: Path) -> None:
    assert json.loads(_run(tmp_path, EVENT, "--json", "--level", "offline-only").output)["sent"] is None
    assert "Nothing is sent" in _run(tmp_path, EVENT, "--level", "offline-only").output


def test_title_only_sends_no_frame(tmp_path: Path) -> None:
    sent = json.loads(_run(tmp_path, EVENT, "--json", "--level", "title-only").output)["sent"]["user"]
    assert "OperationalError" in sent
    assert "frame:" not in sent
    assert "request" not in sent


@pytest.mark.parametrize("content", [b"not json", b"[1, 2]", b"[" * 100_000, b"\xff{}"])
@pytest.mark.parametrize("read", [command, classify_command])
def test_a_file_without_an_event_is_a_sentence(tmp_path: Path, read: Command, content: bytes) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(content)
    result = CliRunner().invoke(read, [str(path)])
    assert isinstance(result.exception, UserError)
    assert "event.json" in str(result.exception)


def test_it_shows_what_the_settings_and_the_policy_make_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIAGE_LANGUAGE", "Suomi")
    (tmp_path / "triage.toml").write_text(
        """
[privacy]
level = "title-only"

[project."shop"]
privacy = { level = "no-variables" }

[[rule]]
id = "acme.refused"
category = "ThirdParty"
types = ["OperationalError"]
says = "the ERP said no"
"""
    )
    shown = json.loads(_run(tmp_path, EVENT, "--json").output)
    assert shown["level"] == "title-only"
    assert "plain sentences in Suomi" in shown["sent"]["system"]
    assert "the ERP said no" in shown["sent"]["user"]
    assert json.loads(_run(tmp_path, EVENT, "--json", "--project", "shop").output)["level"] == "no-variables"
    row = {"event": EVENT, "group": "shop"}
    assert json.loads(_run(tmp_path, row, "--json").output)["level"] == "no-variables"
    assert json.loads(_run(tmp_path, row, "--json", "--project", "web").output)["level"] == "title-only"
    over = json.loads(_run(tmp_path, row, "--json", "--level", "full", "--language", "Deutsch").output)
    assert over["level"] == "full"
    assert "plain sentences in Deutsch" in over["sent"]["system"]


def test_past_cases_are_said_to_come_on_top(tmp_path: Path) -> None:
    assert f"up to {MAX_CASES} past cases" in _run(tmp_path, EVENT).output
    assert json.loads(_run(tmp_path, EVENT, "--json").output)["past_cases_at_most"] == MAX_CASES
    assert "past cases" not in _run(tmp_path, EVENT, "--level", "offline-only").output
    for page in ("README.md", "docs/model.md"):
        assert f"up to {MAX_CASES} past cases" in (ROOT / page).read_text(encoding="utf-8"), page
