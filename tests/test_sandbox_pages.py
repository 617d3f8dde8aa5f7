"""The pages: everything escaped, nothing from outside, forms act as a member, and a browser can show them."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.sandbox import SandboxSentry, SandboxServer, create_app
from app.sandbox.components import Reply
from app.sandbox.markdown import render

from .sandbox_support import Api, annotation, event, lab, sample

EVIL = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'{{7*7}}"
LIST = "/organizations/sentry/issues/"
ISSUE = f"{LIST}1/"


@pytest.fixture
def sandbox() -> SandboxSentry:
    sandbox = lab(schema=sample("ui/integration_schema.json"), component_transport=answer_links)
    stored = sandbox.capture("shop", event())
    sandbox.capture("shop", annotation(stored))
    return sandbox


def answer_links(method: str, url: str, body: bytes, headers: Any) -> Reply:
    if method == "GET":
        return Reply(200, sample("ui/select_options.response.json"))
    if json.loads(body)["fields"].get("title") == "refuse":
        return Reply(400, {"message": "Not this one."})
    return Reply(200, sample("ui/issue_link.response.json"))


@pytest.fixture
def client(sandbox: SandboxSentry) -> Any:
    return create_app(sandbox).test_client()


def test_the_list_shows_tags_and_filters_by_them(client: Any) -> None:
    page = client.get(LIST, query_string={"query": "triage.category:Database"}).get_data(as_text=True)
    assert "FreshError" in page
    assert "triage.category" in page
    none = client.get(LIST, query_string={"query": "triage.category:Network"}).get_data(as_text=True)
    assert "No issues match" in none


def test_a_wrong_query_is_said(client: Any) -> None:
    answer = client.get(LIST, query_string={"query": "is:wrong"})
    assert answer.status_code == 400
    assert "Invalid value" in answer.get_data(as_text=True)


@pytest.mark.parametrize("path", [LIST, ISSUE, f"{ISSUE}link/"])
def test_headers_forbid_everything_from_outside(client: Any, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    page = answer.get_data(as_text=True)
    assert "<script" not in page
    assert "style=" not in page
    assert "https://" not in page


def test_everything_hostile_is_escaped(sandbox: SandboxSentry, client: Any) -> None:
    values = [{"type": EVIL, "value": EVIL, "stacktrace": {"frames": [{"function": EVIL, "filename": EVIL}]}}]
    stored = sandbox.capture(
        "shop", {"exception": {"values": values}, "culprit": EVIL, "tags": {"evil": EVIL}, "message": EVIL}
    )
    number = sandbox.state.issue_of[1, stored.id].id
    api = Api(sandbox)
    body = {"issueId": number, "webUrl": "javascript:alert(1)", "project": EVIL, "identifier": EVIL}
    api("POST", f"sentry-app-installations/{sandbox.app.installation}/external-issues/", body)
    api("POST", f"issues/{number}/comments/", {"text": f"{EVIL} [x](javascript:alert(1)) ![i](http://leak)"})
    for path in (LIST, f"{LIST}{number}/", f"{LIST}{number}/link/", f"{LIST}?query={EVIL}"):
        page = client.get(path).get_data(as_text=True)
        assert "<script" not in page
        assert "<img" not in page
        assert 'href="javascript' not in page
        assert "49" not in page.replace("&#39;", "").replace("&#34;", "") or "{{7*7}}" in page


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**b** <!-- triage:1 -->", "<p><strong>b</strong></p>\n"),
        ("<b>x</b>", "<p>&lt;b&gt;x&lt;/b&gt;</p>\n"),
        ("[x](javascript:alert(1))", "<p>[x](javascript:alert(1))</p>\n"),
    ],
)
def test_markdown(text: str, shown: str) -> None:
    assert render(text) == shown


def test_images_are_never_loaded() -> None:
    assert "<img" not in render("![x](http://leak.example/x.png)")


@pytest.mark.parametrize(
    ("form", "field", "value"),
    [
        ({"do": "comment", "comment": "/triage Network high"}, "comments", ["/triage Network high"]),
        ({"do": "priority", "priority": "low"}, "priority", "low"),
        ({"do": "assign", "assign": "team:2"}, "assignee", "#backend"),
        ({"do": "assign", "assign": ""}, "assignee", None),
        ({"do": "resolve"}, "status", "resolved"),
        ({"do": "archive"}, "substatus", "archived_until_escalating"),
    ],
)
def test_forms_act(sandbox: SandboxSentry, client: Any, form: dict[str, str], field: str, value: Any) -> None:
    answer = client.post(f"{ISSUE}act/", data=form)
    assert (answer.status_code, answer.headers["Location"]) == (303, ISSUE)
    assert sandbox.issues()[0][field] == value
    assert client.get(ISSUE).status_code == 200


def test_what_a_form_cannot_do_is_said(client: Any) -> None:
    refused = client.post(f"{ISSUE}act/", data={"do": "comment", "comment": " "})
    assert refused.status_code == 400
    assert "This field may not be blank." in refused.get_data(as_text=True)
    assert client.post(f"{ISSUE}act/", data={"do": "nonsense"}).status_code == 400


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_other_sites_cannot_use_the_forms(
    sandbox: SandboxSentry, client: Any, headers: dict[str, str]
) -> None:
    assert client.post(f"{ISSUE}act/", data={"do": "resolve"}, headers=headers).status_code == 403
    assert sandbox.issues()[0]["status"] == "unresolved"


def test_the_issue_link_form(sandbox: SandboxSentry, client: Any) -> None:
    page = client.get(f"{ISSUE}link/").get_data(as_text=True)
    assert 'name="title"' in page
    assert 'name="description"' in page
    assert "Suggest only" in client.get(f"{ISSUE}link/?kind=link").get_data(as_text=True)
    refused = client.post(f"{ISSUE}link/", data={"title": "refuse"})
    assert (refused.status_code, "Not this one." in refused.get_data(as_text=True)) == (502, True)
    assert client.post(f"{ISSUE}link/", data={"title": "T"}).status_code == 303
    assert sandbox.issues()[0]["annotations"] == ["AI-Triage#Database-high"]


def test_unknown_places(client: Any) -> None:
    assert client.get("/organizations/other/issues/").status_code == 404
    assert client.get(f"{LIST}99/").status_code == 404
    assert client.get("/").headers["Location"] == LIST


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no chromium on this machine")
@pytest.mark.parametrize("path", [LIST, ISSUE])
def test_a_browser_shows_it(sandbox: SandboxSentry, path: str, tmp_path: Path) -> None:
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    flags += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with SandboxServer(sandbox) as server:
        command = ["chromium", *flags, f"--user-data-dir={tmp_path}", "--dump-dom", f"{server.url}{path}"]
        shown = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    assert "FreshError" in shown
