"""The forms of Sentry's pages and the webhooks of people: who may, what is stored, what is answered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.core.alerts import check_settings, loud_enough
from app.core.intake import Kind, router
from app.core.webhook import Actor, WebhookEvent, sign
from app.sentry.errors import Forbidden
from app.settings import Settings, fixed_settings
from app.store import Store
from app.web import components
from app.web.choices import KEEP, PAUSE, Choices
from app.web.factory import build_app

from .conftest import SAMPLES, SECRET

OURS = "a8e5d37a-696c-4c54-adb5-b3f28d64c7de"
LINK = json.loads((SAMPLES / "sentry" / "ui" / "issue_link.create.request.json").read_text())
SETTINGS = fixed_settings(sentry_client_secret=SECRET, triage_public_url="https://triage.example")


class FakeSentry:
    """Answers what the choices ask, and counts how often."""

    def __init__(self, teams: tuple[str, ...] = ("payments", "database"), uuid: str = OURS) -> None:
        self.calls: list[str] = []
        self.teams = teams
        self.uuid = uuid

    def installations(self) -> list[dict[str, Any]]:
        self.calls.append("installations")
        return [{"uuid": self.uuid, "app": {"slug": "triage"}}]

    def project_teams(self, project: str) -> list[dict[str, Any]]:
        self.calls.append(project)
        return [{"id": str(number), "slug": slug} for number, slug in enumerate(self.teams)]


@pytest.fixture
def client(store: Store) -> Iterator[FlaskClient]:
    app = Flask("only-components")
    app.register_blueprint(components.blueprint(SETTINGS, store, Choices(SETTINGS, FakeSentry())))
    with app.test_client() as client:
        yield client


def signed(payload: Any, header: str = "Sentry-App-Signature", secret: str = SECRET) -> dict[str, Any]:
    body = json.dumps(payload, separators=(",", ":")).encode()
    return {"data": body, "headers": {header: sign(secret, body), "Request-ID": "r1"}}


def form(**fields: str) -> dict[str, Any]:
    return LINK | {"fields": fields}


class TestIssueLink:
    def test_it_is_stored_before_it_is_answered(self, client: FlaskClient, store: Store) -> None:
        payload = form(category="Database", severity="high", owner="team:payments")
        for _ in range(3):
            answer = client.post("/components/issue-link", **signed(payload))
            assert answer.status_code == 200
            assert answer.get_json() == {
                "webUrl": "https://triage.example/issues/6507376925",
                "project": "Triage",
                "identifier": "Database-high",
            }
        (job,) = store.work.due()
        assert (job.kind, job.subject, job.trigger) == (Kind.CORRECT, "6507376925", "form")
        kept = store.work.payload(job.id)
        assert kept["fields"] == {"category": "Database", "severity": "high", "owner": "team:payments"}
        assert kept["author"] == "Jane Developer"

    @pytest.mark.parametrize(
        ("payload", "says"),
        [
            (form(), "Choose a category"),
            (form(category="Databse"), "can be Network, Database"),
            (form(category="Logic") | {"issueId": "1/../2"}, "names no issue"),
            (form(category="Logic") | {"issueId": None}, "names no issue"),
            (form(category="Logic") | {"fields": ["Logic"]}, "Choose a category"),
            (["Logic"], "not an object"),
        ],
    )
    def test_what_cannot_be_used_is_a_message(
        self, client: FlaskClient, store: Store, payload: Any, says: str
    ) -> None:
        answer = client.post("/components/issue-link", **signed(payload))
        assert answer.status_code == 400
        assert says in answer.get_json()["message"]
        assert store.work.counts() == {}


@pytest.mark.parametrize("path", ["/components/issue-link", "/components/alert-action"])
@pytest.mark.parametrize(
    "post",
    [
        {"data": b"{}"},
        signed(form(category="Logic"), secret="another"),
        signed(form(category="Logic"), header="Sentry-Hook-Signature"),
        {"data": b"{}", "headers": {"Sentry-App-Signature": sign(SECRET, b"")}},
    ],
    ids=["unsigned", "forged", "a webhook's signature", "the signature of every GET"],
)
def test_who_is_not_sentry_is_401(client: FlaskClient, store: Store, path: str, post: dict[str, Any]) -> None:
    answer = client.post(path, **post)
    assert answer.status_code == 401
    assert answer.get_json()["message"]
    assert store.work.counts() == {}


class TestOptions:
    GET = {"Sentry-App-Signature": sign(SECRET, b"")}  # noqa: RUF012

    def ask(self, client: FlaskClient, path: str = "", **more: str) -> Any:
        query = {"installationId": OURS, "projectSlug": "shop-api"} | more
        return client.get(f"/components/options{path}", query_string=query, headers=self.GET)

    def test_owners_are_the_projects_teams(self, client: FlaskClient) -> None:
        expected = [
            {"label": "#database", "value": "team:database"},
            {"label": "#payments", "value": "team:payments"},
        ]
        assert self.ask(client).get_json() == expected
        assert self.ask(client, "/owner", query="pay").get_json() == expected[1:]
        assert self.ask(client, projectSlug="../keys").get_json() == []

    def test_categories_and_severities_are_the_vocabulary(self, client: FlaskClient) -> None:
        assert {"label": "Database", "value": "Database"} in self.ask(client, "/category").get_json()
        assert self.ask(client, "/severity").get_json()[0] == {"label": "critical", "value": "critical"}
        assert self.ask(client, "/colour").status_code == 404

    def test_only_sentry_and_only_for_our_installation(self, client: FlaskClient) -> None:
        assert client.get("/components/options").status_code == 401
        hook = {"Sentry-Hook-Signature": sign(SECRET, b"")}
        assert client.get("/components/options", headers=hook).status_code == 401
        assert self.ask(client, installationId="another").status_code == 403
        assert self.ask(client, installationId="").status_code == 403

    def test_asking_again_and_again_does_not_ask_sentry(self) -> None:
        now, sentry = [1000.0], FakeSentry()
        choices = Choices(SETTINGS, sentry, clock=lambda: now[0])
        for number in range(50):
            assert choices.fits(OURS)
            choices.owners("shop-api")
            choices.owners(f"project-{number}")
        assert sentry.calls == ["installations", "shop-api"]
        now[0] += PAUSE
        choices.owners("shop-web")
        assert sentry.calls[2:] == ["shop-web"]
        now[0] += KEEP
        sentry.teams = ("search",)
        assert choices.owners("shop-api") == [{"label": "#search", "value": "team:search"}]

    def test_without_a_token_or_a_permission_there_are_no_teams(self) -> None:
        assert Choices(SETTINGS, None).owners("shop-api") == []
        assert Choices(SETTINGS, None).fits("whatever")
        assert Choices.by(SETTINGS).owners("shop-api") == []

        class Refusing(FakeSentry):
            def project_teams(self, project: str) -> list[dict[str, Any]]:
                raise Forbidden("You do not have permission to perform this action.")

        assert Choices(SETTINGS, Refusing()).owners("shop-api") == []


class TestAlertAction:
    @pytest.mark.parametrize(
        ("fields", "status"),
        [
            ([{"name": "minimum_level", "value": "error"}], 200),
            ([{"name": "minimum_level", "value": None}], 200),
            ([], 200),
            (None, 200),
            ([{"name": "minimum_level", "value": "loud"}], 400),
            ([{"name": "minimum_level", "value": ["error"]}], 400),
            ("error", 400),
        ],
    )
    def test_a_rule_is_saved_or_refused(self, client: FlaskClient, fields: Any, status: int) -> None:
        payload = {"fields": fields, "installationId": OURS}
        answer = client.post("/components/alert-action", **signed(payload))
        assert answer.status_code == status
        assert answer.get_json()["message"]

    @pytest.mark.parametrize(
        ("level", "minimum", "loud"),
        [
            ("error", "error", True),
            ("fatal", "error", True),
            ("warning", "error", False),
            ("info", "", True),
            ("", "error", True),
            ("sample", "fatal", True),
        ],
    )
    def test_levels(self, level: str, minimum: str, loud: bool) -> None:
        fields = [{"name": "minimum_level", "value": minimum}]
        assert loud_enough(level, fields)[0] is loud
        assert check_settings(fields)[0]


def event(resource: str, action: str, data: Any, person: bool = True) -> WebhookEvent:
    actor = Actor("user", "7", "Maya") if person else Actor("application", "uuid", "Triage")
    return WebhookEvent(resource, action, data, actor)


class TestIntake:
    COMMENT = {"issue_id": 41, "comment_id": 8, "comment": "/triage wrong"}  # noqa: RUF012

    def test_a_command_is_work_with_its_words(self) -> None:
        intent, _ = router.dispatch(event("comment", "created", self.COMMENT))
        assert intent is not None
        assert intent.payload is not None
        assert (intent.kind, intent.subject) == (Kind.CORRECT, "41")
        assert (intent.payload["text"], intent.payload["author"]) == ("/triage wrong", "Maya")

    def test_a_bad_command_is_work_too_because_it_is_answered(self) -> None:
        bad = self.COMMENT | {"comment": "/triage severity=urgent"}
        assert router.dispatch(event("comment", "created", bad))[0] is not None

    @pytest.mark.parametrize(
        ("action", "change", "person"),
        [
            ("created", {}, False),
            ("updated", {}, False),
            ("created", {"comment": "thanks"}, True),
            ("deleted", {"comment": "thanks"}, True),
            ("created", {"comment": None}, True),
            ("created", {"comment_id": "8"}, True),
            ("created", {"issue_id": "x"}, True),
        ],
    )
    def test_what_is_no_work(self, action: str, change: dict[str, Any], person: bool) -> None:
        intent, reason = router.dispatch(event("comment", action, self.COMMENT | change, person))
        assert intent is None
        assert reason

    def test_an_edit_may_take_a_command_back(self) -> None:
        edited = event("comment", "updated", self.COMMENT | {"comment": "never mind"})
        assert router.dispatch(edited)[0] is not None

    def test_assigning_is_observed_where_a_person_did_it(self) -> None:
        intent, _ = router.dispatch(event("issue", "assigned", {"issue": {"id": "41"}}))
        assert intent is not None
        assert (intent.kind, intent.payload) == (Kind.OBSERVE, None)
        assert router.dispatch(event("issue", "assigned", {"issue": {"id": "41"}}, person=False))[0] is None

    @pytest.mark.parametrize(("level", "fires"), [("error", True), ("warning", False)])
    def test_an_alert_fires_from_its_minimum_level_on(self, level: str, fires: bool) -> None:
        settings = [{"name": "minimum_level", "value": "error"}]
        data = {"event": {"issue_id": "41", "level": level}, "issue_alert": {"settings": settings}}
        intent, reason = router.dispatch(event("event_alert", "triggered", data, person=False))
        assert (intent is not None) is fires, reason

    def test_our_own_annotation_event_never_fires(self) -> None:
        data = {"event": {"issue_id": "41", "tags": [["triage.synthetic", "true"]]}}
        assert router.dispatch(event("event_alert", "triggered", data))[0] is None


def test_the_app_has_the_components(store: Store) -> None:
    settings: Settings = SETTINGS
    app = build_app(settings, store)
    assert (
        app.test_client().post("/components/issue-link", **signed(form(category="Logic"))).status_code == 200
    )
