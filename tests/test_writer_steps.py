"""The single writes: each looks first, may be repeated, and says what stood there before."""

from __future__ import annotations

import json

from app.core.comment import MARKER
from app.core.policy import Policy
from app.core.writes import Plan, Write, WriteKind, WriteMemory
from app.sentry.tag_writer import TagOutcome, TagResult
from app.sentry.writer import (
    Done,
    Installation,
    Outcome,
    restore_fields,
    withdraw_comment,
    write_annotation,
    write_comment,
    write_fields,
    write_tags,
)
from tests.writeback import ISSUE, FakeTransport, client, sample, transcript, verdict

RAW = {**sample("api/issue.get.json"), "priority": "low"}
TEAM = {"type": "team", "id": "42", "name": "db"}
APP = Installation("u-1", "ai-triage-1a2b3c")
URL = "https://triage.example/i/41"
NOTES = f"{ISSUE}/notes/"
TEXT = f"Triage: Database\n\n{MARKER}\n"


def planned(**values: str | None) -> Plan:
    """A plan that does what is named (``priority="high"``) and nothing else; ``before`` as in ``RAW``."""
    before = {"priority": "low"}
    return Plan(
        "6507376925",
        1,
        tuple(
            Write(
                kind, values.get(kind.value) or "", before.get(kind.value), "because", do=kind.value in values
            )
            for kind in WriteKind
        ),
    )


def note(text: str = TEXT, number: str = "5", slug: str = APP.app_slug) -> dict:
    return {"id": number, "data": {"text": text}, "user": {"username": "x"}, "sentry_app": {"slug": slug}}


class TestFields:
    BOTH = planned(priority="high", assignee="team:42")

    def test_priority_and_assignee_go_in_one_put(self):
        fake = FakeTransport().on(f"GET {ISSUE}/", RAW)
        fake.on(f"PUT {ISSUE}/", {**RAW, "priority": "high", "assignedTo": TEAM})
        assert write_fields(client(fake), self.BOTH) == [
            Done(WriteKind.PRIORITY, Outcome.WRITTEN, "low", "high", "written and read back"),
            Done(WriteKind.ASSIGNEE, Outcome.WRITTEN, None, "team:42", "written and read back"),
        ]
        assert fake.bodies("PUT") == [{"priority": "high", "assignedTo": "team:42"}]

    def test_a_repeat_writes_nothing_and_still_knows_what_stood_there(self):
        fake = FakeTransport().on(f"GET {ISSUE}/", {**RAW, "priority": "high", "assignedTo": TEAM})
        done = write_fields(client(fake), self.BOTH)
        assert [(d.outcome, d.before, d.after) for d in done] == [
            (Outcome.SAME, "low", "high"),
            (Outcome.SAME, None, "team:42"),
        ]
        assert fake.calls("PUT") == []

    def test_a_person_who_was_faster_wins(self):
        fake = FakeTransport().on(
            f"GET {ISSUE}/", {**RAW, "priority": "medium", "assignedTo": {**TEAM, "id": "7"}}
        )
        assert {d.outcome for d in write_fields(client(fake), self.BOTH)} == {Outcome.YIELDED}
        assert fake.calls("PUT") == []

    def test_an_old_server_ignores_priority_and_that_is_noticed(self):
        old = json.loads(transcript("21-priority-put.txt")[2])
        fake = FakeTransport().on(f"GET {ISSUE}/", RAW).on(f"PUT {ISSUE}/", old)
        done = write_fields(client(fake), planned(priority="high"))
        assert [(d.outcome, d.after) for d in done] == [(Outcome.REFUSED, None)]

    def test_an_assignee_sentry_refuses_does_not_cost_the_priority(self):
        status, _, body = transcript("14-assign-team-without-access.txt")
        fake = FakeTransport().on(f"GET {ISSUE}/", RAW)
        fake.on(f"PUT {ISSUE}/", (status, json.loads(body)), {**RAW, "priority": "high"})
        done = {d.kind: d for d in write_fields(client(fake), self.BOTH)}
        assert done[WriteKind.ASSIGNEE].outcome is Outcome.REFUSED
        assert "without access to the project" in done[WriteKind.ASSIGNEE].reason
        assert done[WriteKind.PRIORITY].outcome is Outcome.WRITTEN
        assert fake.bodies("PUT")[1] == {"priority": "high"}

    def test_nothing_to_do_asks_nothing(self):
        fake = FakeTransport()
        assert write_fields(client(fake), planned()) == []
        assert fake.requests == []


