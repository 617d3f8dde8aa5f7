"""How bad it is, from the kind of failure and its circumstances. Each step gives its reason.

Order: the kind's own severity (or its category's), then what raises it, then what lowers it, last the
environment.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.core.vocabulary import Category, Severity

from .circumstances import Circumstances
from .rules import Rule

USUAL = {
    Category.DATABASE: Severity.HIGH,
    Category.INFRASTRUCTURE: Severity.HIGH,
    Category.LOGIC: Severity.HIGH,
    Category.AUTHENTICATION: Severity.LOW,
    Category.THIRD_PARTY: Severity.MEDIUM,
    Category.NETWORK: Severity.MEDIUM,
    Category.VALIDATION: Severity.LOW,
    Category.UNKNOWN: Severity.LOW,
}
"""Severity of a category where neither the rule nor the circumstances say more."""

WEBHOOK_REFUSED = frozenset({Category.VALIDATION, Category.AUTHENTICATION, Category.LOGIC})
"""What makes us refuse a webhook through our own doing."""


@dataclass(frozen=True)
class Judgement:
    """A severity, whether to look now, and why."""

    severity: Severity
    immediate: bool
    reasons: tuple[str, ...]


def judge(category: Category, rule: Rule | None, now: Circumstances, level: str) -> Judgement:
    """Severity and urgency of one event."""
    severity, reasons = _base(category, rule, now)
    fixed = rule is not None and rule.severity is not None
    severity, reasons = _raised(category, severity, reasons, now, level, fixed=fixed)
    if not (rule and rule.stands):
        severity, reasons = _lowered(category, severity, reasons, now, level)
    urgent = severity is Severity.CRITICAL or bool(
        severity is Severity.HIGH and rule is not None and rule.immediate
    )
    if now.holds("non_production"):
        urgent = False
        reasons = (*reasons, "not production")
        if severity is Severity.HIGH:
            severity = Severity.MEDIUM
    return Judgement(severity, urgent, reasons)


Step = tuple[Severity, tuple[str, ...]]


def _base(category: Category, rule: Rule | None, now: Circumstances) -> Step:
    if rule is not None and rule.severity is not None:
        return rule.severity, (f"{rule.id} is {rule.severity.value}",)
    if category is Category.LOGIC:
        return _logic(now)
    return USUAL[category], (f"usual for {category.value}",)


def _logic(now: Circumstances) -> Step:
    """A bug: how far it reaches depends on what it takes down."""
    if now.holds("telemetry"):
        return Severity.MEDIUM, ("in telemetry, beside the work",)
    if now.holds("browser"):
        return Severity.MEDIUM, ("one view of one user",)
    if now.holds("interactive"):
        return Severity.MEDIUM, ("typed into a shell",)
    return Severity.HIGH, ("a bug in a request or job",)


def _raised(
    category: Category,
    severity: Severity,
    reasons: tuple[str, ...],
    now: Circumstances,
    level: str,
    *,
    fixed: bool,
) -> Step:
    """What makes it worse. ``fixed``: the rule knows how far this bug reaches."""
    if category is Category.UNKNOWN:
        return severity, reasons
    if level == "fatal" and (not now.holds("browser") or now.holds("react_native")):
        return Severity.CRITICAL, (*reasons, "level fatal")
    if category is Category.LOGIC and not fixed and not now.holds("browser"):
        for signal, reason in (
            ("native", "the process crashed"),
            ("app_crash", "an unhandled exception ends a mobile app"),
            ("panic", "a panic nobody recovers from ends the process"),
        ):
            if now.holds(signal):
                return Severity.CRITICAL, (*reasons, reason)
    if now.holds("ended"):
        return Severity.CRITICAL, (*reasons, "the process ended")
    if category in WEBHOOK_REFUSED and now.holds("payment_webhook"):
        return Severity.CRITICAL, (*reasons, "a payment webhook is rejected")
    return severity, reasons


def _lowered(
    category: Category, severity: Severity, reasons: tuple[str, ...], now: Circumstances, level: str
) -> Step:
    if level in ("info", "debug") and category is Category.UNKNOWN:
        return Severity.INFO, (*reasons, f"level {level}")
    if now.holds("handled") and severity is not Severity.INFO:
        return Severity.LOW, (*reasons, f"level {level}")
    if severity is Severity.HIGH and category is Category.THIRD_PARTY and now.holds("background"):
        return Severity.MEDIUM, (*reasons, "background work, tried again")
    return severity, reasons
