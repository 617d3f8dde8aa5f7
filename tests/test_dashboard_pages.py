"""What the pages show and do, and that nothing of an event becomes markup."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import update

from app.core.digest import ExceptionInfo, Frame
from app.core.intake import Kind
from app.core.verdict import Evidence
from app.core.vocabulary import Source
from app.core.writes import Plan, Write, WriteKind
from app.store import Store
from app.store.tables import verdicts

from .filled import NOW, digest_of, put_call, put_correction, put_issue, put_job, verdict_of
from .test_dashboard_door import hidden, make_app, sign_in

EVIL = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'><svg/onload=alert(3)>"
MARKUP = ("<script", "<img", "<svg/onload", "onerror=alert(2)>")


@pytest.fixture
def app(store: Store) -> Flask:
    return make_app(store)


@pytest.fixture
def client(app: Flask) -> Iterator[FlaskClient]:
    with app.test_client() as client:
        sign_in(client, name="Maya")
        yield client


def text_of(page: str) -> str:
    """What a reader sees, on one line."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def rows(page: str) -> list[str]:
    return re.findall(r'<a class="title" href="/issues/(\d+)"', page)


def put_evil(store: Store) -> str:
    """An issue each of whose texts is hostile, with everything that a page can show beside it."""
    frame = Frame(filename=EVIL, function=EVIL, module=EVIL, context_line=EVIL, lineno=1, in_app=True)
    digest = digest_of(
        1,
        title=EVIL,
        culprit=EVIL,
        message=EVIL,
        transaction=EVIL,
        environment=EVIL,
        logger=EVIL,
        request_url=EVIL,
        exceptions=(ExceptionInfo(type=EVIL, value=EVIL, frames=(frame,)),),
        frames=(frame,),
        tags={EVIL: EVIL},
        contexts={EVIL: EVIL},
        breadcrumbs=(EVIL,),
    )
    verdict = verdict_of(
        1,
        root_cause=EVIL[:100],
        suggested_fix=EVIL,
        note=EVIL,
        evidence=(Evidence(id=EVIL, seen=EVIL, says=EVIL),),
        source=Source.MODEL,
        model=EVIL,
        reused_from=EVIL,
        confidence=0.9,
    )
    issue_id = put_issue(store, 1, digest=digest, verdict=verdict, project=EVIL[:100])
    write = Write(WriteKind.COMMENT, EVIL, EVIL, EVIL, do=True)
    store.issues.save_plan(issue_id, Plan(issue_id, 1, (write, replace(write, value=EVIL * 3))))
    store.writes.add(issue_id, 1, "comment", outcome="written", before=EVIL, after=EVIL * 3, reason=EVIL)
    sealed = store.verdicts._vault.seal({"messages": [{"content": EVIL}]})
    with store.engine.begin() as connection:
        connection.execute(update(verdicts).values(sent=sealed))
    put_correction(store, issue_id, "category", "Logic", was=EVIL, author=EVIL)
    put_call(store, issue_id, 0.1)
    put_job(store, issue_id, failed=EVIL)
    store.annotations.disable("1", EVIL)
    store.workers.beat(EVIL[:64], host=EVIL, pid=1)
    return issue_id


@pytest.mark.parametrize("path", ["/", "/?q=script", "/issues/1001", "/scorecard", "/operations"])
def test_no_text_of_an_event_becomes_markup(client: FlaskClient, store: Store, path: str) -> None:
    put_evil(store)
    answer = client.get(path)
    assert answer.status_code == 200
    shown = answer.text
    for markup in MARKUP:
        assert markup not in shown
    if path != "/scorecard":
        assert "&lt;script&gt;alert(1)" in shown, "it is shown, as text"


def test_what_a_visitor_types_is_text_too(client: FlaskClient, store: Store) -> None:
    page = client.get("/", query_string={"q": EVIL, "project": EVIL, "after": EVIL, "when": EVIL}).text
    with client.session_transaction() as session:
        session["name"] = EVIL
    for shown in (page, client.get("/").text, client.get("/issues/%3Cscript%3Ealert(1)").text):
        for markup in MARKUP:
            assert markup not in shown


def test_the_list_shows_the_verdict_and_leads_to_the_issue_and_to_sentry(
    client: FlaskClient, store: Store
) -> None:
    put_issue(store, 0)
    page = client.get("/").text
    assert rows(page) == ["1000"]
    assert 'href="https://sentry.io/organizations/acme/issues/1000/"' in page
    said = text_of(page)
    for words in ("SHOP-API-0", "Database", "high", "95%", "offline", "1 issue", "the cause of number 0"):
        assert words in said


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("category=Database", ["1000"]),
        ("category=Unknown", ["1003"]),
        ("severity=high", ["1002", "1000"]),
        ("confidence=low", ["1003"]),
        ("confidence=medium", ["1001"]),
        ("source=model", ["1005"]),
        ("project=shop-web", ["1004"]),
        ("state=triaged", ["1005", "1004", "1003", "1002", "1001", "1000"]),
        ("state=gone", []),
        ("q=QUANTITY", ["1001"]),
        ("q=shop.page3", ["1003"]),
        ("q=shop-api-2", ["1002"]),
        ("q=cause+of+number+4&severity=critical", ["1004"]),
        ("q=10.0.0.7", []),
        ("category=nonsense&severity=huge", ["1005", "1004", "1003", "1002", "1001", "1000"]),
    ],
)
def test_filters(client: FlaskClient, store: Store, query: str, found: list[str]) -> None:
    for number in range(5):
        put_issue(store, number, project="shop-web" if number == 4 else "shop-api")
    put_issue(store, 5, verdict=verdict_of(0, source=Source.MODEL, severity="info", category="Network"))
    assert rows(client.get(f"/?{query}").text) == found


