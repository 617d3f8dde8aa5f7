"""The demo, run as a newcomer runs it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from app.demo.peers import Peers
from app.demo.shop import BREAKAGES, Breakage

from .live import BIN

EXPECTED = {
    "OperationalError: connection failed": "Database",
    "ReadTimeout": "Network",
    "KeyError": "Logic",
    "ValidationError": "Validation",
    "ExpiredSignatureError": "Authentication",
    "OSError: [Errno 28]": "Infrastructure",
    "HTTPError: 503": "ThirdParty",
    "ConnectionError: Error 111": "Infrastructure",
    "IntegrityError": "Database",
    "OperationalError: no such table": "Database",
    "AttributeError": "Logic",
    "SSLError": "Network",
    "MemoryError": "Infrastructure",
    "UnicodeDecodeError": "Validation",
}
KEYS = {"short_id", "title", "tags", "priority", "assignee", "comments", "annotations", "count", "status"}


@pytest.fixture(scope="module")
def peers() -> Peers:
    with Peers() as peers:
        yield peers


@pytest.mark.parametrize("breakage", BREAKAGES, ids=lambda breakage: breakage.run.__name__)
def test_the_shop_really_breaks(breakage: Breakage, peers: Peers) -> None:
    with pytest.raises(Exception) as caught:
        breakage.run(peers)
    frames = [entry.name for entry in caught.traceback]
    assert breakage.run.__name__ in frames
    assert len(frames) > 1 or type(caught.value).__module__ == "builtins"


def test_once_json_triages_everything(tmp_path: Path) -> None:
    done = subprocess.run(
        [BIN / "sentry-triage", "demo", "--once", "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    held = json.loads(done.stdout)["issues"]
    assert len(held) == len(BREAKAGES) == len(EXPECTED)
    for issue in held:
        assert issue.keys() == KEYS
        assert len(issue["comments"]) == len(issue["annotations"]) == 1
        category = issue["tags"]["triage.category"]
        expected = [value for start, value in EXPECTED.items() if issue["title"].startswith(start)]
        if sys.platform == "linux":
            assert expected == [category], issue["title"]
        assert issue["annotations"] == [f"Triage#{category}-{issue['tags']['triage.severity']}"]
        assert issue["status"] == "unresolved"
        assert issue["count"] == 2
    assert {issue["assignee"] for issue in held} >= {"#database", "#platform", "jonas@example.test"}
