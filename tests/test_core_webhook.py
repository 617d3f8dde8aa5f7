"""The signature over raw bytes, and what each real body says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.webhook import (
    APP_SIGNATURE,
    HOOK_SIGNATURE,
    BadPayload,
    BadSignature,
    WebhookEvent,
    parse_object,
    sign,
    verify,
    verify_relay,
)

VECTORS = Path(__file__).parent / "samples" / "sentry" / "vectors"
SIGNATURES = json.loads((VECTORS / "signatures.json").read_text())
SECRET = SIGNATURES["client_secret"]
CASES = [case for case in SIGNATURES["cases"] if "headers" in case]  # one more is a note on another
HOOKS = [case for case in CASES if HOOK_SIGNATURE in case["headers"]]


def body_of(case: dict) -> bytes:
    return (VECTORS / case["body"]).read_bytes()


def signature_of(case: dict) -> str:
    return case["headers"].get(HOOK_SIGNATURE) or case["headers"][APP_SIGNATURE]


def name(case: dict) -> str:
    return case["body"]


def test_there_are_all_the_vectors() -> None:
    assert len(CASES) == 33


@pytest.mark.parametrize("case", CASES, ids=name)
def test_vector_passes(case: dict) -> None:
    verify(signature_of(case), body_of(case), [SECRET])


@pytest.mark.parametrize("case", CASES, ids=name)
def test_vector_with_one_bit_flipped_fails(case: dict) -> None:
    body = bytearray(body_of(case) or b"\0")
    body[len(body) // 2] ^= 1
    with pytest.raises(BadSignature):
        verify(signature_of(case), bytes(body), [SECRET])


@pytest.mark.parametrize("case", CASES, ids=name)
def test_vector_with_a_flipped_signature_bit_fails(case: dict) -> None:
    signature = bytearray.fromhex(signature_of(case))
    signature[7] ^= 1
    with pytest.raises(BadSignature):
        verify(signature.hex(), body_of(case), [SECRET])


def test_re_serialised_body_fails() -> None:
    case = next(case for case in CASES if case["body"] == "issue.created.non_ascii.body")
    for again in (
        json.dumps(json.loads(body_of(case))),
        json.dumps(json.loads(body_of(case)), ensure_ascii=False),
    ):
        with pytest.raises(BadSignature):
            verify(signature_of(case), again.encode(), [SECRET])


@pytest.mark.parametrize(
    "signature", ["", "abc", "Z" * 64, sign(SECRET, b"{}").upper(), sign(SECRET, b"{}") + "00", "é" * 64]
)
def test_malformed_signature_fails(signature: str) -> None:
    with pytest.raises(BadSignature):
        verify(signature, b"{}", [SECRET])


def test_any_of_several_secrets_fits() -> None:
    verify(sign("old", b"x"), b"x", ["new", "old"])
    with pytest.raises(BadSignature):
        verify(sign("other", b"x"), b"x", ["new", "old"])


def test_no_secret_means_no_entry() -> None:
    with pytest.raises(BadSignature):
        verify(sign("", b"x"), b"x", [])


@pytest.mark.parametrize("case", HOOKS, ids=name)
def test_hook_is_parsed(case: dict) -> None:
    event = WebhookEvent.from_http(case["headers"], body_of(case), secrets=[SECRET])
    body = json.loads(body_of(case))
    assert event.resource == case["headers"]["Sentry-Hook-Resource"]
    assert event.action == body["action"]
    assert event.installation == body["installation"]["uuid"]
    assert event.request_id == case["headers"]["Request-ID"]
    if event.resource in {"issue", "comment", "error", "event_alert", "activity_alert", "seer"}:
        assert event.issue_id
        assert event.issue_id.isdigit()
    assert event.actor.is_person == (body.get("actor", {}).get("type") == "user")


def test_header_names_are_case_insensitive() -> None:
    case = HOOKS[0]
    headers = {key.lower(): value for key, value in case["headers"].items()}
    assert WebhookEvent.from_http(headers, body_of(case), secrets=[SECRET]).resource


def test_component_signature_does_not_open_the_webhook() -> None:
    case = HOOKS[0]
    headers = dict(case["headers"])
    headers[APP_SIGNATURE] = headers.pop(HOOK_SIGNATURE)
    with pytest.raises(BadSignature, match="missing"):
        WebhookEvent.from_http(headers, body_of(case), secrets=[SECRET])


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"[1]", "not an object"),
        (b"null", "not an object"),
        (b"\xff\xfe\x00", "UTF-8|JSON"),
        (b"[" * 100_000, "nested|JSON"),
    ],
)
def test_garbage_is_named(body: bytes, says: str) -> None:
    with pytest.raises(BadPayload, match=says):
        WebhookEvent.from_http({HOOK_SIGNATURE: sign(SECRET, body)}, body, secrets=[SECRET])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
keys = st.sampled_from(["action", "actor", "data", "installation", "issue", "id"]) | st.text(max_size=5)


@given(st.dictionaries(keys, json_values | st.dictionaries(keys, json_values, max_size=3), max_size=5))
def test_any_signed_object_is_read_without_an_exception(payload: dict) -> None:
    body = json.dumps(payload).encode()
    headers = {HOOK_SIGNATURE: sign(SECRET, body), "Sentry-Hook-Resource": "issue"}
    event = WebhookEvent.from_http(headers, body, secrets=[SECRET])
    assert event.issue_id is None or event.issue_id.isdigit()


def test_delivery_is_the_same_for_the_same_request_only() -> None:
    case = HOOKS[0]
    first = WebhookEvent.from_http(case["headers"], body_of(case), secrets=[SECRET])
    again = WebhookEvent.from_http(case["headers"], body_of(case), secrets=[SECRET])
    other = WebhookEvent.from_http(case["headers"] | {"Request-ID": "x"}, body_of(case), secrets=[SECRET])
    keyed = WebhookEvent.from_http(
        case["headers"] | {"Idempotency-Key": "k"}, body_of(case), secrets=[SECRET]
    )
    assert first.delivery == again.delivery != other.delivery
    assert keyed.delivery == "k"


def test_relay_signature() -> None:
    verify_relay("sha256=" + sign(SECRET, b"x"), b"x", [SECRET])
    for wrong in ("", "sha256=", sign(SECRET, b"x"), "sha1=" + sign(SECRET, b"x")):
        with pytest.raises(BadSignature):
            verify_relay(wrong, b"x", [SECRET])


def test_parse_object_keeps_the_object() -> None:
    assert parse_object(b'{"a": 1}') == {"a": 1}
