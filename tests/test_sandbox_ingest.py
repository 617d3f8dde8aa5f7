"""The ingest edge: envelopes, encodings, keys, quotas, and what Relay does to an event."""

from __future__ import annotations

import functools
import json
import zlib
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.sandbox import SandboxSentry, create_app
from app.sandbox.normalise import normalise

from .sandbox_support import START, Clock, annotation, envelope, event, gzipped, lab

ID = "0123456789abcdef0123456789abcdef"


class Edge:
    def __init__(self) -> None:
        self.clock = Clock()
        self.sandbox: SandboxSentry = lab(clock=self.clock)
        self.client = create_app(self.sandbox).test_client()
        self.key = self.sandbox.key("shop")

    def post(self, body: bytes, path: str = "/api/1/envelope/", **headers: str) -> Any:
        headers.setdefault(
            "X-Sentry-Auth", f"Sentry sentry_version=7, sentry_key={self.key.public}, sentry_client=t/1"
        )
        return self.client.post(path, data=body, headers={k: v for k, v in headers.items() if v})


@pytest.fixture
def edge() -> Edge:
    return Edge()


def test_an_envelope_is_stored_under_its_id(edge: Edge) -> None:
    answer = edge.post(envelope(event(event_id=ID)))
    assert (answer.status_code, answer.get_json()) == (200, {"id": ID})
    assert edge.sandbox.issue("SHOP-1").count == 1


def test_the_header_names_the_event_that_does_not(edge: Edge) -> None:
    edge.post(envelope(event(), header={"event_id": "01234567-89ab-cdef-0123-456789abcdef"}))
    assert edge.sandbox.issue(1).events[0].id == ID


@pytest.mark.parametrize(
    ("encoding", "encode"), [("gzip", gzipped), ("deflate", zlib.compress), ("identity", lambda body: body)]
)
def test_content_encodings(edge: Edge, encoding: str, encode: Any) -> None:
    assert edge.post(encode(envelope(event())), **{"Content-Encoding": encoding}).status_code == 200


@pytest.mark.parametrize(
    ("body", "encoding", "status"),
    [
        (b"no gzip", "gzip", 400),
        (gzipped(b"x" * 100)[:20], "gzip", 400),
        (gzipped(b"0" * (21 * 1024 * 1024)), "gzip", 413),
        (b"", "zstd", 415),
        (b"not json\n", "", 400),
        (b"[]\n", "", 400),
        (b"{}\nnot json\n", "", 400),
        (b'{}\n{"type":"event","length":99}\n{}', "", 400),
        (b'{}\n{"type":"event"}\n[]\n', "", 400),
        (envelope({"event_id": "zz"}), "", 400),
        (envelope({"extra": {"x": "y" * 1_100_000}}), "", 413),
    ],
)
def test_bodies_that_are_refused(edge: Edge, body: bytes, encoding: str, status: int) -> None:
    answer = edge.post(body, **{"Content-Encoding": encoding})
    assert answer.status_code == status
    assert "detail" in answer.get_json()
    assert edge.sandbox.issues() == []


def test_other_items_are_accepted_and_forgotten(edge: Edge) -> None:
    items = "".join(f'{{"type":"{kind}"}}\n{{}}\n' for kind in ("session", "transaction", "client_report"))
    assert edge.post(b"{}\n" + items.encode()).status_code == 200
    assert edge.sandbox.issues() == []


def test_three_ways_to_say_the_key_and_none(edge: Edge) -> None:
    dsn = edge.sandbox.dsn("shop")
    bare = {"X-Sentry-Auth": ""}
    assert (
        edge.post(envelope(event()), f"/api/1/envelope/?sentry_key={edge.key.public}", **bare).status_code
        == 200
    )
    assert edge.post(envelope(event(), header={"dsn": dsn}), **bare).status_code == 200
    refused = edge.post(envelope(event()), **bare)
    assert (refused.status_code, refused.get_json()["detail"]) == (401, "missing authorization information")


