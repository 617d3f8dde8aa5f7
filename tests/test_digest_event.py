"""``digest_event``: both shapes give the same digest, and no shape makes it raise or grow."""

from __future__ import annotations

import json
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.digest import (
    MAX_BREADCRUMBS,
    MAX_EXCEPTIONS,
    MAX_FRAMES,
    MAX_TAGS,
    TEXT,
    Digest,
    digest_event,
)

SAMPLES = Path(__file__).parent / "samples"


def sample(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((SAMPLES / name).read_text("utf-8"))
    return found


def test_both_shapes_give_the_same_digest() -> None:
    rest = digest_event(sample("event.rest.json"))
    hook = digest_event(sample("event.webhook.json"))
    assert rest.exceptions == hook.exceptions
    assert rest == replace(hook, logger="")  # the REST shape has no logger


def test_rest_shape_is_read_in_full() -> None:
    d = digest_event(sample("event.rest.json"))
    assert (d.platform, d.level, d.environment, d.release) == ("python", "error", "production", "shop@1.4.2")
    assert d.exceptions[0].mechanism == "django"
    assert d.exceptions[0].handled is False
    inner = d.exceptions[0].frames[-1]
    assert (inner.filename, inner.function, inner.lineno) == ("shop/db.py", "charge", 42)
    assert (inner.in_app, inner.context_line) == (True, "conn = connect(dsn)")
    assert d.contexts["runtime"] == "CPython 3.12.4"
    assert d.breadcrumbs == ("httplib info GET https://pay.example/v1 200",)


def test_the_person_stays_out() -> None:
    d = digest_event(sample("event.rest.json"))
    assert "customer@example.test" not in repr(d)
    assert "198.51.100.7" not in repr(d)
    assert "user" not in d.tags


def test_a_bare_list_of_exceptions_and_a_single_one_are_read() -> None:
    one = {"type": "KeyError", "value": "'a'"}
    assert digest_event({"exception": [one]}).exceptions == digest_event({"exception": one}).exceptions
    assert digest_event({"exception": {"values": [one, None]}}).exceptions[0].type == "KeyError"


def test_a_message_event_keeps_its_message() -> None:
    for event in (
        {"logentry": {"formatted": "disk is full"}},
        {"logentry": {"message": "disk is full"}},
        {"message": "disk is full"},
        {"entries": [{"type": "message", "data": {"formatted": "disk is full"}}]},
    ):
        d = digest_event(event)
        assert (d.message, d.title) == ("disk is full", "disk is full")


def test_the_crashed_thread_gives_the_frames() -> None:
    idle = {"stacktrace": {"frames": [{"function": "idle"}]}}
    crashed = {"crashed": True, "stacktrace": {"frames": [{"function": "boom"}]}}
    d = digest_event({"threads": {"values": [idle, crashed]}})
    assert [frame.function for frame in d.frames] == ["boom"]


def test_url_queries_and_credentials_are_dropped() -> None:
    event = {
        "request": {"url": "https://u:p@shop.example/a?token=1#x", "method": "GET"},
        "tags": [["url", "https://shop.example/b?token=2"]],
    }
    d = digest_event(event)
    assert d.request_url == "https://shop.example/a"
    assert d.tags["url"] == "https://shop.example/b"


def test_our_own_annotation_event_is_known() -> None:
    assert digest_event({"tags": {"triage.synthetic": "true"}}).synthetic
    assert not digest_event({"tags": {"triage.synthetic": "false"}}).synthetic


def test_a_huge_event_is_cut_and_says_so_and_is_read_in_linear_time() -> None:
    frames = [{"function": "f" * 5000, "lineno": i} for i in range(5000)]
    one = {"type": "E" * 10**6, "value": "a " * 10**6, "stacktrace": {"frames": frames}}
    event = {
        "exception": {"values": [one] * 300},
        "tags": [[f"k{i}", "v" * 9999] for i in range(9999)],
        "breadcrumbs": [{"message": "m" * 10**6}] * 1000,
    }
    began = time.perf_counter()
    d = digest_event(event)
    assert time.perf_counter() - began < 1.0
    assert d.truncated
    assert len(d.exceptions) == MAX_EXCEPTIONS
    assert len(d.exceptions[0].frames) == MAX_FRAMES
    assert d.exceptions[0].frames[-1].lineno == 4999
    assert len(d.exceptions[0].value) <= TEXT
    assert len(d.tags) == MAX_TAGS
    assert len(d.breadcrumbs) == MAX_BREADCRUMBS


def test_text_is_always_storable() -> None:
    d = digest_event({"message": "a\ud800b\x00c", "exception": [{"type": "E", "value": 10**5000}]})
    repr(d).encode("utf-8")
    assert "\x00" not in d.message
    assert d.exceptions[0].value == ""


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
_KEYS = re.findall(
    r"\w+",
    "exception entries logentry message threads stacktrace tags breadcrumbs contexts request level "
    "platform sdk "
    "release errors title culprit transaction values frames type value mechanism data context "
    "lineno formatted",
)
_EVENTS = st.dictionaries(
    st.sampled_from(_KEYS),
    _JSON
    | st.dictionaries(st.sampled_from(_KEYS), _JSON)
    | st.lists(st.dictionaries(st.sampled_from(_KEYS), _JSON)),
)


@settings(max_examples=300, deadline=None)
@given(_EVENTS | _JSON)
def test_no_shape_makes_it_raise(event: Any) -> None:
    d = digest_event(event)
    assert isinstance(d, Digest)
    repr(d).encode("utf-8")
