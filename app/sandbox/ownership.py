"""Ownership rules: ``path:shop/db.py #backend``. Parsed, matched, and turned into suggested owners.

Source: issues/ownership/grammar.py (matchers), tasks/post_process.py (when owners are recomputed).
"""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from . import derive
from .formats import iso
from .model import Event, Issue, Team, User
from .state import Happening, State

DEBOUNCE = timedelta(hours=24)


@dataclass(frozen=True)
class Rule:
    matcher: str  # path, module, url, codeowners or tags.<key>
    pattern: str
    owners: tuple[str, ...]  # ``#team`` or an e-mail


class BadRules(ValueError):
    """The text is what Sentry answers under ``raw``."""


def parse(raw: str) -> list[Rule]:
    """The rules of ``raw``, in order. Raises ``BadRules``."""
    rules = []
    for number, line in enumerate(raw.splitlines(), start=1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        matcher, _, pattern = words[0].partition(":")
        known = matcher in ("path", "module", "url", "codeowners") or matcher.startswith("tags.")
        if not known or not pattern:
            raise BadRules(f"Parse error: '{matcher}' (line {number}, column 1)")
        rules.append(Rule(matcher, pattern.strip('"'), tuple(words[1:])))
    return rules


def matches(rule: Rule, event: Event) -> bool:
    return any(fnmatch.fnmatchcase(value, glob) for value in _values(rule, event) for glob in _globs(rule))


def _globs(rule: Rule) -> tuple[str, ...]:
    if rule.matcher in ("path", "codeowners"):
        return rule.pattern.lstrip("/"), f"*/{rule.pattern.lstrip('/')}"
    return (rule.pattern,)


def _values(rule: Rule, event: Event) -> Iterable[str]:
    if rule.matcher.startswith("tags."):
        value = event.tag(rule.matcher.removeprefix("tags."))
        return [value] if value else []
    if rule.matcher == "url":
        value = event.tag("url")
        return [value] if value else []
    keys = ("module",) if rule.matcher == "module" else ("filename", "abs_path")
    return [str(f[key]).lstrip("/") for f in derive.frames(event.data) for key in keys if f.get(key)]


def owner_named(state: State, text: str) -> User | Team | None:
    if text.startswith("#"):
        return next((team for team in state.teams.values() if team.slug == text[1:]), None)
    return state.user_named(text)


def owners(state: State, event: Event) -> list[tuple[Rule, list[User | Team]]]:
    """Matching rules with those of their owners that exist; the last rule is the most specific one."""
    found = []
    for rule in parse(event.project.ownership.raw):
        if matches(rule, event):
            known = [owner for text in rule.owners if (owner := owner_named(state, text))]
            found.append((rule, known))
    return found


def actor_key(owner: User | Team) -> str:
    return f"{'team' if isinstance(owner, Team) else 'user'}:{owner.id}"


def on_event(state: State, issue: Issue, event: Event) -> list[Happening]:
    """Recompute the suggested owners from this one event, as post-processing does; maybe assign.

    An unassigned issue whose event matches no rule loses its rule-based suggestions.
    """
    if issue.assignee is not None or not event.project.ownership.raw:
        return []
    now = state.now()
    if issue.owners_checked and now - issue.owners_checked < DEBOUNCE:
        return []
    issue.owners_checked = now
    matched = [owner for _, known in reversed(owners(state, event)) for owner in known]
    issue.owners = [
        {"type": "ownershipRule", "owner": actor_key(owner), "date_added": iso(now)} for owner in matched[:2]
    ]
    if not matched or event.project.ownership.auto_assignment == "Turn off Auto-Assignment":
        return []
    return [assign(state, issue, matched[0], None)]


def assign(state: State, issue: Issue, owner: User | Team, actor: User | None) -> Happening:
    """Set the assignee, log it, and say what the webhook says."""
    issue.assignee = owner
    kind = "team" if isinstance(owner, Team) else "user"
    email = owner.email if isinstance(owner, User) else None
    data: dict[str, Any] = {"assignee": str(owner.id), "assigneeEmail": email, "assigneeType": kind}
    state.log(issue, "assigned", actor, data)
    if isinstance(owner, User):
        issue.subscribers.setdefault(owner.id, "assigned")
    assignee: dict[str, Any] = {"type": kind, "name": owner.name, "id": owner.id}
    if email:
        assignee["email"] = email
    return Happening("issue", "assigned", issue, actor, {"assignee": assignee})
