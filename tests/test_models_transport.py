"""The transport: bounded in time, attempts and bytes, against fakes at the HTTP edge and real sockets."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests
import responses
from hypothesis import given
from hypothesis import strategies as st

from app.models.base import CallFault, HttpRequest
from app.models.transport import MAX_BODY, Transport, Unanswered, within_seconds

URL = "https://model.test/v1/chat/completions"
REQUEST = HttpRequest(URL, {"Authorization": "Bearer k"}, b'{"q": 1}')


class Time:
    """A clock that moves when someone sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds

    def transport(self, **options: int) -> Transport:
        return Transport(
            clock=self.clock, sleep=self.sleep, wall=lambda: 1_700_000_000.0, jitter=lambda: 1.0, **options
        )


@pytest.fixture
def http() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=True) as mock:
        yield mock


def test_an_answer_comes_back_with_status_headers_and_body(http: responses.RequestsMock) -> None:
    http.post(URL, body=b"hi", headers={"X-Request-Id": "7"})
    answer = Time().transport().send(REQUEST)
    assert (answer.status, answer.body, answer.headers["x-request-id"]) == (200, b"hi", "7")
    assert http.calls[0].request.headers["Authorization"] == "Bearer k"


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
def test_what_asking_again_cannot_mend_is_not_asked_again(http: responses.RequestsMock, status: int) -> None:
    http.post(URL, status=status)
    assert Time().transport().send(REQUEST).status == status


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 529])
def test_a_passing_failure_is_tried_again(http: responses.RequestsMock, status: int) -> None:
    http.post(URL, status=status)
    http.post(URL, body=b"ok")
    timer = Time()
    assert timer.transport().send(REQUEST).body == b"ok"
    assert timer.slept == [0.5]


@pytest.mark.parametrize(
    "error",
    [
        requests.ConnectionError("reset"),
        requests.Timeout("slow"),
        requests.exceptions.ChunkedEncodingError("cut"),
    ],
)
def test_a_broken_connection_is_tried_again(http: responses.RequestsMock, error: Exception) -> None:
    http.post(URL, body=error)
    http.post(URL, body=b"ok")
    assert Time().transport().send(REQUEST).body == b"ok"


def test_attempts_are_bounded_and_the_case_is_named(http: responses.RequestsMock) -> None:
    for _ in range(3):
        http.post(URL, status=503, body="<html>secret page</html>")
    with pytest.raises(Unanswered) as caught:
        Time().transport().send(REQUEST)
    assert (caught.value.fault, caught.value.attempts) == (CallFault.SERVER_ERROR, 3)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "slept"),
    [
        ({"Retry-After": "4"}, 4.0),
        ({"Retry-After": "0"}, 0.0),
        ({"retry-after-ms": "250"}, 0.25),
        ({"Retry-After": "Tue, 14 Nov 2023 22:13:25 GMT"}, 5.0),
        ({"Retry-After": "soon"}, 0.5),
        ({"Retry-After": "-3"}, 0.0),
        ({"Retry-After": "nan"}, 0.5),
    ],
)
def test_retry_after_is_honoured(http: responses.RequestsMock, headers: dict[str, str], slept: float) -> None:
    http.post(URL, status=429, headers=headers)
    http.post(URL, body=b"ok")
    timer = Time()
    timer.transport().send(REQUEST)
    assert timer.slept == [slept]


def test_a_retry_after_beyond_the_call_is_handed_on_not_slept(http: responses.RequestsMock) -> None:
    http.post(URL, status=429, headers={"Retry-After": "120"})
    timer = Time()
    with pytest.raises(Unanswered) as caught:
        timer.transport().send(REQUEST)
    assert (caught.value.fault, caught.value.after, timer.slept) == (CallFault.RATE_LIMITED, 120.0, [])


def test_waiting_never_outlasts_the_call(http: responses.RequestsMock) -> None:
    for _ in range(3):
        http.post(URL, status=429, headers={"Retry-After": "12"})
    timer = Time()
    with pytest.raises(Unanswered):
        timer.transport(attempts=50).send(REQUEST, within=30)
    assert timer.slept == [12.0, 12.0]


