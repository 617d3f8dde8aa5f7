"""Redaction of text: planted values that must go, clean controls that must stay, and linear time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.redact import Removal, redact_json, redact_text
from app.core.redact_checks import luhn
from app.core.redact_keys import SENTRY_DENYLIST, SENTRY_PII_DENYLIST, key_kind

SAMPLES = Path(__file__).parent / "samples" / "redact"
PLANTED = [json.loads(line) for line in (SAMPLES / "planted.jsonl").read_text().splitlines()]
CLEAN = [json.loads(line) for line in (SAMPLES / "clean.jsonl").read_text().splitlines()]


def test_the_bake_off_is_big_enough() -> None:
    assert len(PLANTED) >= 99
    assert len(CLEAN) >= 45


@pytest.mark.parametrize("case", PLANTED, ids=lambda c: f"{c['kind']}:{c['in'][:30]}")
def test_a_planted_value_goes(case: dict[str, object]) -> None:
    # The samples hold values in pieces so that no secret scanner takes them for real ones.
    value = "".join(case["value"])
    text, removed = redact_text(case["in"].format(value))
    assert value not in text
    assert case["value"][-1] not in text
    assert case["kind"] in {r.kind for r in removed}
    assert "[" in text, "a placeholder says what was there"


@pytest.mark.parametrize("text", CLEAN)
def test_a_clean_control_stays(text: str) -> None:
    assert redact_text(text) == (text, ())


@pytest.mark.parametrize("case", PLANTED, ids=lambda c: f"{c['kind']}:{c['in'][:30]}")
def test_redacting_twice_changes_nothing(case: dict[str, object]) -> None:
    once, _ = redact_text(case["in"].format("".join(case["value"])))
    assert redact_text(once) == (once, ())


def test_placeholders_keep_the_meaning() -> None:
    assert (
        redact_text("dial tcp 10.0.0.8:5432: connection refused")[0]
        == "dial tcp [private-ip]:5432: connection refused"
    )
    assert redact_text("dial tcp 203.0.113.9:443: i/o timeout")[0] == "dial tcp [ip]:443: i/o timeout"
    assert (
        redact_text("postgres://u:p4ss@db.internal:5432/shop")[0]
        == "postgres://[credentials]@db.internal:5432/shop"
    )
    assert redact_text("https://x.test/a?b=c failed")[0] == "https://x.test/a?[query] failed"


def test_removals_count_by_kind() -> None:
    _, removed = redact_text("a@example.com, b@example.com from 203.0.113.9")
    assert removed == (Removal("email", 2), Removal("ip", 1))


@pytest.mark.parametrize("key", [*SENTRY_DENYLIST, *SENTRY_PII_DENYLIST])
def test_every_key_of_sentrys_own_lists_goes(key: str) -> None:
    clean, removed = redact_json({key: "s3nsitive", "extra": {key.upper(): "s3nsitive"}})
    assert "s3nsitive" not in json.dumps(clean)
    assert len(removed) == 2


@pytest.mark.parametrize(
    "key", ["x-api-key", "apiKey", "STRIPE_API_KEY", "dbPassword", "request.headers.Cookie", "user_token"]
)
def test_spellings_of_a_denied_key(key: str) -> None:
    assert key_kind(key) == "secret"


@pytest.mark.parametrize(
    "key", ["author", "tokenizer", "token_count", "auth_method", "session_timeout", "compass", "bypass", ""]
)
def test_a_key_that_only_looks_denied_stays(key: str) -> None:
    assert key_kind(key) is None


def test_json_keeps_its_shape_and_names_what_went() -> None:
    event = {
        "user": {"email": "a@example.com", "id": 7},
        "request": {"headers": [["Cookie", "sid=1"], ["Accept", "*/*"]], "query_string": "q=1"},
        "extra": {"n": 3, "ok": True, "none": None, "list": ["from 203.0.113.9"]},
    }
    clean, removed = redact_json(event)
    assert clean["user"] == {"email": "[personal]", "id": 7}
    assert clean["request"]["headers"] == [["Cookie", "[secret]"], ["Accept", "*/*"]]
    assert clean["extra"] == {"n": 3, "ok": True, "none": None, "list": ["from [ip]"]}
    assert {(r.kind, r.where) for r in removed} == {
        ("personal", "user.email"),
        ("secret", "request.headers[0].Cookie"),
        ("ip", "extra.list[0]"),
    }


def test_json_of_any_depth_is_survived() -> None:
    deep: object = "a@example.com"
    for _ in range(200):
        deep = {"x": deep}
    clean, removed = redact_json(deep)
    assert "example" not in json.dumps(clean)
    assert removed[0].kind == "too-deep"


@pytest.mark.parametrize(
    ("number", "good"), [("4242424242424242", True), ("4242424242424241", False), ("0", True)]
)
def test_luhn(number: str, good: bool) -> None:
    assert luhn(number) is good


TRAPS = {
    "letters": "a" * 1_000_000,
    "digits": "1" * 1_000_000,
    "dots": "a." * 500_000,
    "ats": "a@" * 500_000,
    "ips": "1.1." * 250_000,
    "colons": "a:" * 500_000,
    "pairs": "password=" * 110_000,
    "quotes": 'token="' * 140_000,
    "backslashes": "token='" + "\\" * 999_000,
    "urls": "http://" * 140_000,
    "queries": "http://a?" * 110_000,
    "userinfo": "x://a:" * 160_000,
    "jwts": "eyJ" * 330_000,
    "jwt dots": "eyJaaaaaaaaa." * 77_000,
    "keys": "-----BEGIN PRIVATE KEY-----" * 37_000,
    "bearer": "bearer " * 140_000,
    "cookies": "cookie: a=b " * 83_000,
    "dashes": "1-" * 500_000,
    "spaces": " " * 1_000_000,
    "spaced digits": "4 " * 500_000,
    "iban": "DE89 " * 200_000,
    "authorization": "authorization" * 77_000,
    "percent": "%40" * 330_000,
    "parens": "(a)=(" * 200_000,
    "angles": "<a>" * 330_000,
    "options": "--password " * 90_000,
    "entries": "duplicate entry '" * 62_000,
    "identified": "password is " * 83_000,
    "slashes": "/" * 1_000_000,
    "question": "a?a" * 330_000,
    "hex": "0f:" * 330_000,
    "phone": "+1 2 3 " * 140_000,
    "plus": "+" * 1_000_000,
    "prose": "the quick brown fox, order=7; jumped over https://x.test/a/b " * 16_000,
}


@pytest.mark.parametrize("name", TRAPS)
def test_one_megabyte_takes_linear_time(name: str) -> None:
    text = TRAPS[name]
    started = time.process_time()
    redact_text(text[: len(text) // 8])
    eighth = time.process_time() - started
    started = time.process_time()
    redact_text(text)
    whole = time.process_time() - started
    # Quadratic work would cost 64 times the eighth; the constant keeps fast cases from flaking.
    assert whole < 24 * eighth + 0.5
    assert whole < 20


@given(st.text(max_size=400))
def test_any_text_is_survived_and_settles(text: str) -> None:
    once, _ = redact_text(text)
    assert redact_text(once)[0] == once


@given(st.text(alphabet="ab1 .:/@", max_size=60), st.text(alphabet="ab1 .:/@\n", max_size=60))
def test_an_email_goes_wherever_it_stands(before: str, after: str) -> None:
    text, _ = redact_text(f"{before} jane.doe@example.com {after}")
    assert "jane.doe@example.com" not in text


@pytest.mark.parametrize("before", ["ValueError: ", "login failed: ", "Key: ", "a: b:c:", "context: 'x', "])
def test_an_assignment_is_found_in_the_value_of_another(before: str) -> None:
    """The title of an event is its type, a colon and its message."""
    clean, removed = redact_text(f"{before}password=hunter2-very-secret")
    assert clean == f"{before}password=[secret]"
    assert sum(one.count for one in removed) == 1


def test_assignments_within_assignments_take_linear_time() -> None:
    started = time.perf_counter()
    redact_text("a:" * 50_000)
    assert time.perf_counter() - started < 10
