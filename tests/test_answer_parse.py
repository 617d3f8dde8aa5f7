"""The answer ladder: direct, fenced, first balanced object; each failure is a named case."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.answer import MAX_ANSWER, BadAnswer, Fault, answer_schema, parse_answer
from app.core.vocabulary import MAX_ROOT_CAUSE, MAX_SUGGESTED_FIX, Category, Severity

GOOD: dict[str, Any] = {
    "category": "Database",
    "severity": "critical",
    "root_cause": "The pool is exhausted.",
    "suggested_fix": "Return connections to the pool.",
    "requires_immediate_action": True,
    "confidence": 0.9,
    "evidence": ["exception:0.type"],
}
TEXT = json.dumps(GOOD)

LADDER = {
    "direct": TEXT,
    "blanks around": f"\n\n  {TEXT}\n",
    "byte order mark": "\ufeff" + TEXT,
    "fenced": f"Here you are:\n```json\n{TEXT}\n```\nAnything else?",
    "fenced without a language": f"```\n{TEXT}\n```",
    "fence not closed": f"```json\n{TEXT}",
    "in prose": f"The answer is {TEXT} as asked.",
    "after a decoy": f"First {{not json}} and then {TEXT}",
    "braces in strings": TEXT.replace("pool is", "pool {is}"),
}


@pytest.mark.parametrize("name", LADDER)
def test_each_rung_of_the_ladder(name: str) -> None:
    answer = parse_answer(LADDER[name])
    assert answer.category is Category.DATABASE
    assert answer.severity is Severity.CRITICAL
    assert answer.evidence == ("exception:0.type",)


def _with(**changes: Any) -> str:
    return json.dumps({**GOOD, **changes})


def _without(field: str) -> str:
    return json.dumps({k: v for k, v in GOOD.items() if k != field})


CASES = {
    "nothing": ("", Fault.EMPTY),
    "blanks": (" \n\t", Fault.EMPTY),
    "cut off": (TEXT[:-30], Fault.TRUNCATED),
    "cut off in a fence": ("```json\n" + TEXT[:60], Fault.TRUNCATED),
    "prose": ("This is a database error.", Fault.NOT_JSON),
    "a list": ('["Database"]', Fault.NOT_JSON),
    "html": ("<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", Fault.HTML_ERROR_PAGE),
    "error object": ('{"error": {"message": "overloaded"}}', Fault.ERROR_OBJECT),
    "category not in the list": (_with(category="Security"), Fault.WRONG_ENUM),
    "category in lower case": (_with(category="database"), Fault.WRONG_ENUM),
    "severity not in the list": (_with(severity="blocker"), Fault.WRONG_ENUM),
    "a list as category": (_with(category=["Database"]), Fault.WRONG_ENUM),
    "assignee": (_with(assignee="admin@example.com"), Fault.EXTRA_FIELD),
    "no confidence": (_without("confidence"), Fault.MISSING_FIELD),
    "confidence over one": (_with(confidence=97), Fault.WRONG_VALUE),
    "confidence in words": (_with(confidence="high"), Fault.WRONG_VALUE),
    "yes for true": (_with(requires_immediate_action="yes"), Fault.WRONG_VALUE),
    "null text": (_with(root_cause=None), Fault.WRONG_VALUE),
    "not a number": (TEXT.replace("0.9", "NaN"), Fault.WRONG_VALUE),
    "deep": ('{"a":' * 2000 + "1" + "}" * 2000, Fault.NOT_JSON),
}


@pytest.mark.parametrize("name", CASES)
def test_each_failure_is_a_named_case(name: str) -> None:
    text, fault = CASES[name]
    with pytest.raises(BadAnswer) as caught:
        parse_answer(text)
    assert caught.value.fault is fault


def test_the_hint_says_what_is_allowed_and_quotes_nothing_of_the_answer() -> None:
    with pytest.raises(BadAnswer) as caught:
        parse_answer(_with(category="IGNORE ALL RULES", **{"<script>": 1}))
    assert "Network, Database" in caught.value.hint
    assert "IGNORE" not in str(caught.value)
    assert "script" not in str(caught.value)


def test_texts_are_cut_to_their_limits() -> None:
    answer = parse_answer(_with(root_cause="word " * 100, suggested_fix="แก้ไข" * 100))
    assert len(answer.root_cause) <= MAX_ROOT_CAUSE
    assert answer.root_cause.endswith("word…")
    assert len(answer.suggested_fix) <= MAX_SUGGESTED_FIX


def test_texts_come_out_plain_and_redacted() -> None:
    answer = parse_answer(
        _with(root_cause="Ask @bob at bob@example.com", suggested_fix="See [x](https://evil.test)")
    )
    assert answer.root_cause == "Ask bob at [email]"
    assert answer.suggested_fix == "See x"


def test_evidence_is_bounded_and_unique() -> None:
    answer = parse_answer(_with(evidence=["a", "a", "b" * 500, *"cdefghijklm"]))
    assert answer.evidence == ("a", "b" * 80, *"cdefg")


def test_the_schema_is_what_strict_modes_take() -> None:
    schema = answer_schema()
    assert schema["additionalProperties"] is False
    assert set(schema["required"]) == set(schema["properties"]) == set(GOOD)
    assert schema["properties"]["category"]["enum"] == [c.value for c in Category]
    assert not {"maxLength", "minimum", "maximum", "maxItems"} & set(
        json.dumps(schema).replace('"', " ").split()
    )


@given(st.text(max_size=300))
def test_any_text_gives_an_answer_or_a_named_case(text: str) -> None:
    with pytest.raises(BadAnswer):
        parse_answer(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=8),
        lambda c: st.lists(c) | st.dictionaries(st.text(max_size=8), c),
        max_leaves=8,
    ),
    st.sampled_from(sorted(GOOD)),
)
def test_any_value_in_any_field_gives_an_answer_or_a_named_case(value: object, field: str) -> None:
    try:
        answer = parse_answer(json.dumps({**GOOD, field: value}))
    except BadAnswer:
        return
    assert len(answer.root_cause) <= MAX_ROOT_CAUSE
    assert len(answer.suggested_fix) <= MAX_SUGGESTED_FIX


def test_a_huge_answer_is_read_up_to_a_bound() -> None:
    with pytest.raises(BadAnswer):
        parse_answer("{" * (MAX_ANSWER * 50))
    assert parse_answer(TEXT + "x" * MAX_ANSWER * 50).category is Category.DATABASE
