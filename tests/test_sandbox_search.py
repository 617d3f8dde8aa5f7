"""The issue list: search terms, windows, order, pages, and changing many at once."""

from __future__ import annotations

from typing import Any

import pytest

from .sandbox_support import START, Api, Clock, annotation, event, lab

LIST = "organizations/sentry/issues/"


@pytest.fixture
def api() -> Api:
    """1: triaged as Database, 2: as Network and assigned, 3: untriaged in web, 4: resolved, 5: archived."""
    clock = Clock()
    sandbox = lab(clock=clock)
    person = sandbox.as_person("admin@lab.test")

    def capture(project: str, kind: str, **fields: Any) -> Any:
        clock.pass_(hours=1)
        raw = event(kind, **fields, timestamp=clock().timestamp())
        return sandbox.capture(project, raw | {"fingerprint": [kind]})

    def tag(stored: Any, number: int, **tags: str) -> None:
        body = annotation(stored, event_id=f"{number:032d}", tags={f"triage.{k}": v for k, v in tags.items()})
        sandbox.capture(stored.project.slug, body)

    tag(capture("shop", "OneError"), 1, category="Database", severity="high")
    tag(
        capture("shop", "TwoError", release="shop@2"), 2, category="Network", severity="low", team="data base"
    )
    capture("web", "ThreeError", level="warning", environment="staging")
    capture("shop", "FourError")
    capture("shop", "FiveError")
    person.assign(2, "alice@lab.test")
    person.resolve(4)
    person.archive(5)
    return Api(sandbox)


def found(api: Api, query: str, **args: Any) -> list[str]:
    rows = api.get(LIST, query_string={"query": query, **args})
    return sorted(row["id"] for row in rows)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "12345"),
        ("is:unresolved", "123"),
        ("is:resolved", "4"),
        ("is:ignored", "5"),
        ("is:archived", "5"),
        ("!is:unresolved", "45"),
        ("is:assigned", "2"),
        ("is:unresolved is:unassigned", "13"),
        ("triage.category:Database", "1"),
        ("tags[triage.category]:Database", "1"),
        ("triage.category:[Database,Network]", "12"),
        ('triage.category:["Database", Network]', "12"),
        ("triage.category:Data*", "1"),
        ("triage.category:*work*", "2"),
        ('triage.team:"data base"', "2"),
        ("triage.category:Database triage.severity:high", "1"),
        ("triage.category:Database triage.severity:low", ""),
        ("triage.category:database", ""),
        ("has:triage.category", "12"),
        ("level:warning", "3"),
        ("!level:warning", "1245"),
        ("environment:staging", "3"),
        ("release:shop@2", "2"),
        ("project:web", "3"),
        ("issue:SHOP-2", "2"),
        ("issue:[SHOP-1,WEB-1]", "13"),
        ("assigned:alice@lab.test", "2"),
        ("assigned:none", "1345"),
        ("assigned:#backend", ""),
        ("assigned:nobody@lab.test", ""),
        ("error.type:OneError", "1"),
        ("oneerror", "1"),
        ('"fresh transcript"', "12345"),
        ("!oneerror", "2345"),
        ("timesSeen:>1", "12"),
        ("component:payments", "12345"),
        ("user.id:42", "12345"),
        ("issue.priority:medium", "3"),
        ("is:linked", ""),
    ],
)
def test_terms(api: Api, query: str, ids: str) -> None:
    assert found(api, query) == list(ids)


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("firstSeen:-90m", "45"),
        ("firstSeen:+90m", "123"),
        ("age:-30m", "5"),
        ("lastSeen:-90m", "45"),
        (f"firstSeen:>{START:%Y-%m-%d}T10:00:00", "2345"),
        (f"firstSeen:<{START:%Y-%m-%d}T10:00:00Z", "1"),
        (f"lastSeen:>={START:%Y-%m-%d}T13:12:33.12+00:00", "5"),
        (f"firstSeen:{START:%Y-%m-%d}", "12345"),
    ],
)
def test_dates(api: Api, query: str, ids: str) -> None:
    assert found(api, query) == list(ids)


