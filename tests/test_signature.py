"""Signatures: near-duplicates share one, different errors do not."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.digest import Digest, ExceptionInfo, Frame
from app.core.signature import MAX_NORMALISED, normalise_message, signature

SAME = [
    ("User 123 not found", "User 98765 not found"),
    ("timeout after 30.5 s", "timeout after 2 s"),
    ("GET https://a.test/x/1 failed", "GET https://a.test/y/2 failed"),
    ("file /tmp/a/b1.txt missing", "file /var/lib/c.txt missing"),
    ("id 550e8400-e29b-41d4-a716-446655440000 gone", "id 0e37df36-f698-11e6-8dd4-cb9ced3df976 gone"),
    ("<Order object at 0x7f001> is closed", "<Order object at 0x7fabc> is closed"),
    ("mail to a@example.com bounced", "mail to someone.else@example.org bounced"),
    ("Duplicate entry 'user-1@x' for key 'email'", "Duplicate entry 'user 2' for key 'email'"),
    ("connect to 10.0.0.1:5432 refused", "connect to 10.9.8.7:5433 refused"),
    ("unrecognized selector sent to instance 0x13a1065d0", "unrecognized selector sent to instance 0x99"),
    ("expired at 2026-01-01T00:00:00Z", "expired at 2026-11-23 10:00:00,123"),
    ("lock wait on shard-17", "lock wait on shard-3"),
    (
        "commit 5f3759df5f3759df5f3759df5f3759df5f3759df bad",
        "commit 00000000aaaaaaaa00000000aaaaaaaa00000000 bad",
    ),
    ("could  not\nconnect", "could not connect"),
    ("host db-3.prod.internal:5432 down", "host db-9.prod.internal:5432 down"),
]
DIFFERENT = [
    ("Request failed with status code 502", "Request failed with status code 404"),
    ("401 Unauthorized", "402 Payment Required"),
    ("[Errno 28] No space left on device", "[Errno 24] Too many open files"),
    ("'NoneType' object has no attribute 'get'", "'NoneType' object has no attribute 'items'"),
    ('column "total" does not exist', 'column "name" does not exist'),
    ("Job failed: exit code 137", "Job failed: exit code 1"),
    ("Error 1213: Deadlock found", "Error 1062: Duplicate entry"),
    ("cURL error 6: Could not resolve host", "cURL error 28: Operation timed out"),
    ("division by zero", "list index out of range"),
    ("signal 9 (SIGKILL)", "signal 11 (SIGSEGV)"),
]
FRAMES = (
    Frame(filename="django/core/handlers/base.py", function="_get_response", lineno=181, in_app=False),
    Frame(filename="shop/views.py", function="post", lineno=40, in_app=True),
    Frame(filename="shop/pay.py", function="charge", lineno=7, in_app=True),
)
BASE = Digest(
    platform="python",
    level="error",
    exceptions=(ExceptionInfo(type="KeyError", value="'sku'", frames=FRAMES),),
)


def _said(text: str) -> Digest:
    return Digest(platform="python", level="error", exceptions=(ExceptionInfo(type="E", value=text),))


def _with_frames(*frames: Frame) -> Digest:
    return replace(BASE, exceptions=(replace(BASE.exceptions[0], frames=frames),))


@pytest.mark.parametrize(("one", "other"), SAME)
def test_near_duplicates_share_a_signature(one: str, other: str) -> None:
    assert normalise_message(one) == normalise_message(other)
    assert signature(_said(one)) == signature(_said(other))


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_different_errors_do_not(one: str, other: str) -> None:
    assert signature(_said(one)) != signature(_said(other))


def test_line_numbers_and_foreign_frames_do_not_count() -> None:
    moved = [replace(f, lineno=(f.lineno or 0) + 12, context_line="x") for f in FRAMES]
    assert signature(_with_frames(*moved)) == signature(BASE)
    assert signature(_with_frames(*FRAMES[1:])) == signature(BASE)


def test_another_function_of_ours_is_another_error() -> None:
    assert signature(_with_frames(*FRAMES[:2], replace(FRAMES[2], function="refund"))) != signature(BASE)


def test_a_build_hash_in_a_bundle_name_does_not_count() -> None:
    one = _with_frames(Frame(filename="app:///static/main.8f3a2b1c.js", function="t", in_app=True))
    other = _with_frames(Frame(filename="app:///static/main.77ab01de.js?v=2", function="t", in_app=True))
    assert signature(one) == signature(other)


def test_a_module_name_with_a_digit_is_not_a_build_hash() -> None:
    one = _with_frames(Frame(module="shop.oauth2client", function="t", in_app=True))
    other = _with_frames(Frame(module="shop.saml2client", function="t", in_app=True))
    assert signature(other) != signature(one)


@pytest.mark.parametrize("change", [{"level": "warning"}, {"environment": "staging"}, {"platform": "ruby"}])
def test_what_a_verdict_rests_on_counts(change: dict[str, str]) -> None:
    assert signature(replace(BASE, **change)) != signature(BASE)


def test_message_events_compare_by_message() -> None:
    one = Digest(platform="go", level="error", message="worker 7 lost")
    assert signature(one) == signature(replace(one, message="worker 8 lost", title="anything"))
    assert signature(one) != signature(replace(one, message="worker 8 found"))


def test_nothing_to_compare_is_no_signature() -> None:
    assert signature(Digest(platform="javascript", level="error")) == ""


@given(st.text(max_size=2000))
def test_any_message_normalises_to_a_bounded_line_that_settles(text: str) -> None:
    line = normalise_message(text)
    assert len(line) <= MAX_NORMALISED
    assert "\n" not in line
    assert len(signature(_said(text))) == 32
