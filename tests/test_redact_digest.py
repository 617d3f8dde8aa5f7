"""Redaction of a digest: each privacy level, and where things were removed."""

from __future__ import annotations

from dataclasses import fields

import pytest

from app.core.digest import Digest, ExceptionInfo, Frame
from app.core.policy import PrivacyLevel
from app.core.redact import Removal, redact_digest

DIGEST = Digest(
    event_id="0123456789abcdef0123456789abcdef",
    platform="python",
    level="error",
    title="OperationalError: could not connect to 10.0.0.5",
    message="order 4711 of jane@example.com failed",
    culprit="shop.pay",
    transaction="/checkout/4711",
    environment="production",
    release="shop@1.2.3",
    exceptions=(
        ExceptionInfo(
            type="OperationalError",
            value="postgres://app:s3cret@db/shop refused order '4711-x'",
            module="psycopg2",
            handled=False,
            frames=(
                Frame(
                    filename="shop/pay.py",
                    function="charge",
                    lineno=3,
                    in_app=True,
                    context_line="KEY = 'sk_li'",
                ),
            ),
        ),
    ),
    frames=(Frame(filename="a.py", function="f", context_line='password = "hunter2"'),),
    tags={
        "environment": "production",
        "user": "id:7",
        "user.email": "jane@example.com",
        "api_key": "k",
        "cart": "77",
    },
    request_method="POST",
    request_url="https://shop.example.com/pay/4711",
    breadcrumbs=("http info GET https://x.test/?token=1", "query info SELECT 1"),
    contexts={"runtime": "CPython 3.12", "session": "abc"},
)


def test_full_keeps_everything_but_secrets_and_people() -> None:
    clean, removed = redact_digest(DIGEST, PrivacyLevel.FULL)
    text = repr(clean)
    for gone in ("10.0.0.5", "jane@", "s3cret", "id:7", "hunter2", "token=1", "'abc'"):
        assert gone not in text
    assert clean.exceptions[0].frames[0].function == "charge"
    assert clean.tags["cart"] == "77"
    assert clean.event_id == DIGEST.event_id
    where = {r.where for r in removed}
    assert {
        "title",
        "message",
        "exception:0.value",
        "tag:user",
        "tag:user.email",
        "tag:api_key",
        "breadcrumb:0",
    } <= where
    assert Removal("secret", 1, "context:session") in removed
    assert Removal("secret", 1, "frames.0.context_line") in removed


def test_no_variables_keeps_the_shape_of_messages_and_no_values() -> None:
    clean, removed = redact_digest(DIGEST, PrivacyLevel.NO_VARIABLES)
    assert clean.message == "order <n> of <x> failed"
    assert "4711" not in repr(clean)
    assert clean.breadcrumbs == ()
    assert clean.request_url == ""
    assert clean.request_method == "POST"
    assert clean.tags == {"environment": "production"}
    assert clean.exceptions[0].frames[0].context_line == ""
    assert clean.exceptions[0].frames[0].filename == "shop/pay.py"
    assert Removal("privacy-level", 1, "breadcrumbs") in removed


def test_title_only_sends_type_and_title() -> None:
    clean, _ = redact_digest(DIGEST, PrivacyLevel.TITLE_ONLY)
    filled = {f.name for f in fields(Digest) if getattr(clean, f.name) != getattr(Digest(), f.name)}
    assert filled == {"platform", "level", "title", "exceptions"}
    assert clean.exceptions == (ExceptionInfo(type="OperationalError", handled=False),)
    assert clean.title == "OperationalError: could not connect to [private-ip]"


def test_offline_only_sends_nothing() -> None:
    assert redact_digest(DIGEST, PrivacyLevel.OFFLINE_ONLY) == (
        Digest(),
        (Removal("privacy-level", 1, "everything"),),
    )


@pytest.mark.parametrize("level", PrivacyLevel)
def test_redacting_a_digest_twice_changes_nothing(level: PrivacyLevel) -> None:
    once, _ = redact_digest(DIGEST, level)
    assert redact_digest(once, level)[0] == once