def test_negation_asks_each_event(api: Api) -> None:
    """An issue with the tag on one event is still found, since another of its events lacks it."""
    assert found(api, "!has:triage.category") == list("12345")
    assert found(api, "!triage.category:Database") == list("12345")


def test_a_tag_is_found_only_while_its_event_lies_in_the_window(api: Api) -> None:
    assert found(api, "triage.category:Database", statsPeriod="14d") == ["1"]
    assert found(api, "triage.category:Database", statsPeriod="90m") == []
    window = {"start": "2026-09-14T09:00:00", "end": "2026-09-14T10:00:00"}
    assert found(api, "", **window) == ["1"]


@pytest.mark.parametrize(
    "query", ["a OR b", "is:strange", "firstSeen:soon", "timesSeen:many", "key:", '"open', "( level:error )"]
)
def test_queries_that_are_refused(api: Api, query: str) -> None:
    status, answer, _ = api("GET", LIST, query_string={"query": query})
    assert status == 400
    assert answer["detail"]


def test_environment_and_project_parameters(api: Api) -> None:
    assert found(api, "", environment="staging") == ["3"]
    assert found(api, "", project="2") == ["3"]
    assert found(api, "", project="-1") == list("12345")
    assert api("GET", LIST, query_string={"project": "77"})[0] == 403
    assert [row["id"] for row in api.get("projects/sentry/web/issues/")] == ["3"]


def test_the_default_query_is_unresolved(api: Api) -> None:
    assert sorted(row["id"] for row in api.get(LIST)) == list("123")


@pytest.mark.parametrize(("sort", "order"), [("date", "54321"), ("new", "54321"), ("freq", "21543")])
def test_order(api: Api, sort: str, order: str) -> None:
    rows = api.get(LIST, query_string={"query": "", "sort": sort})
    assert "".join(row["id"] for row in rows) == order
    assert api("GET", LIST, query_string={"sort": "backwards"})[0] == 400


def test_pages_by_cursor(api: Api) -> None:
    seen, cursor = [], None
    for _ in range(5):
        asked = {"query": "", "limit": "2", **({"cursor": cursor} if cursor else {})}
        _, rows, headers = api("GET", LIST, query_string=asked)
        seen += [row["id"] for row in rows]
        assert headers["X-Hits"] == "5"
        previous, following = headers["Link"].split(", <")
        assert f'results="{"true" if cursor else "false"}"' in previous
        cursor = following.rsplit('cursor="', 1)[1].rstrip('"')
        if 'results="false"' in following:
            break
    assert seen == list("54321")
    assert api("GET", LIST, query_string={"cursor": "x"})[0] == 400


def test_direct_hits(api: Api) -> None:
    event_id = api.get("organizations/sentry/issues/1/events/latest/")["id"]
    for query in ({"query": event_id}, {"query": "SHOP-1", "shortIdLookup": "1"}):
        status, rows, headers = api("GET", LIST, query_string=query)
        assert (status, [row["id"] for row in rows], headers["X-Sentry-Direct-Hit"]) == (200, ["1"], "1")


def test_changing_many_answers_only_what_changed(api: Api) -> None:
    status, answer, _ = api("PUT", f"{LIST}?id=1&id=2", {"status": "resolved"})
    assert (status, answer) == (200, {"status": "resolved", "substatus": None, "statusDetails": {}})
    assert found(api, "is:resolved") == list("124")
    api("PUT", f"{LIST}?query=is:unresolved", {"status": "ignored"})
    assert found(api, "is:ignored") == list("35")


def test_merging_across_projects_is_refused(api: Api) -> None:
    assert api("PUT", f"{LIST}?id=1&id=3", {"merge": 1})[0] == 400
