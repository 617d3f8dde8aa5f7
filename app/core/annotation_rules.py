"""When an annotation event may be sent, and whether the issue was left as it was. One function a rule.

Every rule stands for a harm that was seen or read in Sentry's source: an event on a resolved issue re-opens
it, one on an issue archived "until N events" un-archives it, one that does not repeat the owners' frames
deletes suggestions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.core.annotation import event_time, frame_names, is_synthetic, repeat_subject, stored_hash
from app.core.issue import Issue
from app.core.policy import Policy, TagMode

MAX_AGE = timedelta(days=29)
"""Relay moves an event older than 30 days to the present."""

MAX_AHEAD = timedelta(seconds=50)
"""Relay moves an event more than 60 seconds ahead of its clock to the present; below that our clock may just
lag."""

PER_ISSUE = timedelta(hours=24)

WATCHED = "the project's first annotation event is still being watched"
"""The one reason that passes by itself within a minute."""

OUR_TAGS = "tags.triage."
"""How a matcher of an ownership rule on a tag of ours begins."""

REWRITTEN = frozenset({"java", "cocoa", "dart"})
"""Platforms on which Sentry matches rules by paths that it makes from the frames; for our event, of platform
``other``, it does not."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An annotation event that Sentry took and did not show in time. ``sent_at``: when it left first."""

    event_id: str
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class AnnotationState:
    """What we remember of a project and an issue, read from the database before each sending."""

    version: int
    """Version of the verdict that would be sent."""
    kill_switch: bool = False
    disabled: str = ""
    """Why the project was switched off, empty while it is on."""
    canary_passed: bool = False
    canary_pending: bool = False
    """Another issue's event left for this project within the last two minutes and has not landed yet."""
    sent_today: int = 0
    """Annotation events sent to the project in the last 24 hours."""
    issue_sent_at: datetime | None = None
    issue_version: int | None = None
    """Verdict version of the last annotation event that reached the issue."""
    tags_unchanged: bool = False
    """True where that event carried the same tags as the verdict now."""
    landed: int = 0
    """Annotation events of this version that are in the issue: counts the refreshes."""
    manual: bool = False
    """A person asked for it (a correction): the 24 hours between two events of one issue do not hold."""


@dataclass(frozen=True, slots=True)
class Ownership:
    """Which matchers a project's ownership rules use: ``path``, ``module``, ``codeowners``, ``url``,
    ``tags.…``."""

    matchers: frozenset[str] = frozenset()

    @classmethod
    def from_api(cls, json: Mapping[str, Any]) -> Ownership:
        """Read ``GET /projects/{org}/{project}/ownership/``: lines of ``matcher:pattern owner…``."""
        raw = json.get("raw")
        lines = (line.strip() for line in raw.splitlines()) if isinstance(raw, str) else ()
        kinds = (line.partition(":")[0].strip('"') for line in lines if line and not line.startswith("#"))
        return cls(frozenset(kinds))

    @property
    def beyond_frames(self) -> bool:
        """True where a rule looks at something that an annotation event cannot repeat."""
        return any(
            kind == "url" or (kind.startswith("tags.") and not kind.startswith(OUR_TAGS))
            for kind in self.matchers
        )

    @property
    def by_our_tags(self) -> bool:
        """True where a rule looks at a tag of ours: with another verdict it suggests somebody else."""
        return any(kind.startswith(OUR_TAGS) for kind in self.matchers)

    @property
    def only_ours(self) -> bool:
        """True where every rule looks at a tag of ours, which the event has."""
        return bool(self.matchers) and all(kind.startswith(OUR_TAGS) for kind in self.matchers)


@dataclass(frozen=True, slots=True)
class Case:
    """Everything a rule may look at."""

    issue: Issue
    event: Mapping[str, Any]
    now: datetime
    policy: Policy
    state: AnnotationState
    ownership: Ownership


def works_out_owners(issue: Issue) -> bool:
    """True where Sentry would work out the owners anew from our event: the issue is assigned to nobody."""
    return issue.assigned_to is None


def needs_frames(issue: Issue, ownership: Ownership) -> bool:
    """True where a suggested owner may rest on the frames, so that an event without them would delete it."""
    if not works_out_owners(issue):
        return False
    sources = {owner.source for owner in issue.owners or ()}
    if "codeowners" in sources:  # they are no part of the rules' ``raw``
        return True
    unknown = issue.owners is None and bool(ownership.matchers)
    return (unknown or "ownershipRule" in sources) and not ownership.only_ours


