"""Members at work, for tests and for the forms of the pages."""

from __future__ import annotations

from . import actions
from .model import Activity, Issue, User
from .state import State


class Person:
    """One member. Issues are named by number or short id. Each call raises what the API would answer."""

    def __init__(self, state: State, user: User) -> None:
        self.state = state
        self.user = user

    def _issue(self, reference: int | str) -> Issue:
        found = self.state.issue(str(reference))
        if found is None:
            raise LookupError(f"no issue {reference}")
        return found

    def update(self, reference: int | str, **fields: object) -> Issue:
        """The fields of ``PUT issue`` (``assignedTo="user:2"``, ``priority="low"``, ``status=…``)."""
        with self.state.lock:
            issue = self._issue(reference)
            actions.update(self.state, issue, self.user, fields)
            return issue

    def assign(self, reference: int | str, to: str | None) -> Issue:
        """``to``: an e-mail, ``user:2``, ``team:2``, ``#slug``, or None for nobody."""
        if to and to.startswith("#"):
            team = next((t for t in self.state.teams.values() if t.slug == to[1:]), None)
            to = f"team:{team.id}" if team else to
        return self.update(reference, assignedTo=to or "")

    def set_priority(self, reference: int | str, priority: str) -> Issue:
        return self.update(reference, priority=priority)

    def resolve(self, reference: int | str) -> Issue:
        return self.update(reference, status="resolved")

    def reopen(self, reference: int | str) -> Issue:
        return self.update(reference, status="unresolved")

    def archive(self, reference: int | str, substatus: str | None = None) -> Issue:
        if substatus is None:
            return self.update(reference, status="ignored")
        return self.update(reference, status="ignored", substatus=substatus)

    def comment(self, reference: int | str, text: str) -> Activity:
        with self.state.lock:
            return actions.add_note(self.state, self._issue(reference), self.user, {"text": text})

    def edit_comment(self, reference: int | str, note_id: int, text: str) -> Activity:
        with self.state.lock:
            issue = self._issue(reference)
            return actions.edit_note(self.state, issue, self.user, str(note_id), {"text": text})

    def delete_comment(self, reference: int | str, note_id: int) -> None:
        with self.state.lock:
            actions.delete_note(self.state, self._issue(reference), self.user, str(note_id))
