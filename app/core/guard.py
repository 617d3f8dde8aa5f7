"""A model's answer beside what we know ourselves: what it may decide, and what no text in an error can make
it decide.

The message of an error is written by whoever causes it. Level, handled flag, environment and a past
correction are not, so only these support calling an error much less severe than the offline classifier
does.
"""

from __future__ import annotations

from collections.abc import Mapping

from .answer import Answer
from .hygiene import cut, plain_text
from .verdict import HIGH_CONFIDENCE, WRITE_THRESHOLD, Evidence, Verdict
from .vocabulary import Severity, Source

STEPS_SURE = 1
"""Severity steps a model may go under a confident offline verdict without trusted evidence."""
STEPS_UNSURE = 2
UNSUPPORTED = 0.5
"""Confidence of an answer that names nothing in the event: below the write threshold, so it abstains."""
CONTRADICTS = 0.75
"""Confidence at most where a model contradicts the category of a confident offline verdict."""

_QUIET_LEVELS = frozenset({"info", "debug", "warning", "log", "sample"})
_PRODUCTION = ("prod", "live")


def guard(
    answer: Answer, offline: Verdict, seen: Mapping[str, str], *, model: str | None = None
) -> tuple[Verdict, str]:
    """The verdict an answer may become, and why it was changed (empty where it was not).

    ``seen``: what the prompt showed, evidence id ▸ text (``prompt.evidence_of``).
    """
    reasons: list[str] = []
    cited = [i for i in answer.evidence if i in seen]
    if len(cited) < len(answer.evidence):
        reasons.append(f"{len(answer.evidence) - len(cited)} evidence ids do not exist")
    severity = _severity(answer, offline, cited, seen, reasons)
    confidence = _confidence(answer, offline, cited, reasons)
    verdict = Verdict(
        category=answer.category,
        severity=severity,
        root_cause=answer.root_cause,
        suggested_fix=answer.suggested_fix if cited else "",
        requires_immediate_action=_action(answer, offline, severity),
        confidence=confidence,
        source=Source.MODEL,
        evidence=tuple(_evidence(i, seen[i]) for i in cited),
        model=model,
        note="; ".join(reasons),
    )
    return verdict, verdict.note


def _evidence(identity: str, seen: str) -> Evidence:
    """Both are the event's own words (a tag's key may be anything), so they come out as plain text too."""
    return Evidence(id=plain_text(identity), seen=cut(plain_text(seen), 200), says="cited by the model")


def _severity(
    answer: Answer, offline: Verdict, cited: list[str], seen: Mapping[str, str], reasons: list[str]
) -> Severity:
    sure = not offline.abstained
    steps = STEPS_SURE if sure else STEPS_UNSURE
    lowest = list(Severity)[min(offline.severity.rank + steps, len(Severity) - 1)]
    if answer.severity.rank <= lowest.rank or any(lowers(i, seen[i]) for i in cited):
        return answer.severity
    sort = "confident" if sure else "unsure"
    reasons.append(
        f"severity held at {lowest.value}: {answer.severity.value} is too far under the {sort} offline one"
    )
    return lowest


def lowers(evidence_id: str, seen: str) -> bool:
    """Whether this, which no message can forge, supports a lower severity."""
    value = seen.strip().lower()
    if evidence_id == "level":
        return value in _QUIET_LEVELS
    if evidence_id in {"environment", "tag:environment"}:
        return bool(value) and not any(p in value for p in _PRODUCTION)
    return evidence_id == "mechanism" and "handled=yes" in value


def _confidence(answer: Answer, offline: Verdict, cited: list[str], reasons: list[str]) -> float:
    confidence = answer.confidence
    if not cited and confidence > UNSUPPORTED:
        reasons.append("no evidence named: confidence lowered")
        confidence = UNSUPPORTED
    known = offline.confidence >= WRITE_THRESHOLD and answer.category is not offline.category
    if known and confidence > CONTRADICTS:
        reasons.append(f"contradicts the offline category {offline.category.value}: confidence lowered")
        confidence = CONTRADICTS
    return confidence


def _action(answer: Answer, offline: Verdict, severity: Severity) -> bool:
    """Someone is called for high and critical only; a confident offline call is not talked away."""
    if severity.rank > Severity.HIGH.rank:
        return False
    held = offline.requires_immediate_action and offline.confidence >= HIGH_CONFIDENCE
    return answer.requires_immediate_action or held
