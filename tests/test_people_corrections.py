"""What a correction becomes: the fold of what was said, the cascade, what is observed, and how it is kept."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.classify import Before, Correction, decide
from app.core.comment import render_comment
from app.core.corrections import Field, Said, fold, observed, owner_said
from app.core.issue import Activity, Actor, Issue
from app.core.plan import Around, plan_assignee
from app.core.policy import Assign, Policy
from app.core.verdict import Verdict
from app.core.vocabulary import Action, Category, ConfidenceBand, Severity, Source
from app.core.writes import WriteMemory
from app.store import Store
from app.store.corrections import About

from .writeback import issue, verdict

T = datetime(2026, 9, 14, 12, 0, tzinfo=UTC)
ABOUT = About("41", "SHOP-12", "shop-api", "f" * 32)


def said(field: Field, value: str, minutes: int = 0, **more: Any) -> Said:
    return Said(field, value, author="Maya", at=T + timedelta(minutes=minutes), issue="SHOP-12", **more)


class TestFold:
    def test_the_newest_word_for_each_field_counts(self) -> None:
        word = fold(
            [
                said(Field.CATEGORY, "Logic", 2),
                said(Field.CATEGORY, "Network", 1),
                said(Field.SEVERITY, "low"),
            ]
        )
        assert word == Correction(Category.LOGIC, Severity.LOW, by="Maya", issue="SHOP-12")

    def test_owner_assignee_and_a_near_priority_say_nothing_of_the_verdict(self) -> None:
        rows = [
            said(Field.OWNER, "team:payments"),
            said(Field.ASSIGNEE, "user:2", was="team:4"),
            said(Field.PRIORITY, "medium", was="high"),
        ]
        assert fold(rows) is None
        assert owner_said(rows) == rows[0]

    def test_a_priority_that_contradicts_is_a_severity(self) -> None:
        word = fold([said(Field.PRIORITY, "low", was="high")])
        assert word is not None
        assert (word.severity, word.category, word.how) == (Severity.LOW, None, "set the priority to low")

    def test_wrong_holds_until_a_category_is_said(self) -> None:
        wrong = said(Field.WRONG, "wrong", 1, was="Network-high")
        word = fold([said(Field.CATEGORY, "Network"), wrong])
        assert word is not None
        assert (word.wrong, word.category, word.severity) == (True, None, Severity.HIGH)
        assert word.how == "said that Network was wrong"
        later = fold([wrong, said(Field.CATEGORY, "Logic", 2)])
        assert later is not None
        assert (later.wrong, later.category) == (False, Category.LOGIC)


OFFLINE = verdict(category=Category.NETWORK, severity=Severity.HIGH, requires_immediate_action=True)


class TestCascade:
    def test_what_was_not_said_stands_as_it_was_shown(self) -> None:
        sure = decide(OFFLINE, correction=Correction(severity=Severity.LOW, by="Maya")).verdict
        assert (sure.category, sure.severity, sure.source) == (Category.NETWORK, Severity.LOW, Source.HUMAN)
        assert not sure.requires_immediate_action
        assert sure.root_cause == OFFLINE.root_cause
        unsure = OFFLINE.model_copy(update={"confidence": 0.3})
        shown = decide(unsure, correction=Correction(severity=Severity.LOW)).verdict
        assert (shown.category, shown.severity, shown.abstained) == (Category.UNKNOWN, Severity.LOW, False)

    def test_another_category_drops_the_machines_reasons(self) -> None:
        changed = decide(
            OFFLINE, correction=Correction(category=Category.LOGIC, by="Maya", issue="S-1")
        ).verdict
        assert (changed.root_cause, changed.suggested_fix) == ("", "")
        assert [one.says for one in changed.evidence] == ["Maya said so on S-1"]

    def test_action_is_taken_at_its_word(self) -> None:
        for action in Action:
            assert decide(OFFLINE, correction=Correction(action=action)).verdict.action is action

    def test_wrong_withdraws_to_unknown_with_low_confidence(self) -> None:
        gone = decide(
            OFFLINE, correction=Correction(wrong=True, by="Maya", how="said that it was wrong")
        ).verdict
        assert gone.abstained
        assert (gone.category, gone.band) == (Category.UNKNOWN, ConfidenceBand.LOW)
        assert gone.tags()["triage.category"] == "Unknown"
        text = render_comment(gone, 2)
        assert "A person said that the verdict was wrong" in text
        assert "Maya said that it was wrong" in text

    def test_own_words_win_over_the_same_error_elsewhere(self) -> None:
        before = Before("SHOP-1", verdict(category=Category.DATABASE, source=Source.HUMAN, confidence=1.0))
        assert decide(OFFLINE, before=before).verdict.source is Source.REUSED
        assert decide(OFFLINE, before=before).verdict.confidence == 0.95
        own = decide(OFFLINE, before=before, correction=Correction(category=Category.LOGIC))
        assert own.verdict.category is Category.LOGIC

    def test_a_notice_shows_commands_as_they_are_typed(self) -> None:
        text = render_comment(OFFLINE, 1, notice="These are the commands:\n/triage wrong\n/triage cat=<b>")
        assert "About your last comment: These are the commands:\n\n- `/triage wrong`\n" in text


class TestObserved:
    SINCE = T
    WROTE = WriteMemory(priority="high", assignee="team:4")

    def entry(self, type_: str, minutes: int = 5, **more: Any) -> Activity:
        values: dict[str, Any] = {"user_id": "7", "user_name": "Maya", "at": T + timedelta(minutes=minutes)}
        return Activity(type_, {}, **(values | more))

    def look(
        self, *activity: Activity, wrote: WriteMemory = WROTE, **shown: Any
    ) -> list[tuple[str, str, str]]:
        fresh = issue(**{"priority": "high", "assigned_to": Actor("team", "4"), **shown}, activity=activity)
        return [
            (one.field.value, one.value, one.was)
            for one in observed(fresh, wrote, verdict(severity=Severity.HIGH), self.SINCE, "")
        ]

    def test_a_persons_priority_and_assignee(self) -> None:
        acts = (self.entry("set_priority"), self.entry("assigned"))
        found = self.look(*acts, priority="low", assigned_to=Actor("user", "7"))
        assert found == [("priority", "low", "high"), ("assignee", "user:7", "team:4")]
        assert self.look(self.entry("unassigned"), assigned_to=None) == [("assignee", "", "team:4")]

    @pytest.mark.parametrize(
        "change",
        [{"by_app": True}, {"user_id": ""}, {"minutes": -5}, {"at": None}],
        ids=["an integration", "Sentry itself", "before our verdict", "no time"],
    )
    def test_who_is_no_person_correcting_us(self, change: dict[str, Any]) -> None:
        entry = self.entry("set_priority", **change)
        assert self.look(entry, priority="low") == []

    def test_echoes_and_agreement(self) -> None:
        acts = (self.entry("set_priority"), self.entry("assigned"))
        assert self.look(*acts) == []
        assert self.look(*acts, wrote=WriteMemory(), assigned_to=Actor("user", "7")) == []

    def test_an_integration_is_known_by_its_proxy_user_on_old_servers(self) -> None:
        row = {"id": "9", "username": "triage-1a2b3c-0f0f0f0f-1111-2222-3333-444455556666"}
        entry = {"type": "assigned", "user": row, "data": {}, "dateCreated": "2026-09-14T12:00:00Z"}
        (read,) = Issue.from_api({"id": "1", "activity": [entry]}).activity
        assert not read.by_person
        (person,) = Issue.from_api({"id": "1", "activity": [entry | {"user": {"id": "9"}}]}).activity
        assert person.by_person


class TestOwner:
    AROUND = Around(1, owner="team:payments", owner_by="Maya")

    def test_a_named_owner_comes_before_the_routes_but_not_over_people(self) -> None:
        policy, memory = Policy(assign=Assign(dry=True)), WriteMemory()
        taken = issue(assigned_to=Actor("user", "3"))
        routed = ("user:9", "Maya said so")
        around = replace(self.AROUND, directory=_directory())
        refused = plan_assignee(verdict(), taken, memory, policy, around, routed)
        assert (refused.do, refused.reason) == (False, "user:3 is assigned, and not by us")
        asked = replace(around, owner_asked=True)
        assert plan_assignee(verdict(), taken, memory, policy, asked, routed).do
        off = Policy(assign=Assign(enabled=False))
        assert not plan_assignee(verdict(), taken, memory, off, asked, routed).do


def _directory() -> Any:
    from app.core.owners import Directory, Member

    return Directory("shop-api", {"payments": "4"}, (Member("9", "maya@example.test"),))


class TestStore:
    def test_the_same_word_again_changes_nothing(self, store: Store) -> None:
        words = [said(Field.CATEGORY, "Logic"), said(Field.SEVERITY, "low")]
        assert store.corrections.put(ABOUT, "comment", "comment:8", words)
        assert not store.corrections.put(ABOUT, "comment", "comment:8", words)
        assert not store.corrections.put(ABOUT, "comment", "comment:80", [])
        assert store.corrections.of_issue("41") == words
        assert store.corrections.learned("41", ABOUT.signature) == 1

    def test_an_edit_takes_back_what_it_says_no_longer_and_can_say_it_again(self, store: Store) -> None:
        put, of = store.corrections.put, store.corrections.of_issue
        put(ABOUT, "comment", "comment:8", [said(Field.CATEGORY, "Logic"), said(Field.SEVERITY, "low")])
        put(ABOUT, "comment", "comment:8", [said(Field.CATEGORY, "Network", 1)])
        assert of("41") == [said(Field.CATEGORY, "Network", 1)]
        assert put(ABOUT, "comment", "comment:8", [])
        assert of("41") == []
        assert store.corrections.ever_said("comment:8")
        assert store.corrections.ever("41")
        put(ABOUT, "comment", "comment:8", [said(Field.SEVERITY, "low", 3)])
        assert of("41") == [said(Field.SEVERITY, "low", 3)]

    def test_wrong_is_lifted_and_other_words_stay(self, store: Store) -> None:
        store.corrections.put(ABOUT, "comment", "comment:1", [said(Field.WRONG, "wrong", was="Logic-low")])
        store.corrections.put(ABOUT, "form", "form:2", [said(Field.ACTION, "now", 1)])
        assert store.corrections.lift("41", Field.WRONG) == 1
        assert [one.field for one in store.corrections.of_issue("41")] == [Field.ACTION]

    def test_the_signature_carries_it_to_other_issues(self, store: Store) -> None:
        store.corrections.put(ABOUT, "comment", "comment:1", [said(Field.OWNER, "team:payments")])
        store.corrections.put(ABOUT, "comment", "comment:2", [said(Field.CATEGORY, "Logic")])
        other = store.corrections.of_signature(ABOUT.signature, but_not="42")
        assert {one.value for one in other} == {"team:payments", "Logic"}
        assert store.corrections.of_signature(ABOUT.signature, but_not="41") == []
        assert store.corrections.of_signature("", but_not="42") == []
        assert store.corrections.learned("42", ABOUT.signature) == 1, "an owner teaches no verdict"

    def test_an_observation_is_kept_once(self, store: Store) -> None:
        seen = said(Field.PRIORITY, "low", was="high")
        assert store.corrections.add_once(ABOUT, "priority", "priority:41:1", seen)
        assert not store.corrections.add_once(ABOUT, "priority", "priority:41:1", replace(seen, value="x"))
        assert [one.issue_id for one in store.corrections.corrected_issues(T)] == ["41"]
        assert store.corrections.corrected_issues(T + timedelta(hours=1)) == []


def _human(category: Category, confidence: float = 1.0) -> Verdict:
    return verdict(category=category, confidence=confidence, source=Source.HUMAN)


def test_a_persons_verdict_is_reused_before_a_models_and_not_once_withdrawn(store: Store) -> None:
    def add(issue_id: str, given: Verdict) -> None:
        store.verdicts.add(issue_id, given, project="p", signature="f" * 32, reason="")

    def reused() -> Category | None:
        found = store.verdicts.same_signature("f" * 32, but_not="9")
        return found.verdict.category if found else None

    add("1", _human(Category.LOGIC))
    add("2", verdict(category=Category.NETWORK, source=Source.MODEL))
    assert reused() is Category.LOGIC
    add("3", _human(Category.UNKNOWN, 0.0))
    assert reused() is None


@given(st.lists(st.tuples(st.sampled_from(list(Field)), st.integers(0, 9)), max_size=12))
def test_any_order_of_arrival_folds_to_the_same_word(rows: list[tuple[Field, int]]) -> None:
    values = {
        Field.CATEGORY: "Logic", Field.SEVERITY: "low", Field.ACTION: "now", Field.OWNER: "team:a",
        Field.WRONG: "wrong", Field.ASSIGNEE: "user:1", Field.PRIORITY: "low",
    }  # fmt: skip
    words = {minute: said(field, values[field], minute, was="high") for field, minute in rows}
    folded = fold(words.values())
    assert folded == fold(list(words.values())[::-1])
    assert (folded is None) == all(one.field in (Field.OWNER, Field.ASSIGNEE) for one in words.values())
