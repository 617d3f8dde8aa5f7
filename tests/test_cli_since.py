"""``--since``: one reading of a time, the same in every command."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import click
import pytest
from click.testing import CliRunner

from app.cli import cli
from app.cli._options import Since


@pytest.mark.parametrize(
    ("text", "ago"),
    [
        ("90m", timedelta(minutes=90)),
        ("24h", timedelta(hours=24)),
        ("14d", timedelta(days=14)),
        (" 2W ", timedelta(weeks=2)),
        ("30D", timedelta(days=30)),
    ],
)
def test_so_long_ago(text: str, ago: timedelta) -> None:
    before = datetime.now(UTC)
    assert before - ago <= Since().convert(text, None, None) <= datetime.now(UTC) - ago


def test_a_date_is_of_utc_unless_it_says_its_zone() -> None:
    assert Since().convert("2026-09-01", None, None) == datetime(2026, 9, 1, tzinfo=UTC)
    east = datetime(2026, 9, 1, 8, tzinfo=timezone(timedelta(hours=2)))
    assert Since().convert("2026-09-01T08:00+02:00", None, None) == east


@pytest.mark.parametrize("text", ["lately", "5y", "", "-3d"])
def test_what_is_no_time_is_a_sentence(text: str) -> None:
    with pytest.raises(click.BadParameter, match="neither like 24h or 14d nor a date"):
        Since().convert(text, None, None)


@pytest.mark.parametrize("name", ["plan", "apply", "undo", "backfill", "export-corrections"])
def test_every_command_reads_it_alike(name: str) -> None:
    done = CliRunner().invoke(cli, [name, "--since", "lately"])
    assert done.exit_code == 2
    assert "'lately' is neither like 24h or 14d nor a date" in done.output
