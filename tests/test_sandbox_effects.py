"""What one more event does: every row of the effects table, and the runs made on a real Sentry."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.sandbox import SandboxSentry

from .sandbox_support import Api, Clock, annotation, event, lab

ISSUE = "organizations/sentry/issues/1/"


class Box:
    """One sandbox with one issue of three events, and its REST client."""

    def __init__(self, **rest: Any) -> None:
        self.clock = Clock()
        self.sandbox: SandboxSentry = lab(clock=self.clock, **rest)
        self.api = Api(self.sandbox)
        self.happenings: list[tuple[str, str]] = []
        self.sandbox.on_change(lambda h: self.happenings.append((h.resource, h.action)))

    def send(self, **fields: Any) -> Any:
        return self.sandbox.capture("shop", event(**fields))

    def annotate(self, **fields: Any) -> Any:
        latest = self.sandbox.issue(1).latest
        return self.sandbox.capture("shop", annotation(latest, **fields))

    def issue(self) -> dict[str, Any]:
        shown: dict[str, Any] = self.api.get(ISSUE)
        return shown

    def found(self, query: str) -> list[str]:
        rows = self.api.get("organizations/sentry/issues/", query_string={"query": query})
        return [row["id"] for row in rows]


@pytest.fixture
def box() -> Box:
    box = Box()
    for _ in range(3):
        box.send(timestamp=box.clock.pass_(minutes=1).timestamp())
    box.happenings.clear()
    return box


UNCHANGED = (
    "title",
    "culprit",
    "level",
    "firstSeen",
    "lastSeen",
    "userCount",
    "status",
    "substatus",
    "platform",
)


def test_annotation_of_an_exception(box: Box) -> None:
    before, latest = box.issue(), box.api.get(f"{ISSUE}events/latest/")
    sent = box.annotate(timestamp=box.sandbox.issue(1).last_seen.timestamp() - 1)
    after = box.issue()
    assert (before["count"], after["count"]) == ("3", "4")
    assert [after[key] for key in UNCHANGED] == [before[key] for key in UNCHANGED]
    assert box.api.get(f"{ISSUE}events/latest/")["id"] == latest["id"]
    assert box.found("triage.category:Database triage.severity:high") == ["1"]
    assert box.found("is:unresolved triage.category:Database") == ["1"]
    assert box.api.get(f"organizations/sentry/eventids/{sent.id}/")["groupId"] == "1"
    assert ("issue", "created") not in box.happenings


def test_the_same_event_id_again_is_dropped(box: Box) -> None:
    box.annotate()
    box.annotate(tags={"triage.category": "Network"})
    assert box.issue()["count"] == "4"
    assert box.found("triage.category:Network") == []


def test_annotation_of_a_message(box: Box) -> None:
    raw = {"logentry": {"formatted": "disk at 91 %"}, "level": "warning", "platform": "python"}
    stored = box.sandbox.capture("shop", raw)
    tagged = {
        **raw,
        "checksum": stored.hashes[0],
        "platform": "other",
        "tags": {"triage.category": "Infrastructure"},
    }
    box.sandbox.capture("shop", tagged)
    shown = box.api.get("organizations/sentry/issues/2/")
    assert (shown["count"], shown["level"], shown["title"]) == ("2", "warning", "disk at 91 %")


def test_annotation_of_a_custom_fingerprint(box: Box) -> None:
    stored = box.sandbox.capture("web", event(platform="javascript", fingerprint=["checkout", "v2"]))
    box.sandbox.capture("web", annotation(stored))
    rows = box.api.get("organizations/sentry/issues/", query_string={"query": "project:web"})
    assert [(row["count"], row["platform"]) for row in rows] == [("2", "javascript")]


def test_a_real_occurrence_after_the_annotation_keeps_the_title(box: Box) -> None:
    before = box.issue()
    box.annotate()
    box.send()
    assert (box.issue()["title"], box.issue()["count"]) == (before["title"], "5")


def test_last_seen_is_the_maximum_and_first_seen_the_minimum(box: Box) -> None:
    before = box.issue()
    box.send(timestamp=(box.clock() - timedelta(hours=1)).timestamp())
    after = box.issue()
    assert after["lastSeen"] == before["lastSeen"]
    assert after["firstSeen"] < before["firstSeen"]


def test_the_event_processed_last_overwrites_level_culprit_and_title(box: Box) -> None:
    old = (box.clock() - timedelta(hours=1)).timestamp()
    stored = box.sandbox.issue(1).latest
    values = [{"type": "OperationalError", "value": "COPY VALUE"}]
    changed = annotation(stored, timestamp=old, level="info", culprit="elsewhere") | {
        "exception": {"values": values}
    }
    box.sandbox.capture("shop", changed)
    after = box.issue()
    assert (after["title"], after["level"], after["culprit"]) == (
        "OperationalError: COPY VALUE",
        "info",
        "elsewhere",
    )
    assert after["metadata"]["function"] == "charge"  # a key the new event lacks keeps its value


def test_users_and_environments(box: Box) -> None:
    box.send(user={"id": "43"}, environment="staging")
    assert box.issue()["userCount"] == 2
    assert box.found("environment:staging") == ["1"]
    box.annotate()
    assert box.issue()["userCount"] == 2


def test_unhandled_comes_from_the_newest_event(box: Box) -> None:
    assert box.issue()["isUnhandled"] is True
    values = event()["exception"]["values"]
    values[0]["mechanism"]["handled"] = True
    box.send(exception={"values": values}, timestamp=box.clock.pass_(minutes=1).timestamp())
    assert box.issue()["isUnhandled"] is False


def test_each_tag_of_the_copy_is_counted_once_more(box: Box) -> None:
    box.annotate()
    levels = box.api.get(f"{ISSUE}tags/level/")
    assert (levels["totalValues"], levels["topValues"][0]["count"]) == (4, 4)


def test_only_an_event_with_a_release_moves_the_last_release(box: Box) -> None:
    box.annotate()
    assert box.issue()["lastRelease"]["version"] == "shop@1.0.0"
    box.send(release="shop@2", timestamp=box.clock.pass_(minutes=1).timestamp())
    assert (box.issue()["firstRelease"]["version"], box.issue()["lastRelease"]["version"]) == (
        "shop@1.0.0",
        "shop@2",
    )


def test_a_resolved_issue_regresses_even_from_a_past_event(box: Box) -> None:
    box.api("PUT", ISSUE, {"status": "resolved"})
    sent = box.annotate(timestamp=box.sandbox.issue(1).first_seen.timestamp())
    after = box.issue()
    assert (after["status"], after["substatus"]) == ("unresolved", "regressed")
    regression = next(entry for entry in after["activity"] if entry["type"] == "set_regression")
    assert regression["data"]["event_id"] == sent.id
    assert box.happenings[-2:] == [("issue", "unresolved"), ("error", "created")]


def test_a_resolved_issue_whose_events_lie_within_five_seconds_stays_resolved() -> None:
    box = Box()
    box.send()
    box.clock.pass_(minutes=10)
    box.api("PUT", ISSUE, {"status": "resolved"})
    box.annotate()
    assert box.issue()["status"] == "resolved"
    box.send(timestamp=box.clock().timestamp())
    assert box.issue()["status"] == "unresolved"


@pytest.mark.parametrize(
    ("release", "status"), [(None, "resolved"), ("shop@1.0.0", "resolved"), ("shop@2", "unresolved")]
)
def test_resolved_in_the_next_release(box: Box, release: str | None, status: str) -> None:
    box.api("PUT", ISSUE, {"status": "resolvedInNextRelease"})
    assert box.issue()["statusDetails"]["inNextRelease"] is True
    box.clock.pass_(minutes=1)
    box.send(release=release, timestamp=box.clock().timestamp())
    assert box.issue()["status"] == status


def test_archived_forever_stays(box: Box) -> None:
    box.api("PUT", ISSUE, {"status": "ignored", "substatus": "archived_forever"})
    box.send()
    assert (box.issue()["status"], box.issue()["substatus"]) == ("ignored", "archived_forever")


def test_archived_until_one_more_event_comes_back(box: Box) -> None:
    box.api("PUT", ISSUE, {"status": "ignored", "statusDetails": {"ignoreCount": 1}})
    assert box.issue()["statusDetails"]["ignoreCount"] == 1
    box.annotate()
    assert (box.issue()["status"], box.issue()["substatus"]) == ("unresolved", "ongoing")


def test_archived_until_more_users_or_for_a_time(box: Box) -> None:
    box.api("PUT", ISSUE, {"status": "ignored", "statusDetails": {"ignoreUserCount": 1}})
    box.annotate()
    assert box.issue()["status"] == "ignored"
    box.send(user={"id": "99"})
    assert box.issue()["status"] == "unresolved"
    box.api("PUT", ISSUE, {"status": "ignored", "ignoreDuration": 30})
    box.clock.pass_(minutes=31)
    box.send()
    assert box.issue()["status"] == "unresolved"


def test_archived_until_escalating_returns_with_high_priority(box: Box) -> None:
    box.sandbox.issue(1).priority = "low"
    box.api("PUT", ISSUE, {"status": "ignored"})
    assert box.issue()["substatus"] == "archived_until_escalating"
    for _ in range(8):
        box.send()
    after = box.issue()
    assert (after["status"], after["substatus"], after["priority"]) == ("unresolved", "escalating", "high")


def test_escalation_leaves_a_locked_priority_alone(box: Box) -> None:
    box.api("PUT", ISSUE, {"priority": "low"})
    box.api("PUT", ISSUE, {"status": "ignored"})
    box.sandbox.escalate(1)
    assert (box.issue()["substatus"], box.issue()["priority"]) == ("escalating", "low")


RULES = "path:shop/db.py #backend"


def test_an_event_without_matching_frames_deletes_the_suggested_owners(box: Box) -> None:
    project = box.sandbox.project("shop")
    project.ownership.raw, project.ownership.auto_assignment = RULES, "Turn off Auto-Assignment"
    owners = f"{ISSUE}?expand=owners"
    box.send()
    assert box.api.get(owners)["owners"][0]["owner"] == "team:2"
    box.annotate()
    assert box.api.get(owners)["owners"] is not None  # within 24 hours nothing is computed again
    box.clock.pass_(hours=25)
    box.annotate(event_id="00000000" + "1" * 24)
    assert box.api.get(owners)["owners"] is None


def test_frames_by_name_alone_keep_the_suggested_owners(box: Box) -> None:
    project = box.sandbox.project("shop")
    project.ownership.raw, project.ownership.auto_assignment = RULES, "Turn off Auto-Assignment"
    box.send()
    box.clock.pass_(hours=25)
    stored = box.sandbox.issue(1).latest
    body = annotation(stored)
    body["exception"]["values"][0]["stacktrace"] = {
        "frames": [{"filename": "shop/db.py", "module": "shop.db", "function": "charge", "in_app": True}]
    }
    box.sandbox.capture("shop", body)
    assert box.api.get(f"{ISSUE}?expand=owners")["owners"][0]["owner"] == "team:2"
    assert box.issue()["count"] == "5"


def test_ownership_by_tag_assigns_and_a_manual_assignee_is_kept(box: Box) -> None:
    box.sandbox.project("shop").ownership.raw = "tags.triage.category:Database #backend"
    box.annotate()
    assert box.issue()["assignedTo"]["name"] == "backend"
    box.api("PUT", ISSUE, {"assignedTo": "alice@lab.test"})
    box.clock.pass_(hours=30)
    box.annotate(event_id="00000000" + "2" * 24)
    assert box.issue()["assignedTo"]["name"] == "Alice"


def test_merge_keeps_the_bigger_issue_and_redirects_the_other(box: Box) -> None:
    box.send(kind="OtherError", exception={"values": [{"type": "OtherError", "value": "x"}]})
    answer = box.api("PUT", "organizations/sentry/issues/?id=2&id=1", {"merge": 1})[1]
    assert answer == {"merge": {"parent": "1", "children": ["2"]}}
    assert box.api.get("organizations/sentry/issues/2/")["id"] == "1"
    assert box.issue()["count"] == "4"
    assert box.api("GET", "organizations/sentry/issues/SHOP-2/")[0] == 404
    box.send(exception={"values": [{"type": "OtherError", "value": "x"}]})
    assert box.issue()["count"] == "5"