def with_frames(issue: Issue, ownership: Ownership) -> bool:
    """Whether the event is to name the frames: also where a rule may suggest somebody for the first time."""
    return works_out_owners(issue) and (bool(ownership.matchers) or needs_frames(issue, ownership))


def may_annotate(
    issue: Issue,
    event: Mapping[str, Any],
    now: datetime,
    policy: Policy,
    state: AnnotationState,
    ownership: Ownership | None = None,
) -> tuple[bool, str]:
    """Whether the event may be sent, and why (not). ``issue`` must be fresh: read directly before sending."""
    case = Case(issue, event, now, policy, state, ownership or Ownership())
    for rule in RULES:
        reason = rule(case)
        if reason:
            return False, reason
    return True, "every rule allows it"


def _switched_on(case: Case) -> str:
    if case.policy.tags.mode is TagMode.OFF:
        return "tags are off for this project"
    if case.state.kill_switch:
        return "tags are switched off everywhere"
    return f"tags were stopped for this project: {case.state.disabled}" if case.state.disabled else ""


def _open_error(case: Case) -> str:
    issue = case.issue
    if issue.category != "error":
        return f"a {issue.category} issue has no error events to join"
    if issue.status != "unresolved":
        return f"the issue is {issue.status or 'of unknown status'}: one more event could re-open it"
    if issue.status_details:
        return "the issue has status details: one more event could change its status"
    return "the issue is archived" if issue.substatus.startswith("archived") else ""


def _young_enough(case: Case) -> str:
    at = event_time(case.issue)
    if at is None:
        return "Sentry gave no first and last seen"
    if at > case.now + MAX_AHEAD:
        return "the issue was last seen in the future"
    return "the last real event is older than 29 days" if case.now - at >= MAX_AGE else ""


def _readable_event(case: Case) -> str:
    if is_synthetic(case.event):
        return "only our own event is readable"
    if stored_hash(case.event) is None:
        return "the event has no stored hash of 32 hex digits"
    if case.event.get("errors"):
        return "the newest event has processing errors: ours could be shown before it"
    if repeat_subject(case.issue, case.event) is None:
        return "the event has neither an exception nor a message to repeat"
    return ""


def _owners_kept(case: Case) -> str:
    issue = case.issue
    if not needs_frames(issue, case.ownership):
        return ""
    if case.ownership.beyond_frames:
        return "its suggested owner comes from rules on URL or tags that our event cannot repeat"
    if not issue.culprit:
        return "without a culprit, frames for the ownership rules would give it one"
    platform = str(case.event.get("platform") or issue.platform)
    if platform in REWRITTEN:
        return f"its suggested owner comes from paths that Sentry makes of {platform} frames only"
    if issue.type == "default":
        return "its suggested owner would be lost: a message has no frames for the ownership rules"
    if not frame_names(case.event):
        return "its suggested owner would be lost: the event has no in-app frames for the ownership rules"
    return ""


def _once_per_verdict(case: Case) -> str:
    state = case.state
    if state.issue_sent_at is None or state.issue_version is None:
        return ""
    if state.issue_version == state.version or state.tags_unchanged:
        return _refresh(case, state.issue_sent_at)
    if state.manual or case.now - state.issue_sent_at >= PER_ISSUE:
        return ""
    return "the issue was annotated in the last 24 hours"


def _refresh(case: Case, sent_at: datetime) -> str:
    """Empty where the same tags are due again, so that Sentry's default time window keeps finding them."""
    due = sent_at + timedelta(days=case.policy.tags.refresh_days)
    if case.now < due:
        return "this verdict's tags are on the issue already"
    active = case.issue.last_seen is not None and case.issue.last_seen > sent_at
    return "" if active else "no real event since the tags were sent"


def _caps(case: Case) -> str:
    cap = case.policy.tags.max_per_day
    if case.state.sent_today >= cap:
        return f"the project's {cap} annotation events of the last 24 hours are spent"
    if case.state.canary_pending and not case.state.canary_passed:
        return WATCHED
    return ""


RULES: tuple[Callable[[Case], str], ...] = (
    _switched_on,
    _open_error,
    _young_enough,
    _readable_event,
    _owners_kept,
    _once_per_verdict,
    _caps,
)
"""Each returns why not, or an empty string."""
