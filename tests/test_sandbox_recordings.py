"""Answers have the keys and types, refusals the exact words, of the recordings from a real 23.7.1."""

from __future__ import annotations

from typing import Any

import pytest

from .sandbox_support import Api, differences, event, lab, sample

# Parts that Sentry 23.7.1 shows and nobody of ours reads.
NOT_PLAYED = (
    ".options",
    ".versionInfo.version.",
    "$[0].features",
    "$.features",
    "$.organization",
    ".hasReplay",
    ".isSuperuser",
)


def relevant(found: list[str]) -> list[str]:
    return [line for line in found if not any(part in line for part in NOT_PLAYED)]


@pytest.fixture
def api() -> Api:
    sandbox = lab(version="23.7")
    sandbox.capture("shop", event(event_id="87eeb638b78d4a8b8e27992ab3946fcc"))
    sandbox.project("shop").ownership.raw = "path:shop/db.py #backend\npath:shop/views.py alice@lab.test"
    return Api(sandbox)


def replay(api: Api, name: str) -> tuple[dict[str, Any], int, Any, Any]:
    recorded = sample(f"transcripts/{name}.json")
    asked = recorded["request"]
    path = asked["path"].removeprefix("/api/0/").replace("/issues/23/", "/issues/1/").replace("/38/", "/1/")
    path = path.replace("issues/23/", "issues/1/")
    path = path.replace("74ff018e-c608-46ea-9569-b8ebff3a2aa1", installation(api))
    body = asked["body"]
    if body and "issueId" in body:
        body = {**body, "issueId": 1}
    token = "wrong" if name.startswith("56") else api.token
    status, answer, headers = api(asked["method"], path, body, token=token)
    return recorded, status, answer, headers


def installation(api: Api) -> str:
    return str(api.get("organizations/sentry/sentry-app-installations/")[0]["uuid"])


READS = [
    "01-get-issue-org",
    "02-get-issue-legacy",
    "03-hashes",
    "04-events-latest",
    "06-events",
    "07-tags",
    "08-tag-key",
    "10-assign-user-id",
    "12-org-teams",
    "13-assign-team",
    "19-unassign",
    "20-tags-put-ignored",
    "21-priority-put",
    "22-status-resolved",
    "23-status-unresolved",
    "24-status-ignored",
    "25-status-unresolved2",
    "26-comment-post",
    "36-ext-issue",
    "39-members",
    "40-projects",
    "42-keys",
    "43-ownership",
    "46-event-owners",
    "48-first-last-release",
    "49-activities",
    "50-search-tag",
    "52-search-tag-none",
    "55-org",
]


@pytest.mark.parametrize("name", READS)
def test_answers_have_the_recorded_shape(api: Api, name: str) -> None:
    if name == "49-activities":
        api("POST", "issues/1/comments/", {"text": "human comment"}, token="person-token")
    recorded, status, answer, headers = replay(api, name)
    assert status == recorded["status"]
    if name != "55-org":
        assert relevant(differences(answer, recorded["body"])) == []
    for header in recorded["headers"]:
        assert header in headers


@pytest.mark.parametrize(
    "name",
    [
        "14-assign-team-without-access",
        "15-assign-nonmember-user",
        "17-assign-bad",
        "18-assign-hash-team",
        "35-comment-empty",
        "47-event-committers",
        "56-badtoken",
    ],
)
def test_refusals_are_word_for_word(api: Api, name: str) -> None:
    recorded, status, answer, headers = replay(api, name)
    assert (status, answer) == (recorded["status"], recorded["body"])
    for header, value in recorded["headers"].items():
        assert headers[header] == value


def test_unknown_user_is_refused_word_for_word(api: Api) -> None:
    recorded, status, answer, _ = replay(api, "16-assign-nonexistent")
    assert (status, answer) == (400, recorded["body"])


def test_a_repeated_comment_answers_json_inside_a_json_string(api: Api) -> None:
    replay(api, "26-comment-post")
    recorded, status, answer, _ = replay(api, "27-comment-post-dup")
    assert (status, answer) == (400, recorded["body"])
    assert isinstance(answer, str)


def test_a_second_external_issue_is_an_internal_error(api: Api) -> None:
    replay(api, "36-ext-issue")
    recorded, status, answer, _ = replay(api, "37-ext-issue-again")
    assert (status, answer.keys()) == (500, recorded["body"].keys())
    assert api.get("organizations/sentry/issues/1/external-issues/")[0]["displayName"] == "TRI#1"
    assert api.get("organizations/sentry/issues/1/")["annotations"] == [
        '<a href="https://tracker.test/TRI-1">TRI#1</a>'
    ]


def test_priority_is_ignored_and_recommended_unknown(api: Api) -> None:
    status, answer, _ = api("PUT", "issues/1/", {"priority": "low"})
    assert status == 200
    assert "priority" not in answer
    assert api("GET", "organizations/sentry/issues/1/events/recommended/")[0] == 404


def test_substatus_follows_the_recorded_sequence(api: Api) -> None:
    seen = []
    for status in ("resolved", "unresolved", "ignored", "unresolved"):
        answer = api("PUT", "issues/1/", {"status": status})[1]
        seen.append((answer["status"], answer["substatus"]))
    assert seen == [("resolved", None), ("unresolved", "ongoing"), ("ignored", None), ("unresolved", "new")]


def test_comment_is_edited_and_deleted_by_its_author_only(api: Api) -> None:
    posted = api("POST", "issues/1/comments/", {"text": "AI triage"})[1]
    path = f"issues/1/comments/{posted['id']}/"
    status, edited, _ = api("PUT", path, {"text": "edited"})
    assert (status, edited["data"]) == (200, {"text": "edited"})
    assert api("PUT", path, {"text": "mine now"}, token="person-token")[0] == 404
    assert api("DELETE", path)[0] == 204
    assert api.get("organizations/sentry/issues/1/notes/") == []


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("organizations/acme/issues/1/", "issue.get.json"),
        ("organizations/acme/issues/1/events/latest/", "event.latest.json"),
        ("organizations/acme/issues/1/tags/triage.category/", "issue.tag_values.json"),
        ("projects/acme/shop/keys/", "project.keys.json"),
    ],
)
def test_todays_shape_has_all_documented_keys(path: str, name: str) -> None:
    sandbox = lab()
    stored = sandbox.capture("shop", event())
    sandbox.capture(
        "shop", {**event(), "tags": {"triage.category": "Database"}, "checksum": stored.hashes[0]}
    )
    answer = Api(sandbox).get(path.replace("/acme/", "/sentry/") + "?expand=owners&expand=sentryAppIssues")
    missing = [line for line in differences(answer, sample(f"api/{name}")) if line.endswith("is missing")]
    ignorable = (
        "geo",
        "sourceLink",
        "integrationIssues",
        "in_app_frame_mix",
        "severity",
        ".contexts.",
        ".context.",
        ".packages.",
    )
    assert [line for line in missing if not any(part in line for part in ignorable)] == []
