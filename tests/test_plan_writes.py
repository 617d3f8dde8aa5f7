"""What is to be written, and the reason each time: a person's value stays, only differences are written."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.issue import Actor
from app.core.owners import Directory
from app.core.plan import Around, plan
from app.core.policy import Assign, Policy, PriorityPolicy, Route, TagMode, Tags
from app.core.vocabulary import Severity, Source
from app.core.writes import WriteKind, WriteMemory
from tests.writeback import NOW, digest, issue, verdict

TEAM = Directory("shop-api", {"payments": "4", "db": "42"})
POLICY = Policy(route=(Route(owner="team:payments"),))
URL = "https://triage.example/i/41"


def decide(kind, *, what=None, of=None, memory=None, policy=POLICY, now=NOW, **around):
    around = {"version": 1, "directory": TEAM, "public_url": URL, **around}
    return plan(
        what or verdict(),
        of or issue(priority="low"),
        digest(),
        memory or WriteMemory(),
        policy,
        now,
        Around(**around),
    ).get(kind)


def test_the_order_is_assign_first_annotate_last():
    made = plan(verdict(), issue(), digest(), WriteMemory(), POLICY, NOW, Around(1, TEAM, URL))
    assert [write.kind for write in made.writes] == list(WriteKind)
    assert [write.kind for write in made.todo] == list(WriteKind)[1:], "high already"
    assert all(write.reason for write in made.writes)


class TestPriority:
    @pytest.mark.parametrize(
        ("severity", "value"),
        [("critical", "high"), ("high", "high"), ("medium", "medium"), ("low", "low"), ("info", "low")],
    )
    def test_follows_severity(self, severity, value):
        write = decide(WriteKind.PRIORITY, what=verdict(severity=Severity(severity)), of=issue(priority=None))
        assert (write.value, write.before, write.do) == (value, None, True)

    @pytest.mark.parametrize(
        ("words", "options"),
        [
            ("off for this project", {"policy": Policy(priority=PriorityPolicy(enabled=False))}),
            ("abstains", {"what": verdict(confidence=0.5)}),
            ("has no priority", {"of": issue(supports_priority=False, priority=None)}),
            ("high already", {"of": issue(priority="high")}),
            ("a person set", {"of": issue(priority="low", priority_locked_at=NOW)}),
            ("someone changed", {"memory": WriteMemory(priority="medium"), "of": issue(priority="low")}),
        ],
    )
    def test_is_left_alone(self, words, options):
        write = decide(WriteKind.PRIORITY, **options)
        assert not write.do
        assert words in write.reason

    def test_our_own_lock_does_not_bind_us(self):
        ours = issue(priority="medium", priority_locked_at=NOW)
        assert decide(WriteKind.PRIORITY, of=ours, memory=WriteMemory(priority="medium")).do

    def test_a_persons_correction_is_written_at_any_confidence(self):
        assert decide(WriteKind.PRIORITY, what=verdict(confidence=0.0, source=Source.HUMAN)).do


class TestAssignee:
    def test_the_route_is_resolved_and_written(self):
        write = decide(WriteKind.ASSIGNEE)
        assert (write.value, write.before, write.do) == ("team:4", None, True)
        assert "route 1" in write.reason

    @pytest.mark.parametrize(
        ("words", "options"),
        [
            ("off for this project", {"policy": Policy(assign=Assign(enabled=False))}),
            ("abstains", {"what": verdict(confidence=0.5)}),
            ("is resolved", {"of": issue(status="resolved")}),
            ("not by us", {"of": issue(assigned_to=Actor("user", "7"))}),
            ("someone removed", {"memory": WriteMemory(removed_by_person=True)}),
            ("someone removed", {"memory": WriteMemory(assignee="team:4")}),
            ("assigned before", {"memory": WriteMemory(assigned_before=True)}),
            ("cap of 30", {"assigned_last_hour": 30}),
            (
                "dry run, route 1",
                {"policy": POLICY.model_copy(update={"assign": Assign(dry=True)})},
            ),
            ("no access to project", {"policy": Policy(route=(Route(owner="team:other"),))}),
            (
                "assigned already",
                {"of": issue(assigned_to=Actor("team", "4")), "memory": WriteMemory(assignee="team:4")},
            ),
            ("suggests nobody", {"policy": Policy(), "of": issue(owners=())}),
        ],
    )
    def test_nobody_is_assigned(self, words, options):
        write = decide(WriteKind.ASSIGNEE, **options)
        assert not write.do
        assert words in write.reason

    def test_our_own_choice_may_move_with_the_verdict(self):
        ours = issue(assigned_to=Actor("team", "42"))
        assert decide(WriteKind.ASSIGNEE, of=ours, memory=WriteMemory(assignee="team:42")).do


class TestAnnotation:
    def test_names_category_and_severity(self):
        assert decide(WriteKind.ANNOTATION).value == "Database-high"
        assert decide(WriteKind.ANNOTATION, what=verdict(confidence=0.2)).value == "Unknown-high"

    def test_only_a_difference_and_only_with_a_page_to_show(self):
        assert not decide(WriteKind.ANNOTATION, memory=WriteMemory(annotation="Database-high")).do
        assert decide(WriteKind.ANNOTATION, memory=WriteMemory(annotation="Logic-high")).do
        assert not decide(WriteKind.ANNOTATION, public_url=None).do


class TestComment:
    def test_is_written_once_and_when_it_changes(self):
        first = decide(WriteKind.COMMENT)
        assert first.do
        said = WriteMemory(note_id="1", note_text=first.value)
        assert not decide(WriteKind.COMMENT, memory=said).do
        assert decide(WriteKind.COMMENT, memory=said, what=verdict(severity=Severity.LOW)).do

    def test_one_that_a_person_deleted_does_not_come_back(self):
        write = decide(WriteKind.COMMENT, memory=WriteMemory(note_id="1", note_removed=True))
        assert (write.do, write.reason) == (False, "someone deleted our comment")

    def test_an_owner_who_was_not_assigned_is_suggested(self):
        other = Policy(route=(Route(owner="team:other"),))
        assert (
            "team other suggested, not assigned: team other has no"
            in decide(WriteKind.COMMENT, policy=other).value
        )
        dry = Policy(assign=Assign(dry=True))
        assert "Owner: team db suggested" in decide(WriteKind.COMMENT, policy=dry).value, "Sentry's team:42"
        assert "suggested" not in decide(WriteKind.COMMENT).value
        taken = issue(assigned_to=Actor("user", "7"))
        assert "suggested" not in decide(WriteKind.COMMENT, of=taken).value

    def test_is_written_when_abstaining_too(self):
        assert "Unknown" in decide(WriteKind.COMMENT, what=verdict(confidence=0.2)).value


class TestTags:
    HAS = WriteMemory(tags=verdict().tags(), tags_version=1, tags_at=NOW - timedelta(days=3))

    def test_are_written_as_people_search_them(self):
        write = decide(WriteKind.TAGS)
        assert write.value.startswith("triage.category:Database triage.severity:high")
        assert write.do

    @pytest.mark.parametrize(
        ("words", "options"),
        [
            ("off", {"policy": Policy(tags=Tags(mode=TagMode.OFF))}),
            ("already", {"memory": HAS}),
            ("not simply unresolved", {"of": issue(status="resolved")}),
            ("not simply unresolved", {"of": issue(status_details={"ignoreCount": 2})}),
            ("outage issue", {"of": issue(category="outage")}),
        ],
    )
    def test_are_not_written(self, words, options):
        write = decide(WriteKind.TAGS, **options)
        assert not write.do
        assert words in write.reason

    def test_change_with_the_verdict(self):
        assert decide(WriteKind.TAGS, memory=self.HAS, what=verdict(severity=Severity.LOW)).do

    def test_are_refreshed_while_the_issue_lives(self):
        later = NOW + timedelta(days=10)
        assert decide(WriteKind.TAGS, memory=self.HAS, of=issue(last_seen=later), now=later).do
        quiet = issue(last_seen=NOW - timedelta(days=5))
        assert not decide(WriteKind.TAGS, memory=self.HAS, of=quiet, now=later).do


@given(
    severity=st.sampled_from(Severity),
    confidence=st.floats(0, 1),
    assigned=st.sampled_from([None, "user:7", "team:4"]),
    priority=st.sampled_from([None, "low", "medium", "high"]),
    locked=st.booleans(),
)
def test_what_was_written_is_never_written_again(severity, confidence, assigned, priority, locked):
    """After the plan is carried out, the next plan for the same verdict has nothing to do."""
    what = verdict(severity=severity, confidence=confidence)
    actor = Actor(*assigned.split(":")) if assigned else None
    now = issue(assigned_to=actor, priority=priority, priority_locked_at=NOW if locked else None)
    around = Around(1, TEAM, URL)
    first = plan(what, now, digest(), WriteMemory(), POLICY, NOW, around)
    done = {write.kind: write.value for write in first.todo}
    if locked:
        assert WriteKind.PRIORITY not in done, "a person's priority"
    if actor:
        assert WriteKind.ASSIGNEE not in done, "a person's assignee"
    if what.abstained:
        assert not {WriteKind.PRIORITY, WriteKind.ASSIGNEE} & set(done)
    after = issue(
        assigned_to=Actor(*done[WriteKind.ASSIGNEE].split(":")) if WriteKind.ASSIGNEE in done else actor,
        priority=done.get(WriteKind.PRIORITY, priority),
        priority_locked_at=NOW if locked or WriteKind.PRIORITY in done else None,
    )
    memory = WriteMemory(
        priority=done.get(WriteKind.PRIORITY),
        assignee=done.get(WriteKind.ASSIGNEE),
        annotation=done[WriteKind.ANNOTATION],
        note_id="1",
        note_text=done[WriteKind.COMMENT],
        tags=what.tags(),
        tags_at=NOW,
    )
    again = plan(what, after, digest(), memory, POLICY, NOW, around)
    assert again.todo == ()
