"""REST rules that the recordings do not cover: scopes, both paths, today's answers, keys, integrations."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from app.sandbox import TokenSpec

from .sandbox_support import Api, Clock, event, lab, sample

ISSUE = "organizations/sentry/issues/1/"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(clock: Clock) -> Api:
    sandbox = lab(clock=clock)
    sandbox.capture("shop", event(event_id="a" * 32))
    return Api(sandbox)


MATRIX: list[tuple[str, str, set[str]]] = [
    ("GET", "issues/1/", {"event:read", "event:write", "event:admin"}),
    ("GET", ISSUE, {"event:read", "event:write", "event:admin"}),
    ("GET", "issues/1/events/latest/", {"event:read", "event:write", "event:admin"}),
    ("GET", "organizations/sentry/issues/?query=", {"event:read", "event:write", "event:admin"}),
    ("PUT", ISSUE, {"event:write", "event:admin"}),
    ("POST", "issues/1/comments/", {"event:write", "event:admin"}),
    ("GET", f"projects/sentry/shop/events/{'a' * 32}/json/", {"project:read", "project:write"}),
    ("GET", "organizations/sentry/members/", {"member:read"}),
    ("GET", "organizations/sentry/teams/", {"org:read", "org:write"}),
    ("GET", "organizations/sentry/projects/", {"org:read", "org:write"}),
    ("GET", "projects/sentry/shop/", {"project:read", "project:write"}),
    ("GET", "projects/sentry/shop/keys/", {"project:read", "project:write"}),
    ("POST", "projects/sentry/shop/keys/", {"project:write"}),
    ("GET", "projects/sentry/shop/ownership/", {"project:read", "project:write"}),
    ("GET", "organizations/sentry/", {"org:read", "org:write"}),
    ("DELETE", ISSUE, {"event:admin"}),
]
SCOPES = (
    "event:read event:write project:read project:write org:read org:write member:read team:read event:admin"
)


@pytest.mark.parametrize(("method", "path", "allowed"), MATRIX)
def test_scopes(method: str, path: str, allowed: set[str]) -> None:
    tokens = [TokenSpec(scope, (scope,)) for scope in SCOPES.split()]
    sandbox = lab(tokens=tokens)
    sandbox.capture("shop", event(event_id="a" * 32))
    api = Api(sandbox)
    for token in tokens:
        body = {"text": token.value} if method == "POST" else {} if method == "PUT" else None
        status, answer, _ = api(method, path, body, token=token.value)
        if token.value in allowed:
            assert status < 300, (token.value, answer)
        else:
            refusal = {"detail": "You do not have permission to perform this action."}
            assert (status, answer) == (403, refusal), token.value


def test_who_is_not_let_in(api: Api) -> None:
    assert api("GET", ISSUE, token="wrong")[:2] == (401, {"detail": "Invalid token"})
    answer = api.client.get(f"/api/0/{ISSUE}")
    assert answer.status_code == 401
    unknown = {"detail": "The requested resource does not exist"}
    for path in (
        "organizations/other/issues/1/",
        "issues/77/",
        "issues/SHOP-1/",
        "nowhere/",
        "projects/sentry/x/keys/",
    ):
        assert api("GET", path)[:2] == (404, unknown)


def test_short_ids_work_below_the_organisation(api: Api) -> None:
    assert api.get("organizations/sentry/issues/shop-1/")["id"] == "1"


# -- updates ----------------------------------------------------------------------


def test_priority_locks_and_tells_nobody(api: Api, clock: Clock) -> None:
    clock.pass_(minutes=5)
    answer = api("PUT", ISSUE, {"priority": "low"})[1]
    assert (answer["priority"], answer["priorityLockedAt"]) == ("low", "2026-09-14T08:17:33.120000Z")
    types = [entry["type"] for entry in api.get(f"{ISSUE}activities/")["activity"]]
    assert types == ["set_priority", "first_seen"]
    assert api("PUT", ISSUE, {"priority": "urgent"})[0] == 400


@pytest.mark.parametrize(
    ("level", "priority"),
    [("fatal", "high"), ("error", "high"), ("warning", "medium"), ("info", "low"), ("debug", "low")],
)
def test_first_priority_follows_the_level(level: str, priority: str) -> None:
    sandbox = lab()
    sandbox.capture("shop", event(level=level))
    assert Api(sandbox).get(ISSUE)["priority"] == priority


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("team:3", "Cannot assign to a team without access to the project"),
        ("team:99", "Team does not exist"),
        ("user:3", "Cannot assign to non-team member"),
        ("3", "Cannot assign to non-team member"),
        ("user:9999", "User does not exist"),
        ("#backend", "Could not parse actor"),
        ("user:", "Could not parse actor"),
        ("user:²", "Could not parse actor"),
        ({"id": 1}, "Could not parse actor"),
    ],
)
def test_assignees_that_are_refused(api: Api, value: Any, text: str) -> None:
    status, answer, _ = api("PUT", ISSUE, {"assignedTo": value, "priority": "low"})
    assert status == 400
    assert answer["assignedTo"][0].startswith(text)
    assert api.get(ISSUE)["priority"] == "high"  # nothing of a refused update is done


@pytest.mark.parametrize("value", ["user:2", "2", "alice@lab.test", "ALICE@lab.test"])
def test_assignees_by_every_name(api: Api, value: str) -> None:
    assert api("PUT", ISSUE, {"assignedTo": value})[1]["assignedTo"]["name"] == "Alice"


def test_open_membership_lets_every_member_be_assigned() -> None:
    sandbox = lab(open_membership=True)
    sandbox.capture("shop", event())
    api = Api(sandbox)
    assert api("PUT", ISSUE, {"assignedTo": "user:3"})[0] == 200
    assert api("PUT", ISSUE, {"assignedTo": f"user:{sandbox.app.proxy.id}"})[0] == 400


@pytest.mark.parametrize(
    "body",
    [
        {"status": "gone"},
        {"status": "ignored", "substatus": "gone"},
        {"status": "ignored", "statusDetails": {"ignoreCount": "x"}},
        {"status": "ignored", "statusDetails": {"ignoreCount": 5, "ignoreWindow": 10081}},
        {"status": "resolved", "statusDetails": {"inRelease": "shop@9"}},
        {"hasSeen": "maybe"},
    ],
)
def test_updates_that_are_refused(api: Api, body: dict[str, Any]) -> None:
    assert api("PUT", ISSUE, body)[0] == 400


def test_a_body_that_is_no_object(api: Api) -> None:
    headers = {"Authorization": "Bearer app-token"}
    assert api.client.put(f"/api/0/{ISSUE}", data=b"[", headers=headers).status_code == 400
    assert api.client.put(f"/api/0/{ISSUE}", data=b"[1]", headers=headers).status_code == 400


def test_a_deleted_issue_is_forgotten(api: Api) -> None:
    assert api("DELETE", ISSUE)[0] == 202
    assert api("GET", ISSUE)[0] == 404
    api_issue = lab()
    assert api_issue.issues() == []


# -- comments ---------------------------------------------------------------------


def test_the_same_comment_again_within_an_hour(api: Api, clock: Clock) -> None:
    first = api("POST", f"{ISSUE}notes/", {"text": "same"})
    assert (first[0], first[1]["sentry_app"]["name"]) == (201, "Triage")
    refused = {"detail": "You have already posted that comment."}
    assert api("POST", f"{ISSUE}notes/", {"text": "same"})[:2] == (400, refused)
    assert api("POST", f"{ISSUE}notes/", {"text": "same"}, token="person-token")[0] == 201
    clock.pass_(minutes=61)
    assert api("POST", f"{ISSUE}notes/", {"text": "same"})[0] == 201
    assert api.get(ISSUE)["numComments"] == 3


def test_comments_need_a_text_and_known_mentions(api: Api) -> None:
    assert api("POST", f"{ISSUE}notes/", {})[1] == {"text": ["This field is required."]}
    assert api("POST", f"{ISSUE}notes/", {"text": "  \n"})[1] == {"text": ["This field may not be blank."]}
    assert api("POST", f"{ISSUE}notes/", {"text": "hi", "mentions": ["user:3"]})[0] == 400
    assert api("POST", f"{ISSUE}notes/", {"text": "hi", "mentions": ["user:2", "team:2"]})[0] == 201


def test_comments_are_kept_as_written(api: Api) -> None:
    text = "**x** <!-- triage:1 -->\n\n" + "y" * 9000
    api("POST", f"{ISSUE}comments/", {"text": text})
    assert api.get(f"{ISSUE}notes/")[0]["data"]["text"] == text


# -- external issues ----------------------------------------------------------------


def test_an_external_issue_is_replaced_listed_and_removed(api: Api) -> None:
    uuid = api.get("organizations/sentry/sentry-app-installations/")[0]["uuid"]
    path = f"sentry-app-installations/{uuid}/external-issues/"
    body = {**sample("api/external_issue.request.json"), "issueId": 1}
    first = api("POST", path, body)[1]
    second = api("POST", path, {**body, "identifier": "<b>&"})[1]
    assert (second["id"], second["displayName"]) == (first["id"], "AI-Triage#&lt;b&gt;&amp;")
    assert api.get(ISSUE)["annotations"] == [{"displayName": second["displayName"], "url": body["webUrl"]}]
    assert api.get("organizations/sentry/issues/?query=is:linked")[0]["id"] == "1"
    assert api("POST", path, {**body, "issueId": 99})[0] == 404
    assert api("POST", path, {"issueId": 1})[0] == 400
    assert api("POST", path, body, token="person-token")[0] == 403
    assert api("DELETE", f"{path}{first['id']}/")[0] == 204
    assert api.get(f"{ISSUE}external-issues/") == []


# -- events -------------------------------------------------------------------------


def test_events_by_order_id_environment_and_time(api: Api, clock: Clock) -> None:
    sandbox = api.client.application.extensions["sandbox"]
    clock.pass_(days=1)
    late = sandbox.capture("shop", event(environment="staging"))
    tie = sandbox.capture("shop", event(event_id="0" * 32, timestamp=late.at.timestamp()))
    base = f"{ISSUE}events/"
    assert api.get(f"{base}latest/")["id"] == late.id
    assert api.get(f"{base}latest/")["previousEventID"] == tie.id
    assert api.get(f"{base}oldest/")["id"] == "a" * 32
    assert api.get(f"{base}oldest/")["nextEventID"] == tie.id
    assert api.get(f"{base}latest/?environment=production")["id"] == tie.id
    assert api("GET", f"{base}latest/?environment=nowhere")[:2] == (404, {"detail": "No matching event"})
    assert [row["id"] for row in api.get(base)] == [late.id, tie.id, "a" * 32]
    assert [row["id"] for row in api.get(f"{base}?statsPeriod=1h")] == [late.id, tie.id]
    assert "entries" in api.get(f"{base}?full=true")[0]
    assert api("GET", f"{base}{'f' * 32}/")[0] == 404


def test_recommended_prefers_events_without_processing_errors(api: Api, clock: Clock) -> None:
    sandbox = api.client.application.extensions["sandbox"]
    clock.pass_(minutes=1)
    sandbox.capture("shop", event(tags={"bad/key": "x"}))
    assert api.get(f"{ISSUE}events/recommended/")["id"] == "a" * 32


def test_event_ids(api: Api) -> None:
    found = api.get(f"organizations/sentry/eventids/{'a' * 32}/")
    assert (found["groupId"], found["projectSlug"]) == ("1", "shop")
    assert found.keys() == sample("api/eventids.json").keys()
    assert api("GET", f"organizations/sentry/eventids/{'b' * 32}/")[0] == 404
    assert api("GET", "organizations/sentry/eventids/x/")[0] == 400


# -- keys, ownership, integrations ------------------------------------------------------


def test_keys_are_made_limited_and_switched_off(api: Api) -> None:
    body = {"name": "AI triage", "rateLimit": {"count": 10, "window": 60}}
    status, made, _ = api("POST", "projects/sentry/shop/keys/", body)
    assert (status, made["rateLimit"]) == (201, {"count": 10, "window": 60})
    assert made["dsn"]["public"].endswith("/1")
    changed = api("PUT", f"projects/sentry/shop/keys/{made['id']}/", {"isActive": False})[1]
    assert changed["isActive"] is False
    assert api("POST", "projects/sentry/shop/keys/", {"rateLimit": "much"})[0] == 400


def test_ownership_rules_are_checked(api: Api) -> None:
    path = "projects/sentry/shop/ownership/"
    raw = "path:shop/db.py #backend\ntags.triage.category:Database alice@lab.test"
    assert api("PUT", path, {"raw": raw})[1]["raw"] == raw
    assert api("PUT", path, {"raw": "nonsense here"})[0] == 400
    assert api("PUT", path, {"raw": raw, "autoAssignment": "sometimes"})[0] == 400
    owners = api.get(f"projects/sentry/shop/events/{'a' * 32}/owners/")
    assert owners["owners"] == [{"type": "team", "id": "2", "name": "backend"}]


def created(api: Api, **fields: Any) -> tuple[int, Any]:
    body = {
        **sample("ui/create_internal_integration.request.json"),
        "organization": "sentry",
        "scopes": ["event:read"],
    }
    status, answer, _ = api("POST", "sentry-apps/", body | fields, token="person-token")
    return status, answer


def test_an_integration_is_created_changed_and_its_secret_rotated(api: Api, clock: Clock) -> None:
    status, made = created(api, schema=sample("ui/integration_schema.json"))
    assert (status, made["status"], made["events"]) == (201, "internal", ["issue", "comment"])
    path = f"sentry-apps/{made['slug']}/"
    installed = [i["app"]["slug"] for i in api.get("organizations/sentry/sentry-app-installations/")]
    assert made["slug"] in installed
    rotated = api("POST", f"{path}rotate-secret/", token="person-token")[1]["clientSecret"]
    assert rotated != made["clientSecret"]
    assert api.get(path, token="person-token")["clientSecret"] == rotated
    clock.pass_(days=2)
    assert set(api.get(path, token="person-token")["clientSecret"]) == {"*"}
    assert api("PUT", path, {"events": ["issue.created"]}, token="person-token")[1]["events"] == [
        "issue.created"
    ]
    assert api("POST", f"{path}rotate-secret/")[0] == 403  # an integration's own token manages none


@pytest.mark.parametrize(
    ("fields", "field", "text"),
    [
        ({"name": "x" * 58}, "name", "Cannot exceed 57 characters"),
        ({"name": ""}, "name", "This field is required."),
        ({"name": "Triage"}, "name", "Name Triage is already taken, please use another."),
        ({"scopes": []}, "events", "issue webhooks require the event:read permission."),
        ({"scopes": ["event:read", "team:admin"]}, "scopes", "Requested permission of team:admin exceeds"),
        ({"scopes": ["event:read", "moon:read"]}, "scopes", "moon:read not a valid scope"),
        ({"events": ["issue.moved"]}, "events", "issue.moved is not a valid event"),
        ({"webhookUrl": None}, "webhookUrl", "webhookUrl required"),
        ({"webhookUrl": "ftp://x"}, "webhookUrl", "URL must start with http[s]://"),
        ({"allowedOrigins": ["*"]}, "allowedOrigins", "'*' not allowed"),
        ({"schema": {"elements": [{"type": "issue-link", "link": {}}]}}, "schema", "'None' does not match"),
        ({"schema": {"elements": [{"type": "banner"}]}}, "schema", "Element has type 'banner'"),
        (
            {"schema": {"elements": [{"type": "stacktrace-link", "uri": "//x"}]}},
            "schema",
            "'//x' does not match",
        ),
    ],
)
def test_integrations_that_are_refused(api: Api, fields: dict[str, Any], field: str, text: str) -> None:
    status, answer = created(api, **fields)
    assert status == 400
    assert answer[field][0].startswith(text)


def test_dotted_events_are_unknown_to_23_7() -> None:
    api = Api(lab(version="23.7"))
    assert created(api, events=["issue.created"])[0] == 400
    assert created(api, events=["issue"])[0] == 201


def test_creating_needs_a_person(api: Api) -> None:
    body = {"name": secrets.token_hex(4), "organization": "sentry", "isInternal": True}
    assert api("POST", "sentry-apps/", body)[0] == 403
