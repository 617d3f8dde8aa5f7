"""Against the real gunicorn on a socket: forged, replayed, truncated, re-encoded, smuggled, slow."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.core.webhook import MAX_BODY, sign
from app.sandbox.sandbox import SandboxSentry
from app.sandbox.server import SandboxServer
from app.settings import fixed_settings
from app.store import open_store
from app.web.gunicorn_worker import READ_SECONDS, is_whole

from .live import Live
from .security_kit import BODY, chunked, connect, exchange, request_bytes, signed


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("wire")
    database = f"sqlite:///{folder / 'triage.db'}"
    with (
        SandboxServer(SandboxSentry()) as sandbox,
        Live(folder, sandbox, database, TMPDIR=str(folder)) as live,
    ):
        live.release()
        live.web()
        yield live


@pytest.fixture
def secret(live: Live) -> str:
    return live.environment["SENTRY_CLIENT_SECRET"]


def jobs(live: Live) -> int:
    settings = fixed_settings(DATABASE_URL=live.environment["DATABASE_URL"], SENTRY_CLIENT_SECRET="x" * 32)
    store = open_store(settings)
    found = sum(store.work.counts().values())
    store.close()
    return found


def post(live: Live, headers: object, body: bytes = BODY, **more: object) -> int:
    return exchange(live.port, request_bytes(headers, body, **more))[0]  # type: ignore[arg-type]


def test_signed_is_stored_once_and_a_replay_is_nothing_new(live: Live, secret: str) -> None:
    body = json.dumps({"action": "created", "data": {"issue": {"id": "1001"}}}).encode()
    before = jobs(live)
    headers = signed(secret, body, Request_ID="a" * 32)
    assert [post(live, headers, body) for _ in range(5)] == [202] * 5
    assert jobs(live) == before + 1


FORGED = {
    "none": "",
    "another secret": sign("f" * 64, BODY),
    "upper case": "UPPER",
    "cut off": "CUT",
    "too long": "LONG",
    "with spaces inside": "SPACES",
    "not hexadecimal": "g" * 64,
    "zeros": "0" * 64,
    "of nothing": "EMPTY",
    "plain SHA-256": "SHA",
    "scheme before it": "SCHEME",
    "two of them": "TWO",
}


@pytest.mark.parametrize("how", FORGED)
def test_a_forged_signature_is_refused(live: Live, secret: str, how: str) -> None:
    import hashlib

    good = sign(secret, BODY)
    made = {
        "UPPER": good.upper(),
        "CUT": good[:-1],
        "LONG": good + "0",
        "SPACES": good[:32] + " " + good[32:],
        "EMPTY": sign(secret, b""),
        "SHA": hashlib.sha256(BODY).hexdigest(),
        "SCHEME": f"sha256={good}",
        "TWO": f"{good}, {good}",
    }
    headers = signed(secret) | {"Sentry-Hook-Signature": made.get(FORGED[how], FORGED[how])}
    assert post(live, headers) == 401


@pytest.mark.parametrize(
    "changed",
    [
        BODY + b" ",
        BODY[:-1],
        BODY.replace(b"41", b"42"),
        b"",
        BODY.decode().encode("utf-16"),
        b"\xef\xbb\xbf" + BODY,
    ],
    ids=["longer", "shorter", "altered", "empty", "utf-16", "with a BOM"],
)
def test_another_body_under_the_same_signature_is_refused(live: Live, secret: str, changed: bytes) -> None:
    assert post(live, signed(secret), changed) == 401


def test_a_truncated_body_is_never_taken(live: Live, secret: str) -> None:
    """The connection ends before the promised length: closed, or 401; never 202."""
    with connect(live.port) as sock:
        sock.sendall(request_bytes(signed(secret), BODY[:20], length=len(BODY)))
        sock.shutdown(socket.SHUT_WR)
        answer = sock.recv(65536)
    assert b" 202 " not in answer


def test_the_signature_is_over_the_bytes_as_sent(live: Live, secret: str) -> None:
    packed = gzip.compress(BODY)
    encoding = {"Content-Encoding": "gzip"}
    assert post(live, signed(secret) | encoding, packed) == 401, "signed before packing"
    assert post(live, signed(secret, packed) | encoding, packed) == 400, "not unpacked: it is no JSON"
    for kind in ("application/json; charset=utf-16", "text/plain", "application/x-www-form-urlencoded", ""):
        assert post(live, signed(secret) | {"Content-Type": kind}) == 202, "the bytes count, not their label"


def test_chunked_bodies_are_verified_alike(live: Live, secret: str) -> None:
    encoding = {"Transfer-Encoding": "chunked"}
    assert post(live, signed(secret) | encoding, chunked(BODY)) == 202
    assert post(live, signed(secret) | encoding, chunked(BODY.replace(b"41", b"42"))) == 401


SMUGGLED = {
    "two signatures, good first": [("Sentry-Hook-Signature", "GOOD"), ("Sentry-Hook-Signature", "0" * 64)],
    "two signatures, good last": [("Sentry-Hook-Signature", "0" * 64), ("Sentry-Hook-Signature", "GOOD")],
    "underscore twin alone": [("Sentry_Hook_Signature", "GOOD")],
    "underscore twin beside a wrong one": [
        ("Sentry-Hook-Signature", "0" * 64),
        ("Sentry_Hook_Signature", "GOOD"),
    ],
    "twin with a space": [("Sentry-Hook-Signature ", "GOOD")],
    "folded": [("Sentry-Hook-Signature", "0\r\n GOOD")],
    "length and chunked": [
        ("Sentry-Hook-Signature", "GOOD"),
        ("Content-Length", str(len(BODY))),
        ("Transfer-Encoding", "chunked"),
    ],
    "two lengths": [
        ("Sentry-Hook-Signature", "GOOD"),
        ("Content-Length", str(len(BODY))),
        ("Content-Length", "5"),
    ],
    "negative length": [("Sentry-Hook-Signature", "GOOD"), ("Content-Length", "-1")],
    "length with a plus": [("Sentry-Hook-Signature", "GOOD"), ("Content-Length", f"+{len(BODY)}")],
    "obscure transfer": [("Sentry-Hook-Signature", "GOOD"), ("Transfer-Encoding", "xchunked")],
    "null in a value": [("Sentry-Hook-Signature", "GOOD\0")],
}


@pytest.mark.parametrize("how", SMUGGLED)
def test_smuggled_headers_open_nothing(live: Live, secret: str, how: str) -> None:
    good = sign(secret, BODY)
    pairs = [(name, value.replace("GOOD", good)) for name, value in SMUGGLED[how]]
    before = jobs(live)
    status, answer = exchange(live.port, request_bytes([("Sentry-Hook-Resource", "issue"), *pairs], BODY))
    assert status in (0, 400, 401, 501), answer
    assert jobs(live) == before
    assert b"Traceback" not in answer


def test_a_relays_underscored_header_is_no_way_around(live: Live, secret: str) -> None:
    """``sentry_signature`` is let through for relays, and still has to fit."""
    assert post(live, {"sentry_signature": "sha256=" + "0" * 64}) == 401
    both = [("Sentry-Signature", "sha256=" + "0" * 64), ("sentry_signature", "sha256=" + sign(secret, BODY))]
    status, _ = exchange(live.port, request_bytes(both, BODY), timeout=40)
    assert status in (400, 401)


def test_requests_behind_one_another_are_each_verified(live: Live, secret: str) -> None:
    """Pipelined: a forged one hides behind a good one."""
    first = request_bytes(signed(secret), BODY).replace(b"Connection: close\r\n", b"")
    forged = request_bytes(signed("f" * 64), BODY)
    _, answer = exchange(live.port, first + forged)
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [202, 401]


HOSTILE_BODIES = {
    "deep": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "deep list": b"[" * 500_000,
    "not JSON": b"\x00\x01\x02",
    "list": b"[]",
    "number": b"1",
    "invalid UTF-8": b'{"action": "\xff\xfe"}',
    "lone surrogate": b'{"action": "\\ud800"}',
    "huge number": b'{"data": ' + b"9" * 5000 + b"}",
    "infinity": b'{"data": Infinity}',
    "many keys": b"{" + b",".join(b'"k%d":1' % n for n in range(50_000)) + b"}",
    "same key again": b'{"action":"created","action":["x"]}',
    "one string of a megabyte": b'{"a":"' + b"x" * (MAX_BODY - 20) + b'"}',
}


@pytest.mark.parametrize("what", HOSTILE_BODIES)
def test_hostile_bodies_are_answered_quickly_and_without_a_word_too_many(
    live: Live, secret: str, what: str
) -> None:
    body = HOSTILE_BODIES[what]
    began = time.monotonic()
    status, answer = exchange(live.port, request_bytes(signed(secret, body), body))
    assert status in (202, 400), answer[:500]
    assert time.monotonic() - began < 5
    assert b"Traceback" not in answer
    assert post(live, signed(secret)) == 202, "and the next one is served"


def test_a_body_that_is_too_large_is_refused(live: Live, secret: str) -> None:
    body = b'{"a":"' + b"x" * MAX_BODY + b'"}'
    assert post(live, signed(secret, body), body) in (413, 0)
    large = b'{"action":"created","data":{"a":"' + b"x" * (MAX_BODY - 100) + b'"}}'
    assert post(live, signed(secret, large), large) == 202
    assert post(live, signed(secret) | {"Content-Length": "99999999999"}, b"") in (413, 0)


def test_every_answer_carries_the_headers(live: Live) -> None:
    for method, path in (
        ("GET", "/health"),
        ("GET", "/ready"),
        ("GET", "/openapi.json"),
        ("GET", "/nothing"),
        ("GET", "/metrics"),
        ("POST", "/webhooks/sentry"),
        ("PUT", "/webhooks/sentry"),
    ):
        answer = requests.request(method, live.url + path, timeout=15)
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"], path
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "Python" not in answer.headers.get("Server", "")


SLOW = 150
"""More than all threads of all web processes together (2 × 16)."""


def test_slow_connections_keep_nobody_out(live: Live, secret: str) -> None:
    half = request_bytes(signed(secret), BODY)
    pieces = {"head": half[:40], "body": half[: -len(BODY) + 3], "nothing": b"", "chunk": _slow_chunk(secret)}
    slow = []
    try:
        for number in range(SLOW):
            sock = connect(live.port)
            sock.sendall(list(pieces.values())[number % len(pieces)])
            slow.append(sock)
        times = []
        for _ in range(20):
            for sock in slow[::10]:
                _drip(sock)
            began = time.monotonic()
            assert post(live, signed(secret)) == 202
            times.append(time.monotonic() - began)
        assert statistics.median(times) < 0.5, times
        assert max(times) < 5, times
        deadline = time.monotonic() + READ_SECONDS + 20
        while time.monotonic() < deadline and not all(_closed(sock) for sock in slow):
            time.sleep(0.5)
        assert all(_closed(sock) for sock in slow), "and are closed after a while, however they drip"
    finally:
        for sock in slow:
            sock.close()


def _slow_chunk(secret: str) -> bytes:
    return request_bytes(signed(secret) | {"Transfer-Encoding": "chunked"}, b"5\r\nab")


def _drip(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        sock.send(b"x")


def _closed(sock: socket.socket) -> bool:
    sock.settimeout(0.01)
    try:
        return sock.recv(1024) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_body_that_comes_in_pieces_is_taken(live: Live, secret: str) -> None:
    body = json.dumps({"action": "created", "data": {"issue": {"id": "5"}, "x": "y" * 300_000}}).encode()
    whole = request_bytes(signed(secret, body), body)
    with connect(live.port) as sock:
        for start in range(0, len(whole), 50_000):
            sock.sendall(whole[start : start + 50_000])
            time.sleep(0.05)
        assert b" 202 " in sock.recv(65536)


def test_expect_100_continue_is_answered(live: Live, secret: str) -> None:
    whole = request_bytes(signed(secret) | {"Expect": "100-continue"}, BODY)
    head = whole[: -len(BODY)]
    with connect(live.port) as sock:
        sock.sendall(head)
        assert sock.recv(1024).startswith(b"HTTP/1.1 100 ")
        sock.sendall(BODY)
        received = b""
        while part := sock.recv(65536):
            received += part
    assert b"HTTP/1.1 202 " in received


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b"", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nab", False),
        (b"POST / HTTP/1.1\r\ncontent-length:3\r\n\r\nabc", True),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n", False),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n", True),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", True),
        (b"x" * 70_000, True),
    ],
)
def test_when_a_request_is_whole(data: bytes, whole: bool) -> None:
    assert is_whole(data) is whole


def test_nothing_of_all_this_is_in_the_logs_but_reasons(live: Live, secret: str) -> None:
    text = Path(live.folder / "web.log").read_text()
    assert secret not in text
    assert "Traceback" not in text
