"""The real HTTP edge: ``requests`` as we use it."""

from __future__ import annotations

import pytest
import requests
import responses

from app.sentry import transport as edge
from app.sentry.errors import TooLarge, Unreachable
from app.sentry.transport import Request, RequestsTransport
from tests.writeback import TOKEN, sample

URL = "https://sentry.example/api/0/organizations/acme/issues/6507376925/"


@pytest.fixture
def web():
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def get(**options):
    return RequestsTransport().send(Request("GET", URL, {"Authorization": f"Bearer {TOKEN}"}, **options))


def test_status_headers_and_body_come_back(web):
    web.get(URL, json=sample("api/issue.get.json"), headers={"X-Hits": "1"})
    answer = get()
    assert answer.status == 200
    assert answer.headers["x-hits"] == "1"
    assert b"SHOP-API-41" in answer.body


def test_a_redirect_is_handed_back_not_followed(web):
    web.get(URL, status=302, headers={"Location": "https://evil.example/"})
    assert get().status == 302
    assert len(web.calls) == 1


def test_netrc_does_not_replace_the_token(web, monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine sentry.example login other password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    web.get(URL, json={})
    get()
    assert web.calls[0].request.headers["Authorization"] == f"Bearer {TOKEN}"


def test_the_timeouts_are_set(web):
    web.get(URL, json={})
    get(timeout=3.0)
    assert web.calls[0].request.req_kwargs["timeout"] == (3.0, 3.0)


@pytest.mark.parametrize("error", [requests.ConnectionError(TOKEN), requests.ReadTimeout(TOKEN)])
def test_no_answer_is_unreachable_and_names_only_the_host(web, error):
    web.get(URL, body=error)
    with pytest.raises(Unreachable) as caught:
        get()
    assert "sentry.example" in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_huge_answer_is_refused(web, monkeypatch):
    monkeypatch.setattr(edge, "MAX_BODY", 100)
    web.get(URL, body=b"x" * 101)
    with pytest.raises(TooLarge):
        get()


def test_an_answer_that_never_ends_is_cut(web, monkeypatch):
    web.get(URL, body=b"x" * 10)
    with pytest.raises(Unreachable):
        RequestsTransport().send(Request("GET", URL, timeout=-1.0 + 1e-9))