def test_unknown_foreign_and_disabled_keys(edge: Edge) -> None:
    assert (
        edge.post(envelope(event()), **{"X-Sentry-Auth": f"Sentry sentry_key={'0' * 32}"}).status_code == 403
    )
    assert edge.post(envelope(event()), "/api/2/envelope/").status_code == 403
    assert edge.post(envelope(event()), "/api/99/envelope/").status_code == 403
    edge.key.active = False
    assert edge.post(envelope(event())).status_code == 403


def test_the_rate_limit_of_a_key(edge: Edge) -> None:
    edge.key.rate_limit = (2, 60)
    answers = [edge.post(envelope(event())) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    after = answers[2].headers["Retry-After"]
    assert answers[2].headers["X-Sentry-Rate-Limits"] == f"{after}:error:key"
    edge.clock.pass_(seconds=int(after))
    assert edge.post(envelope(event())).status_code == 200


def test_the_legacy_store_endpoint(edge: Edge) -> None:
    body = json.dumps(event(event_id=ID)).encode()
    answer = edge.post(gzipped(body), "/api/1/store/", **{"Content-Encoding": "gzip"})
    assert (answer.status_code, answer.get_json()) == (200, {"id": ID})
    assert edge.post(b"nonsense", "/api/1/store/").status_code == 400


def test_accepted_is_not_yet_stored(edge: Edge) -> None:
    waiting: list[Any] = []
    edge.sandbox.ingestion.delay = 2.0
    edge.sandbox.ingestion.later = lambda seconds, work: waiting.append((seconds, work))
    assert edge.post(envelope(event())).status_code == 200
    assert edge.sandbox.issues() == []
    ((seconds, work),) = waiting
    work()
    assert (seconds, len(edge.sandbox.issues())) == (2.0, 1)


def test_an_inbound_filter_discards_silently(edge: Edge) -> None:
    edge.sandbox.ingestion.discard = lambda taken: taken.tag("component") == "payments"
    assert edge.post(envelope(event())).status_code == 200
    assert edge.post(envelope(event(tags={}))).status_code == 200
    assert [issue["count"] for issue in edge.sandbox.issues()] == [1]


def test_a_sentry_without_checksums_makes_a_stray_issue(edge: Edge) -> None:
    edge.post(envelope(event()))
    stored = edge.sandbox.issue(1).events[0]
    edge.sandbox.ingestion.honours_checksum = False
    edge.post(envelope(annotation(stored)))
    assert [issue["count"] for issue in edge.sandbox.issues()] == [1, 1]


# -- normalisation ---------------------------------------------------------------


def stored(*, modern: bool = True, sent_at: Any = None, **fields: Any) -> Any:
    project = lab().project("shop")
    return normalise(event(**fields), project, received=START, modern=modern, sent_at=sent_at)


@pytest.mark.parametrize(
    ("offset", "problem"),
    [
        (timedelta(seconds=59), None),
        (timedelta(seconds=61), "future_timestamp"),
        (-timedelta(days=29), None),
        (-timedelta(days=31), "past_timestamp"),
    ],
)
def test_impossible_times_become_the_time_of_arrival(offset: timedelta, problem: str | None) -> None:
    taken = stored(timestamp=(START + offset).timestamp())
    assert [error["type"] for error in taken.data["errors"]] == ([problem] if problem else [])
    assert taken.at == (START if problem else START + offset)


def test_an_old_sent_at_shifts_the_clock() -> None:
    taken = stored(timestamp=(START - timedelta(hours=2)).timestamp(), sent_at=START - timedelta(hours=2))
    assert taken.at == START
    near = stored(
        timestamp=(START - timedelta(minutes=10)).timestamp(), sent_at=START - timedelta(minutes=10)
    )
    assert near.at == START - timedelta(minutes=10)


def test_which_tags_survive() -> None:
    tags = [
        ["triage.category", "Database"],
        ["triage.category", "Network"],
        ["with space", "x"],
        ["bad/key", "x"],
        ["k" * 33, "x"],
        ["long", "v" * 201],
        ["lines", "a\nb"],
        ["release", "mine"],
        ["flag", True],
        ["none", None],
    ]
    kept = dict(stored(tags=tags).tags)
    assert (kept["triage.category"], kept["with-space"], kept["flag"]) == ("Database", "x", "true")
    assert kept["release"] == "shop@1.0.0"
    assert kept.keys().isdisjoint({"bad/key", "long", "lines", "none"})
    assert "k" * 33 in kept
    assert "k" * 33 not in dict(stored(modern=False, tags=tags).tags)


def test_an_environment_tag_becomes_the_field() -> None:
    taken = stored(environment=None, tags={"environment": "staging"})
    assert taken.data["environment"] == "staging"


@pytest.mark.parametrize(
    ("fields", "title", "culprit"),
    [
        ({}, "FreshError: fresh transcript issue", "/checkout"),
        ({"transaction": None}, "FreshError: fresh transcript issue", "shop.db in charge"),
        ({"exception": None, "message": "first\nsecond"}, "first", "/checkout"),
        ({"exception": None, "logentry": {"message": "job %s", "params": ["7"]}}, "job 7", "/checkout"),
        ({"exception": None}, "<unlabeled event>", "/checkout"),
        ({"exception": {"type": "E", "value": ""}}, "E", "/checkout"),
    ],
)
def test_title_and_culprit(fields: dict[str, Any], title: str, culprit: str) -> None:
    taken = stored(**fields)
    assert (taken.title, taken.culprit) == (title, culprit)


_LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12)
_JSON = _LEAF | st.lists(_LEAF, max_size=3) | st.dictionaries(st.text(max_size=6), _LEAF, max_size=3)
_FRAME = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("function", "lineno", "context_line", "vars"), _JSON)
)
_STACK = st.fixed_dictionaries({"frames": st.lists(_FRAME | _JSON, max_size=2) | _JSON})
_PART = st.fixed_dictionaries(
    {},
    optional={
        "type": _JSON,
        "value": _JSON,
        "mechanism": _JSON,
        "stacktrace": _STACK | _JSON,
        "timestamp": _JSON,
    },
)
_PLAIN = (
    *("timestamp", "level", "platform", "tags", "logentry", "message"),
    *("fingerprint", "checksum", "user", "request", "contexts", "sdk", "modules"),
)
_MORE = ["extra", "environment", "release", "dist", "transaction", "culprit", "logger", "server_name"]
_LISTS = ("exception", "threads", "breadcrumbs", "stacktrace")
_VALUES = st.lists(_PART | _JSON, max_size=2)
_EVENTS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys((*_PLAIN, *_MORE), _JSON)
    | {key: _JSON | _STACK | st.fixed_dictionaries({"values": _VALUES}) for key in _LISTS},
)


@functools.cache
def _open_sandbox() -> tuple[SandboxSentry, Any]:
    sandbox = lab()
    return sandbox, create_app(sandbox).test_client()


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(_EVENTS)
def test_no_event_however_odd_breaks_the_sandbox(raw: dict[str, Any]) -> None:
    sandbox, client = _open_sandbox()
    taken = sandbox.capture("shop", raw)
    number = sandbox.state.issue_of[1, taken.id].id
    headers = {"Authorization": f"Bearer {sandbox.token}"}
    shown = client.get(f"/api/0/organizations/sentry/issues/{number}/events/{taken.id}/", headers=headers)
    assert (shown.status_code, shown.get_json()["id"]) == (200, taken.id)
    assert client.get(f"/api/0/organizations/sentry/issues/{number}/", headers=headers).status_code == 200
    assert client.get(f"/organizations/sentry/issues/{number}/").status_code == 200