def test_an_empty_day_says_so_and_leads_further_back(client: FlaskClient) -> None:
    page = client.get("/").text
    assert "No issue was looked at today." in page
    assert 'href="/?when=30d"' in page


def test_paging_shows_every_issue_once(client: FlaskClient, store: Store) -> None:
    for number in range(120):
        put_issue(store, number)
    seen: list[str] = []
    path: str | None = "/"
    for _ in range(5):
        page = client.get(path).text
        seen += rows(page)
        older = re.search(r'rel="next" href="([^"]+)"', page)
        if older is None:
            break
        path = older[1].replace("&amp;", "&")
    assert len(seen) == 120
    assert len(set(seen)) == 120


def test_the_issue_page_tells_the_whole_story(client: FlaskClient, store: Store) -> None:
    secret = "password=hunter2-very-secret mail maya@example.test"
    digest = digest_of(1, exceptions=(ExceptionInfo(type="KeyError", value=secret),))
    issue_id = put_issue(store, 1, digest=digest, title=f"KeyError: {secret}")
    evidence = (Evidence(id="exception:0.type", seen=secret, says="KeyError is of this kind", weight=2.5),)
    verdict = verdict_of(1, confidence=0.9, source=Source.MODEL, model="openai:small", evidence=evidence)
    store.verdicts.add(issue_id, verdict, project="", signature="", reason="the model was asked")
    sealed = store.verdicts._vault.seal({"prompt": "what the model saw"})
    with store.engine.begin() as connection:
        connection.execute(update(verdicts).where(verdicts.c.version == 2).values(sent=sealed))
    put_correction(store, issue_id, "severity", "low", was="medium")
    put_call(store, issue_id, 0.0031)
    put_job(store, issue_id)
    page = client.get(f"/issues/{issue_id}").text
    said = text_of(page)
    for words in (
        "KeyError: the cause of number 1",
        "KeyError is of this kind",
        "2.50",
        "exception:0.type",
        "a person set the assignee",
        "severity is high",
        "medium → low",
        "the model was asked",
        "version 1",
        "what the model saw",
        "openai:small",
        "$0.0031",
        "after issue.created",
    ):
        assert words in said, words
    for shown in (page, client.get("/").text):
        assert "hunter2" not in shown
        assert "maya@example.test" not in shown


def test_an_issue_without_verdict_or_content_has_a_page(client: FlaskClient, store: Store) -> None:
    issue_id = put_issue(store, 1)
    store.issues.set_state(issue_id, "gone")
    with store.engine.begin() as connection:
        connection.execute(verdicts.delete())
        connection.exec_driver_sql("UPDATE issues SET content = NULL, plan = NULL")
    said = text_of(client.get(f"/issues/{issue_id}").text)
    assert "There is no verdict yet." in said
    assert "is not kept any more" in said
    assert client.get("/").status_code == 200


def test_an_unknown_issue_is_404(client: FlaskClient) -> None:
    assert client.get("/issues/77").status_code == 404
    assert client.get("/issues/" + "7" * 40).status_code == 404


def send(client: FlaskClient, path: str, page: str, **fields: str) -> str:
    shown = client.get(page).text
    data = {"csrf_token": hidden(shown, "csrf_token"), "once": hidden(shown, "once"), **fields}
    for _ in range(2):
        answer = client.post(path, data=data)
        assert answer.status_code == 303
    return client.get(answer.location).text


def test_a_correction_becomes_one_piece_of_work(client: FlaskClient, store: Store) -> None:
    issue_id = put_issue(store, 1)
    path = f"/issues/{issue_id}"
    page = send(client, f"{path}/correct", path, category="Network", severity="", action="now", wrong="yes")
    assert "Your correction is stored: category Network, action now." in page
    (job,) = store.work.due()
    assert store.work.counts() == {"queued": 1}, "though the form was sent twice"
    assert (job.kind, job.subject, job.trigger) == (Kind.CORRECT, issue_id, "dashboard")
    payload = store.work.payload(job.id)
    assert re.fullmatch("[0-9a-f]{32}", payload.pop("ref"))
    fields = {"category": "Network", "action": "now"}
    assert payload == {"fields": fields, "author": "Maya", "origin": "dashboard"}


