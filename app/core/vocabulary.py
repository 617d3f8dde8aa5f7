"""The words of the product, once: each enum's values are the strings that go over the wire.

Tags, the answer's JSON schema, the prompt, the docs and every page read these, so they cannot disagree.
"""

from __future__ import annotations

from enum import StrEnum


class Category(StrEnum):
    """What kind of thing has to change or recover for the error to stop."""

    NETWORK = "Network"
    DATABASE = "Database"
    AUTHENTICATION = "Authentication"
    VALIDATION = "Validation"
    THIRD_PARTY = "ThirdParty"
    INFRASTRUCTURE = "Infrastructure"
    LOGIC = "Logic"
    UNKNOWN = "Unknown"


class Severity(StrEnum):
    """How bad it is, worst first."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"
    INFO = "info"

    @property
    def rank(self) -> int:
        """0 for critical … 4 for info: the difference of two ranks is the number of steps between them."""
        return list(Severity).index(self)


class Action(StrEnum):
    """Whether someone should look now rather than on the next business day."""

    NOW = "now"
    LATER = "later"


class ConfidenceBand(StrEnum):
    """Confidence as people filter by it."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Source(StrEnum):
    """Who decided."""

    OFFLINE = "offline"
    MODEL = "model"
    REUSED = "reused"
    HUMAN = "human"


class Priority(StrEnum):
    """Sentry's own priority values (PUT issue, field ``priority``)."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class TagKey(StrEnum):
    """Tag keys in Sentry: at most 32 characters each (Sentry 23.7's limit)."""

    CATEGORY = "triage.category"
    SEVERITY = "triage.severity"
    ACTION = "triage.action"
    CONFIDENCE = "triage.confidence"
    SOURCE = "triage.source"
    SYNTHETIC = "triage.synthetic"


MAX_ROOT_CAUSE = 100
MAX_SUGGESTED_FIX = 200
