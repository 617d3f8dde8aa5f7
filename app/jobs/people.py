"""People's words become corrections, and the issue is decided and written again. The steps beside triage's.

What a comment says is read afresh: webhooks come late, twice and out of order, but what stands on the issue
now is what the person means.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from app.core.commands import Command, Verb, command_of, help_lines, read_command
from app.core.comment import Note
from app.core.corrections import Field, Origin, Said
from app.core.intake import Intent, Kind
from app.core.owners import resolve_owner
from app.core.vocabulary import Category
from app.errors import Permanent
from app.sentry.errors import NotFound
from app.services import Services
from app.store.issues import StoredIssue

from .learned import about
from .outcome import Outcome, done, go, guarded
from .steps import TriageSteps

PUPILS = 50
"""Issues with the same error that are looked at again after one correction."""


@dataclass(frozen=True, slots=True)
class Heard:
    """One job's payload, understood."""

    origin: Origin
    ref: str
    author: str
    at: datetime
    command: Command | None
    problem: str


class PeopleSteps:
    """One method a step, each of which may be repeated at any moment without harm."""

    def __init__(self, services: Services, triage: TriageSteps) -> None:
        self._services = services
        self._store = services.store
        self._triage = triage

    @guarded
    def listen(self, job_id: int, issue_id: str) -> Outcome:
        """Read the comment as it stands now, and end where there never was a command in it."""
        payload = self._payload(job_id)
        if payload.get("origin") == Origin.COMMENT and not payload.get("moved"):
            payload = self._as_it_stands(job_id, issue_id, payload)
            self._store.work.replace_payload(job_id, payload)
        heard = self._heard(job_id, payload)
        silent = heard.command is None and not heard.problem
        if silent and not self._store.corrections.ever_said(heard.ref):
            return done("heard", "the comment holds no command")
        return go()

    @guarded
    def hear(self, job_id: int, issue_id: str) -> Outcome:
        """Keep what was said; what the same comment said before and says no longer is taken back. One that
        cannot be read changes nothing."""
        heard, stored = self._heard(job_id, self._payload(job_id)), self._stored(issue_id)
        if heard.problem:
            return go("a command that cannot be read")
        if heard.command is not None and heard.command.verb is Verb.AGAIN:
            self._store.corrections.lift(issue_id, Field.WRONG)
        said = [replace(one, author=heard.author, at=heard.at) for one in self._said(heard.command, issue_id)]
        self._store.corrections.put(about(stored), heard.origin.value, heard.ref, said)
        return go(", ".join(one.field.value for one in said) or "nothing was said of the verdict")

    @guarded
    def decide_again(self, job_id: int, issue_id: str) -> Outcome:
        """``/triage again`` takes nothing over, from other issues or from a model's answer of before."""
        return self._triage.decided(issue_id, fresh=self.wants_anew(job_id))

    def wants_anew(self, job_id: int) -> bool:
        """True for a person's job whose command is ``/triage again``, until it was decided: once, so that a
        job that has to wait for Sentry does not ask a model anew each time."""
        job = self._store.work.get(job_id)
        if job is None or job.kind is not Kind.CORRECT:
            return False
        payload = self._payload(job_id)
        command = self._heard(job_id, payload).command
        return command is not None and command.verb is Verb.AGAIN and not payload.get("decided")

    @guarded
    def plan_answer(self, job_id: int, issue_id: str) -> Outcome:
        """The plan, with an answer to the person in our comment where they need one."""
        payload = self._payload(job_id)
        if not payload.get("decided"):
            payload = {**payload, "decided": True}
            self._store.work.replace_payload(job_id, payload)
        heard = self._heard(job_id, payload)
        return self._triage.planned(job_id, issue_id, notice=self._notice(heard, self._stored(issue_id)))

    @guarded
    def known(self, job_id: int, issue_id: str) -> Outcome:
        """That a person touches an issue that we never triaged is no reason to begin with it."""
        if self._store.verdicts.latest(issue_id) is None:
            return done("skipped", "not triaged by us, so there is nothing to correct")
        return go()

    @guarded
    def teach(self, job_id: int, issue_id: str) -> Outcome:
        """Open issues with the same error are decided again by what was learned here."""
        stored, latest = self._stored(issue_id), self._store.verdicts.latest(issue_id)
        if latest is None or not self._store.corrections.ever(issue_id):
            return go("nothing was learned")
        pupils = self._store.corrections.pupils(stored.signature, but_not=issue_id, limit=PUPILS)
        for pupil in pupils:
            intent = Intent(Kind.OBSERVE, pupil, f"learned from {stored.short_id}")
            dedupe = f"learn:{issue_id}:{latest.version}:{pupil}"
            self._store.work.add(intent, dedupe=dedupe, payload={"learned_from": stored.short_id})
        return go(f"{len(pupils)} issues with the same error")

    def _as_it_stands(self, job_id: int, issue_id: str, payload: dict[str, Any]) -> dict[str, Any]:
        try:
            notes = list(self._services.client.notes(issue_id))
        except NotFound:  # the issue is gone: the next step says so
            return payload
        # A merge gives comments new ids, so the same words count as well.
        words = str(payload.get("text") or "").strip()
        note = next((note for note in notes if note.id == payload["comment_id"]), None)
        note = note or next((note for note in notes if words and note.text.strip() == words), None)
        return {**payload, **_now_says(note, edited=bool(payload.get("edited")))}

    def _heard(self, job_id: int, payload: dict[str, Any]) -> Heard:
        job = self._store.work.get(job_id)
        if job is None:
            raise Permanent("The job is not there any more.")
        author, at = str(payload.get("author") or ""), job.created_at
        if payload.get("origin") == Origin.COMMENT:
            written = payload.get("written")
            command, problem = read_command(str(payload.get("text") or ""))
            at = datetime.fromisoformat(written) if isinstance(written, str) else at
            problem = problem if command is None else ""
            return Heard(Origin.COMMENT, f"comment:{payload['comment_id']}", author, at, command, problem)
        fields = payload.get("fields")
        command, problem = command_of(fields if isinstance(fields, dict) else {})
        problem = problem if command is None else ""
        origin = Origin.DASHBOARD if payload.get("origin") == Origin.DASHBOARD else Origin.FORM
        return Heard(origin, f"{origin.value}:{payload.get('ref')}", author, at, command, problem)

    def _said(self, command: Command | None, issue_id: str) -> list[Said]:
        """The rows of a command, each with what we had said."""
        if command is None or command.verb in (Verb.AGAIN, Verb.HELP):
            return []
        latest = self._store.verdicts.latest(issue_id)
        was: dict[str, str] = {}
        if latest is not None:
            category, verdict = latest.verdict.written_category, latest.verdict
            shown = "" if category is Category.UNKNOWN else category.value
            was = {
                Field.CATEGORY: category.value,
                Field.SEVERITY: verdict.severity.value,
                Field.ACTION: verdict.action.value,
                Field.WRONG: f"{shown}-{verdict.severity.value}",
            }
        fields = {"wrong": "wrong"} if command.verb is Verb.WRONG else command.said()
        issue = self._stored(issue_id).short_id
        return [Said(Field(name), value, was.get(name, ""), issue=issue) for name, value in fields.items()]

    def _notice(self, heard: Heard, stored: StoredIssue) -> str:
        if heard.command is None:
            return heard.problem
        if heard.command.verb is Verb.HELP:
            return "\n".join(("These are the commands:", *help_lines()))
        if heard.command.verb is Verb.AGAIN:
            return "It was decided afresh, as you asked."
        if heard.command.owner is not None:
            actor, access = resolve_owner(heard.command.owner, self._services.directory(stored.project))
            return "" if actor is not None else f"Nobody was assigned: {access}."
        return ""

    def _payload(self, job_id: int) -> dict[str, Any]:
        payload = self._store.work.payload(job_id)
        if not isinstance(payload, dict):
            raise Permanent("What the person said cannot be opened: its encryption key is gone.")
        return payload

    def _stored(self, issue_id: str) -> StoredIssue:
        stored = self._store.issues.get(issue_id)
        if stored is None:
            raise Permanent("The issue is not in our database.")
        return stored


def _now_says(note: Note | None, *, edited: bool) -> dict[str, Any]:
    """What stands in the comment, and when it was said: an edited one at the time of the edit, which is the
    job's."""
    if note is None:
        return {"text": ""}
    written = note.created.isoformat() if note.created is not None and not edited else None
    return {"text": note.text, "written": written}
