"""People at work in the sandbox Sentry, over real sockets: what they say is learned, never written over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from app.core.webhook import sign
from app.sandbox.components import ComponentFailed
from app.sandbox.hooks import encode
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer

from .live import Live, wait_until
from .test_e2e import error, triaged

SCHEMA = {
    "elements": [
        {
            "type": "issue-link",
            "link": {"uri": "/components/issue-link", "required_fields": []},
            "create": {"uri": "/components/issue-link", "required_fields": []},
        },
        {
            "type": "alert-rule-action",
            "title": "Triage this issue",
            "settings": {"type": "alert-rule-settings", "uri": "/components/alert-action"},
        },
    ]
}
DATABASE, KEY_ERROR = 0, 1
"""Numbers of ``error``: a connection that timed out, and a missing key."""


@pytest.fixture
def sandbox() -> Iterator[SandboxServer]:
    with SandboxServer(SandboxSentry(schema=SCHEMA)) as server:
        yield server


@pytest.fixture
def live(tmp_path: Path, sandbox: SandboxServer, database_url: str) -> Iterator[Live]:
    with Live(tmp_path, sandbox, database_url) as live:
        live.release()
        live.web()
        live.worker("only")
        yield live


def shown(sandbox: SandboxServer, number: int = 0) -> dict[str, Any]:
    return sandbox.sandbox.issues()[number]


def eventually(live: Live, true: Callable[[], Any], what: str) -> None:
    try:
        wait_until(true, 90, what)
    except AssertionError as late:
        raise AssertionError(f"{late}\n{live.logs()}") from None


def triage(live: Live, sandbox: SandboxServer, *numbers: int) -> None:
    """Errors of these numbers arrive and are triaged."""
    before = len(sandbox.sandbox.issues())
    for number in numbers:
        sandbox.sandbox.capture("shop-api", error(number))
    eventually(live, lambda: len(triaged(sandbox)) == before + len(numbers), "all are triaged")
    idle(live, sandbox)


def idle(live: Live, sandbox: SandboxServer) -> None:
    """Every webhook was delivered, nothing waits and nothing runs."""
    assert sandbox.sandbox.hooks.flush()

    def settled() -> bool:
        queue = requests.get(f"{live.url}/ready", timeout=5).json()["queue"]
        return not queue.get("queued") and not queue.get("running")

    eventually(live, settled, "all jobs are done")


def says(sandbox: SandboxServer, number: int, **tags: str) -> Callable[[], bool]:
    wanted = {f"triage.{key}": value for key, value in tags.items()}
    return lambda: wanted.items() <= shown(sandbox, number)["tags"].items()


def ours(sandbox: SandboxServer, number: int = 0) -> list[str]:
    """Our comments on an issue."""
    return [text for text in shown(sandbox, number)["comments"] if "<!-- triage:1 -->" in text]


def test_a_comment_corrects_the_issue_and_the_same_error_elsewhere(
    live: Live, sandbox: SandboxServer
) -> None:
    maya = sandbox.sandbox.as_person("maya@example.test")
    triage(live, sandbox, DATABASE)
    assert shown(sandbox)["tags"]["triage.category"] == "Database"
    assert shown(sandbox)["priority"] == "high"

    maya.comment(1, "Known.\n/triage category=Network severity=low")
    eventually(live, says(sandbox, 0, category="Network", severity="low", source="human"), "tags changed")
    idle(live, sandbox)
    issue = shown(sandbox)
    assert issue["priority"] == "low"
    assert issue["annotations"] == ["Triage#Network-low"]
    (comment,) = ours(sandbox)
    assert "**Triage: Network, severity low.**" in comment
    assert "Maya Okafor said so" in comment
    assert "Learned from 1 correction." in comment

    same = error(DATABASE) | {"fingerprint": ["another group of the same error"]}
    sandbox.sandbox.capture("shop-api", same)
    eventually(live, says(sandbox, 1, category="Network", severity="low", source="reused"), "learned")
    idle(live, sandbox)
    (comment,) = ours(sandbox, 1)
    assert f"same as `{issue['short_id']}`" in comment
    assert f"Maya Okafor said so on {issue['short_id']}" in comment
    assert "Learned from 1 correction." in comment

    maya.comment(1, "/triage category=Infrastructure")
    eventually(live, says(sandbox, 0, category="Infrastructure", severity="low"), "corrected again")
    eventually(live, says(sandbox, 1, category="Infrastructure", severity="low"), "it learned again")
    idle(live, sandbox)
    assert len(ours(sandbox, 0)) == len(ours(sandbox, 1)) == 1


def test_wrong_again_help_and_a_bad_command_are_answered_in_our_one_comment(
    live: Live, sandbox: SandboxServer
) -> None:
    jonas = sandbox.sandbox.as_person("jonas@example.test")
    triage(live, sandbox, KEY_ERROR)
    before = dict(shown(sandbox)["tags"])

    jonas.comment(1, "/triage severity=urgent")
    eventually(live, lambda: '"urgent" is no severity' in ours(sandbox)[0], "the bad command is answered")
    jonas.comment(1, "/triage help")
    eventually(live, lambda: "`/triage wrong`\n- `/triage again`" in ours(sandbox)[0], "help is shown")
    idle(live, sandbox)
    assert shown(sandbox)["tags"] == before

    jonas.comment(1, "/triage wrong")
    eventually(live, says(sandbox, 0, category="Unknown", confidence="low", source="human"), "withdrawn")
    idle(live, sandbox)
    assert "A person said that the verdict was wrong" in ours(sandbox)[0]
    sandbox.sandbox.capture("shop-api", error(KEY_ERROR) | {"fingerprint": ["elsewhere"]})
    eventually(live, lambda: len(triaged(sandbox)) == 2, "the same error elsewhere")
    assert shown(sandbox, 1)["tags"]["triage.source"] == "offline", "what was withdrawn is not reused"

    jonas.comment(1, "/triage again")
    eventually(live, says(sandbox, 0, category=before["triage.category"], source="offline"), "decided again")
    idle(live, sandbox)
    (comment,) = ours(sandbox)
    assert "It was decided afresh, as you asked." in comment


def test_a_comment_that_is_edited_or_deleted_takes_its_word_back(live: Live, sandbox: SandboxServer) -> None:
    maya = sandbox.sandbox.as_person("maya@example.test")
    triage(live, sandbox, DATABASE)
    before = shown(sandbox)["tags"]["triage.category"]
    note = maya.comment(1, "/triage category=Logic")
    eventually(live, says(sandbox, 0, category="Logic"), "corrected")
    maya.edit_comment(1, note.id, "/triage category=Validation")
    eventually(live, says(sandbox, 0, category="Validation"), "the edit counts")
    maya.delete_comment(1, note.id)
    eventually(live, says(sandbox, 0, category=before, source="offline"), "taken back")
    idle(live, sandbox)
    assert len(ours(sandbox)) == 1
    assert "Learned from" not in ours(sandbox)[0]


def test_webhooks_five_times_and_shuffled_are_one_correction(live: Live, sandbox: SandboxServer) -> None:
    maya = sandbox.sandbox.as_person("maya@example.test")
    triage(live, sandbox, DATABASE)
    sandbox.sandbox.hooks.chaos.copies = 5
    sandbox.sandbox.hooks.chaos.spread = 2.0
    note = maya.comment(1, "/triage category=Logic severity=low")
    maya.edit_comment(1, note.id, "/triage category=Network severity=low")
    sandbox.sandbox.hooks.flush()
    eventually(live, says(sandbox, 0, category="Network", severity="low"), "the last word counts")
    idle(live, sandbox)
    assert "Learned from 1 correction." in ours(sandbox)[0]
    assert len(ours(sandbox)) == 1


def test_people_are_never_written_over(live: Live, sandbox: SandboxServer) -> None:
    lin, maya = (sandbox.sandbox.as_person(f"{name}@example.test") for name in ("lin", "maya"))
    triage(live, sandbox, DATABASE)
    maya.assign(1, "jonas@example.test")
    maya.set_priority(1, "medium")
    maya.comment(1, "/triage severity=critical")
    eventually(live, says(sandbox, 0, severity="critical"), "the severity is corrected")
    idle(live, sandbox)
    issue = shown(sandbox)
    assert (issue["assignee"], issue["priority"]) == ("jonas@example.test", "medium")

    maya.comment(1, "/triage owner=team:backend")
    eventually(live, lambda: shown(sandbox)["assignee"] == "#backend", "a person named the owner")
    idle(live, sandbox)
    lin.assign(1, "maya@example.test")
    idle(live, sandbox)
    maya.comment(1, "/triage category=Network")
    eventually(live, says(sandbox, 0, category="Network"), "the category is corrected")
    idle(live, sandbox)
    assert shown(sandbox)["assignee"] == "maya@example.test", "who assigned by hand later, wins"


def test_a_priority_that_contradicts_is_learned_when_the_issue_is_read_again(
    live: Live, sandbox: SandboxServer
) -> None:
    maya = sandbox.sandbox.as_person("maya@example.test")
    triage(live, sandbox, DATABASE)
    assert shown(sandbox)["priority"] == "high"
    maya.set_priority(1, "low")
    maya.assign(1, "maya@example.test")
    eventually(live, says(sandbox, 0, severity="low", source="human"), "it contradicts by two steps")
    idle(live, sandbox)
    assert "Maya Okafor set the priority to low" in ours(sandbox)[0]
    assert shown(sandbox)["priority"] == "low"


def test_the_form_in_the_sidebar(live: Live, sandbox: SandboxServer) -> None:
    maya = sandbox.sandbox.as_person("maya@example.test")
    triage(live, sandbox, DATABASE)
    components, issue = sandbox.sandbox.components, sandbox.sandbox.issue(1)
    link = components.issue_link(issue, maya.user, {"category": "Logic", "severity": "", "owner": ""})
    assert link.web_url == f"{live.url}/issues/1"
    assert link.display_name.startswith("Triage#Logic-")
    eventually(live, says(sandbox, 0, category="Logic", source="human"), "the form is a correction")
    idle(live, sandbox)
    assert shown(sandbox)["annotations"] == [link.display_name]
    with pytest.raises(ComponentFailed, match="is no category"):
        components.issue_link(issue, maya.user, {"category": "Databse"})
    teams = components.options("/components/options", project="shop-api")
    assert teams.body == [{"label": "#backend", "value": "team:backend"}]


def test_the_alert_action_and_its_minimum_level(live: Live, sandbox: SandboxServer) -> None:
    sandbox.sandbox.app.events = ()
    sandbox.sandbox.capture("shop-api", error(0) | {"level": "warning"})
    sandbox.sandbox.capture("shop-api", error(1) | {"level": "error"})
    settings = [{"name": "minimum_level", "value": "error"}]
    assert sandbox.sandbox.components.alert_action(settings).ok
    refused = sandbox.sandbox.components.alert_action([{"name": "minimum_level", "value": "loud"}])
    assert (refused.status, refused.message) == (
        400,
        "The minimum level can be fatal, error, warning or info.",
    )
    for number in (1, 2):
        sandbox.sandbox.fire_event_alert(number, settings=settings)
    eventually(live, lambda: len(triaged(sandbox)) == 1, "the error is triaged")
    idle(live, sandbox)
    assert triaged(sandbox)[0]["id"] == "2"
    sandbox.sandbox.fire_event_alert(1)
    eventually(live, lambda: len(triaged(sandbox)) == 2, "a rule without settings takes all")


def test_forged_and_repeated_forms(live: Live, sandbox: SandboxServer) -> None:
    triage(live, sandbox, DATABASE)
    secret = sandbox.sandbox.client_secret
    body = encode({"fields": {"category": "Logic"}, "issueId": 1, "actor": {"name": "Maya Okafor"}})

    def post(headers: dict[str, str]) -> int:
        url = f"{live.url}/components/issue-link"
        return requests.post(url, data=body, headers=headers, timeout=10).status_code

    assert post({}) == 401
    assert post({"Sentry-App-Signature": sign("another", body)}) == 401
    assert post({"Sentry-Hook-Signature": sign(secret, body)}) == 401
    good = {"Sentry-App-Signature": sign(secret, body), "Request-ID": "f0"}
    assert [post(good) for _ in range(3)] == [200, 200, 200]
    eventually(live, says(sandbox, 0, category="Logic"), "corrected")
    idle(live, sandbox)
    assert "Learned from 1 correction." in ours(sandbox)[0]
