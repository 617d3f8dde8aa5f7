"""Who may be assigned: ``user:2``, ``team:2``, a bare id, a user name or e-mail; and each refusal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .model import Issue, Project, Team, User
from .ownership import assign
from .problems import Invalid
from .state import Happening, State

_UNPARSABLE = "Could not parse actor. Format should be `type:id` where type is `team` or `user`."


def parse(state: State, text: str) -> User | Team:
    """Raises ``Invalid`` when there is no such user or team, or the text names neither."""
    kind, _, rest = text.partition(":")
    if not rest and (found := state.user_named(text)):
        return found
    if not rest and text.isdigit():
        kind, rest = "user", text
    if kind not in ("user", "team") or not (rest.isascii() and rest.isdigit()):
        raise Invalid({"assignedTo": [_UNPARSABLE]})
    owner: User | Team | None = (state.users if kind == "user" else state.teams).get(int(rest[:18]))
    if owner is None:
        raise Invalid({"assignedTo": [f"{kind.capitalize()} does not exist"]})
    return owner


def in_project(project: Project, owner: User | Team) -> bool:
    if isinstance(owner, Team):
        return owner in project.teams
    return any(owner in team.users for team in project.teams)


def check(state: State, project: Project, owner: User | Team) -> None:
    if in_project(project, owner):
        return
    if isinstance(owner, Team):
        raise Invalid({"assignedTo": ["Cannot assign to a team without access to the project"]})
    is_member = any(member.user is owner for member in state.members)
    if not (state.open_membership and is_member):
        raise Invalid({"assignedTo": ["Cannot assign to non-team member"]})


def plan(state: State, issue: Issue, actor: User, value: Any) -> Callable[[], list[Happening]]:
    """Validate now, assign when called. The same assignee again changes nothing and is told to nobody."""
    owner = None
    if value not in (None, ""):
        if isinstance(value, bool | dict | list):
            raise Invalid({"assignedTo": [_UNPARSABLE]})
        owner = parse(state, str(value))
        check(state, issue.project, owner)

    def apply() -> list[Happening]:
        if owner is issue.assignee:
            return []
        if owner is None:
            issue.assignee = None
            state.log(issue, "unassigned", actor, {})
            return []
        return [assign(state, issue, owner, actor)]

    return apply
