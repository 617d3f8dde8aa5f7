"""The answer: what an issue is, how bad it is, what to try, and what each statement rests on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from .vocabulary import (
    MAX_ROOT_CAUSE,
    MAX_SUGGESTED_FIX,
    Action,
    Category,
    ConfidenceBand,
    Severity,
    Source,
    TagKey,
)

WRITE_THRESHOLD = 0.85
"""Confidence from which a category is written into Sentry; below it we say that we do not know.

Measured in ``docs/accuracy.md``: of unseen events it writes 92 %, 99 % of them right."""

MODEL_THRESHOLD = 0.6
"""The same for a model's answer, whose confidence is its own word and on another scale: the prompt asks for
less than this where it does not know, and ``app.core.guard`` lowers what nothing in the event supports."""

HIGH_CONFIDENCE = 0.9
"""Confidence from which ``triage.confidence`` is ``high``."""


class Evidence(BaseModel):
    """One thing seen in the event that a statement of the verdict rests on."""

    model_config = ConfigDict(frozen=True)

    id: str
    """Where: ``exception:1.type``, ``exception:1.value``, ``frame:3``, ``tag:environment``, ``message``,
    ``level``, ``mechanism``, ``request``, ``logger``, ``correction``."""
    seen: str = ""
    """The text that was seen there, at most 200 characters."""
    says: str
    """What it means, in words an engineer would use."""
    weight: float = 1.0


class Verdict(BaseModel):
    """A decision on one issue. Frozen: a changed verdict is a new one with a new version."""

    model_config = ConfigDict(frozen=True)

    category: Category
    severity: Severity
    root_cause: str = Field(default="", max_length=MAX_ROOT_CAUSE)
    suggested_fix: str = Field(default="", max_length=MAX_SUGGESTED_FIX)
    requires_immediate_action: bool = False
    confidence: float = Field(ge=0.0, le=1.0)
    source: Source
    evidence: tuple[Evidence, ...] = ()
    model: str | None = None
    """The model that answered, as ``provider:name``; none for the offline classifier."""
    reused_from: str | None = None
    """Short id of the issue whose verdict was reused."""
    note: str = ""
    """Anything a reader must know about how this came about, e.g. ``budget spent: offline verdict``."""

    @property
    def abstained(self) -> bool:
        """True where the category is a guess that must not be written as if it were known, or where a person
        said that it is wrong."""
        named = self.source is Source.HUMAN and self.category is not Category.UNKNOWN
        threshold = MODEL_THRESHOLD if self.model is not None else WRITE_THRESHOLD
        return self.confidence < threshold and not named

    @property
    def written_category(self) -> Category:
        """The category that is shown to people and written as a tag: ``Unknown`` when abstaining."""
        return Category.UNKNOWN if self.abstained else self.category

    @property
    def action(self) -> Action:
        return Action.NOW if self.requires_immediate_action else Action.LATER

    @property
    def band(self) -> ConfidenceBand:
        if self.abstained:
            return ConfidenceBand.LOW
        return ConfidenceBand.HIGH if self.confidence >= HIGH_CONFIDENCE else ConfidenceBand.MEDIUM

    def tags(self) -> dict[str, str]:
        """The tags as Sentry will hold them, closed values only."""
        return {
            TagKey.CATEGORY.value: self.written_category.value,
            TagKey.SEVERITY.value: self.severity.value,
            TagKey.ACTION.value: self.action.value,
            TagKey.CONFIDENCE.value: self.band.value,
            TagKey.SOURCE.value: self.source.value,
        }