def test_wrong_alone_is_said_too(client: FlaskClient, store: Store) -> None:
    issue_id = put_issue(store, 1)
    path = f"/issues/{issue_id}"
    send(client, f"{path}/correct", path, wrong="yes")
    (job,) = store.work.due()
    assert store.work.payload(job.id)["fields"] == {"wrong": "wrong"}


@pytest.mark.parametrize("fields", [{}, {"category": "Nonsense"}, {"severity": "<b>", "wrong": "no"}])
def test_an_empty_or_odd_correction_changes_nothing(
    client: FlaskClient, store: Store, fields: dict[str, str]
) -> None:
    issue_id = put_issue(store, 1)
    path = f"/issues/{issue_id}"
    assert "Nothing was chosen" in send(client, f"{path}/correct", path, **fields)
    assert store.work.counts() == {}


def test_an_issue_runs_again(client: FlaskClient, store: Store) -> None:
    issue_id = put_issue(store, 1)
    send(client, f"/issues/{issue_id}/again", f"/issues/{issue_id}")
    (job,) = store.work.due()
    assert store.work.counts() == {"queued": 1}, "though the form was sent twice"
    assert (job.kind, job.subject, job.trigger) == (Kind.TRIAGE, issue_id, "dashboard")


def test_a_form_about_an_unknown_issue_is_404(client: FlaskClient, store: Store) -> None:
    csrf = hidden(client.get("/operations").text, "csrf_token")
    for what in ("correct", "again"):
        data = {"csrf_token": csrf, "once": "0" * 32, "category": "Logic"}
        assert client.post(f"/issues/77/{what}", data=data).status_code == 404
    assert store.work.counts() == {}


def test_a_failed_job_runs_again_once(client: FlaskClient, store: Store) -> None:
    job = put_job(store, put_issue(store, 1), failed="Sentry answered 500 for 7 days")
    assert "Sentry answered 500 for 7 days" in client.get("/operations").text
    page = send(client, f"/operations/jobs/{job}/again", "/operations")
    assert f"Job {job} is not a failed one any more." in page, "the second press does nothing"
    assert store.work.counts() == {"queued": 1}


def test_stopped_tags_are_switched_on_again(client: FlaskClient, store: Store) -> None:
    store.annotations.disable("4501", "the canary did not land")
    page = client.get("/operations").text
    assert "the canary did not land" in page
    data = {"csrf_token": hidden(page, "csrf_token")}
    assert client.post("/operations/projects/4501/tags", data=data).status_code == 303
    assert store.annotations.disabled_projects() == {}
    assert client.post("/operations/projects/4501/tags", data=data).status_code == 404


def test_all_tags_are_stopped_and_switched_on_again(client: FlaskClient, store: Store) -> None:
    def off() -> bool:
        return store.annotations.state("4501", "41", 1, {}).kill_switch

    assert not off()
    assert "by any worker" in send(client, "/operations/tags/off", "/operations")
    assert off()
    assert "No tags are written anywhere." in client.get("/operations").text
    assert "Tags are on again." in send(client, "/operations/tags/on", "/operations")
    assert not off()
    assert client.post("/operations/tags/maybe", data={}).status_code in (400, 404)


def test_operations_shows_measured_values(client: FlaskClient, store: Store) -> None:
    for number in range(4):
        put_job(store, put_issue(store, number))
    put_call(store, "1001", 0.5)
    put_call(store, "1001", 0.25, at=NOW.replace(day=1, hour=0) - timedelta(days=3))
    store.workers.beat("w1", host="web-1", pid=7)
    said = text_of(client.get("/operations").text)
    for words in ("$0.50 of $2.00", "$0.50 of $20.00", "3 issues × 15 min", "0.8", "4 jobs of 7 days", "w1"):
        assert words in said, words
    assert "No worker is alive" not in said


def test_operations_of_a_new_installation_is_honest(client: FlaskClient) -> None:
    said = text_of(client.get("/operations").text)
    for words in (
        "No worker is alive",
        "Nothing has failed.",
        "none yet",
        "Tags are stopped for no project.",
    ):
        assert words in said, words


def test_the_scorecard_of_a_new_installation_is_honest(client: FlaskClient) -> None:
    said = text_of(client.get("/scorecard").text)
    assert said.count("No issue was judged in this window.") == 2
    assert "Nobody has corrected anything" in said


def test_the_scorecard_counts_people(client: FlaskClient, store: Store) -> None:
    for number in range(5):
        put_issue(store, number)
    put_correction(store, "1000", "category", "Database", was="Database")
    put_correction(store, "1001", "category", "Network", was="Logic")
    put_correction(store, "1002", "wrong", "wrong", was="ThirdParty-high")
    put_correction(store, "1003", "category", "Network", was="Unknown")
    page = client.get("/scorecard").text
    said = text_of(page)
    assert "80% 4 of 5 issues" in said
    assert "33% n = 3, 6%–79%" in said
    assert "With 3 words from people these shares say little yet." in said
    assert "just wrong" in said
    assert page.count('class="chart"') == 2
