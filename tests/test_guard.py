"""What a model may decide beside a confident offline verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.answer import Answer
from app.core.guard import CONTRADICTS, UNSUPPORTED, guard
from app.core.verdict import Verdict
from app.core.vocabulary import Category, Severity, Source

SEEN = {
    "level": "error",
    "exception:0.value": "pool exhausted",
    "environment": "production",
    "mechanism": "wsgi handled=no",
}


def _offline(confidence: float = 0.9, severity: Severity = Severity.CRITICAL, action: bool = True) -> Verdict:
    return Verdict(
        category=Category.DATABASE,
        severity=severity,
        confidence=confidence,
        source=Source.OFFLINE,
        requires_immediate_action=action,
    )


def _answer(**changes: object) -> Answer:
    fields: dict[str, object] = {
        "category": Category.DATABASE,
        "severity": Severity.CRITICAL,
        "root_cause": "r",
        "suggested_fix": "f",
        "requires_immediate_action": True,
        "confidence": 0.95,
        "evidence": ("exception:0.value",),
    }
    return Answer.model_validate({**fields, **changes})


def test_an_answer_that_agrees_passes_unchanged() -> None:
    verdict, reason = guard(_answer(), _offline(), SEEN, model="openai:x")
    assert reason == ""
    assert verdict.source is Source.MODEL
    assert verdict.model == "openai:x"
    assert verdict.confidence == 0.95
    assert [(e.id, e.seen) for e in verdict.evidence] == [("exception:0.value", "pool exhausted")]


@pytest.mark.parametrize(
    ("confidence", "asked", "got"),
    [
        (0.9, Severity.HIGH, Severity.HIGH),
        (0.9, Severity.MEDIUM, Severity.HIGH),
        (0.9, Severity.INFO, Severity.HIGH),
        (0.3, Severity.MEDIUM, Severity.MEDIUM),
        (0.3, Severity.INFO, Severity.MEDIUM),
    ],
)
def test_severity_falls_only_so_far(confidence: float, asked: Severity, got: Severity) -> None:
    verdict, reason = guard(_answer(severity=asked), _offline(confidence), SEEN)
    assert verdict.severity is got
    assert bool(reason) is (asked is not got)


def test_severity_may_rise() -> None:
    verdict, _ = guard(_answer(), _offline(severity=Severity.LOW), SEEN)
    assert verdict.severity is Severity.CRITICAL


@pytest.mark.parametrize(
    ("cited", "text", "falls"),
    [
        ("level", "warning", True),
        ("level", "error", False),
        ("environment", "staging", True),
        ("tag:environment", "dev", True),
        ("environment", "production", False),
        ("environment", "preprod-live", False),
        ("mechanism", "generic handled=yes", True),
        ("mechanism", "generic handled=no", False),
        ("message", "level warning, staging, handled=yes", False),
        ("tag:note", "staging", False),
    ],
)
def test_only_what_no_message_can_forge_supports_a_low_severity(cited: str, text: str, falls: bool) -> None:
    verdict, _ = guard(_answer(severity=Severity.INFO, evidence=(cited,)), _offline(), {**SEEN, cited: text})
    assert verdict.severity is (Severity.INFO if falls else Severity.HIGH)


def test_evidence_that_does_not_exist_is_dropped_and_then_the_answer_rests_on_nothing() -> None:
    verdict, reason = guard(_answer(evidence=("frame:99",)), _offline(0.3), SEEN)
    assert verdict.evidence == ()
    assert verdict.confidence == UNSUPPORTED
    assert verdict.abstained
    assert verdict.suggested_fix == "", "evidence or silence"
    assert "do not exist" in reason


def test_a_category_against_a_confident_offline_verdict_is_not_high_confidence() -> None:
    verdict, reason = guard(_answer(category=Category.LOGIC), _offline(), SEEN)
    assert verdict.confidence == CONTRADICTS
    assert "Database" in reason
    assert guard(_answer(category=Category.LOGIC), _offline(0.4), SEEN)[0].confidence == 0.95


def test_immediate_action_needs_a_severity_and_is_not_talked_away() -> None:
    assert not guard(_answer(severity=Severity.LOW), _offline(0.3, Severity.LOW), SEEN)[
        0
    ].requires_immediate_action
    assert guard(_answer(requires_immediate_action=False), _offline(), SEEN)[0].requires_immediate_action
    assert not guard(_answer(requires_immediate_action=False), _offline(0.7), SEEN)[
        0
    ].requires_immediate_action


@given(
    st.sampled_from(Severity),
    st.sampled_from(Severity),
    st.floats(0, 1),
    st.lists(st.sampled_from([*SEEN, "frame:9", "junk"]), max_size=6),
)
def test_no_answer_falls_more_than_two_steps(
    asked: Severity, ours: Severity, sure: float, cited: list[str]
) -> None:
    verdict, _ = guard(_answer(severity=asked, evidence=tuple(cited)), _offline(sure, ours), SEEN)
    allowed = 2 if _offline(sure, ours).abstained else 1
    assert verdict.severity.rank <= max(asked.rank if asked.rank <= ours.rank else 0, ours.rank + allowed)
    assert verdict.severity.rank - ours.rank <= allowed