ROW = {"id": "77", "serviceType": APP.app_slug, "displayName": "Triage#Database-high", "webUrl": URL}


class TestAnnotation:
    LIST = f"GET {ISSUE}/external-issues/"
    POST = "POST /api/0/sentry-app-installations/u-1/external-issues/"
    PLAN = planned(annotation="Database-high")

    def write(self, fake):
        return write_annotation(client(fake), self.PLAN, APP, URL)

    def test_is_posted(self):
        fake = FakeTransport().on(self.LIST, [{"id": "1", "serviceType": "jira"}]).on(self.POST, ROW)
        assert self.write(fake) == [
            Done(WriteKind.ANNOTATION, Outcome.WRITTEN, None, "Database-high", "because", "77")
        ]
        assert fake.bodies("POST") == [
            {"issueId": 6507376925, "webUrl": URL, "project": "Triage", "identifier": "Database-high"}
        ]

    def test_is_left_where_it_is_right(self):
        fake = FakeTransport().on(self.LIST, [ROW])
        assert self.write(fake)[0].outcome is Outcome.SAME
        assert fake.calls("POST") == []

    def test_is_replaced_where_it_differs(self):
        old = {**ROW, "displayName": "Triage#Logic-low"}
        fake = FakeTransport().on(self.LIST, [old]).on(self.POST, (500, {}), ROW)
        fake.on("DELETE /api/0/sentry-app-installations/u-1/external-issues/77/", (204, None))
        assert self.write(fake)[0].before == "Logic-low"
        assert len(fake.calls("DELETE")) == 1

    def test_nothing_to_do_asks_nothing(self):
        assert write_annotation(client(FakeTransport()), planned(), APP, URL) == []


class TestComment:
    PLAN = planned(comment=TEXT)

    def write(self, fake, **memory):
        return write_comment(client(fake), self.PLAN, WriteMemory(**memory), APP)[0]

    def test_is_posted_once(self):
        fake = FakeTransport().on(f"GET {NOTES}", [note("hello", slug="")]).on(f"POST {NOTES}", (201, note()))
        done = self.write(fake)
        assert (done.outcome, done.ref, done.before, done.after) == (Outcome.WRITTEN, "5", None, TEXT)

    def test_a_repeat_finds_it(self):
        fake = FakeTransport().on(f"GET {NOTES}", [note()])
        assert self.write(fake).outcome is Outcome.SAME
        assert len(fake.requests) == 1

    def test_is_edited_in_place_though_its_id_was_lost(self):
        fake = FakeTransport().on(f"GET {NOTES}", [note(f"old\n\n{MARKER}")]).on(f"PUT {NOTES}5/", note())
        done = self.write(fake)
        assert (done.outcome, done.before, done.ref) == (Outcome.WRITTEN, f"old\n\n{MARKER}", "5")
        assert fake.calls("POST") == []

    def test_is_edited_by_its_id_without_a_search(self):
        fake = FakeTransport().on(f"PUT {NOTES}5/", note())
        done = self.write(fake, note_id="5", note_text="old")
        assert (done.outcome, done.before, done.after) == (Outcome.WRITTEN, "old", TEXT)
        assert len(fake.requests) == 1

    def test_one_that_a_person_deleted_is_not_posted_again(self):
        fake = FakeTransport().on(f"GET {NOTES}", [])
        assert self.write(fake, note_id="5").outcome is Outcome.YIELDED
        assert fake.calls("POST") == []

    def test_a_persons_comment_with_our_marker_is_not_touched(self):
        fake = (
            FakeTransport().on(f"GET {NOTES}", [note(slug="")]).on(f"POST {NOTES}", (201, note(number="6")))
        )
        assert self.write(fake).ref == "6"

    def test_a_server_that_forgot_it_is_said(self):
        fake = FakeTransport().on(f"GET {NOTES}", [note(f"old\n\n{MARKER}")])
        assert self.write(fake).outcome is Outcome.REFUSED

    def test_nothing_to_do_asks_nothing(self):
        assert write_comment(client(FakeTransport()), planned(), WriteMemory(), APP) == []


