"""``integration_manifest.json`` by Sentry's rules, and ``install`` against the sandbox."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli.install import command
from app.core.reachable import check_address, is_saas, reachable, region
from app.core.vocabulary import Category, Severity
from app.errors import UserError
from app.sandbox.sandbox import DEFAULT_SCOPES, SandboxSentry, TokenSpec
from app.sandbox.server import SandboxServer
from app.sentry.api import control_base
from app.sentry.install import manifest

from .manifest_rules import problems

TOP = Path(__file__).parents[1]
OWNER = "sntryu_owner"
POWERFUL = (*DEFAULT_SCOPES, "org:write")
URL = "https://triage.example.com"


def shipped() -> dict[str, Any]:
    body: dict[str, Any] = json.loads((TOP / "integration_manifest.json").read_text())
    return body


def test_the_manifest_keeps_every_rule_of_sentry() -> None:
    assert list(problems(shipped())) == []
    assert manifest() == shipped(), "install sends the very same"


BROKEN: list[tuple[str, Callable[[dict[str, Any]], Any]]] = [
    ("name", lambda body: body.update(name="T" * 58)),
    ("organization", lambda body: body.pop("organization")),
    ("scopes", lambda body: body["scopes"].append("event:everything")),
    ("events", lambda body: body["events"].append("issue.created")),
    ("events", lambda body: body.update(scopes=["org:read"])),
    ("webhookUrl", lambda body: body.update(webhookUrl=None)),
    ("webhookUrl", lambda body: body.update(webhookUrl="ftp://x")),
    ("schema", lambda body: body["schema"]["elements"].append(body["schema"]["elements"][0])),
    ("issue-link", lambda body: body["schema"]["elements"][0].pop("link")),
    ("uri", lambda body: body["schema"]["elements"][0]["create"].update(uri="//evil")),
    (
        "exactly one",
        lambda body: body["schema"]["elements"][0]["create"]["required_fields"][0].pop("options"),
    ),
    ("140", lambda body: body["schema"]["elements"][1]["settings"].update(description="x" * 141)),
    ("unknown field", lambda body: body.update(webhook_url="x")),
]


@pytest.mark.parametrize(("said", "spoil"), BROKEN, ids=[f"{n}-{said}" for n, (said, _) in enumerate(BROKEN)])
def test_the_rules_catch_what_sentry_refuses(said: str, spoil: Callable[[dict[str, Any]], Any]) -> None:
    body = copy.deepcopy(shipped())
    spoil(body)
    assert any(said in problem for problem in problems(body)), list(problems(body))


def test_the_scopes_are_the_least_that_do_it() -> None:
    assert shipped()["scopes"] == list(DEFAULT_SCOPES)
    assert not any(scope.endswith(":admin") for scope in shipped()["scopes"])


def test_the_forms_offer_our_own_words() -> None:
    link, alert = shipped()["schema"]["elements"]
    for part in ("link", "create"):
        assert link[part]["uri"] == "/components/issue-link"
        fields = {
            field["name"]: field for field in link[part]["required_fields"] + link[part]["optional_fields"]
        }
        assert list(fields) == ["category", "severity", "owner"]
        assert [value for value, _ in fields["category"]["options"]] == [c.value for c in Category]
        assert [value for value, _ in fields["severity"]["options"]] == [s.value for s in Severity]
        assert fields["owner"]["uri"] == "/components/options"
    assert alert["settings"]["uri"] == "/components/alert-action"
    (field,) = alert["settings"]["required_fields"]
    assert field["name"] == "minimum_level"
    assert [value for value, _ in field["options"]] == ["fatal", "error", "warning", "info"]


@pytest.fixture
def server() -> Iterator[SandboxServer]:
    box = SandboxSentry(
        app_name="Another app",
        tokens=(
            TokenSpec("sntryi_app"),
            TokenSpec(OWNER, POWERFUL, "maya@example.test"),
            TokenSpec("sntryu_weak", ("org:read",), "jonas@example.test"),
            TokenSpec("sntryu_narrow", ("org:write", "org:read"), "maya@example.test"),
        ),
    )
    with SandboxServer(box) as server:
        yield server


def run(server: SandboxServer, *more: str, token: str = OWNER, url: str = URL, org: str = "acme") -> Result:
    arguments = ["--org", org, "--url", url, "--token", token, *more]
    return CliRunner().invoke(command, arguments, env={"SENTRY_URL": server.url})


def ours(server: SandboxServer) -> Any:
    return next(app for app in server.sandbox.state.apps.values() if app.name == "Triage")


def test_install_creates_what_the_manifest_says(server: SandboxServer) -> None:
    done = run(server, "--json")
    assert done.exit_code == 0, done.output
    result, app = json.loads(done.stdout), ours(server)
    assert result["created"]
    assert result["settings"] == {
        "SENTRY_URL": server.url,
        "SENTRY_ORG": "acme",
        "SENTRY_APP_SLUG": app.slug,
        "TRIAGE_PUBLIC_URL": URL,
        "SENTRY_CLIENT_SECRET": app.client_secret,
    }
    assert app.webhook_url == f"{URL}/webhooks/sentry"
    assert (set(app.scopes), app.events) == (set(shipped()["scopes"]), ("issue", "comment"))
    assert app.is_alertable
    assert app.schema == shipped()["schema"]


def test_install_says_what_is_left_to_do(server: SandboxServer) -> None:
    text = run(server).output
    assert f"SENTRY_CLIENT_SECRET={ours(server).client_secret}" in text
    assert f"{server.url}/settings/acme/developer-settings/{ours(server).slug}/" in text
    assert "SENTRY_AUTH_TOKEN" in text


def test_install_again_updates_the_one_that_is_there(server: SandboxServer) -> None:
    run(server)
    count = len(server.sandbox.state.apps)
    assert "is up to date" in run(server).output
    done = run(server, url="https://new.example.com")
    assert "webhookUrl" in done.output
    assert ours(server).webhook_url == "https://new.example.com/webhooks/sentry"
    assert len(server.sandbox.state.apps) == count


def test_a_dry_run_changes_nothing(server: SandboxServer) -> None:
    before = dict(server.sandbox.state.apps)
    assert "Would create" in run(server, "--dry-run").output
    assert server.sandbox.state.apps == before


def test_the_secret_can_be_rotated(server: SandboxServer) -> None:
    run(server)
    old = ours(server).client_secret
    new = json.loads(run(server, "--rotate-secret", "--json").stdout)["settings"]["SENTRY_CLIENT_SECRET"]
    assert new == ours(server).client_secret != old


@pytest.mark.parametrize(
    ("token", "org", "said"),
    [
        ("nonsense", "acme", "does not accept this token"),
        ("sntryu_weak", "acme", "may not manage integrations"),
        ("sntryu_narrow", "acme", "exceeds requester's permission"),
        ("sntryi_app", "acme", "may not manage integrations"),
        (OWNER, "nobody", "no organization nobody"),
    ],
)
def test_what_sentry_refuses_is_said(server: SandboxServer, token: str, org: str, said: str) -> None:
    done = run(server, token=token, org=org)
    assert isinstance(done.exception, UserError), done.exception
    assert said in str(done.exception)
    assert done.exception.hint


def test_addresses_that_cannot_work_are_refused_before_sentry_is_asked(server: SandboxServer) -> None:
    for url in ("triage.example.com", "https://x.example/app", "https://u:p@x.example"):
        assert isinstance(run(server, url=url).exception, UserError)
    local = run(server, url="http://10.1.2.3:8000")
    assert "SENTRY_DISALLOWED_IPS" in local.output, "a self-hosted Sentry may be told to allow it"


@pytest.mark.parametrize(
    ("url", "sentry", "possible", "said"),
    [
        ("https://triage.example.com", "https://sentry.io", True, ""),
        ("http://localhost:8000", "https://de.sentry.io", False, "tunnel"),
        ("https://192.168.0.7", "https://acme.sentry.io", False, "tunnel"),
        ("https://[fd00::1]", "https://sentry.io", False, "tunnel"),
        ("https://triage", "https://sentry.corp.example", True, "SENTRY_DISALLOWED_IPS"),
        ("http://triage.example.com", "https://sentry.io", True, "https"),
    ],
)
def test_what_an_address_tells(url: str, sentry: str, possible: bool, said: str) -> None:
    assert check_address(url) == ""
    found, reason = reachable(url, sentry)
    assert (found, said in reason) == (possible, True)


def test_regions_and_where_integrations_are_registered() -> None:
    hosts = (
        "https://sentry.io",
        "https://us.sentry.io",
        "https://de.sentry.io",
        "https://sentry.corp.example",
    )
    assert [region(host) for host in hosts] == ["sentry.io", "us", "de", "self-hosted"]
    assert [is_saas(host) for host in hosts] == [True, True, True, False]
    assert {control_base(host) for host in hosts[:3]} == {"https://sentry.io"}
    assert not is_saas("https://evil-sentry.io.example")
