"""Corrections as rows to measure with: the label people gave, the event without secrets and people."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click import BadParameter
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from app.cli import cli
from app.cli._options import Since
from app.cli.export_corrections import export
from app.core.corrections import Field, Said
from app.core.digest import digest_event
from app.core.digest_event import event_of
from app.core.policy import Policy
from app.core.vocabulary import Category, Source
from app.store import Store
from app.store.corrections import About
from app.store.engine import migrate
from app.store.vault import vault_for

from .conftest import SAMPLES, SECRET
from .writeback import verdict

NOW = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
EVENT = {
    "event_id": "e" * 32,
    "platform": "python",
    "exception": {"values": [{"type": "LoginError", "value": "no account for maya@example.test"}]},
    "request": {"method": "GET", "url": "https://shop.example/login"},
}


def keep(store: Store, issue_id: str, given: Any, field: Field = Field.CATEGORY, at: datetime = NOW) -> None:
    """An issue that was read, decided and corrected."""
    store.issues.save_read(
        issue_id,
        project="shop-api",
        short_id=f"SHOP-{issue_id}",
        status="unresolved",
        signature="",
        first_seen=NOW,
        last_seen=NOW,
        digest=digest_event(EVENT),
        extra={},
    )
    store.verdicts.add(issue_id, given, project="shop-api", signature="", reason="")
    about = About(issue_id, f"SHOP-{issue_id}", "shop-api", "")
    store.corrections.put(about, "comment", f"comment:{issue_id}", [Said(field, "Logic", at=at)])


def human(**more: Any) -> Any:
    return verdict(category=Category.LOGIC, confidence=1.0, source=Source.HUMAN, **more)


def test_a_row_has_the_label_and_the_redacted_event(store: Store) -> None:
    keep(store, "1", human())
    ((row,), left) = export(store, Policy())
    assert left == 0
    assert (row["id"], row["also_ok"], row["ambiguous"]) == ("SHOP-1", [], False)
    assert row["label"] == {"category": "Logic", "severity": "high", "requires_immediate_action": False}
    assert "maya@" not in json.dumps(row)
    assert row["event"]["exception"]["values"][0]["type"] == "LoginError"


def test_what_has_no_label_is_left_out_and_counted(store: Store) -> None:
    keep(store, "1", verdict(category=Category.UNKNOWN, confidence=0.0, source=Source.HUMAN), Field.WRONG)
    keep(store, "2", verdict())
    assert export(store, Policy()) == ([], 2)


def test_since(store: Store) -> None:
    keep(store, "1", human(), at=NOW - timedelta(days=40))
    keep(store, "2", human())
    rows, _ = export(store, Policy(), NOW - timedelta(days=30))
    assert [row["id"] for row in rows] == ["SHOP-2"]
    assert Since().convert("2026-09-01", None, None) == datetime(2026, 9, 1, tzinfo=UTC)
    with pytest.raises(BadParameter, match="neither like 24h"):
        Since().convert("lately", None, None)


def test_the_command_prints_lines_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"sqlite:///{tmp_path / 'triage.db'}"
    store = Store.open(url, vault_for([], [SECRET]))
    migrate(store.engine)
    keep(store, "1", human())
    store.close()
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SENTRY_CLIENT_SECRET", SECRET)
    result = CliRunner().invoke(cli, ["export-corrections"])
    assert result.exit_code == 0, result.output
    (line,) = result.stdout.splitlines()
    assert json.loads(line)["id"] == "SHOP-1"
    assert "1 corrected issue\n" in result.stderr


def samples() -> list[dict[str, Any]]:
    rows = (SAMPLES / "dev.jsonl").read_text().splitlines()
    rest = [json.loads((SAMPLES / name).read_text()) for name in ("event.rest.json", "event.webhook.json")]
    return [*(json.loads(row)["event"] for row in rows), *rest]


def test_an_event_made_from_a_digest_reads_as_that_digest() -> None:
    for event in samples():
        first = digest_event(event)
        again = digest_event(event_of(first))
        for name in ("truncated", "processing_errors"):
            object.__setattr__(first, name, False)
            object.__setattr__(again, name, False)
        assert again == first


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
)
KEYS = ("exception", "tags", "logentry", "request", "breadcrumbs", "contexts", "sdk", "level", "stacktrace")


@given(st.dictionaries(st.sampled_from(KEYS), JSON))
def test_any_event_at_all_becomes_json(event: dict[str, Any]) -> None:
    json.dumps(event_of(digest_event(event)))