class TestTags:
    class Writer:
        def __init__(self, outcome):
            self.result = TagResult(outcome, "so it is", "00000000ab", "1")

        def write(self, issue_id, verdict, version, policy, *, manual=False):
            assert (issue_id, version) == ("6507376925", 1)
            return self.result

    def test_the_outcome_becomes_a_line_of_the_log(self):
        expected = {
            TagOutcome.LANDED: Outcome.WRITTEN,
            TagOutcome.UNCONFIRMED: Outcome.UNCONFIRMED,
            TagOutcome.SKIPPED: Outcome.YIELDED,
            TagOutcome.WRONG_GROUP: Outcome.REFUSED,
        }
        for outcome, wanted in expected.items():
            done, result = write_tags(self.Writer(outcome), planned(tags="a:b"), verdict(), Policy())
            assert (done[0].outcome, done[0].ref) == (wanted, "00000000ab")
            assert done[0].after == ("a:b" if wanted is Outcome.WRITTEN else None)
            assert result is not None

    def test_nothing_to_do_sends_nothing(self):
        assert write_tags(self.Writer(TagOutcome.LANDED), planned(), verdict(), Policy()) == ([], None)


class TestUndo:
    def test_the_comment_is_deleted_where_the_token_may(self):
        fake = FakeTransport().on(f"DELETE {NOTES}5/", (204, None))
        assert withdraw_comment(client(fake), "6507376925", "5").reason == "deleted"

    def test_else_edited_down_to_a_line(self):
        fake = FakeTransport().on(f"DELETE {NOTES}5/", (403, {})).on(f"PUT {NOTES}5/", note())
        done = withdraw_comment(client(fake), "6507376925", "5")
        assert done.after is not None
        assert done.after.startswith("This triage was withdrawn.")
        assert fake.bodies("PUT") == [{"text": done.after}]

    def test_fields_go_back_to_what_stood_there(self):
        fake = FakeTransport().on(f"GET {ISSUE}/", {**RAW, "priority": "high", "assignedTo": TEAM})
        fake.on(f"PUT {ISSUE}/", {**RAW, "assignedTo": None})
        done = [
            Done(WriteKind.PRIORITY, Outcome.WRITTEN, "low", "high", ""),
            Done(WriteKind.ASSIGNEE, Outcome.WRITTEN, None, "team:42", ""),
        ]
        assert {d.outcome for d in restore_fields(client(fake), "6507376925", done)} == {Outcome.WRITTEN}
        assert fake.bodies("PUT") == [{"priority": "low", "assignedTo": ""}]

    def test_what_a_run_without_checkpoint_wrote_goes_back_too(self):
        fake = FakeTransport().on(f"GET {ISSUE}/", {**RAW, "priority": "high"}).on(f"PUT {ISSUE}/", RAW)
        done = [Done(WriteKind.PRIORITY, Outcome.SAME, "low", "high", "")]
        assert restore_fields(client(fake), "6507376925", done)[0].after == "low"

    def test_what_a_person_changed_since_stays(self):
        fake = FakeTransport().on(f"GET {ISSUE}/", {**RAW, "priority": "medium"})
        done = [Done(WriteKind.PRIORITY, Outcome.WRITTEN, "low", "high", "")]
        assert restore_fields(client(fake), "6507376925", done)[0].outcome is Outcome.YIELDED

    def test_a_priority_cannot_be_taken_away(self):
        fake = FakeTransport().on(f"GET {ISSUE}/", {**RAW, "priority": "high"})
        done = [Done(WriteKind.PRIORITY, Outcome.WRITTEN, None, "high", "")]
        assert restore_fields(client(fake), "6507376925", done)[0].outcome is Outcome.REFUSED
