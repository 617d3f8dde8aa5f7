"""Sending to a DSN: the envelope's bytes, the hosts allowed, and what the ingest's answers mean."""

from __future__ import annotations

import json

import pytest

from app.errors import Permanent, Retryable
from app.sentry.errors import BadAnswer, Forbidden, RateLimited, ServerTrouble, TooLarge, Unreachable
from app.sentry.ingest import Dsn, EnvelopeSender, check_dsn, envelope, ingest_hosts, limit_seconds
from app.sentry.transport import Response
from tests.writeback import SAMPLES, Clock, FakeTransport, sample

DSN = "https://d20df0a1ab5031c7f3c7edca9c02814d@o4509.ingest.us.sentry.io/4509062593708032"
PATH = "POST /api/4509062593708032/envelope/"
EVENT = sample("ingest/annotation_event.json")


def send(*answers):
    fake = FakeTransport().on(PATH, *answers)
    return EnvelopeSender(fake, Clock()).send(DSN, EVENT), fake


def test_the_bytes_are_the_recorded_envelope():
    recorded = (SAMPLES / "ingest/annotation_event.envelope").read_bytes()
    assert envelope(Dsn.parse(DSN), EVENT, Clock().now) == recorded


def test_it_is_sent_as_an_sdk_would():
    sent, fake = send({"id": EVENT["event_id"]})
    assert sent == EVENT["event_id"]
    request = fake.requests[0]
    assert request.url == "https://o4509.ingest.us.sentry.io/api/4509062593708032/envelope/"
    assert request.headers["Content-Type"] == "application/x-sentry-envelope"
    assert (
        "sentry_key=d20df0a1ab5031c7f3c7edca9c02814d, sentry_client=sentry-triage/"
        in request.headers["X-Sentry-Auth"]
    )
    header, item, payload, end = (request.body or b"").split(b"\n")
    assert json.loads(item)["length"] == len(payload)
    assert (json.loads(header)["event_id"], end) == (EVENT["event_id"], b"")


@pytest.mark.parametrize(
    ("dsn", "url"),
    [
        ("https://k@s.example/7", "https://s.example/api/7/envelope/"),
        ("http://k@127.0.0.1:9100/2", "http://127.0.0.1:9100/api/2/envelope/"),
        ("https://k@s.example/sentry/sub/7", "https://s.example/sentry/sub/api/7/envelope/"),
        ("https://k:old-secret@s.example/7/", "https://s.example/api/7/envelope/"),
        ("http://k@[::1]:9000/7", "http://[::1]:9000/api/7/envelope/"),
    ],
)
def test_every_form_of_dsn(dsn, url):
    parsed = Dsn.parse(dsn)
    assert parsed.envelope_url == url
    assert "old-secret" not in parsed.public


@pytest.mark.parametrize(
    "dsn",
    [
        "",
        "k@s.example/7",
        "ftp://k@s.example/7",
        "https://s.example/7",
        "https://k@s.example/",
        "https://k@s.example/x",
        "https://k@s.example:99999/7",
        "https://k@/7",
    ],
)
def test_what_is_no_dsn_is_refused(dsn):
    with pytest.raises(Permanent):
        Dsn.parse(dsn)
    assert not check_dsn(dsn, ("s.example",))[0]


@pytest.mark.parametrize(
    ("base", "dsn", "allowed"),
    [
        ("https://us.sentry.io", DSN, True),
        ("https://sentry.io", "https://k@o1.ingest.de.sentry.io/7", True),
        ("https://sentry.io", "https://k@o1.ingest.sentry.io/7", True),
        ("https://sentry.io", "https://k@sentry.example/7", False),
        ("https://sentry.io", "https://k@ingest.us.sentry.io/7", False),
        ("https://sentry.io", "https://k@evilingest.us.sentry.io/7", False),
        ("https://sentry.io", "https://k@o1.ingest.us.sentry.io.evil.example/7", False),
        ("https://sentry.io", "https://o1.ingest.us.sentry.io@evil.example/7", False),
        ("https://sentry.example", "http://k@sentry.example:9100/7", True),
        ("https://sentry.example", "https://k@SENTRY.example/7", True),
        ("https://sentry.example", "https://k@169.254.169.254/7", False),
        ("https://sentry.example", DSN, False),
    ],
)
def test_events_go_to_known_hosts_only(base, dsn, allowed):
    assert check_dsn(dsn, ingest_hosts(base))[0] is allowed


def test_a_relay_under_another_name_is_configured():
    assert check_dsn("https://k@relay.corp/7", ingest_hosts("https://sentry.example", ("relay.corp",)))[0]


@pytest.mark.parametrize(
    ("headers", "after"),
    [
        ({"retry-after": "30"}, 30),
        ({"x-sentry-rate-limits": "60:error;transaction:key, 2700:transaction:organization"}, 60),
        ({"x-sentry-rate-limits": "90::organization", "retry-after": "10"}, 90),
        ({"x-sentry-rate-limits": "90:transaction:key"}, 60),
        ({}, 60),
    ],
)
def test_a_429_says_how_long(headers, after):
    assert limit_seconds(headers, 0) == after
    with pytest.raises(RateLimited) as caught:
        send(Response(429, headers, b""))
    assert caught.value.after == after


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((403, {"detail": "event submission rejected with_reason: ProjectId"}), Forbidden),
        ((413, {}), TooLarge),
        ((503, {}), ServerTrouble),
        (Unreachable("reset"), Unreachable),
        (Response(200, {}, b"<html>"), BadAnswer),
        (Response(200, {}, b"[]"), BadAnswer),
    ],
)
def test_other_answers_have_a_meaning(answer, error):
    with pytest.raises(error) as caught:
        send(answer)
    assert "d20df0a1" not in str(caught.value)
    assert isinstance(caught.value, Permanent | Retryable)
