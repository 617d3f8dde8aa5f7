"""Coming in: the token, the cookie, the form's own token, and the limit on guessing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st

from app import create_app
from app.settings import fixed_settings
from app.store import Store
from app.web.dashboard.door import TRIES, WINDOW, Attempts, safe_path

from .conftest import SECRET
from .filled import put_issue, put_job

TOKEN = "a-token-of-the-team"
PAGES = ("/", "/issues/1001", "/scorecard", "/operations")
FORMS = (
    "/issues/1001/correct",
    "/issues/1001/again",
    "/operations/jobs/1/again",
    "/operations/projects/1/tags",
)


def make_app(store: Store, **more: object) -> Flask:
    values = {"sentry_client_secret": SECRET, "sentry_org": "acme", "triage_dashboard_token": TOKEN}
    return create_app(fixed_settings(**(values | more)), store=store)


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, f"no field {name}"
    return found[1]


def sign_in(client: FlaskClient, token: str = TOKEN, **more: str) -> int:
    csrf = hidden(client.get("/sign-in").text, "csrf_token")
    return client.post("/sign-in", data={"csrf_token": csrf, "token": token, **more}).status_code


def cookie(client: FlaskClient) -> str:
    found = client.get_cookie("triage_session")
    return found.value if found else ""


@pytest.fixture
def database_url(tmp_path: Path) -> str:
    """Who may come in does not depend on the kind of database."""
    return f"sqlite:///{tmp_path / 'triage.db'}"


@pytest.fixture
def app(store: Store) -> Flask:
    put_issue(store, 1)
    return make_app(store)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        yield client


@pytest.mark.parametrize("path", PAGES)
def test_without_a_session_every_page_asks_for_the_token(client: FlaskClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in?next=")
    assert "KeyError" not in answer.text


@pytest.mark.parametrize("path", FORMS)
def test_without_a_session_nothing_is_done(client: FlaskClient, store: Store, path: str) -> None:
    csrf = hidden(client.get("/sign-in").text, "csrf_token")
    answer = client.post(path, data={"csrf_token": csrf, "once": "0" * 32, "category": "Logic"})
    assert answer.status_code == 303
    assert answer.location.startswith("/sign-in")
    assert store.work.counts() == {}


def test_the_token_opens_and_leads_to_the_page_that_was_wanted(client: FlaskClient) -> None:
    page = client.get("/issues/1001", follow_redirects=True).text
    data = {"csrf_token": hidden(page, "csrf_token"), "next": hidden(page, "next"), "token": TOKEN}
    answer = client.post("/sign-in", data=data)
    assert (answer.status_code, answer.location) == (303, "/issues/1001")
    assert client.get("/issues/1001").status_code == 200


@pytest.mark.parametrize("wrong", ["", "a-token", TOKEN + " ", TOKEN.upper(), "ü" * 19])
def test_a_wrong_token_does_not(client: FlaskClient, wrong: str) -> None:
    assert sign_in(client, wrong) == 403
    assert client.get("/").status_code == 303


def test_the_dashboard_is_off_without_a_token_and_shows_nothing(store: Store) -> None:
    put_issue(store, 1)
    client = make_app(store, triage_dashboard_token="").test_client()
    front = client.get("/")
    assert front.status_code == 200
    assert "TRIAGE_DASHBOARD_TOKEN" in front.text
    for path in (*PAGES[1:], "/sign-in"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert "KeyError" not in answer.text
    assert client.post("/sign-in", data={"token": ""}).status_code == 404


def test_the_cookie_is_kept_from_scripts_and_other_sites(client: FlaskClient) -> None:
    csrf = hidden(client.get("/sign-in").text, "csrf_token")
    plain = client.post("/sign-in", data={"csrf_token": csrf, "token": TOKEN})
    said = plain.headers["Set-Cookie"]
    assert "HttpOnly" in said
    assert "SameSite=Lax" in said
    assert "Secure" not in said


@pytest.mark.parametrize(
    ("settings", "headers"),
    [({"triage_public_url": "https://triage.example"}, {}), ({}, {"X-Forwarded-Proto": "https"})],
)
def test_the_cookie_is_secure_behind_https(store: Store, settings: dict, headers: dict) -> None:
    client = make_app(store, **settings).test_client()
    assert "Secure" in client.get("/sign-in", headers=headers).headers["Set-Cookie"]


def test_a_session_from_before_signing_in_is_worth_nothing_after(app: Flask) -> None:
    attacker, victim = app.test_client(), app.test_client()
    csrf = hidden(attacker.get("/sign-in").text, "csrf_token")
    planted = cookie(attacker)
    victim.set_cookie("triage_session", planted)
    assert victim.post("/sign-in", data={"csrf_token": csrf, "token": TOKEN}).status_code == 303
    assert cookie(victim) != planted
    assert attacker.get("/").status_code == 303, "what the attacker holds was not signed in with it"
    page = victim.get("/issues/1001").text
    assert hidden(page, "csrf_token") != csrf, "the form's token is new as well"
    refused = victim.post("/issues/1001/again", data={"csrf_token": csrf, "once": "0" * 32})
    assert refused.status_code == 400


def test_signing_out_ends_copies_of_the_cookie_too(app: Flask, client: FlaskClient) -> None:
    sign_in(client)
    copied = cookie(client)
    csrf = hidden(client.get("/operations").text, "csrf_token")
    assert client.post("/sign-out", data={"csrf_token": csrf}).status_code == 303
    thief = app.test_client()
    thief.set_cookie("triage_session", copied)
    assert (client.get("/").status_code, thief.get("/").status_code) == (303, 303)


def test_another_token_or_secret_signs_everybody_out(store: Store, client: FlaskClient) -> None:
    sign_in(client)
    for change in ({"triage_dashboard_token": "another"}, {"sentry_client_secret": "f" * 64}):
        other = make_app(store, **change).test_client()
        other.set_cookie("triage_session", cookie(client))
        assert other.get("/").status_code == 303
    rotated = make_app(store, sentry_client_secret=f"{'f' * 64},{SECRET}").test_client()
    rotated.set_cookie("triage_session", cookie(client))
    assert rotated.get("/").status_code == 200, "while the secret is rotated, people stay in"


def test_a_session_ends_after_twelve_hours(client: FlaskClient) -> None:
    sign_in(client)
    with client.session_transaction() as session:
        session["until"] -= 12 * 3600 - 1
    assert client.get("/").status_code == 200
    with client.session_transaction() as session:
        session["until"] -= 2
    assert client.get("/").status_code == 303


@pytest.mark.parametrize("path", [*FORMS, "/sign-out"])
@pytest.mark.parametrize("csrf", [None, "", "wrong"])
def test_a_form_without_its_token_is_refused(
    client: FlaskClient, store: Store, path: str, csrf: str | None
) -> None:
    job = put_job(store, "1001", failed="Sentry is away")
    store.annotations.disable("1", "stopped")
    sign_in(client)
    data = {"once": "0" * 32, "category": "Logic"} | ({} if csrf is None else {"csrf_token": csrf})
    answer = client.post(path.replace("/jobs/1/", f"/jobs/{job}/"), data=data)
    assert answer.status_code == 400
    assert "This form is out of date." in answer.text
    assert store.work.counts() == {"failed": 1}
    assert store.annotations.disabled_projects() == {"1": "stopped"}
    assert client.get("/").status_code == 200, "nobody was signed out"


def test_signing_in_needs_the_forms_token_too(client: FlaskClient) -> None:
    assert client.post("/sign-in", data={"token": TOKEN}).status_code == 400
    assert client.get("/").status_code == 303


def test_guessing_is_slowed_down_by_address(app: Flask) -> None:
    guesser, other = app.test_client(), app.test_client()
    assert [sign_in(guesser, "guess") for _ in range(TRIES)] == [403] * TRIES
    csrf = hidden(guesser.get("/sign-in").text, "csrf_token")
    refused = guesser.post("/sign-in", data={"csrf_token": csrf, "token": TOKEN})
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= WINDOW.total_seconds() + 1
    other.environ_base["REMOTE_ADDR"] = "192.0.2.9"
    assert sign_in(other) == 303


def test_the_limit_ends_and_its_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.web.dashboard.door.MAX_ADDRESSES", 3)
    now = [datetime(2026, 11, 23, tzinfo=UTC)]
    attempts = Attempts(lambda: now[0])
    for _ in range(TRIES):
        attempts.failed("a")
    assert attempts.wait("a") > 0
    for number in range(50):
        attempts.failed(f"b{number}")
    assert len(attempts._failed) <= 4, "addresses beyond the limit share one count"
    assert attempts.wait("unseen") > 0
    now[0] += WINDOW + timedelta(seconds=1)
    assert (attempts.wait("a"), attempts.wait("unseen")) == (0, 0)


@pytest.mark.parametrize(
    "wanted",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "/a\\b",
        "\\\\evil.example",
        "///evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/\n//evil.example",
        " //evil.example",
        "",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(client: FlaskClient, wanted: str) -> None:
    page = client.get("/sign-in", query_string={"next": wanted}).text
    assert hidden(page, "next") == "/"
    data = {"csrf_token": hidden(page, "csrf_token"), "next": wanted, "token": TOKEN}
    answer = client.post("/sign-in", data=data)
    assert (answer.status_code, answer.location) == (303, "/")


@given(st.text(max_size=40) | st.text("/\\:.@a\t\n?#", max_size=12))
def test_a_safe_path_never_names_another_host(wanted: str) -> None:
    path = safe_path(wanted)
    parts = urlsplit(path)
    assert path.startswith("/")
    assert not parts.netloc
    assert not parts.scheme
    assert "\\" not in path


@pytest.mark.parametrize("path", [*PAGES, "/sign-in", "/issues/404"])
def test_every_page_carries_the_strict_policy(client: FlaskClient, path: str) -> None:
    sign_in(client)
    answer = client.get(path)
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; style-src 'self';")
    assert "unsafe" not in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == "no-store"
    for inline in ("<script", "<style", " style=", " onclick", "javascript:"):
        assert inline not in answer.text


def test_a_webhook_gets_no_session(client: FlaskClient) -> None:
    sign_in(client)
    assert "Set-Cookie" not in client.post("/webhooks/sentry", json={}).headers
    assert "Set-Cookie" not in client.get("/health").headers