def test_no_time_left_is_a_timeout_without_a_call() -> None:
    with pytest.raises(Unanswered) as caught:
        Time().transport().send(REQUEST, within=0)
    assert caught.value.fault is CallFault.TIMEOUT


def test_an_empty_account_is_answered_at_once(http: responses.RequestsMock) -> None:
    http.post(URL, status=429, json={"error": {"code": "insufficient_quota"}})
    assert Time().transport().send(REQUEST).status == 429


def test_a_redirect_is_not_followed(http: responses.RequestsMock) -> None:
    http.post(URL, status=307, headers={"Location": "https://elsewhere.test/"})
    assert Time().transport().send(REQUEST).status == 307


def test_a_body_without_end_is_cut(http: responses.RequestsMock) -> None:
    http.post(URL, body=b"x" * (MAX_BODY + 1))
    with pytest.raises(Unanswered) as caught:
        Time().transport().send(REQUEST)
    assert caught.value.fault is CallFault.TOO_LARGE


def test_netrc_does_not_replace_the_key(
    http: responses.RequestsMock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine model.test login someone password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    http.post(URL, body=b"ok")
    Time().transport().send(REQUEST)
    assert http.calls[0].request.headers["Authorization"] == "Bearer k"


@given(st.lists(st.sampled_from([429, 500, 503, 200]), min_size=6, max_size=6), st.floats(0, 60))
def test_time_and_attempts_are_bounded_for_any_row_of_failures(statuses: list[int], after: float) -> None:
    timer = Time()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        for status in statuses:
            http.post(URL, status=status, headers={"Retry-After": str(after)})
        with contextlib.suppress(Unanswered):
            timer.transport().send(REQUEST)
        assert len(http.calls) <= 3
    assert timer.now < 30


@contextmanager
def _server(behave: Callable[[socket.socket], None]) -> Iterator[str]:
    """A real socket on which one behaviour answers every connection."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                peer, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_safely, args=(behave, peer), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1/chat/completions"
    finally:
        listener.close()


def _safely(behave: Callable[[socket.socket], None], peer: socket.socket) -> None:
    with peer:
        try:
            behave(peer)
        except OSError:
            return


def _hang(peer: socket.socket) -> None:
    peer.recv(65536)
    time.sleep(5)


def _drip_headers(peer: socket.socket) -> None:
    peer.recv(65536)
    peer.sendall(b"HTTP/1.1 200 OK\r\n")
    for n in range(200):
        peer.sendall(b"X-Slow-%d: a\r\n" % n)
        time.sleep(0.05)


def _drip_body(peer: socket.socket) -> None:
    peer.recv(65536)
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(200):
        peer.sendall(b"x")
        time.sleep(0.05)


def _reset(peer: socket.socket) -> None:
    peer.recv(65536)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def _garbage(peer: socket.socket) -> None:
    peer.recv(65536)
    peer.sendall(b"\x00\x01\x02 not http\r\n\r\n")


@pytest.mark.parametrize("behave", [_hang, _drip_headers, _drip_body])
def test_a_real_slow_server_costs_no_more_than_the_wall_clock(
    behave: Callable[[socket.socket], None],
) -> None:
    with _server(behave) as url:
        started = time.monotonic()
        with pytest.raises(Unanswered) as caught:
            Transport().send(HttpRequest(url, {}, b"{}"), within=0.6)
        assert time.monotonic() - started < 1.5
        assert caught.value.fault is CallFault.TIMEOUT


@pytest.mark.parametrize("behave", [_reset, _garbage])
def test_a_real_broken_server_is_tried_and_named(behave: Callable[[socket.socket], None]) -> None:
    with _server(behave) as url, pytest.raises(Unanswered) as caught:
        Transport(sleep=lambda _: None).send(HttpRequest(url, {}, b"{}"), within=5)
    assert caught.value.fault is CallFault.CONNECTION
    assert caught.value.attempts == 3


def test_nobody_listening_is_a_connection_fault() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unanswered) as caught:
        Transport(sleep=lambda _: None).send(HttpRequest(f"http://127.0.0.1:{port}/", {}, b""), within=5)
    assert caught.value.fault is CallFault.CONNECTION


def test_an_error_inside_the_clocked_call_comes_out() -> None:
    def boom() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        within_seconds(1, boom)  # type: ignore[arg-type]
