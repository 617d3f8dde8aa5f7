"""The cascade: a person's correction, then the same signature, then the offline classifier, then a model.

Pure: what was corrected and seen before comes in as values; a model is not asked here, only asked for.
"""

from __future__ import annotations

from dataclasses import dataclass

from .verdict import Evidence, Verdict
from .vocabulary import Action, Category, Severity, Source


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person said of an issue; ``None`` where they said nothing of it."""

    category: Category | None = None
    severity: Severity | None = None
    by: str = ""
    issue: str = ""
    """Short id of the issue that was corrected."""
    action: Action | None = None
    wrong: bool = False
    """They said that the category is wrong, and not what is right."""
    how: str = "said so"
    """What they did, after their name: ``said so``, ``set the priority to low``."""


@dataclass(frozen=True, slots=True)
class Before:
    """The verdict of another issue with the same signature that a model or a person gave."""

    short_id: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Decision:
    """``verdict`` holds now; ``ask_model``: a model may make it better."""

    verdict: Verdict
    reason: str
    ask_model: bool = False


def decide(
    offline: Verdict,
    *,
    correction: Correction | None = None,
    before: Before | None = None,
    own: Verdict | None = None,
    rule: str = "",
    model: bool = False,
    always_model: bool = False,
) -> Decision:
    """Weigh what is known of one event.

    ``correction``: what people said of this very issue; with it, ``offline`` may be any machine's verdict
    that they saw. ``before``: the verdict of the same error elsewhere; a person's wins over ``own``, which is
    what a model said of this very issue before, while its signature is the same. ``rule``: id of the team's
    rule that decides: only people's words stand above it, and no model is asked. ``model``: one is
    configured and may be asked; ``always_model``: it is asked even where the offline verdict is sure.
    """
    if correction is not None and correction.wrong:
        return Decision(withdrawn(offline, correction), _corrected_by(correction))
    if correction is not None:
        return Decision(corrected(offline, correction), _corrected_by(correction))
    if before is not None and before.verdict.source is Source.HUMAN:
        return Decision(reused(before), f"same error as {before.short_id}, which a person corrected")
    if rule:
        return Decision(offline, f"the team's rule {rule} decides")
    if own is not None and own.source is Source.MODEL:
        return Decision(own, "a model was asked about this error before")
    if before is not None:
        return Decision(reused(before), f"same error as {before.short_id}")
    if model and (always_model or offline.abstained):
        why = "every issue is asked" if always_model else "the offline classifier is not sure"
        return Decision(offline, f"{why}: the model is asked", ask_model=True)
    if offline.abstained:
        return Decision(offline, "the offline classifier is not sure, and there is no model to ask")
    return Decision(offline, f"offline classifier, {offline.confidence:.0%} sure")


def corrected(verdict: Verdict, correction: Correction) -> Verdict:
    """The verdict with a person's words in it; what they changed no longer carries the machine's reasons.

    What they left alone stands as it was shown to them: ``Unknown`` where the machine abstained.
    """
    category = correction.category or verdict.written_category
    severity = correction.severity or verdict.severity
    same = category is verdict.category
    return verdict.model_copy(
        update={
            "category": category,
            "severity": severity,
            "requires_immediate_action": _immediate(verdict, severity, correction.action),
            "root_cause": verdict.root_cause if same else "",
            "suggested_fix": verdict.suggested_fix if same else "",
            "confidence": 1.0,
            "evidence": (
                Evidence(id="correction", says=_corrected_by(correction)),
                *(verdict.evidence if same else ()),
            ),
            **_BY_A_PERSON,
        }
    )


def withdrawn(verdict: Verdict, correction: Correction) -> Verdict:
    """No category and no confidence, because a person said that what stood there was wrong."""
    severity = correction.severity or verdict.severity
    return verdict.model_copy(
        update={
            "category": Category.UNKNOWN,
            "severity": severity,
            "requires_immediate_action": _immediate(verdict, severity, correction.action),
            "root_cause": "",
            "suggested_fix": "",
            "confidence": 0.0,
            "evidence": (Evidence(id="correction", says=_corrected_by(correction)),),
            **_BY_A_PERSON,
        }
    )


_BY_A_PERSON = {"source": Source.HUMAN, "model": None, "reused_from": None, "note": ""}


def _immediate(verdict: Verdict, severity: Severity, action: Action | None) -> bool:
    """What the person said; else critical is always looked at now, and nothing under high is; between, the
    machine's word stands."""
    if action is not None:
        return action is Action.NOW
    if severity is Severity.CRITICAL:
        return True
    return severity is Severity.HIGH and verdict.requires_immediate_action


def reused(before: Before) -> Verdict:
    """Another issue's verdict, saying where it comes from."""
    return before.verdict.model_copy(
        update={
            "source": Source.REUSED,
            "reused_from": before.short_id,
            "confidence": min(before.verdict.confidence, 0.95),
        }
    )


def _corrected_by(correction: Correction) -> str:
    who = correction.by or "a person"
    return f"{who} {correction.how}" + (f" on {correction.issue}" if correction.issue else "")
